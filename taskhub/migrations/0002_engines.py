"""What Django cannot say of indexes and storage: the claim index of MySQL, autovacuum and fillfactor of PostgreSQL."""

from django.db import migrations

# MySQL has no partial indexes, and Django makes whole ones of ours there. Where that would be walked through finished
# tasks, a generated column that is NULL unless the condition holds takes the place of the condition. (An index of
# `worker` needs none: it is NULL unless the task runs.) Django leaves the conditional unique constraint out altogether.
_REPLACED = [
    "taskhub_task_claim",
    "taskhub_task_due",
    "taskhub_task_expiry",
    "taskhub_task_gate",
    "taskhub_task_fair",
    "taskhub_task_slot",
    "taskhub_task_waiting",
]
# And its usual collations take "Mail" and "mail" for one name: the names by which rows find each other compare by byte.
_MYSQL = [
    "ALTER TABLE taskhub_task MODIFY name varchar(200) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_task MODIFY queue varchar(100) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_task MODIFY unique_lock varchar(255) COLLATE utf8mb4_bin NULL",
    "ALTER TABLE taskhub_task MODIFY waits_key varchar(210) COLLATE utf8mb4_bin NULL",
    "ALTER TABLE taskhub_task MODIFY concurrency_key varchar(200) COLLATE utf8mb4_bin NULL",
    "ALTER TABLE taskhub_task MODIFY fair_key varchar(100) COLLATE utf8mb4_bin NULL",
    "ALTER TABLE taskhub_task MODIFY unique_key varchar(255) COLLATE utf8mb4_bin NULL",
    "ALTER TABLE taskhub_slot MODIFY `key` varchar(200) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_ratebucket MODIFY `key` varchar(210) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_step MODIFY name varchar(100) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_queue MODIFY name varchar(100) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_tasktag MODIFY name varchar(100) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_taskcatalog MODIFY name varchar(200) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_metricbucket MODIFY queue varchar(100) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_metricbucket MODIFY name varchar(200) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_oldestwait MODIFY queue varchar(100) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_schedule MODIFY name varchar(200) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_schedule MODIFY task varchar(200) COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE taskhub_task ADD COLUMN queued_in varchar(100) COLLATE utf8mb4_bin AS (CASE WHEN state = 'queued' THEN queue END) VIRTUAL",
    "ALTER TABLE taskhub_task ADD COLUMN due_at datetime(6) AS (CASE WHEN waits_for = 'time' THEN run_after END) VIRTUAL",
    "ALTER TABLE taskhub_task ADD COLUMN overdue_at datetime(6) AS (CASE WHEN finished_at IS NULL AND worker_id IS NULL THEN expires_at END) VIRTUAL",
    "ALTER TABLE taskhub_task ADD COLUMN turn_of varchar(100) COLLATE utf8mb4_bin AS (CASE WHEN state = 'queued' OR waits_key IS NOT NULL THEN fair_key END) VIRTUAL",
    "ALTER TABLE taskhub_task ADD COLUMN slot_of varchar(200) COLLATE utf8mb4_bin AS (CASE WHEN state IN ('queued', 'running') THEN concurrency_key END) VIRTUAL",
    "ALTER TABLE taskhub_task ADD COLUMN waiting_in varchar(100) COLLATE utf8mb4_bin AS (CASE WHEN state IN ('pending', 'retrying') THEN queue END) VIRTUAL",
    "CREATE INDEX taskhub_task_claim ON taskhub_task (queued_in, priority DESC, position, id)",
    "CREATE INDEX taskhub_task_due ON taskhub_task (due_at)",
    "CREATE INDEX taskhub_task_expiry ON taskhub_task (overdue_at)",
    "CREATE INDEX taskhub_task_gate ON taskhub_task (waits_key, priority DESC, position, id)",
    "CREATE INDEX taskhub_task_fair ON taskhub_task (turn_of, queue, priority, waits_key, position)",
    "CREATE INDEX taskhub_task_slot ON taskhub_task (slot_of)",
    "CREATE INDEX taskhub_task_waiting ON taskhub_task (waiting_in)",
    "CREATE UNIQUE INDEX taskhub_task_unique_lock ON taskhub_task (unique_lock)",
]

# A queue's table turns over many times a day: vacuum and analyze it by number of rows, not by share.
_POSTGRESQL = [
    "ALTER TABLE taskhub_task SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)",
    "ALTER TABLE taskhub_task SET (autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000)",
    "ALTER TABLE taskhub_task SET (autovacuum_vacuum_cost_delay = 1, autovacuum_vacuum_insert_scale_factor = 0.2)",
    "ALTER TABLE taskhub_worker SET (fillfactor = 50)",
    "ALTER TABLE taskhub_progress SET (fillfactor = 50)",
    "ALTER TABLE taskhub_checkpoint SET (fillfactor = 50)",
    "ALTER TABLE taskhub_metricbucket SET (fillfactor = 50)",
    "ALTER TABLE taskhub_slot SET (fillfactor = 50)",
    "ALTER TABLE taskhub_ratebucket SET (fillfactor = 50)",
    "ALTER TABLE taskhub_metricwriter SET (fillfactor = 50)",
    "ALTER TABLE taskhub_schedule SET (fillfactor = 50)",
]

# PostgreSQL parses and plans each check anew for each statement: those of the model are half of an INSERT, its commit aside.
# A function is parsed once a session. It refuses what they refuse.
_FITS = """
CREATE OR REPLACE FUNCTION taskhub_task_fits(
    state varchar, waits_for varchar, priority smallint, unmet integer, worker_id bigint, waits_key varchar,
    run_after timestamptz, started_at timestamptz, finished_at timestamptz
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN priority BETWEEN -100 AND 100 AND unmet >= 0 AND CASE
        WHEN state = 'running' THEN
            waits_for = '' AND worker_id IS NOT NULL AND started_at IS NOT NULL AND finished_at IS NULL
        WHEN worker_id IS NOT NULL THEN false
        WHEN state = 'queued' THEN waits_for = '' AND finished_at IS NULL
        WHEN state IN ('succeeded', 'failed', 'cancelled', 'expired') THEN waits_for = '' AND finished_at IS NOT NULL
        WHEN state IN ('pending', 'retrying') THEN finished_at IS NULL AND CASE
            WHEN waits_for = 'time' THEN run_after IS NOT NULL
            WHEN waits_for = 'tasks' THEN state = 'pending' AND unmet > 0
            ELSE waits_for IN ('slot', 'rate') AND waits_key IS NOT NULL
        END
        ELSE false
    END;
END $$
"""
_REPLACED_CHECKS = ("state", "priority", "running", "ended", "waits", "unmet_check", "fits")
_ADD_FITS = """
ALTER TABLE taskhub_task ADD CONSTRAINT taskhub_task_fits CHECK (taskhub_task_fits(
    state, waits_for, priority, unmet, worker_id, waits_key, run_after, started_at, finished_at
))
"""


def _mysql(apps, schema_editor):
    if schema_editor.connection.vendor != "mysql":
        return
    with schema_editor.connection.cursor() as cursor:
        existing = schema_editor.connection.introspection.get_constraints(cursor, "taskhub_task")
    for (
        name
    ) in _REPLACED:  # MariaDB has not got the first: Django leaves out indexes of expressions there
        if name in existing:
            schema_editor.execute(f"DROP INDEX {name} ON taskhub_task")
    for statement in _MYSQL:
        schema_editor.execute(statement)


def _postgresql(apps, schema_editor):
    for statement in _POSTGRESQL if schema_editor.connection.vendor == "postgresql" else ():
        schema_editor.execute(statement)


def _postgresql_checks(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for name in _REPLACED_CHECKS:
        schema_editor.execute(
            f"ALTER TABLE taskhub_task DROP CONSTRAINT IF EXISTS taskhub_task_{name}"
        )
    schema_editor.execute(_FITS)
    schema_editor.execute(_ADD_FITS)


class Migration(migrations.Migration):
    atomic = False  # MySQL changes tables outside transactions only
    dependencies = [("taskhub", "0001_initial")]
    operations = [
        migrations.RunPython(_mysql, migrations.RunPython.noop),
        migrations.RunPython(_postgresql, migrations.RunPython.noop),
        migrations.RunPython(_postgresql_checks, migrations.RunPython.noop),
    ]
