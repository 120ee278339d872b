"""CSS selectors that a person wrote."""

from __future__ import annotations

from aggregator.clean.characters import legal
from aggregator.soup import soup


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
    tree = soup(legal(html))
    if tree is None:
        return html, ()
    removed = []
    for selector in selectors:
        for element in tree.select(selector):
            if not element.decomposed:
                removed.append(element.get_text(" ", strip=True))
                element.decompose()
    return (str(tree), tuple(removed)) if removed else (html, ())
