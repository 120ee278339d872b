"""Which articles say the same, why, and which of them leads. Pure; knows no SQL: what it looks up comes by an Index.

fingerprint   hashes of word runs, the same in every process
match         look-up -> candidates -> verdict with a reason
compare       two texts side by side: shares, common runs, what stands in each other's place
kinds         which shares make a copy, and what speaks against it
changes       what a copy added, dropped and changed; what was boilerplate
lead          which article of a story leads
"""

from aggregator.dedupe.changes import Change, Standing, changes, standing
from aggregator.dedupe.compare import Comparison, Text
from aggregator.dedupe.fingerprint import hashes
from aggregator.dedupe.lead import Member, choose
from aggregator.dedupe.match import (
    SURE,
    Candidate,
    Decision,
    Index,
    Limits,
    Posting,
    Probe,
    addresses,
    compare,
    match,
    recheck,
)

__all__ = [
    "SURE",
    "Candidate",
    "Change",
    "Comparison",
    "Decision",
    "Index",
    "Limits",
    "Member",
    "Posting",
    "Probe",
    "Standing",
    "Text",
    "addresses",
    "changes",
    "choose",
    "compare",
    "hashes",
    "match",
    "recheck",
    "standing",
]
