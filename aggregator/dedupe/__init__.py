"""Which articles say the same, why, and which of them leads. Pure; knows no SQL: what it looks up comes by an Index.

fingerprint   hashes of word runs, the same in every process: which words of an article stand in the index
question      the article asked about, those it is compared with, where they are looked up
match         look-up -> candidates -> verdict with a reason
address       the ways an address is written
text          a text made ready to be compared
titles        what in a title counts; figures: numbers and days in words and digits
compare       two texts side by side: shares, common runs, what stands in each other's place
kinds         which shares make a copy, and what speaks against it
boilerplate   what so many stories have that it tells none of them
changes       two texts word by word, for people
lead          which article of a story leads
"""

from aggregator.dedupe.address import addresses
from aggregator.dedupe.boilerplate import IN_FEED, STORIES, Boilerplate, Posting, Standing, standing
from aggregator.dedupe.changes import Change, Diff, diff
from aggregator.dedupe.compare import Comparison
from aggregator.dedupe.fingerprint import hashes
from aggregator.dedupe.kinds import are_alike
from aggregator.dedupe.lead import Member, choose
from aggregator.dedupe.match import (
    ALONE,
    SURE,
    Decision,
    compare,
    match,
    overlooked,
    recheck,
    telling,
)
from aggregator.dedupe.question import Candidate, Index, Limits, Probe
from aggregator.dedupe.text import Text

__all__ = [
    "ALONE",
    "IN_FEED",
    "STORIES",
    "SURE",
    "Boilerplate",
    "Candidate",
    "Change",
    "Comparison",
    "Decision",
    "Diff",
    "Index",
    "Limits",
    "Member",
    "Posting",
    "Probe",
    "Standing",
    "Text",
    "addresses",
    "are_alike",
    "choose",
    "compare",
    "diff",
    "hashes",
    "match",
    "overlooked",
    "recheck",
    "standing",
    "telling",
]
