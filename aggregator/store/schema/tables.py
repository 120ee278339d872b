"""The statements that make the tables of version 1, their indexes and triggers.

They are plain SQL with comments, since SQLite keeps them: `.schema` shows a stranger what each column means.
"""

from __future__ import annotations

# sqlite-utils keeps its list in a table like this one, which it would make itself, but not STRICT.
MIGRATIONS = (
    "CREATE TABLE IF NOT EXISTS _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT NOT NULL, "
    "name TEXT NOT NULL, applied_at TEXT NOT NULL, UNIQUE (migration_set, name)) STRICT"
)

TABLES = """
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

# Only these columns are indexed, so a new story or similarity must not rewrite the index entry.
FTS_TRIGGERS = """
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
