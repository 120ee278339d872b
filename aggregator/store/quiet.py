"""Polls that brought nothing, which most are: a whole batch of them in three statements.

Each statement lets go of the interpreter while SQLite works: one for each poll is then a switch between two threads for
each, which costs more than the statement.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from aggregator.store.polls import Outcome
from aggregator.store.times import to_text

_FIELDS = "feed at next status bytes ms tag modified origin wishes place seen not_before".split()
_POLLS = ", ".join(f"json_extract(value, '$[{number}]') AS {name}" for number, name in enumerate(_FIELDS))
_POLLS = f"(SELECT {_POLLS} FROM json_each(?)) AS poll"


def record(connection: sqlite3.Connection, outcomes: Sequence[Outcome]) -> None:
    """As `Feeds.record`, of several quiet polls of different feeds; inside the caller's transaction."""
    if not outcomes:
        return
    polls = (json.dumps([_row(outcome) for outcome in outcomes]),)
    connection.execute(
        "UPDATE feeds SET last_fetched_at = at, next_poll_at = next, failures = 0, last_error = NULL, "
        "state = iif(state = 'gone', 'active', state), etag = tag, last_modified = modified "
        f"FROM {_POLLS} WHERE id = poll.feed",
        polls,
    )
    # Mostly as it was, and then no page of it is written.
    connection.execute(
        "INSERT INTO _polling (feed_id, validators_url, wishes, moving_to, moving_seen, not_before) "
        f"SELECT feed, origin, wishes, place, seen, not_before FROM {_POLLS} WHERE true "
        "ON CONFLICT (feed_id) DO UPDATE SET validators_url = excluded.validators_url, wishes = excluded.wishes, "
        "moving_to = excluded.moving_to, moving_seen = excluded.moving_seen, not_before = excluded.not_before "
        "WHERE (validators_url, wishes, moving_to, moving_seen, not_before) IS NOT (excluded.validators_url, "
        "excluded.wishes, excluded.moving_to, excluded.moving_seen, excluded.not_before)",
        polls,
    )
    connection.execute(
        "INSERT INTO fetches (feed_id, fetched_at, http_status, bytes, duration_ms, new_articles, changed_articles) "
        f"SELECT feed, at, status, bytes, ms, 0, 0 FROM {_POLLS}",
        polls,
    )


def _row(outcome: Outcome) -> tuple[object, ...]:
    due, move = outcome.due, outcome.move
    return (
        due.feed, to_text(outcome.at), to_text(outcome.next_poll), outcome.status, outcome.bytes,
        round(outcome.seconds * 1000), outcome.etag, outcome.last_modified, outcome.validators_url, due.wishes.to_text(),
        move.to, move.seen, outcome.not_before_text,
    )  # fmt: skip
