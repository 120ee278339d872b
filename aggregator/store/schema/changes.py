"""The statements that make each later version of the one before; each script is one step's (`steps`)."""

from __future__ import annotations

TAGS = """
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

# Indexed one by one, an article costs several times what it does among others: each statement ends a segment of the
# index. So a batch of polls says from which number on its articles are new, and indexes them together at its end.
BATCHES = """
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

FRESH = """
CREATE TABLE _fresh (              -- what goes on to _fingerprints, see store/postings
    hash INTEGER NOT NULL,
    article_id INTEGER NOT NULL,
    PRIMARY KEY (hash, article_id)
) STRICT, WITHOUT ROWID;
CREATE VIEW _postings AS SELECT hash, article_id FROM _fingerprints UNION ALL SELECT hash, article_id FROM _fresh;
"""

WAITING = """
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

# An entry's tie is its story's number: to count those of the same second took an index of all by time, whose pages a
# backlog of old articles wrote one by one. What was published keeps the tie that it was published with.
TIES = """
CREATE TEMP TABLE kept AS SELECT story_id, tie, archived, held FROM _entries;
DROP TRIGGER stories_ai;
DROP TRIGGER stories_au;
DROP TABLE _entries;
CREATE TABLE _entries (            -- the stories as entries of the merged feed
    story_id INTEGER PRIMARY KEY REFERENCES stories(id) ON DELETE CASCADE,
    tie INTEGER NOT NULL,          -- parts stories that changed in the same second; fixed until the next change
    archived INTEGER NOT NULL DEFAULT 0, -- 1: an archive document holds it as it is
    held INTEGER NOT NULL DEFAULT 0 -- 1: from the backlog of a feed added later; in the archive only
) STRICT;
INSERT INTO _entries SELECT story_id, tie, archived, held FROM kept ORDER BY story_id;
DROP TABLE kept;
CREATE INDEX _entries_waiting ON _entries(story_id) WHERE archived = 0;
CREATE TRIGGER stories_ai AFTER INSERT ON stories BEGIN
    INSERT INTO _entries (story_id, tie) VALUES (new.id, new.id);
END;
CREATE TRIGGER stories_au AFTER UPDATE OF updated_at ON stories WHEN new.updated_at <> old.updated_at BEGIN
    UPDATE _entries SET archived = 0, tie = new.id WHERE story_id = new.id;
END;
"""

# A text's hash is looked up with those of its fingerprint: an index of its own cost a page for each article. As everywhere
# in there, so many articles of one are enough.
TEXTS = """
INSERT OR IGNORE INTO _fingerprints SELECT hash, article_id FROM (
    SELECT leading_bits(text_hash) AS hash, article_id,
        row_number() OVER (PARTITION BY text_hash ORDER BY article_id) AS number FROM _sources
) WHERE number <= 24 ORDER BY hash, article_id;
DROP INDEX _sources_text_hash;
ALTER TABLE _sources DROP COLUMN text_hash;
"""
