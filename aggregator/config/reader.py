"""Reads feeds.yaml into a Config; all faults at once, each with file, line, key and what was meant."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import os
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aggregator import yamlfile
from aggregator.config import limits
from aggregator.config.address import comparable, without_credentials
from aggregator.config.own import is_own
from aggregator.config.scalars import SCALARS
from aggregator.config.schema import Config, HttpUrl, Pattern
from aggregator.errors import ConfigError, Fault
from aggregator.model import OwnRules, Subscription

_hints = functools.cache(typing.get_type_hints)  # of a class; a file has thousands of feeds


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in `path`, with the overrides of `environ`. Raises ConfigError with every fault found."""
    return _Reader(str(path)).config(yamlfile.read(path), path, environ)


def loads(text: str, path: Path = Path("feeds.yaml"), environ: Mapping[str, str] | None = None) -> Config:
    """As `load`, from a text that stands for the file `path`."""
    return _Reader(str(path)).config(yamlfile.parse(text, str(path)), path, environ or {})


def database_of(path: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the database of a configuration is that has faults, as far as its text says."""
    with contextlib.suppress(OSError):
        if match := re.search(r"^database:[ \t]*([^\s#]+)", path.read_text("utf-8", "replace"), re.MULTILINE):
            return path.absolute().parent / environ.get("AGGREGATOR_DATABASE", match[1].strip("\"'"))
    return path.absolute().parent / environ.get("AGGREGATOR_DATABASE", "aggregator.db")


class _Reader:
    """Collects faults while it reads; a value with a fault is left at its default."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.places: dict[str, tuple[int, str]] = {}  # a feed's address -> line and key
        self.rules: dict[str, OwnRules | None] = {}  # by file name; None where it has faults
        self.names: dict[str, str] = {}  # dotted key -> environment variable that set it

    def fault(self, line: int, key: str, message: str) -> None:
        if key in self.names:
            self.faults.append(Fault("$" + self.names[key], 1, key, message))
        else:
            self.faults.append(Fault(self.file, line, key, message))

    def config(self, root: yamlfile.Node, path: Path, environ: Mapping[str, str]) -> Config:
        if not isinstance(root, yamlfile.Mapping):
            raise ConfigError((Fault(self.file, root.line, "", "must be a mapping with the key 'feeds'"),))
        root = self.override(root, environ)
        known = [field.name for field in dataclasses.fields(Config) if field.name not in ("feeds", "file")]
        self.unknown(root, "", [*known, "defaults", "feeds"])
        defaults = root.items.get("defaults", yamlfile.Mapping({}, {}, root.line))
        feeds = self.feeds(root.items.get("feeds"), defaults, root.line)
        sections = yamlfile.Mapping({k: v for k, v in root.items.items() if k in known}, root.lines, root.line)
        config: Config = self.record(Config, sections, "", {"feeds": feeds, "file": path})
        for address, (line, key) in self.places.items():
            if is_own(address, config.output, config.server):
                self.fault(line, key, "is this program's own output (output.base_url, server.listen), which would echo")
        if self.faults:
            raise ConfigError(tuple(sorted(set(self.faults), key=lambda fault: (fault.file, fault.line))))
        home = path.absolute().parent
        output = dataclasses.replace(config.output, directory=home / config.output.directory)
        return dataclasses.replace(config, database=home / config.database, output=output)

    def override(self, root: yamlfile.Mapping, environ: Mapping[str, str]) -> yamlfile.Mapping:
        """The tree with AGGREGATOR_<SECTION>__<KEY> put over it; `…_FILE` names a file that holds the value."""
        items = dict(root.items)
        sections = [field.name for field in dataclasses.fields(Config) if field.name not in ("feeds", "file")]
        for variable, value in sorted(environ.items()):
            match = re.fullmatch(r"AGGREGATOR_(?:([A-Z]+)__)?([A-Z_]+?)(_FILE)?", variable)
            if not match or variable == "AGGREGATOR_CONFIG":
                continue
            section, key = (match[1] or "").lower(), match[2].lower()
            if (section or key) not in (*sections, "defaults"):
                if section:
                    self.faults.append(Fault("$" + variable, 1, section, f"unknown section{_near(section, sections)}"))
                continue  # AGGREGATOR_X without a section may belong to somebody else
            dotted = f"{section}.{key}" if section else key
            self.names[dotted] = variable
            if match[3]:
                try:
                    value = Path(value).read_text(encoding="utf-8").strip()
                except (OSError, UnicodeDecodeError) as error:
                    self.fault(1, dotted, f"can't read {value}: {error}")
                    continue
                node: yamlfile.Node = yamlfile.Scalar(value, 1)
            else:
                node = yamlfile.parse(value, "$" + variable) if value[:1] in "[{" else yamlfile.Scalar(value, 1)
            if section:
                old = items.get(section, yamlfile.Mapping({}, {}, 1))
                if isinstance(old, yamlfile.Mapping):
                    items[section] = dataclasses.replace(old, items={**old.items, key: node})
            else:
                items[key] = node
        return dataclasses.replace(root, items=items)

    def unknown(self, node: yamlfile.Mapping, prefix: str, known: list[str]) -> None:
        for key in node.items:
            if key not in known:
                self.fault(node.lines.get(key, node.line), prefix + key, f"unknown key{_near(key, known)}")

    def feeds(self, node: yamlfile.Node | None, defaults: yamlfile.Node, line: int) -> tuple[Subscription, ...]:
        keys = [field.name for field in dataclasses.fields(Subscription)]
        common: dict[str, Any] = {}
        if isinstance(defaults, yamlfile.Mapping):
            self.unknown(defaults, "defaults.", [key for key in keys if key not in ("url", "title")])
            common = self.values(Subscription, defaults, "defaults.")
        elif not (isinstance(defaults, yamlfile.Scalar) and defaults.value is None):
            self.fault(defaults.line, "defaults", "must be a mapping")
        if node is None or (isinstance(node, yamlfile.Scalar) and node.value is None):
            return ()
        if not isinstance(node, yamlfile.Sequence):
            self.fault(node.line, "feeds", "must be a list of addresses or mappings")
            return ()
        found: dict[str, int] = {}
        subscriptions = []
        for number, item in enumerate(node.items):
            prefix = f"feeds[{number}]"
            if isinstance(item, yamlfile.Scalar):
                item = yamlfile.Mapping({"url": item}, {"url": item.line}, item.line)
            if not isinstance(item, yamlfile.Mapping):
                self.fault(item.line, prefix, "must be an address or a mapping")
                continue
            self.unknown(item, prefix + ".", keys)
            if "url" not in item.items:
                self.fault(item.line, prefix, "has no url")
                continue
            values = {**common, **self.values(Subscription, item, prefix + ".")}
            line = item.lines.get("url", item.line)
            url = self.scalar(HttpUrl, item.items["url"], prefix + ".url")
            if url is None:
                continue
            address, values["headers"] = without_credentials(url, values.get("headers", ()))
            same = comparable(address)
            if same in found:
                self.fault(line, prefix + ".url", f"is the same feed as in line {found[same]}")
            found.setdefault(same, line)
            self.places[address] = (line, prefix + ".url")
            subscription = Subscription(**{**values, "url": address})
            if subscription.min_interval > subscription.max_interval:
                self.fault(item.line, prefix + ".min_interval", "is longer than max_interval")
            subscriptions.append(subscription)
        return tuple(subscriptions)

    def record(self, cls: Any, node: yamlfile.Mapping, prefix: str, extra: dict[str, Any]) -> Any:
        return cls(**self.values(cls, node, prefix), **extra)

    def values(self, cls: Any, node: yamlfile.Mapping, prefix: str) -> dict[str, Any]:
        """The values of the keys of `node` that `cls` has and that are right; the rest are faults."""
        hints = _hints(cls)
        result = {}
        for key, item in node.items.items():
            if key in hints and not (cls is Subscription and key == "url"):
                value = self.value(hints[key], item, prefix + key)
                if value is not None or _optional(hints[key]):
                    result[key] = value
        return result

    def value(self, hint: Any, node: yamlfile.Node, key: str) -> Any:
        """A value of type `hint`, or None after a fault."""
        if dataclasses.is_dataclass(hint):
            return self.section(hint, node, key)
        if typing.get_origin(hint) is tuple:
            return self.sequence(typing.get_args(hint)[0], node, key)
        if _optional(hint):
            if isinstance(node, yamlfile.Scalar) and node.value is None:
                return None
            rest = tuple(arg for arg in typing.get_args(hint) if arg is not types.NoneType)
            return self.scalar(rest[0] if len(rest) == 1 else typing.Union[rest], node, key)  # noqa: UP007
        return self.scalar(hint, node, key)

    def section(self, cls: Any, node: yamlfile.Node, key: str) -> Any:
        if isinstance(node, yamlfile.Scalar) and node.value is None:
            node = yamlfile.Mapping({}, {}, node.line)
        if not isinstance(node, yamlfile.Mapping):
            self.fault(node.line, key, "must be a mapping")
            return None
        names = [field.name for field in dataclasses.fields(cls)]
        self.unknown(node, key + ".", names)
        required = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING]
        values = self.values(cls, node, key + ".")
        for name in required:
            if name not in node.items:
                self.fault(node.line, key, f"has no {name}")
        return cls(**values) if all(name in values for name in required) else None

    def sequence(self, hint: Any, node: yamlfile.Node, key: str) -> tuple[Any, ...] | None:
        if isinstance(node, yamlfile.Scalar) and node.value is None:
            return ()
        if hint == tuple[str, str]:  # a mapping of texts: headers
            if not isinstance(node, yamlfile.Mapping):
                self.fault(node.line, key, "must be a mapping of names to values")
                return None
            pairs = ((name, self.scalar(str, item, f"{key}.{name}"), item.line) for name, item in node.items.items())
            return tuple(
                (n, value) for n, value, line in pairs if value is not None and self.field(n, value, key, line)
            )
        if isinstance(node, yamlfile.Scalar) and hint in (str, Pattern):
            node = yamlfile.Sequence((node,), node.line)  # one word where a list of words may stand
        if not isinstance(node, yamlfile.Sequence):
            self.fault(node.line, key, "must be a list")
            return None
        values = tuple(self.value(hint, item, f"{key}[{number}]") for number, item in enumerate(node.items))
        return tuple(value for value in values if value is not None)

    def field(self, name: str, value: str, key: str, line: int) -> bool:
        """Whether a header field can be sent at all (RFC 9110 §5.1, §5.5)."""
        if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) and not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
            return True
        self.fault(line, f"{key}.{name}", "is no header field")
        return False

    def scalar(self, hint: Any, node: yamlfile.Node, key: str) -> Any:
        if not isinstance(node, yamlfile.Scalar) or node.value is None:
            self.fault(node.line, key, "must be a single value")
            return None
        if hint is OwnRules:
            return self.own_rules(node.value, node.line, key)
        try:
            value = self.read(hint, node.value)
        except ValueError as error:
            self.fault(node.line, key, f"{error}, not {node.value[:80]!r}" if _safe(key) else str(error))
            return None
        if problem := limits.fault(key, value, node.value):
            self.fault(node.line, key, problem)
            return None
        return value

    def own_rules(self, name: str, line: int, key: str) -> OwnRules | None:
        """The cleaning rules in a file beside this one; its faults are told with its own lines."""
        if name not in self.rules:
            from aggregator.clean.rules import names, own  # slow to load and seldom needed here

            try:
                self.rules[name] = own.read(Path(self.file).absolute().parent / name, names())
            except ConfigError as error:
                self.rules[name] = None
                self.faults += error.faults
        if self.rules[name] is None:
            self.fault(line, key, f"the rules in {name} have faults")
        return self.rules[name]

    @staticmethod
    def read(hint: Any, text: str) -> Any:
        if hint in SCALARS:
            return SCALARS[hint](text)
        choices = typing.get_args(hint)  # what is left is a Literal
        if text not in choices:
            raise ValueError(f"must be {' or '.join(choices)}")
        return text


def _safe(key: str) -> bool:
    """Whether the value of a key may stand in a message; a password may not."""
    return not key.endswith((".auth", ".proxy")) and ".headers" not in key


def _optional(hint: Any) -> bool:
    return types.NoneType in typing.get_args(hint)


def _near(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key.lower(), known, 1, 0.5)
    return f"; did you mean '{close[0]}'?" if close else f"; known here are {', '.join(known)}"
