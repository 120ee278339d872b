"""What beautifulsoup4 does here: CSS selectors that a person wrote."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from aggregator.clean.characters import legal

if TYPE_CHECKING:
    import bs4  # slow to load and 9 MiB, which every process would pay for that meets no selector


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
    if soup is None:
        return html, ()
    removed = []
    for selector in selectors:
        for element in soup.select(selector):
            if not element.decomposed:
                removed.append(element.get_text(" ", strip=True))
                element.decompose()
    return (str(soup), tuple(removed)) if removed else (html, ())


def _soup(html: str) -> bs4.BeautifulSoup | None:
    """None where the parser gives up."""
    import bs4
    import bs4.exceptions

    # Python's own takes "<![x" for a fault, and looks for the end of each comment that has none to the end of the text.
    closed = html.rfind("-->") + 1
    html = html[:closed] + html[closed:].replace("<!--", "<!x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bs4 warns of texts that look like a file name or an address
        try:
            return bs4.BeautifulSoup(legal(html.replace("<![", "<!x[")), "html.parser")
        except bs4.exceptions.ParserRejectedMarkup:
            return None
