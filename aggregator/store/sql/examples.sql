-- Questions people have of an aggregator database, and the SQL that answers them.
--   all of them:  sqlite3 -readonly -box aggregator.db < examples.sql
--   one of them:  aggregator examples most_copied_today
-- Every database has them in the table `examples`. Times are UTC and compare with datetime('now', …).

-- newest: What is new?
SELECT published_at, feed, title, also_in
FROM latest
LIMIT 20;

-- most_copied_today: Which of the stories of the last 24 hours were copied most?
SELECT copies, feed, title, also_in
FROM latest
WHERE published_at > datetime('now', '-1 day') AND copies > 1
ORDER BY copies DESC, published_at DESC
LIMIT 20;

-- by_tag: What is new under each tag? (put one in: WHERE tag = 'security')
SELECT tag, published_at, feed, title
FROM latest
JOIN tags USING (article_id)
ORDER BY published_at DESC
LIMIT 20;

-- who_copies_whom: Who republishes whom, how often, how fast and how completely? (30 days)
SELECT copy_feed, kept_feed, count(*) AS copies, round(avg(hours_later), 1) AS hours_later,
       round(avg(similarity), 2) AS similarity, CAST(avg(words_dropped) AS INTEGER) AS words_dropped
FROM duplicates
WHERE copy_published_at > datetime('now', '-30 days')
GROUP BY copy_feed, kept_feed
ORDER BY copies DESC
LIMIT 20;

-- who_republishes: Who republishes NATO, and how fast? (30 days; put another feed's title in)
SELECT copy_feed, count(*) AS copies, min(hours_later) AS fastest, round(avg(hours_later), 1) AS average,
       max(hours_later) AS slowest
FROM duplicates
WHERE kept_feed = 'NATO' AND copy_published_at > datetime('now', '-30 days')
GROUP BY copy_feed
ORDER BY copies DESC;

-- latest_copies: What was copied last, by whom, and how long after?
SELECT copy_feed, lag, kept_feed, similarity, words_added, words_dropped, kept_title
FROM duplicates
WHERE copy_published_at > datetime('now', '-7 days')
ORDER BY copy_published_at DESC
LIMIT 20;

-- left_out: What did the copies of the last three days leave out? (paragraphs of the lead that a copy does not have)
SELECT d.copy_feed, d.kept_title, paragraph.value AS left_out
FROM (SELECT * FROM duplicates
      WHERE copy_published_at > datetime('now', '-3 days') AND words_dropped > 10
      ORDER BY copy_published_at DESC LIMIT 20) AS d
JOIN articles AS lead ON lead.id = d.kept_article_id
JOIN articles AS copy ON copy.id = d.copy_article_id
JOIN json_each('[' || replace(json_quote(lead.content_text), '\n\n', '","') || ']') AS paragraph
WHERE length(paragraph.value) > 40 AND instr(copy.content_text, paragraph.value) = 0
LIMIT 50;

-- added: What did the copies of the last three days add? (paragraphs that the lead does not have)
SELECT d.copy_feed, d.kept_title, paragraph.value AS added
FROM (SELECT * FROM duplicates
      WHERE copy_published_at > datetime('now', '-3 days') AND words_added > 10
      ORDER BY copy_published_at DESC LIMIT 20) AS d
JOIN articles AS lead ON lead.id = d.kept_article_id
JOIN articles AS copy ON copy.id = d.copy_article_id
JOIN json_each('[' || replace(json_quote(copy.content_text), '\n\n', '","') || ']') AS paragraph
WHERE length(paragraph.value) > 40 AND instr(lead.content_text, paragraph.value) = 0
LIMIT 50;

-- cut_most: Which copies of the last week shortened their source most?
SELECT copy_feed, words_dropped, kept_words, kept_title, copy_url
FROM duplicates
WHERE copy_published_at > datetime('now', '-7 days')
ORDER BY 1.0 * words_dropped / kept_words DESC
LIMIT 20;

-- new_headlines: Which copies run under another headline? (7 days)
SELECT copy_feed, kept_title, copy_title
FROM duplicates
WHERE copy_published_at > datetime('now', '-7 days') AND lower(copy_title) <> lower(kept_title)
ORDER BY copy_published_at DESC
LIMIT 20;

-- before_the_origin: Which copies were dated before what we hold to be their origin? (30 days)
SELECT copy_feed, lag, kept_feed, kept_title
FROM duplicates
WHERE copy_published_at > datetime('now', '-30 days') AND hours_later < 0
ORDER BY hours_later
LIMIT 20;

-- removed: What did cleaning take out most often? (30 days)
SELECT removed_text, count(*) AS times, count(DISTINCT feed_id) AS feeds
FROM (SELECT removed_text, feed_id FROM articles
      WHERE published_at > datetime('now', '-30 days') AND removed_text <> ''
      ORDER BY published_at DESC LIMIT 1000)
GROUP BY removed_text
ORDER BY times DESC
LIMIT 20;

-- search: Full text with the place where it was found: which articles speak of water or rivers?
SELECT articles.published_at, feeds.title AS feed, articles.title,
       snippet(articles_fts, 1, '[', ']', ' … ', 12) AS found
FROM articles_fts
JOIN articles ON articles.id = articles_fts.rowid
JOIN feeds ON feeds.id = articles.feed_id
WHERE articles_fts MATCH 'water OR river*' AND articles_fts.rowid >=
      (SELECT min(rowid) FROM (SELECT rowid FROM articles_fts WHERE articles_fts MATCH 'water OR river*'
                               ORDER BY rowid DESC LIMIT 1000)) -- ranking all that have a common word takes long
ORDER BY articles_fts.rank
LIMIT 20;

-- search_titles: Which titles have a word? (title:… looks in titles only)
SELECT articles.published_at, articles.title, articles.url
FROM articles_fts
JOIN articles ON articles.id = articles_fts.rowid
WHERE articles_fts MATCH 'title:water'
ORDER BY articles_fts.rowid DESC
LIMIT 20;

-- word_per_day: On how many days of the last month, and how often, was a word used?
SELECT substr(published_at, 1, 10) AS day, count(*) AS articles
FROM articles
WHERE published_at > datetime('now', '-30 days')
  AND id IN (SELECT rowid FROM articles_fts WHERE articles_fts MATCH 'water' ORDER BY rowid DESC LIMIT 5000)
GROUP BY day
ORDER BY day DESC;

-- words_per_day: How many articles and words came on each day of the last month?
SELECT substr(published_at, 1, 10) AS day, count(*) AS articles, sum(word_count) AS words
FROM articles
WHERE published_at > datetime('now', '-30 days')
GROUP BY day
ORDER BY day DESC;

-- busiest_hours: At which hours (UTC) do the articles of the last month come?
SELECT substr(published_at, 12, 2) AS hour, count(*) AS articles
FROM articles
WHERE published_at > datetime('now', '-30 days')
GROUP BY hour
ORDER BY hour;

-- health: How are the feeds?
SELECT health, title, http_status, articles, copied_share, days_silent, last_error
FROM feed_health;

-- dead_feeds: Which feeds died, and why?
SELECT title, health, failures, last_changed_at, last_error, url
FROM feed_health
WHERE health IN ('failing', 'gone')
ORDER BY failures DESC;

-- silent_feeds: Which feeds have gone silent?
SELECT title, days_silent, usual_gap_days, last_article_at
FROM feed_health
WHERE health = 'silent'
ORDER BY days_silent DESC;

-- mostly_copies: Which feeds bring little of their own?
SELECT title, articles, copies, copied_share
FROM feed_health
WHERE articles >= 10
ORDER BY copied_share DESC
LIMIT 20;

-- failures: Which errors came in the last week, and how often?
SELECT feeds.title, fetches.http_status, fetches.error, count(*) AS times, max(fetches.fetched_at) AS last_time
FROM fetches
JOIN feeds ON feeds.id = fetches.feed_id
WHERE fetches.fetched_at > datetime('now', '-7 days') AND fetches.error IS NOT NULL
GROUP BY feeds.id, fetches.http_status, fetches.error
ORDER BY times DESC
LIMIT 20;

-- traffic: How much did polling cost in the last 24 hours, and how many polls were spared by a 304?
SELECT feeds.title, count(*) AS polls, sum(fetches.http_status = 304) AS not_modified,
       round(sum(fetches.bytes) / 1e6, 2) AS megabytes, CAST(avg(fetches.duration_ms) AS INTEGER) AS ms
FROM fetches
JOIN feeds ON feeds.id = fetches.feed_id
WHERE fetches.fetched_at > datetime('now', '-1 day')
GROUP BY feeds.id
ORDER BY megabytes DESC
LIMIT 20;

-- edited: Which articles were edited after they had been published? (7 days)
SELECT feeds.title AS feed, articles.title, articles.published_at, articles.updated_at
FROM articles
JOIN feeds ON feeds.id = articles.feed_id
WHERE articles.published_at > datetime('now', '-7 days') AND articles.updated_at > articles.published_at
ORDER BY articles.updated_at DESC
LIMIT 20;

-- categories: Which categories do the feeds use most? (7 days)
SELECT category.value AS category, count(*) AS articles
FROM articles
JOIN json_each(articles.categories) AS category
WHERE articles.published_at > datetime('now', '-7 days')
GROUP BY lower(category.value)
ORDER BY articles DESC
LIMIT 20;

-- enclosures: Which sound, pictures and films came with the articles? (7 days)
SELECT articles.published_at, articles.title, json_extract(enclosure.value, '$.type') AS type,
       json_extract(enclosure.value, '$.url') AS url
FROM articles
JOIN json_each(articles.enclosures) AS enclosure
WHERE articles.published_at > datetime('now', '-7 days')
ORDER BY articles.published_at DESC
LIMIT 20;

-- story: Which articles carry the most copied story of the last week? (the lead first)
SELECT articles.id = stories.lead_article_id AS leads, feeds.title AS feed, articles.published_at, articles.title,
       articles.word_count, articles.url
FROM stories
JOIN articles ON articles.story_id = stories.id
JOIN feeds ON feeds.id = articles.feed_id
WHERE stories.id = (SELECT id FROM stories WHERE published_at > datetime('now', '-7 days')
                    ORDER BY copies DESC LIMIT 1)
ORDER BY leads DESC, articles.published_at;

-- what_is_what: What is in this file?
SELECT name, field, description
FROM schema_docs
ORDER BY name, field IS NOT NULL, rowid;
