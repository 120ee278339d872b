"""HTML as a tree, where a person's wish needs one: a web page instead of a feed, CSS selectors. The door of beautifulsoup4."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import bs4


def soup(html: str) -> bs4.BeautifulSoup | None:
    """The tree; None where the parser gives up."""
    import bs4  # slow to load and 9 MiB, which every process would pay for, and few documents need it
    import bs4.exceptions

    # Python's own parser takes "<![x" for a fault, and looks for the end of each comment that has none to the end of the text.
    closed = html.rfind("-->") + 1
    html = html[:closed] + html[closed:].replace("<!--", "<!x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bs4 warns of texts that look like a file name or an address
        try:
            return bs4.BeautifulSoup(html.replace("<![", "<!x["), "html.parser")
        except bs4.exceptions.ParserRejectedMarkup:
            return None
