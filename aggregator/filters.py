"""The operator's include and exclude patterns."""

from __future__ import annotations

import re
from collections.abc import Collection


def passes(text: str, include: Collection[str], exclude: Collection[str]) -> bool:
    """Whether a text is let through: one of `include` is found in it (where there are any), and none of `exclude`."""
    if include and not any(re.search(pattern, text, re.IGNORECASE) for pattern in include):
        return False
    return not any(re.search(pattern, text, re.IGNORECASE) for pattern in exclude)
