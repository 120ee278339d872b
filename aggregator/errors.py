"""What can go wrong, as types.

    AggregatorError
    ├── ConfigError    feeds.yaml can't be used; holds one Fault for each thing wrong
    ├── FetchError     no complete response came back
    ├── ParseError     a response came back that is no feed
    ├── StoreError     the database can't be opened, or not by us
    └── ClusterError   the workers that were asked for can't be had

FetchError and ParseError are also *values*: a poll that failed is recorded with one, it is not raised to the neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass


class AggregatorError(Exception):
    """The base of all errors of this package; str() is one line for a person."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the configuration, and where it stands."""

    file: str
    line: int  # counted from 1
    key: str  # dotted, as in "feeds[2].interval"; empty where no key is to blame
    message: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}: {key}{self.message}"


class ConfigError(AggregatorError):
    """feeds.yaml can't be used; `faults` says all that is wrong with it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(map(str, self.faults))


class FetchError(AggregatorError):
    """No usable response: refused, timed out, too large, incomplete, or an HTTP error status.

    `status` is the HTTP status where one came (else None), `retry_after` the seconds the server asked us to wait,
    `unreachable` is true where no HTTP response came at all (no network, no such host, refused), `redirects` are the
    (status, address) pairs on the way to the failure.
    """

    def __init__(
        self, message: str, status: int | None = None, retry_after: float | None = None, unreachable: bool = False
    ) -> None:
        super().__init__(message, status, retry_after, unreachable)
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.unreachable = unreachable
        self.redirects: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        return self.message


class ParseError(AggregatorError):
    """The body is not a feed in any format we know; the message says what it looks like."""


class StoreError(AggregatorError):
    """The database can't be opened: newer than this program, not ours, corrupt, or in use by another writer."""


class ClusterError(AggregatorError):
    """The cluster can't be used: Dask is not installed, nobody answers, or other versions run there.

    `lasting` is true where trying again changes nothing.
    """

    def __init__(self, message: str, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting
