"""Log lines: written by the worker beside the task, and kept within the attempt's bounds."""

from __future__ import annotations

from collections.abc import Sequence

from taskhub.engines import Engine
from taskhub.engines.rows import Claim
from taskhub.logs import Line, Pending
from taskhub.models import LogLine


def write_lines(engine: Engine, logs: Sequence[tuple[Claim, Pending]]) -> None:
    """Store new lines of attempts and remove the older ones that they push out; call it in a transaction.

    Lines that are there already are left as they are, so that the same may be written again after a lost connection.
    """
    rows = [_row(claim, line) for claim, pending in logs for line in pending.lines]
    LogLine.objects.using(engine.alias).bulk_create(rows, ignore_conflicts=True)
    for claim, pending in logs:
        if pending.pushed_out:
            lines = LogLine.objects.using(engine.alias).filter(
                task_id=claim.id, claim_no=claim.claim_no
            )
            lines.filter(number__lte=pending.pushed_out).delete()


def _row(claim: Claim, line: Line) -> LogLine:
    return LogLine(
        task_id=claim.id, claim_no=claim.claim_no, attempt=claim.attempt, number=line.number,
        at=line.at, level=line.level, logger=line.logger, message=line.message,
    )  # fmt: skip
