"""httpx without its command line, which it loads where it finds rich: 5 MB of memory that nobody here uses."""

import sys

_COMMANDS = "httpx._main"
_NONE = _COMMANDS not in sys.modules
if _NONE:
    sys.modules[_COMMANDS] = None  # type: ignore[assignment]  # to import it is an ImportError now, which httpx expects
try:
    import httpx
finally:
    if _NONE:
        del sys.modules[_COMMANDS]

__all__ = ["httpx"]
