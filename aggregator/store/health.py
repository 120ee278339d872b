"""What may be wrong with the file, in the order a person would ask. Only looks."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from aggregator.store.database import CHECKED, is_written, problems
from aggregator.store.times import from_text, to_text

LATE = timedelta(hours=1)  # a poll overdue by so much: nothing polls
WAL_LIMIT = 64 * 2**20  # bytes: some reader holds a snapshot
_SPACE = 100 * 2**20  # bytes free on the disk

# What always holds, and how many break it.
_LAWS = {
    "every article belongs to a story": "SELECT count(*) FROM articles WHERE story_id IS NULL",
    "every story is led by one of its articles": "SELECT count(*) FROM stories JOIN articles AS lead "
    "ON lead.id = lead_article_id WHERE lead.story_id IS NOT stories.id",
    "every story counts its copies right": "SELECT count(*) FROM stories WHERE copies <> "
    "(SELECT count(*) FROM articles WHERE story_id = stories.id)",
    "every article can be found by its words": "SELECT count(*) FROM articles WHERE id NOT IN "
    "(SELECT id FROM articles_fts_docsize)",
    "nothing can be found that is gone": "SELECT count(*) FROM articles_fts_docsize WHERE id NOT IN "
    "(SELECT id FROM articles)",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. What is not fine fails the whole, unless it is only worth knowing (`warning`)."""

    name: str
    fine: bool
    message: str
    warning: bool = False


def checks(connection: sqlite3.Connection, path: Path, now: datetime, deep: bool = False) -> list[Check]:
    """The checks of an open database; `deep` reads all of the file, however large."""
    found = [_intact(connection, path, deep), *_room(path)]
    if not found[0].fine:
        return found
    found += [_polled(connection, path, now), _feeds(connection)]
    if deep:
        for law, query in _LAWS.items():
            (broken,) = connection.execute(query).fetchone()
            found.append(Check("consistency", broken == 0, law if not broken else f"not so: {law} ({broken} do not)"))
    return found


def _intact(connection: sqlite3.Connection, path: Path, deep: bool) -> Check:
    size = path.stat().st_size
    if not deep and size > CHECKED:
        return Check("file", True, f"{size / 1e6:.0f} MB, can be opened; --deep reads all of it")
    damage = problems(connection, deep)
    way_back = "; put a backup in its place, or save what can be read with sqlite3's .recover"
    return Check("file", not damage, damage[0] + way_back if damage else f"{size / 1e6:.1f} MB, no damage found")


def _polled(connection: sqlite3.Connection, path: Path, now: datetime) -> Check:
    count, oldest = connection.execute(
        "SELECT count(*), min(next_poll_at) FROM feeds WHERE state = 'active' AND next_poll_at < ?",
        (to_text(now - LATE),),
    ).fetchone()
    daemon = "a daemon runs" if is_written(path) else "no daemon runs at the moment"
    if count:
        waits = now - from_text(oldest)
        return Check("polls", False, f"{count} feeds wait to be polled, one for {_hours(waits)}; {daemon}")
    return Check("polls", True, f"no feed waits for longer than {_hours(LATE)}; {daemon}")


def _feeds(connection: sqlite3.Connection) -> Check:
    active, failing = connection.execute(
        "SELECT count(*), coalesce(sum(failures > 0), 0) FROM feeds WHERE state = 'active'"
    ).fetchone()
    if active and failing == active:
        return Check("feeds", False, f"all {active} feeds fail; `aggregator status` says why")
    return Check("feeds", failing == 0, f"{failing} of {active} feeds fail", warning=True)


def _room(path: Path) -> list[Check]:
    free = shutil.disk_usage(path.parent).free
    wal = Path(f"{path}-wal")
    log = wal.stat().st_size if wal.exists() else 0
    return [
        Check("disk", free >= _SPACE, f"{free / 1e6:.0f} MB free"),
        Check("wal", log <= WAL_LIMIT, f"{log / 1e6:.1f} MB"
              + ("" if log <= WAL_LIMIT else ": some program has been reading in one transaction for long"), warning=True),
    ]  # fmt: skip


def _hours(time: timedelta) -> str:
    hours = time.total_seconds() / 3600
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"
