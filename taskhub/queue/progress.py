"""Progress: written by the worker beside the task, on a connection of its own."""

from __future__ import annotations

from collections.abc import Mapping

from taskhub.engines import Engine
from taskhub.models import Progress
from taskhub.queue.kept_values import tell_progress
from taskhub.result_backends import get_result_backend


def write_progress(engine: Engine, reports: Mapping[int, tuple[float, str]]) -> None:
    """Store the last (fraction, message) of each task id; a row is made at a task's first report."""
    now = engine.now()
    rows = [
        Progress(task_id=i, fraction=f, message=m, updated_at=now)
        for i, (f, m) in sorted(reports.items())
    ]
    unique = [] if engine.vendor == "mysql" else ["task"]
    Progress.objects.using(engine.alias).bulk_create(
        rows,
        update_conflicts=True,
        update_fields=["fraction", "message", "updated_at"],
        unique_fields=unique,
    )
    backend = get_result_backend()
    if backend.is_told:
        tell_progress(backend, reports)
