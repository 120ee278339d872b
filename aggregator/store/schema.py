"""The SQLite schema: tables, views, full-text search and their documentation, as forward-only migrations.

The statements are plain SQL with comments, since SQLite keeps them: `.schema` shows a stranger what each column means.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlite_utils import Database, Migrations
from sqlite_utils.db import Table

APPLICATION_ID = 0x41676772  # "Aggr"
USER_VERSION = 1  # rises with each migration; a file with a higher one is refused

migrations = Migrations("aggregator")

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
CREATE TABLE articles (
    id INTEGER PRIMARY KEY,
    feed_id INTEGER NOT NULL REFERENCES feeds(id),
    story_id INTEGER REFERENCES stories(id),
    guid TEXT NOT NULL,            -- the entry's id as the feed gives it
    url TEXT NOT NULL,
    title TEXT NOT NULL,
    author TEXT,
    summary TEXT NOT NULL,
    content_html TEXT NOT NULL,    -- sanitised
    content_text TEXT NOT NULL,
    removed_text TEXT NOT NULL,    -- what cleaning took out as not the article's own
    categories TEXT NOT NULL,      -- JSON: ["…"]
    enclosures TEXT NOT NULL,      -- JSON: [{"url", "type", "length"}]
    language TEXT,
    word_count INTEGER NOT NULL,
    similarity REAL NOT NULL,      -- share of its words found in its story's lead, 0 to 1; 1 for the lead
    published_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
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
CREATE TABLE _feed_state (         -- what a poll needs to know of the one before
    feed_id INTEGER PRIMARY KEY REFERENCES feeds(id),
    body_hash BLOB,
    guid TEXT,
    language TEXT,
    ttl_seconds INTEGER,
    flaws TEXT
) STRICT;
CREATE TABLE _sources (            -- entries as their documents had them, so that cleaning can be redone
    article_id INTEGER PRIMARY KEY REFERENCES articles(id) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    text_hash BLOB NOT NULL,
    entry BLOB NOT NULL,           -- zlib, JSON
    removed TEXT NOT NULL,         -- JSON: [{"rule", "text"}]
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
CREATE TABLE _verdicts (           -- why an article is a copy, or stands alone
    article_id INTEGER PRIMARY KEY REFERENCES articles(id) ON DELETE CASCADE,
    against_id INTEGER,
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
CREATE INDEX feeds_next_poll_at ON feeds(next_poll_at) WHERE state = 'active';
CREATE INDEX articles_story_id ON articles(story_id);
CREATE INDEX articles_url ON articles(url);
CREATE INDEX articles_published_at ON articles(published_at);
CREATE INDEX articles_feed_first_seen ON articles(feed_id, first_seen_at);
CREATE INDEX stories_published_at ON stories(published_at);
CREATE INDEX stories_lead ON stories(lead_article_id);
CREATE INDEX fetches_feed ON fetches(feed_id, fetched_at);
CREATE INDEX _sources_text_hash ON _sources(text_hash);
CREATE INDEX _corrections_other ON _corrections(other_id);
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

_VIEWS = {
    "latest": """
        SELECT stories.id AS story_id, stories.title, stories.url, feeds.title AS feed, stories.copies,
               stories.published_at, stories.updated_at, lead.summary, stories.uid
        FROM stories
        JOIN articles AS lead ON lead.id = stories.lead_article_id
        JOIN feeds ON feeds.id = lead.feed_id
        ORDER BY stories.published_at DESC, stories.id DESC""",
    "duplicates": """
        SELECT stories.id AS story_id, lead.title AS kept_title, kept.title AS kept_feed, copy.title AS copy_title,
               copying.title AS copy_feed,
               round((julianday(copy.published_at) - julianday(lead.published_at)) * 24, 1) AS hours_later,
               round(copy.similarity, 3) AS similarity, verdict.reason, copy.removed_text,
               lead.url AS kept_url, copy.url AS copy_url, lead.id AS kept_article_id, copy.id AS copy_article_id
        FROM stories
        JOIN articles AS lead ON lead.id = stories.lead_article_id
        JOIN feeds AS kept ON kept.id = lead.feed_id
        JOIN articles AS copy ON copy.story_id = stories.id AND copy.id <> lead.id
        JOIN feeds AS copying ON copying.id = copy.feed_id
        LEFT JOIN _verdicts AS verdict ON verdict.article_id = copy.id
        ORDER BY copy.published_at DESC, copy.id DESC""",
    "feed_health": """
        SELECT feeds.id AS feed_id, feeds.title, feeds.state, last.http_status, feeds.failures, feeds.last_error,
               feeds.last_fetched_at, feeds.last_changed_at, feeds.next_poll_at,
               (SELECT count(*) FROM articles WHERE articles.feed_id = feeds.id) AS articles,
               (SELECT count(*) FROM articles JOIN stories ON stories.id = articles.story_id
                WHERE articles.feed_id = feeds.id AND stories.lead_article_id <> articles.id) AS copies,
               feeds.url
        FROM feeds
        LEFT JOIN fetches AS last ON last.id = (SELECT max(id) FROM fetches WHERE fetches.feed_id = feeds.id)
        ORDER BY feeds.failures DESC, feeds.title""",
}

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
        "language": "Language tag, where the feed has one.",
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
        "http_status": "HTTP status; NULL where no answer came.",
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
    "articles_fts": {
        None: "Full-text index (FTS5) of articles; join its rowid with articles.id.",
        "title": "Indexed from articles.title.",
        "content_text": "Indexed from articles.content_text.",
    },
    "latest": {
        None: "What the merged feed shows: stories, newest first.",
        "story_id": "stories.id.",
        "title": "Title of the lead.",
        "url": "Address of the lead.",
        "feed": "Title of the feed that leads.",
        "copies": "Articles that carry the story, the lead included.",
        "published_at": "When the lead was published.",
        "updated_at": "When the text last really changed.",
        "summary": "Summary of the lead.",
        "uid": "The story's id in the merged feed.",
    },
    "duplicates": {
        None: "Every copy beside what was kept, newest copy first.",
        "story_id": "stories.id.",
        "kept_title": "Title of the lead.",
        "kept_feed": "Feed of the lead.",
        "copy_title": "Title of the copy.",
        "copy_feed": "Feed of the copy.",
        "hours_later": "Hours from the lead's publication to the copy's.",
        "similarity": "Share of the copy's words found in the lead.",
        "reason": "Why it counts as a copy.",
        "removed_text": "What cleaning took out of the copy.",
        "kept_url": "Address of the lead.",
        "copy_url": "Address of the copy.",
        "kept_article_id": "articles.id of the lead.",
        "copy_article_id": "articles.id of the copy.",
    },
    "feed_health": {
        None: "The state of each feed, the most failures first.",
        "feed_id": "feeds.id.",
        "title": "Title of the feed.",
        "state": "active, gone or disabled.",
        "http_status": "HTTP status of the last poll.",
        "failures": "Failed polls in a row.",
        "last_error": "Why the last poll failed.",
        "last_fetched_at": "Last poll.",
        "last_changed_at": "Last poll that brought something.",
        "next_poll_at": "Next poll.",
        "articles": "Articles stored from it.",
        "copies": "Of these, how many are copies of another feed's.",
        "url": "Address as it is polled now.",
    },
}


@migrations()
def first(db: Database) -> None:
    """The schema of version 1."""
    _run(db, _TABLES)
    articles = db["articles"]
    assert isinstance(articles, Table)
    # The triggers are ours: sqlite-utils' fire on any update of a row.
    articles.enable_fts(["title", "content_text"], tokenize="unicode61 remove_diacritics 2")
    _run(db, _FTS_TRIGGERS)
    # Ranks a word in the title over one in the text, for whoever orders by rank (FTS5 §6.4).
    db.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('rank', 'bm25(5.0, 1.0)')")


def refresh(db: Database) -> None:
    """Makes views and documentation those of this version: they hold no data, so they are simply replaced."""
    with db.atomic():
        for name, sql in _VIEWS.items():
            db.create_view(name, sql, replace=True)
        rows: list[dict[str, Any]] = [
            {"name": name, "field": field, "description": description}
            for name, fields in DOCS.items()
            for field, description in fields.items()
        ]
        wanted = {(row["name"], row["field"], row["description"]) for row in rows}
        if wanted != set(db.execute("SELECT name, field, description FROM schema_docs").fetchall()):
            db.execute("DELETE FROM schema_docs")
            for row in rows:
                db.execute("INSERT INTO schema_docs VALUES (:name, :field, :description)", row)


def _run(db: Database, script: str) -> None:
    """Several statements inside the migration's transaction; executescript would commit it."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if line.rstrip().endswith(";") and sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""
