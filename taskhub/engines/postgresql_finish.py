"""PostgreSQL's finish: a batch in which all end for good is one statement, which reads its rows from JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from taskhub.engines.finishing import RESULT_COLUMNS
from taskhub.engines.listener import CHANNEL
from taskhub.engines.rows import Ending
from taskhub.engines.wakeups import Kind

_TYPES = {
    "id": "bigint", "claim_no": "int", "state": "text", "outcome": "text", "started_at": "timestamptz",
    "finished_at": "timestamptz", "value": "text", "failures": "int", "losses": "int", "interruptions": "int",
    "reason": "text", "error_class": "text", "message": "text", "traceback": "text", "fingerprint": "text",
}  # fmt: skip


def encode_endings(endings: Sequence[Ending]) -> str:
    """Return endings as the parameter of FINISH."""
    return _ENCODE([_row(ending) for ending in endings])


def _row(ending: Ending) -> dict[str, Any]:
    """Return the fields of an ending as JSON; what is absent is empty."""
    row = {
        "id": ending.task_id, "claim_no": ending.claim_no, "state": ending.state, "outcome": ending.outcome,
        "started_at": ending.started_at.isoformat(), "finished_at": ending.finished_at.isoformat(),
    }  # fmt: skip
    return row | {name: value for name in _OPTIONAL if (value := getattr(ending, name))}


_OPTIONAL = list(_TYPES)[6:]
_ENCODE = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode

# Rows are locked in the order of their ids before they are written; a Result is written only where the fence held.
FINISH = f"""
WITH ended AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%s) AS ended({", ".join(map(" ".join, _TYPES.items()))})
), held AS MATERIALIZED (
    SELECT id, claim_no, attempt FROM taskhub_task
    WHERE id = ANY(ARRAY(SELECT id FROM ended)) AND state = 'running' AND worker_id = %s ORDER BY id FOR UPDATE
), fenced AS MATERIALIZED (
    SELECT ended.*, held.attempt FROM ended JOIN held USING (id, claim_no)
), written AS (
    UPDATE taskhub_task AS task SET
        state = fenced.state, started_at = fenced.started_at, finished_at = fenced.finished_at,
        failures = task.failures + coalesce(fenced.failures, 0), losses = task.losses + coalesce(fenced.losses, 0),
        interruptions = task.interruptions + coalesce(fenced.interruptions, 0),
        reason = coalesce(nullif(fenced.reason, ''), task.reason), unique_lock = NULL, worker_id = NULL
    FROM fenced WHERE task.id = fenced.id
), recorded AS (
    INSERT INTO taskhub_result ({", ".join(RESULT_COLUMNS)})
    SELECT id, claim_no, attempt, outcome, value::jsonb, coalesce(error_class, ''), coalesce(message, ''),
        coalesce(traceback, ''), coalesce(fingerprint, ''), %s, %s, started_at, finished_at FROM fenced
)
SELECT id, claim_no FROM fenced"""
# One notification a statement: the lateral row is computed once.
FINISH_AND_NOTIFY = f"{FINISH}, pg_notify('{CHANNEL}', '{Kind.FINISHED} ')"
