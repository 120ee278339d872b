"""The page about the SQLite file, made from `schema_docs`, so that it can't say anything else.

python -m aggregator.store.reference > docs/database.md
"""

from __future__ import annotations

import sys

from aggregator.store.schema import DOCS

_HEAD = """\
# The SQLite file

<!-- Made by `python -m aggregator.store.reference`; a test holds it to the code. -->

Everything is in one file, and the file describes itself: `SELECT * FROM schema_docs` has a line for every table, view
and column below. These names are a promise: they change by addition only. Tables whose name starts with `_` are
private.

Times are UTC text, `YYYY-MM-DD HH:MM:SSZ`: they sort, and compare with `datetime('now', '-1 day')`. All HTML is
sanitised, all links are http, https or mailto, and no text has control characters. Open it while the daemon writes:
it is in WAL mode, readers never wait.
"""


def reference() -> str:
    """The whole page, as Markdown."""
    parts = [_HEAD]
    for name, fields in DOCS.items():
        parts.append(f"\n## `{name}`\n\n{fields[None]}\n\n| column | |\n|---|---|\n")
        parts += [f"| `{field}` | {text} |\n" for field, text in fields.items() if field is not None]
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(reference())
