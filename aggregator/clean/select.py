"""What beautifulsoup4 does here: CSS selectors that a person wrote."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import bs4  # 9 MiB, which every process would pay for that meets no selector


def fault(selector: str) -> str | None:
    """What is wrong with a CSS selector, or None."""
    import soupsieve

    try:
        soupsieve.compile(selector)
    except (soupsieve.SelectorSyntaxError, NotImplementedError) as error:
        return f"is no CSS selector: {str(error).splitlines()[0]}"
    return None


def without(html: str, selectors: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The HTML without the elements that the selectors find, and the text of those."""
    soup = _soup(html)
    removed = []
    for selector in selectors:
        for element in soup.select(selector):
            if not element.decomposed:
                removed.append(element.get_text(" ", strip=True))
                element.decompose()
    return (str(soup), tuple(removed)) if removed else (html, ())


def _soup(html: str) -> bs4.BeautifulSoup:
    import bs4

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bs4 warns of texts that look like a file name or an address
        return bs4.BeautifulSoup(html, "html.parser")
