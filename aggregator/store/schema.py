"""The SQLite schema: tables, full-text search and their documentation, as forward-only migrations.

The statements are plain SQL with comments, since SQLite keeps them: `.schema` shows a stranger what each column means.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from aggregator.store import examples
from aggregator.store.sqlite import Database, Migrations, Table
from aggregator.store.views import VIEWS

APPLICATION_ID = 0x41676772  # "Aggr"

Step = Callable[[Database], None]

# sqlite-utils keeps its list in a table like this one, which it would make itself, but not STRICT.
_MIGRATIONS = (
    "CREATE TABLE IF NOT EXISTS _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT NOT NULL, "
    "name TEXT NOT NULL, applied_at TEXT NOT NULL, UNIQUE (migration_set, name)) STRICT"
)

_TABLES = """
CREATE TABLE feeds (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,             -- as it is polled now
    configured_url TEXT NOT NULL UNIQUE, -- as feeds.yaml has it
    title TEXT NOT NULL,
    home_page_url TEXT,
    role TEXT CHECK (role IN ('origin', 'republisher')),
    state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'gone', 'disabled')),
    last_fetched_at TEXT,          -- times are UTC: YYYY-MM-DD HH:MM:SSZ
    last_changed_at TEXT,          -- when articles last came or changed
    next_poll_at TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0, -- in a row
    last_error TEXT,               -- NULL when the last poll went well
    etag TEXT,
    last_modified TEXT             -- the server's words, not a time of ours
) STRICT;
CREATE TABLE stories (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,      -- the published id, permanent
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    lead_article_id INTEGER NOT NULL REFERENCES articles(id) DEFERRABLE INITIALLY DEFERRED,
    published_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,      -- the last real change of text
    first_seen_at TEXT NOT NULL,
    copies INTEGER NOT NULL DEFAULT 1 -- articles that carry it, the lead included
) STRICT;
CREATE TABLE articles (            -- the long columns are the last: a row is read only as far as it is needed
    id INTEGER PRIMARY KEY,
    feed_id INTEGER NOT NULL REFERENCES feeds(id),
    story_id INTEGER REFERENCES stories(id),
    guid TEXT NOT NULL,            -- the entry's id as the feed gives it
    url TEXT NOT NULL,
    title TEXT NOT NULL,
    author TEXT,
    published_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    language TEXT,
    word_count INTEGER NOT NULL,
    similarity REAL NOT NULL,      -- share of its words found in its story's lead, 0 to 1; 1 for the lead
    categories TEXT NOT NULL CHECK (json_valid(categories)), -- JSON: ["…"]
    enclosures TEXT NOT NULL CHECK (json_valid(enclosures)), -- JSON: [{"url", "type", "length"}]
    summary TEXT NOT NULL,
    removed_text TEXT NOT NULL,    -- what cleaning took out as not the article's own
    content_text TEXT NOT NULL,
    content_html TEXT NOT NULL,    -- sanitised
    UNIQUE (feed_id, guid)
) STRICT;
CREATE TABLE fetches (
    id INTEGER PRIMARY KEY,
    feed_id INTEGER NOT NULL REFERENCES feeds(id),
    fetched_at TEXT NOT NULL,
    http_status INTEGER,           -- NULL where no answer came
    bytes INTEGER NOT NULL,        -- decoded
    duration_ms INTEGER NOT NULL,
    new_articles INTEGER NOT NULL,
    changed_articles INTEGER NOT NULL,
    error TEXT
) STRICT;
CREATE TABLE schema_docs (
    name TEXT NOT NULL,
    field TEXT,                    -- NULL: the table or view itself
    description TEXT NOT NULL,
    UNIQUE (name, field)
) STRICT;
CREATE TABLE examples (            -- questions people have, answered: .read examples.sql has the same
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    question TEXT NOT NULL,
    sql TEXT NOT NULL
) STRICT;
CREATE TABLE _feed_state (         -- what a poll needs to know of the one before
    feed_id INTEGER PRIMARY KEY REFERENCES feeds(id),
    body_hash BLOB,
    guid TEXT,
    language TEXT,
    ttl_seconds INTEGER,
    flaws TEXT,
    sources TEXT                   -- JSON: {hash of an entry's source bytes: [guid, flaw, …]} of the last document
) STRICT;
CREATE TABLE _polling (            -- what the schedule needs to know of the polls before
    feed_id INTEGER PRIMARY KEY REFERENCES feeds(id) ON DELETE CASCADE,
    validators_url TEXT,           -- where etag and last_modified came from: after a redirect not the feed's url
    wishes TEXT,                   -- JSON: skipHours, skipDays, sy:
    not_before TEXT,               -- the next poll, were the interval none ('': at once), for one that is made shorter
    moving_to TEXT,                -- where a permanent redirect leads that has not held yet
    moving_seen INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE _websub (             -- subscriptions at hubs
    feed_id INTEGER PRIMARY KEY REFERENCES feeds(id) ON DELETE CASCADE,
    hub TEXT NOT NULL,
    topic TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,    -- the unguessable part of the callback's address
    secret TEXT NOT NULL,
    asked_at TEXT NOT NULL,        -- when the hub was last asked
    lease_until TEXT,              -- NULL until the hub has verified the subscription
    pushed_at TEXT,                -- when it last sent something genuine
    denied TEXT                    -- why the hub refused
) STRICT;
CREATE TABLE _sources (            -- entries as their documents had them, so that cleaning can be redone
    article_id INTEGER PRIMARY KEY REFERENCES articles(id) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    text_hash BLOB NOT NULL,
    entry BLOB NOT NULL,           -- zlib, JSON
    removed TEXT NOT NULL,         -- JSON: [{"rule", "text"}]
    source TEXT,                   -- JSON: {"title", "url", "home_page_url", "guid"}; the feed the entry says it is from
    credits TEXT NOT NULL,         -- JSON: addresses named as where the text is from
    rules INTEGER NOT NULL
) STRICT;
CREATE TABLE _fingerprints (       -- no reference to articles: it would need a second index, as large as this
    hash INTEGER NOT NULL,
    article_id INTEGER NOT NULL,
    PRIMARY KEY (hash, article_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE _sweep (              -- where the last sweep of _fingerprints ended
    id INTEGER PRIMARY KEY CHECK (id = 1),
    hash INTEGER NOT NULL
) STRICT;
CREATE TABLE _requests (           -- corrections made while a daemon has the file; it carries them out
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    article_id INTEGER NOT NULL,
    other_id INTEGER NOT NULL,
    undo INTEGER NOT NULL
) STRICT;
CREATE TABLE _boilerplate (        -- hashes seen in too many stories to tell one; outlive the window
    hash INTEGER NOT NULL,
    feed_id INTEGER NOT NULL,      -- 0: everywhere
    learned_at TEXT NOT NULL,
    PRIMARY KEY (hash, feed_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE _edges (              -- blocks near an article's edges: what a feed repeats is learned from them
    article_id INTEGER PRIMARY KEY REFERENCES articles(id) ON DELETE CASCADE,
    feed_id INTEGER NOT NULL REFERENCES feeds(id),
    marks TEXT NOT NULL            -- JSON: [mark of a block]
) STRICT;
CREATE TABLE _verdicts (           -- why an article is a copy, or stands alone
    article_id INTEGER PRIMARY KEY REFERENCES articles(id) ON DELETE CASCADE,
    against_id INTEGER REFERENCES articles(id) ON DELETE SET NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    similarity REAL NOT NULL,
    other REAL NOT NULL,
    shared INTEGER NOT NULL,
    decided_at TEXT NOT NULL
) STRICT;
CREATE TABLE _corrections (        -- what a person said: outlives every re-run
    kind TEXT NOT NULL CHECK (kind IN ('apart', 'together', 'pin')),
    article_id INTEGER NOT NULL REFERENCES articles(id) ON DELETE CASCADE,
    other_id INTEGER NOT NULL REFERENCES articles(id) ON DELETE CASCADE, -- pin: the same
    made_at TEXT NOT NULL,
    PRIMARY KEY (kind, article_id, other_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE _habits (             -- how often a feed was the later one to carry a text
    feed_id INTEGER PRIMARY KEY REFERENCES feeds(id),
    shared INTEGER NOT NULL,
    later INTEGER NOT NULL
) STRICT;
CREATE TABLE _former (             -- during a replay: the story an article was in; else empty
    article_id INTEGER PRIMARY KEY,
    story_id INTEGER NOT NULL
) STRICT;
CREATE TABLE _leads (              -- why an article leads its story
    story_id INTEGER PRIMARY KEY REFERENCES stories(id) ON DELETE CASCADE,
    reason TEXT NOT NULL
) STRICT;
CREATE TABLE _documents (          -- what was published last, and when it last changed
    path TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    changed_at TEXT NOT NULL
) STRICT;
CREATE TABLE _tombstones (         -- pruned articles: their feed may still show them, and they must not come back
    feed_id INTEGER NOT NULL REFERENCES feeds(id) ON DELETE CASCADE,
    mark BLOB NOT NULL,            -- of the guid, or of address and title
    pruned_at TEXT NOT NULL,
    PRIMARY KEY (feed_id, mark)
) STRICT, WITHOUT ROWID;
CREATE TABLE _entries (            -- the stories as entries of the merged feed
    story_id INTEGER PRIMARY KEY REFERENCES stories(id) ON DELETE CASCADE,
    updated_at TEXT NOT NULL,      -- as in stories
    tie INTEGER NOT NULL,          -- parts stories that changed in the same second; fixed until the next change
    archived INTEGER NOT NULL DEFAULT 0, -- 1: an archive document holds it as it is
    held INTEGER NOT NULL DEFAULT 0, -- 1: from the backlog of a feed added later; in the archive only
    UNIQUE (updated_at, tie)
) STRICT;
CREATE TABLE _pages (              -- the archive documents; they never change
    page INTEGER PRIMARY KEY,
    sealed_at TEXT NOT NULL
) STRICT;
CREATE TABLE _archive (            -- what they hold
    page INTEGER NOT NULL REFERENCES _pages(page),
    story_id INTEGER NOT NULL REFERENCES stories(id) ON DELETE CASCADE,
    PRIMARY KEY (page, story_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE _late (               -- feeds added when there were stories already, until their first document came
    feed_id INTEGER PRIMARY KEY REFERENCES feeds(id) ON DELETE CASCADE
) STRICT;
CREATE TRIGGER stories_ai AFTER INSERT ON stories BEGIN
    INSERT INTO _entries (story_id, updated_at, tie) VALUES (new.id, new.updated_at,
        coalesce((SELECT max(tie) + 1 FROM _entries WHERE updated_at = new.updated_at), 0));
END;
CREATE TRIGGER stories_au AFTER UPDATE OF updated_at ON stories WHEN new.updated_at <> old.updated_at BEGIN
    UPDATE _entries SET archived = 0, updated_at = new.updated_at,
        tie = coalesce((SELECT max(tie) + 1 FROM _entries WHERE updated_at = new.updated_at), 0)
    WHERE story_id = new.id;
END;
CREATE INDEX _entries_waiting ON _entries(story_id) WHERE archived = 0;
CREATE INDEX _archive_story ON _archive(story_id);
CREATE INDEX feeds_next_poll_at ON feeds(next_poll_at) WHERE state = 'active';
CREATE INDEX articles_story_id ON articles(story_id, feed_id);
CREATE INDEX articles_url ON articles(url);
CREATE INDEX articles_published_at ON articles(published_at);
CREATE INDEX articles_feed_first_seen ON articles(feed_id, first_seen_at, published_at);
CREATE INDEX articles_feed_published ON articles(feed_id, published_at, story_id);
CREATE INDEX articles_language ON articles(language COLLATE NOCASE, story_id);
CREATE INDEX stories_published_at ON stories(published_at);
CREATE INDEX stories_copied ON stories(published_at) WHERE copies > 1;
CREATE INDEX stories_lead ON stories(lead_article_id);
CREATE INDEX fetches_feed ON fetches(feed_id, fetched_at);
CREATE INDEX fetches_fetched_at ON fetches(fetched_at);
CREATE INDEX _verdicts_against ON _verdicts(against_id) WHERE against_id IS NOT NULL;
CREATE INDEX _sources_text_hash ON _sources(text_hash);
CREATE INDEX _corrections_article ON _corrections(article_id);
CREATE INDEX _corrections_other ON _corrections(other_id);
CREATE INDEX _edges_feed ON _edges(feed_id, article_id);
"""

_TAGS = """
CREATE TABLE _feed_tags (          -- as feeds.yaml has them
    feed_id INTEGER NOT NULL REFERENCES feeds(id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (feed_id, tag)
) STRICT, WITHOUT ROWID;
CREATE TABLE _tags (               -- by the rules in feeds.yaml
    article_id INTEGER NOT NULL REFERENCES articles(id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (article_id, tag)
) STRICT, WITHOUT ROWID;
CREATE TABLE _tagging (            -- which rules are in force, and how far the articles were judged by them
    id INTEGER PRIMARY KEY CHECK (id = 1),
    rules BLOB NOT NULL,
    left INTEGER NOT NULL          -- articles with a lower id wait
) STRICT;
CREATE INDEX _tags_tag ON _tags(tag, article_id);
CREATE INDEX _feed_tags_tag ON _feed_tags(tag, feed_id);
"""

# Only these columns are indexed, so a new story or similarity must not rewrite the index entry.
_FTS_TRIGGERS = """
CREATE TRIGGER articles_ai AFTER INSERT ON articles BEGIN
    INSERT INTO articles_fts (rowid, title, content_text) VALUES (new.rowid, new.title, new.content_text);
END;
CREATE TRIGGER articles_ad AFTER DELETE ON articles BEGIN
    INSERT INTO articles_fts (articles_fts, rowid, title, content_text)
    VALUES ('delete', old.rowid, old.title, old.content_text);
END;
CREATE TRIGGER articles_au AFTER UPDATE OF title, content_text ON articles BEGIN
    INSERT INTO articles_fts (articles_fts, rowid, title, content_text)
    VALUES ('delete', old.rowid, old.title, old.content_text);
    INSERT INTO articles_fts (rowid, title, content_text) VALUES (new.rowid, new.title, new.content_text);
END;
"""

# Indexed one by one, an article costs several times what it does among others: each statement ends a segment of the
# index. So a batch of polls says from which number on its articles are new, and indexes them together at its end.
_BATCHES = """
CREATE TABLE _batch (              -- inside a transaction: articles from this number on enter articles_fts at its end
    first INTEGER PRIMARY KEY
) STRICT;
DROP TRIGGER articles_ai;
DROP TRIGGER articles_ad;
DROP TRIGGER articles_au;
CREATE TRIGGER articles_ai AFTER INSERT ON articles WHEN NOT EXISTS (SELECT 1 FROM _batch WHERE first <= new.id) BEGIN
    INSERT INTO articles_fts (rowid, title, content_text) VALUES (new.rowid, new.title, new.content_text);
END;
CREATE TRIGGER articles_ad AFTER DELETE ON articles WHEN NOT EXISTS (SELECT 1 FROM _batch WHERE first <= old.id) BEGIN
    INSERT INTO articles_fts (articles_fts, rowid, title, content_text)
    VALUES ('delete', old.rowid, old.title, old.content_text);
END;
CREATE TRIGGER articles_au AFTER UPDATE OF title, content_text ON articles
WHEN NOT EXISTS (SELECT 1 FROM _batch WHERE first <= old.id) BEGIN
    INSERT INTO articles_fts (articles_fts, rowid, title, content_text)
    VALUES ('delete', old.rowid, old.title, old.content_text);
    INSERT INTO articles_fts (rowid, title, content_text) VALUES (new.rowid, new.title, new.content_text);
END;
CREATE TABLE _renewal (            -- of which version the hashes in _fingerprints are
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    upto INTEGER NOT NULL          -- articles below this number are still to be put in again
) STRICT;
INSERT INTO _renewal VALUES (1, 1, 0);
-- faint: JSON, the blocks of content_text that the fingerprint passes over
ALTER TABLE _sources ADD COLUMN faint TEXT NOT NULL DEFAULT '[]';
"""

_FRESH = """
CREATE TABLE _fresh (              -- what goes on to _fingerprints, see store/postings
    hash INTEGER NOT NULL,
    article_id INTEGER NOT NULL,
    PRIMARY KEY (hash, article_id)
) STRICT, WITHOUT ROWID;
CREATE VIEW _postings AS SELECT hash, article_id FROM _fingerprints UNION ALL SELECT hash, article_id FROM _fresh;
"""

_WAITING = """
INSERT OR IGNORE INTO _fingerprints SELECT hash, article_id FROM _fresh ORDER BY hash, article_id;
DROP VIEW _postings;
DROP TABLE _fresh;
CREATE TABLE _waiting (            -- fingerprints that are not all in _fingerprints yet, see store/postings
    article_id INTEGER PRIMARY KEY,
    hand INTEGER NOT NULL,         -- as in _moving when they were put in
    hashes BLOB NOT NULL           -- each in 8 bytes, the lowest first
) STRICT;
CREATE TABLE _moving (             -- up to which hash those of the articles up to a number have gone on
    id INTEGER PRIMARY KEY CHECK (id = 1),
    hash INTEGER NOT NULL,
    upto INTEGER NOT NULL
) STRICT;
"""

_SCRIPTS = "\n".join((_MIGRATIONS, _TABLES, _TAGS, _BATCHES, _FRESH, _WAITING))
_DROPPED = re.findall(r"^DROP (?:TABLE|VIEW) (_\w+)", _SCRIPTS, re.MULTILINE)
# The names of the private tables and views, in their order: nothing else has to be told of a new one.
PRIVATE = tuple(
    name
    for name in re.findall(r"^CREATE (?:TABLE|VIEW) (?:IF NOT EXISTS )?(_\w+)", _SCRIPTS, re.MULTILINE)
    if name not in _DROPPED
)

DOCS: dict[str, dict[str | None, str]] = {
    "feeds": {
        None: "The feeds that are, or were, polled.",
        "id": "Number of the feed.",
        "url": "Address as it is polled now.",
        "configured_url": "Address as feeds.yaml has it.",
        "title": "Title from feeds.yaml, else the feed's own.",
        "home_page_url": "The site the feed belongs to.",
        "role": "origin or republisher, as feeds.yaml says; NULL where it does not.",
        "state": "active, gone (the server said 410) or disabled (off in feeds.yaml, or no longer there).",
        "last_fetched_at": "When it was last asked for, whatever came back.",
        "last_changed_at": "When it last brought a new or changed article.",
        "next_poll_at": "When it will be asked for next.",
        "failures": "Failed polls in a row.",
        "last_error": "Why the last poll failed; NULL if it did not.",
        "etag": "ETag of the last document, sent back to save the transfer.",
        "last_modified": "Last-Modified of the last document, sent back as it came.",
    },
    "articles": {
        None: "Every article of every feed, copies included; cleaned and safe to show.",
        "id": "Number of the article.",
        "feed_id": "The feed it came from.",
        "story_id": "The story it belongs to; articles that say the same share one.",
        "guid": "The entry's id as the feed gives it, unique within the feed.",
        "url": "Address of the article.",
        "title": "Title in plain text.",
        "author": "Author's name, several parted by commas.",
        "summary": "The feed's own summary, else the beginning of the text; plain text.",
        "content_html": "The article as sanitised HTML.",
        "content_text": "The article as plain text.",
        "removed_text": "What cleaning took out as not the article's own: footers, share lines.",
        "categories": "JSON list of the feed's categories.",
        "enclosures": "JSON list of attached files: url, type, length in bytes.",
        "language": "Language tag (BCP 47), as the entry or its feed says, else guessed from the text; NULL where unsure.",
        "word_count": "Words in content_text.",
        "similarity": "Share of this article's words found in its story's lead, 0 to 1; 1 for the lead itself.",
        "published_at": "When it was published; first_seen_at where the feed gives no sensible date.",
        "updated_at": "When its text last changed: the feed's word for it, else when we saw it.",
        "first_seen_at": "When it was first stored.",
    },
    "stories": {
        None: "Every story once: one or more articles that say the same.",
        "id": "Number of the story.",
        "uid": "Its id in the merged feed; never changes, also when the lead does.",
        "title": "Title of its lead.",
        "url": "Address of its lead.",
        "lead_article_id": "The article that leads it: the origin, as far as is known.",
        "published_at": "When its lead was published.",
        "updated_at": "When the text it shows last really changed.",
        "first_seen_at": "When its first article was stored.",
        "copies": "Articles that carry it, the lead included: 1 means no copy is known.",
    },
    "fetches": {
        None: "One row for each poll of a feed.",
        "id": "Number of the poll.",
        "feed_id": "The feed.",
        "fetched_at": "When the answer was recorded.",
        "http_status": "HTTP status; NULL where no answer came, or a hub brought the document (WebSub).",
        "bytes": "Size of the document, decoded.",
        "duration_ms": "Milliseconds from request to complete answer.",
        "new_articles": "Articles that were new.",
        "changed_articles": "Articles whose text or title had changed.",
        "error": "Why it failed; NULL if it did not.",
    },
    "schema_docs": {
        None: "This list: one row for every public table, view and column.",
        "name": "Table or view.",
        "field": "Column; NULL for the table or view itself.",
        "description": "What it means.",
    },
    "examples": {
        None: "Questions people have, each with the query that answers it.",
        "id": "Number of the question.",
        "name": "Short name, as datasette shows it in addresses.",
        "question": "The question in words.",
        "sql": "The query; run it as it is, or change it.",
    },
    "articles_fts": {
        None: "Full-text index (FTS5) of articles; join its rowid with articles.id, ORDER BY rank puts the best first.",
        "title": "Indexed from articles.title; counts more than the text.",
        "content_text": "Indexed from articles.content_text.",
    },
    "latest": {
        None: "What the merged feed shows: stories, newest first.",
        "story_id": "stories.id.",
        "published_at": "When the lead was published.",
        "copies": "Articles that carry the story, the lead included.",
        "feed": "Title of the feed that leads.",
        "title": "Title of the lead.",
        "also_in": "Feeds that carry a copy, in the order they did; NULL where none does.",
        "url": "Address of the lead.",
        "word_count": "Words in the lead.",
        "updated_at": "When the text last really changed.",
        "first_seen_at": "When the story's first article was stored.",
        "article_id": "articles.id of the lead.",
        "uid": "The story's id in the merged feed.",
        "summary": "Summary of the lead.",
    },
    "duplicates": {
        None: "Every copy beside what was kept, newest copy first.",
        "copy_feed": "Feed of the copy.",
        "lag": "How long after the lead the copy was published, in words; earlier where it came first.",
        "kept_feed": "Feed of the lead.",
        "similarity": "Share of the copy's words found in the lead, 0 to 1.",
        "words_added": "Words of the copy that are not the lead's, about.",
        "words_dropped": "Words of the lead that the copy left out, about.",
        "kept_title": "Title of the lead.",
        "copy_title": "Title of the copy.",
        "reason": "Why it counts as a copy.",
        "kind": "same-url, same-text or near-copy.",
        "copy_published_at": "When the copy was published.",
        "kept_published_at": "When the lead was published.",
        "hours_later": "Hours from the lead's publication to the copy's; negative where the copy came first.",
        "copy_words": "Words in the copy.",
        "kept_words": "Words in the lead.",
        "story_id": "stories.id.",
        "copy_article_id": "articles.id of the copy.",
        "kept_article_id": "articles.id of the lead.",
        "copy_url": "Address of the copy.",
        "kept_url": "Address of the lead.",
        "removed_text": "What cleaning took out of the copy: footers, share lines.",
    },
    "tags": {
        None: "The tags of every article: those of its feed, and those that a rule of feeds.yaml gives it.",
        "article_id": "articles.id.",
        "tag": "The tag.",
        "given_by": "feed or rule.",
    },
    "feed_health": {
        None: "The state of each feed, those that need a look first.",
        "feed_id": "feeds.id.",
        "title": "Title of the feed.",
        "health": "failing (its last poll), gone, silent (nothing new for five times its usual gap and for a week at least), "
        "mostly copies (over half, of ten or more), fine, new (not polled yet) or disabled.",
        "state": "active, gone or disabled.",
        "http_status": "HTTP status of the last poll.",
        "failures": "Failed polls in a row.",
        "articles": "Articles stored from it.",
        "copies": "Of these, how many are copies of another article.",
        "copied_share": "copies as a share of articles, 0 to 1; NULL without articles.",
        "days_silent": "Days since it last brought a new article; NULL if it never did.",
        "usual_gap_days": "Days between its articles, by its last twenty.",
        "last_article_at": "When its newest article was first seen.",
        "last_fetched_at": "Last poll.",
        "last_changed_at": "Last poll that brought something.",
        "next_poll_at": "Next poll.",
        "url": "Address as it is polled now.",
        "last_error": "Why the last poll failed; NULL if it did not.",
    },
}


def first(db: Database) -> None:
    """Version 1."""
    _run(db, _TABLES)
    articles = db["articles"]
    assert isinstance(articles, Table)
    # The triggers are ours: sqlite-utils' fire on any update of a row.
    articles.enable_fts(["title", "content_text"], tokenize="unicode61 remove_diacritics 2")
    _run(db, _FTS_TRIGGERS)
    # Ranks a word in the title over any number of them in the text, for whoever orders by rank (FTS5 §5.1.1).
    db.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('rank', 'bm25(50.0, 1.0)')")


def tags(db: Database) -> None:
    """Version 2."""
    _run(db, _TAGS)


def batches(db: Database) -> None:
    """Version 3: articles are indexed in batches, fingerprints know their version and what they pass over."""
    _run(db, _BATCHES)


def fresh(db: Database) -> None:
    """Version 4: new fingerprints wait in a small table."""
    _run(db, _FRESH)


def lean(db: Database) -> None:
    """Version 5: storing an article costs less."""
    # Segments of the full-text index are merged by eights, not by fours: a batch writes one, and each merge writes all of
    # them again (FTS5 §6.7).
    db.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('automerge', 8)")


def waiting(db: Database) -> None:
    """Version 6: new fingerprints wait in memory, and by article in the file."""
    _run(db, _WAITING)


# Step N makes version N of version N - 1; released ones are never changed.
STEPS: tuple[Step, ...] = (first, tags, batches, fresh, lean, waiting)
USER_VERSION = len(STEPS)  # a file with a higher one is refused


def migrate(db: Database, steps: Sequence[Step] = STEPS) -> None:
    """Takes the steps that the file has not had yet, each wholly or not at all, and the version with it.

    Call with foreign keys off, since a step may have to rebuild a table; what it leaves is checked.
    """
    with db.atomic():
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(_MIGRATIONS)
    known = Migrations("aggregator")
    for version, step in enumerate(steps, 1):
        known(name=step.__name__)(_numbered(step, version))
    known.apply(db)


def _numbered(step: Step, version: int) -> Step:
    def numbered(db: Database) -> None:
        step(db)
        if orphans := db.execute("PRAGMA foreign_key_check").fetchall():
            raise sqlite3.IntegrityError(f"version {version} would leave {len(orphans)} rows without their parent")
        db.execute(f"PRAGMA user_version = {version}")

    return numbered


def refresh(db: Database) -> None:
    """Makes views, documentation and examples those of this version: they hold no data, so they are replaced."""
    docs = [(name, field, text) for name, fields in DOCS.items() for field, text in fields.items()]
    asked = [(number, each.name, each.question, each.sql) for number, each in enumerate(examples.load(), 1)]
    with db.atomic():
        for name, sql in VIEWS.items():
            db.create_view(name, sql, replace=True)
        _replace(db, "schema_docs", ("name", "field", "description"), docs)
        _replace(db, "examples", ("id", "name", "question", "sql"), asked)


def _replace(db: Database, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Gives a small table just these rows, and writes nothing where it has them."""
    names = ", ".join(columns)
    held = [tuple(row) for row in db.execute(f"SELECT {names} FROM {table} ORDER BY rowid")]
    if held != rows:
        db.execute(f"DELETE FROM {table}")
        db.conn.executemany(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)


def _run(db: Database, script: str) -> None:
    """Several statements inside the migration's transaction; executescript would commit it."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if line.rstrip().endswith(";") and sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
