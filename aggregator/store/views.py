"""The views. They hold no data, so a new version of the program simply replaces them.

What a person looks for stands in the first columns, and what is long in the last ones, for the sake of terminals.
"""

from __future__ import annotations

# Minutes from the lead's publication to the copy's.
_MINUTES = "CAST(round((julianday(copy.published_at) - julianday(lead.published_at)) * 1440) AS INTEGER)"

VIEWS = {
    "latest": """
        SELECT stories.id AS story_id, stories.published_at, stories.copies, feeds.title AS feed, stories.title,
               CASE WHEN stories.copies > 1 THEN
                   (SELECT group_concat(title, ', ') FROM
                       (SELECT copying.title FROM articles AS copy
                        JOIN feeds AS copying ON copying.id = copy.feed_id
                        WHERE copy.story_id = stories.id AND copy.id <> stories.lead_article_id
                        GROUP BY copying.id ORDER BY min(copy.published_at), copying.id))
               END AS also_in,
               stories.url, lead.word_count, stories.updated_at, stories.first_seen_at, lead.id AS article_id,
               stories.uid, lead.summary
        FROM stories
        JOIN articles AS lead ON lead.id = stories.lead_article_id
        JOIN feeds ON feeds.id = lead.feed_id
        ORDER BY stories.published_at DESC, stories.id DESC""",
    # A verdict's similarity is the share of the copy that is in the lead, its `other` that of the lead in the copy.
    "duplicates": f"""
        SELECT copying.title AS copy_feed,
               CASE WHEN abs({_MINUTES}) < 1 THEN 'at once'
                    WHEN abs({_MINUTES}) < 60 THEN printf('%d min', abs({_MINUTES}))
                    WHEN abs({_MINUTES}) < 2880 THEN printf('%.1f h', abs({_MINUTES}) / 60.0)
                    ELSE printf('%.1f days', abs({_MINUTES}) / 1440.0)
               END || CASE WHEN {_MINUTES} > 0 THEN ' later' WHEN {_MINUTES} < 0 THEN ' earlier' ELSE '' END AS lag,
               kept.title AS kept_feed, round(copy.similarity, 2) AS similarity,
               CAST(round(copy.word_count * (1 - copy.similarity)) AS INTEGER) AS words_added,
               CAST(round(lead.word_count * (1 - verdict.other)) AS INTEGER) AS words_dropped,
               lead.title AS kept_title, copy.title AS copy_title, verdict.reason, verdict.kind,
               copy.published_at AS copy_published_at, lead.published_at AS kept_published_at,
               round({_MINUTES} / 60.0, 1) AS hours_later, copy.word_count AS copy_words,
               lead.word_count AS kept_words, copy.story_id, copy.id AS copy_article_id, lead.id AS kept_article_id,
               copy.url AS copy_url, lead.url AS kept_url, copy.removed_text
        FROM articles AS copy
        JOIN stories ON stories.id = copy.story_id AND stories.lead_article_id <> copy.id
        JOIN articles AS lead ON lead.id = stories.lead_article_id
        JOIN feeds AS kept ON kept.id = lead.feed_id
        JOIN feeds AS copying ON copying.id = copy.feed_id
        LEFT JOIN _verdicts AS verdict ON verdict.article_id = copy.id
        ORDER BY copy.published_at DESC, copy.id DESC""",
    "tags": """
        SELECT articles.id AS article_id, _feed_tags.tag, 'feed' AS given_by
        FROM _feed_tags
        JOIN articles ON articles.feed_id = _feed_tags.feed_id
        UNION ALL
        SELECT article_id, tag, 'rule' FROM _tags""",
    # Silent: nothing new for five times its usual gap, and for a week at least. Mostly copies: more than half, of ten
    # articles or more.
    "feed_health": """
        WITH copied AS MATERIALIZED ( -- both sides in the order of stories, from indexes: a million in an instant
            SELECT articles.feed_id, count(articles.id) AS copies
            FROM stories
            CROSS JOIN articles
            WHERE stories.copies > 1 AND articles.story_id = stories.id AND articles.id <> stories.lead_article_id
            GROUP BY articles.feed_id
        ), counted AS MATERIALIZED (
            SELECT feeds.id AS feed_id, coalesce(copied.copies, 0) AS copies,
                   (SELECT count(published_at) FROM articles WHERE articles.feed_id = feeds.id) AS articles,
                   (SELECT max(first_seen_at) FROM articles WHERE articles.feed_id = feeds.id) AS last_article_at,
                   (SELECT round((max(julianday(published_at)) - min(julianday(published_at)))
                                 / nullif(count(published_at) - 1, 0), 2)
                    FROM (SELECT published_at FROM articles WHERE articles.feed_id = feeds.id
                          ORDER BY first_seen_at DESC LIMIT 20)) AS usual_gap_days,
                   (SELECT http_status FROM fetches WHERE fetches.feed_id = feeds.id
                    ORDER BY fetched_at DESC LIMIT 1) AS http_status
            FROM feeds
            LEFT JOIN copied ON copied.feed_id = feeds.id
        ), timed AS (
            SELECT *, round(julianday('now') - julianday(last_article_at), 1) AS days_silent FROM counted
        )
        SELECT feeds.id AS feed_id, feeds.title,
               CASE WHEN feeds.state <> 'active' THEN feeds.state
                    WHEN feeds.failures > 0 THEN 'failing'
                    WHEN feeds.last_fetched_at IS NULL THEN 'new'
                    WHEN timed.articles = 0 OR days_silent > max(7, 5 * coalesce(usual_gap_days, 0)) THEN 'silent'
                    WHEN timed.articles >= 10 AND timed.copies > timed.articles / 2 THEN 'mostly copies'
                    ELSE 'fine'
               END AS health,
               feeds.state, timed.http_status, feeds.failures, timed.articles, timed.copies,
               round(1.0 * timed.copies / timed.articles, 2) AS copied_share, timed.days_silent, timed.usual_gap_days,
               timed.last_article_at, feeds.last_fetched_at, feeds.last_changed_at, feeds.next_poll_at, feeds.url,
               feeds.last_error
        FROM feeds
        JOIN timed ON timed.feed_id = feeds.id
        ORDER BY CASE feeds.state WHEN 'active' THEN 0 WHEN 'gone' THEN 1 ELSE 2 END, feeds.failures DESC,
                 health IN ('fine', 'new'), feeds.title""",
}
