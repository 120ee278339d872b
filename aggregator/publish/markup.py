"""Small pieces of XML, escaped."""

from __future__ import annotations

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# Readers that unescape a title twice are many; numeric references come out right in all that were tried.
_TITLE = str.maketrans({"&": "&#x26;", "<": "&#x3C;", ">": "&#x3E;"})
_ATTRIBUTE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


def element(name: str, text: str | None, attributes: str = "") -> str:
    """<name>text</name> on a line of its own, or nothing where there is no text."""
    return f"<{name}{attributes}>{text.translate(_TEXT)}</{name}>\n" if text else ""


def title(name: str, text: str) -> str:
    """A title, escaped so that every reader shows it as it is."""
    return f"<{name}>{text.translate(_TITLE)}</{name}>\n"


def empty(name: str, **attributes: str | None) -> str:
    """<name a="b"/>; attributes without a value are left out."""
    return f"<{name}{attrs(**attributes)}/>\n"


def attrs(**attributes: str | None) -> str:
    """The attributes, escaped, each with a space before it."""
    return "".join(
        f' {name.strip("_").replace("_", ":")}="{value.translate(_ATTRIBUTE)}"'
        for name, value in attributes.items()
        if value is not None
    )
