"""Sentences that are spread as English ones are: few words often, most words seldom, and some names in each article.

Of 2,000 press releases of four wires, the first 260 words each: 158 different words in a release, the fifty commonest words are
32 % of the text, and one run of four words in nine stands in some other release. Words drawn here: see `python -m bench.words`.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import accumulate

_SMALL = (
    "the and to of a in for is with that on as by at from are its this our be an will has have we it their or more was "
    "which who than can not but all also been they into over through after about when where up one two other new"
).split()
_STEMS = (
    "harbour council river budget engine winter school signal valley bridge report member season market station garden "
    "minister quarter service network weather village union office record number answer letter captain doctor summer "
    "window morning evening paper water island mountain library museum theatre railway airport hospital open plan build "
    "carry call show hold keep turn rise fall grow change press release farm field forest light sound print paint trade "
    "craft sail board cross guard watch clock stone brick timber copper silver iron steel glass cotton linen wool salt "
    "sugar coffee barley orchard meadow pasture shepherd fisher baker miller tailor mason printer writer reader singer "
    "player coach runner swimmer rider driver pilot sailor miner nurse surgeon teacher student pupil class lesson test "
    "score match league final record title prize award honour grant fund loan bank share bond price cost rent lease wage "
    "salary pension tax duty levy fee fine court judge lawyer trial appeal verdict law bill act vote poll party leader "
    "mayor governor senate chamber treaty border port dock ferry vessel cargo freight truck lane road street avenue "
    "square tower castle palace temple church chapel abbey roof wall floor door gate fence yard barn stable kitchen "
    "cellar attic stair lamp candle mirror carpet curtain chair table bench shelf drawer basket bottle kettle spoon plate"
).split()
_ENDINGS = ("", *"s ed ing er ers al ly less ness like ship wise able ful based".split())
_SYLLABLES = "bar den fol gri kas lem mor nev pol ras sut tam vel wen zor hal jin cor dar fen".split()
_OWN = 0.22  # of an article's words are of the sixteen that it is about


def _vocabulary() -> list[str]:
    stems = list(dict.fromkeys(_STEMS))
    rest = [stem + ending for ending in _ENDINGS for stem in stems]
    random.Random(11).shuffle(rest)
    return _SMALL + rest


_WORDS = _vocabulary()
_WEIGHTS = list(accumulate(1 / (rank + 2.7) for rank in range(len(_WORDS))))  # Zipf's law, as Mandelbrot has it


def words(dice: random.Random, number: int) -> list[str]:
    """So many words of one article: common ones, and those that it is about, half of them names."""
    names = ["".join(dice.choices(_SYLLABLES, k=dice.randint(2, 4))).capitalize() for _ in range(8)]
    own = names + dice.choices(_WORDS[len(_SMALL) :], k=8)
    return [
        dice.choice(own) if dice.random() < _OWN else word
        for word in dice.choices(_WORDS, cum_weights=_WEIGHTS, k=number)
    ]


def likeness(texts: list[str]) -> str:
    """What the module's docstring says of press releases, of the first 260 words of these texts."""
    tokens = [re.findall(r"\w+", text.lower())[:260] for text in texts]
    number = sum(map(len, tokens))
    common = sum(count for _, count in Counter(word for text in tokens for word in text).most_common(50))
    articles = Counter(run for text in tokens for run in {tuple(text[at : at + 4]) for at in range(len(text) - 3)})
    return (
        f"different words in a text {sum(len(set(text)) for text in tokens) / len(texts):.0f}, "
        f"the fifty commonest {common / number:.0%} of all, "
        f"runs of four that stand in another {sum(n for n in articles.values() if n > 1) / articles.total():.1%}"
    )


if __name__ == "__main__":
    print(likeness([" ".join(words(random.Random(seed), 260)) for seed in range(2000)]))
