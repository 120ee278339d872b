"""sqlite-utils without pandas, which it loads where it finds it: a quarter of a second and 40 MB of every start."""

import sys

_NONE = "pandas" not in sys.modules
if _NONE:
    sys.modules["pandas"] = None  # type: ignore[assignment]  # to import it is an ImportError now, as if it were not there
try:
    from sqlite_utils import Database, Migrations
    from sqlite_utils.db import Table
finally:
    if _NONE:
        del sys.modules["pandas"]

__all__ = ["Database", "Migrations", "Table"]
