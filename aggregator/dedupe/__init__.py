"""Which articles say the same, why, and which of them leads. Pure; knows no SQL: what it looks up comes by an Index.

fingerprint   hashes of word runs, the same in every process
compare       how much of each text is in the other, and what says that it is a template filled in again
match         candidates -> verdict with a reason
lead          which article of a story leads
"""

from aggregator.dedupe.fingerprint import hashes
from aggregator.dedupe.lead import Member, choose
from aggregator.dedupe.match import Candidate, Index, Limits, Posting, Probe, match, recheck

__all__ = ["Candidate", "Index", "Limits", "Member", "Posting", "Probe", "choose", "hashes", "match", "recheck"]
