"""The statement by which PostgreSQL meets the needs of dependents, all at once."""

from taskhub.engines.listener import CHANNEL
from taskhub.engines.wakeups import Kind

# Dependents are locked in the order of their ids before they are written; that of links follows from it.
MEET = f"""
WITH links AS MATERIALIZED (
    SELECT id, dependent_id FROM taskhub_dependency
    WHERE upstream_id = ANY(%s) AND state = 'waits' AND need <> 'failure'
), dependents AS MATERIALIZED (
    SELECT id FROM taskhub_task
    WHERE id = ANY(ARRAY(SELECT DISTINCT dependent_id FROM links ORDER BY dependent_id LIMIT {{limit}})) AND unmet > 0
    ORDER BY id FOR UPDATE
), met AS (
    UPDATE taskhub_dependency AS link SET state = 'met' FROM links JOIN dependents ON dependents.id = dependent_id
    WHERE link.id = links.id RETURNING link.dependent_id
), counted AS MATERIALIZED (
    SELECT dependent_id, count(*) AS n FROM met GROUP BY dependent_id
), moved AS (
    UPDATE taskhub_task SET {{move}} FROM counted
    WHERE taskhub_task.id = ANY(ARRAY(SELECT dependent_id FROM counted)) AND taskhub_task.id = dependent_id
    RETURNING CASE WHEN state = 'queued' THEN '{Kind.QUEUED} ' || queue WHEN waits_for = 'time' AND unmet = 0
        THEN '{Kind.DUE_EARLIER} ' END AS news
)
SELECT count(*), count(pg_notify('{CHANNEL}', news)) FILTER (WHERE news IS NOT NULL AND %s) FROM moved"""
