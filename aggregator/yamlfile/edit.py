"""Puts items into a list of a YAML text and takes them out. Every byte that is not part of them stays as it is.

The text is cut at the places that the parser names instead of being written anew from its values: an emitter that keeps
comments still indents, quotes and wraps the whole file its own way, and drops the comments beside what is taken out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import yaml

Value = str | Mapping[str, str | Sequence[str]]

_BY_HAND = "is written in a way that a program can't edit; edit it by hand"


@dataclass(slots=True)
class _Place:
    """A list in a text, as character positions."""

    kind: Literal["missing", "null", "block", "flow"] = "missing"
    key: int = 0  # column of its key
    column: int = 0  # of the dashes, in a block
    start: int = 0  # of the list
    end: int = 0  # behind the list, or behind the colon where there is none
    items: list[tuple[int, int]] = field(default_factory=list)  # where each begins and ends, trailing comments left out


def append(text: str, key: str, items: Sequence[Value]) -> str:
    """The text with `items` at the end of the list under the top-level `key`, which is made where it is missing.

    Raises ValueError where the text is no YAML, or the list is written in a way that can't be edited.
    """
    if not items:
        return text
    place = _locate(text, key)
    newline = "\r\n" if "\r\n" in text else "\n"
    if place.kind == "flow" and place.items:
        more = ", ".join(_inline(item) for item in items)
        at = place.items[-1][1]
        return f"{text[:at]}, {more}{text[at:]}"
    if place.kind == "flow":  # an empty one, []: it goes on as a block
        text = text[: place.start].rstrip(" ") + text[place.end :]
        place.kind, place.end = "null", len(text[: place.start].rstrip(" "))
    if place.kind == "missing":
        head = text if not text or text.endswith("\n") else text + newline
        return f"{head}{key}:{newline}" + _block(items, 2, newline)
    column = place.column if place.kind == "block" else place.key + 2
    at = _after_line(text, place.items[-1][1] if place.items else place.end)
    if column > place.key:  # else a comment in that column may belong to the next key
        comment = re.compile(rf" {{{place.key + 1},}}#.*(?:\n|\Z)")
        while at < len(text) and (match := comment.match(text, at)):
            at = match.end()
    head = text[:at] if text[:at].endswith("\n") else text[:at] + newline
    return head + _block(items, column, newline) + text[at:]


def remove(text: str, key: str, numbers: Collection[int]) -> str:
    """The text without these items (counted from 0) of the list under the top-level `key`.

    Comments on lines of their own between the items stay. Raises ValueError as `append` does.
    """
    place = _locate(text, key)
    if any(not 0 <= number < len(place.items) for number in numbers):
        raise ValueError(_BY_HAND)
    for number in sorted(numbers, reverse=True):
        start, end = place.items[number]
        if place.kind == "block":
            before = _after_line(text, place.items[number - 1][1]) if number else place.start - place.column
            dash = re.compile(rf"^ {{{place.column}}}-", re.MULTILINE).search(text, before, start)
            if dash is None:
                raise ValueError(_BY_HAND)
            text = text[: dash.start()] + text[_after_line(text, end) :]
        elif number + 1 < len(place.items):
            text = text[:start] + text[place.items[number + 1][0] :]
        elif number:
            text = text[: place.items[number - 1][1]] + text[end:]
        else:
            text = text[:start] + re.sub(r"^\s*,", "", text[end:])
        del place.items[number]
    return text


def _locate(text: str, key: str) -> _Place:
    """Where the list is. Events, not nodes: an alias has a place of its own there."""
    place = _Place()
    stack: list[bool] = []  # of each open collection, whether it is in flow style
    wanted, is_key, start, content = False, True, 0, 0
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            depth = len(stack)
            if isinstance(event, yaml.CollectionEndEvent):
                flow = stack.pop()
                content = _end(event).index if flow else content
                if wanted and depth == 2:
                    place.end, wanted = content, False
                elif wanted and depth == 3:
                    place.items.append((start, content))
                is_key = is_key if depth > 2 else True
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            if depth == 1 and is_key:
                wanted = isinstance(event, yaml.ScalarEvent) and event.value == key
                place.key = _start(event).column if wanted else place.key
                place.end = _end(event).index + 1 if wanted else place.end
            elif depth == 1 and wanted:
                _value(event, place)
                wanted = place.kind != "null"
            elif depth == 2 and wanted:
                start = _start(event).index
            if isinstance(event, yaml.CollectionStartEvent):
                stack.append(bool(event.flow_style))
            else:
                content = _end(event).index
                if wanted and depth == 2:
                    place.items.append((start, content))
            if depth == 1:
                is_key = not is_key
    except yaml.YAMLError as error:
        raise ValueError(f"is not YAML: {' '.join(str(error).split())[:200]}") from None
    if place.kind == "missing" and re.search(r"^(?:---|\.\.\.|\{)", text, re.MULTILINE):
        raise ValueError(_BY_HAND)
    return place


def _value(event: yaml.Event, place: _Place) -> None:
    if isinstance(event, yaml.SequenceStartEvent) and event.anchor is None and event.tag is None:
        place.kind = "flow" if event.flow_style else "block"
        place.start, place.column = _start(event).index, _start(event).column
    elif isinstance(event, yaml.ScalarEvent) and event.value in ("", "~", "null") and event.style in (None, ""):
        place.kind = "null"
        if event.value:
            raise ValueError(_BY_HAND)
    else:
        raise ValueError(_BY_HAND)


def _start(event: yaml.Event) -> yaml.Mark:
    return cast(yaml.Mark, event.start_mark)  # only events that are made by hand have none


def _end(event: yaml.Event) -> yaml.Mark:
    return cast(yaml.Mark, event.end_mark)


def _after_line(text: str, at: int) -> int:
    """Behind the line break that ends the line of `at`; `at` itself where a line begins there."""
    if at and text[at - 1] == "\n":
        return at
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _block(items: Sequence[Value], column: int, newline: str) -> str:
    lines = []
    for item in items:
        if isinstance(item, str):
            lines.append(f"{' ' * column}- {_scalar(item)}")
            continue
        mark = "- "
        for name, value in item.items():
            written = _scalar(value) if isinstance(value, str) else f"[{', '.join(map(_scalar, value))}]"
            lines.append(f"{' ' * column}{mark}{name}: {written}")
            mark = "  "
    return "".join(line + newline for line in lines)


def _inline(item: Value) -> str:
    if isinstance(item, str):
        return _scalar(item)
    pairs = (
        f"{name}: {_scalar(value) if isinstance(value, str) else '[' + ', '.join(map(_scalar, value)) + ']'}"
        for name, value in item.items()
    )
    return "{" + ", ".join(pairs) + "}"


def _scalar(text: str) -> str:
    """The text as it may stand in a list in brackets, too: bare where every YAML reader takes it for a text."""
    if re.fullmatch(r"[^\s\[\]{},#&*!|>'\"%@`-](?:[^\[\]{},#\x00-\x1f\x7f-\x9f\u2028\u2029]*[^\s\[\]{},#:])?", text):
        try:
            node = yaml.compose(f"[{text}]", Loader=yaml.SafeLoader)
            if isinstance(node, yaml.SequenceNode) and [(n.tag, n.value) for n in node.value] == [
                ("tag:yaml.org,2002:str", text)
            ]:
                return text
        except yaml.YAMLError:
            pass
    return str(yaml.dump(text, default_style='"', width=10**9, allow_unicode=True)).removesuffix("\n")
