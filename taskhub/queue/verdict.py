"""Verdict: what becomes of a claim, by how its attempt ended."""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskhub import conf
from taskhub.definition import TaskDefinition
from taskhub.engines.rows import Claim, Ending
from taskhub.errors import (
    Cancel,
    DamagedTask,
    InvalidStep,
    ResultEvicted,
    ResultNotStorable,
    RetryTask,
    Snooze,
    TaskAborted,
    TaskTimeout,
)
from taskhub.models.result import Outcome
from taskhub.options import matches, path
from taskhub.payload import dump, normalize
from taskhub.result_backends import kept_at
from taskhub.retry import backoff
from taskhub.states import TaskState
from taskhub.text import storable

_MAX_MESSAGE, _MAX_TRACEBACK = 5_000, 50_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that has ended, and when."""

    claim: Claim
    definition: TaskDefinition
    started_at: datetime
    finished_at: datetime

    def ending(self, state: TaskState, outcome: Outcome, **more: Any) -> Ending:
        return Ending(
            task_id=self.claim.id, claim_no=self.claim.claim_no, attempt=self.claim.attempt, state=state,
            outcome=outcome, started_at=self.started_at, finished_at=self.finished_at, ties=self.claim.ties, **more,
        )  # fmt: skip

    def given_back(self) -> Ending:
        """Return a claim that user code never saw to its queue, as if it had not been made."""
        return Ending(
            task_id=self.claim.id, claim_no=self.claim.claim_no, state=TaskState.QUEUED, started_at=self.started_at,
            finished_at=self.finished_at, is_attempt_spent=False,
        )  # fmt: skip


def returned(attempt: Attempt, value: Any) -> Ending:
    """The function returned: the task succeeded, if its value can be stored."""
    if value is None:
        return attempt.ending(TaskState.SUCCEEDED, Outcome.SUCCEEDED)
    try:
        text = dump(normalize(value, "the return value"))
    except (TypeError, ValueError, RecursionError) as error:
        told = f"Task #{attempt.claim.id} ({attempt.claim.name}): {error}"
        return raised(attempt, ResultNotStorable(told))
    if kept_at(value, *attempt.claim.fence):
        return raised(attempt, ResultNotStorable(
            f"The return value {value!r:.100} is how taskhub notes that a value is kept elsewhere; return another dict."
        ))  # fmt: skip
    limit = conf.get().max_result_bytes
    if len(text) * 4 > limit and (size := len(text.encode())) > limit:
        return raised(attempt, ResultNotStorable(
            f"The return value takes {size} bytes as JSON; the limit is {limit} "
            "(settings.TASKHUB['MAX_RESULT_BYTES']). Store large data elsewhere and return a key to it."
        ))  # fmt: skip
    ttl = attempt.definition.result_ttl
    return attempt.ending(TaskState.SUCCEEDED, Outcome.SUCCEEDED, value=text, result_ttl=ttl)


def raised(attempt: Attempt, error: BaseException) -> Ending:
    """The function raised: the task is tried again, waits, ends as cancelled or fails."""
    match error:
        case Snooze():
            return attempt.ending(TaskState.PENDING, Outcome.SNOOZED, delay=error.delay, is_attempt_spent=False,
                                  message=storable(str(error), _MAX_MESSAGE))  # fmt: skip
        case Cancel():
            return attempt.ending(
                TaskState.CANCELLED, Outcome.CANCELLED, reason=storable(error.reason, 500)
            )
        case TaskAborted():
            return attempt.ending(TaskState.CANCELLED, Outcome.CANCELLED, **describe(error))
        case RetryTask():
            return failed(attempt, describe(error), is_retryable=True, delay=error.delay)
        case _:
            return failed(
                attempt, describe(error), is_retryable=_is_retryable(attempt.definition, error)
            )


def failed(
    attempt: Attempt, what: dict[str, str], *, is_retryable: bool, delay: float | None = None
) -> Ending:
    """The attempt failed: retry it while there are retries left, after `delay` or the definition's backoff."""
    claim, definition = attempt.claim, attempt.definition
    failures = claim.failures + 1
    if not is_retryable or failures > claim.max_retries:
        return attempt.ending(TaskState.FAILED, Outcome.FAILED, failures=1, **what)
    if delay is None:
        delay = backoff(
            failures, delay=definition.retry_delay, factor=definition.retry_backoff,
            max_delay=definition.retry_max_delay, jitter=definition.retry_jitter,
        )  # fmt: skip
    return attempt.ending(TaskState.RETRYING, Outcome.RETRYING, failures=1, delay=delay, **what)


def describe(error: BaseException) -> dict[str, str]:
    """Return the columns of Result that tell of an error, without the frames of the worker itself."""
    frames = error.__traceback__
    while (
        frames is not None
        and frames.tb_frame.f_globals.get("__name__", "").partition(".")[0] == "workers"
    ):
        frames = frames.tb_next
    lines = traceback.format_exception(type(error), error, frames or error.__traceback__)
    last = traceback.extract_tb(frames)[-1:] if frames else []
    origin = f"{path(type(error))}|{last[0].filename}|{last[0].name}" if last else path(type(error))
    return {
        "error_class": storable(path(type(error)), 255),
        "message": storable(_text(error), _MAX_MESSAGE),
        "traceback": storable("".join(lines), _MAX_TRACEBACK),
        "fingerprint": hashlib.sha256(origin.encode(errors="replace")).hexdigest()[:16],
    }


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001  # an exception class of the user's with a broken __str__
        return f"<its message cannot be read: {type(broken).__name__}>"


def _is_retryable(definition: TaskDefinition, error: BaseException) -> bool:
    if isinstance(error, DamagedTask | InvalidStep | ResultEvicted | ResultNotStorable):
        return False
    if matches(error, definition.no_retry_on):
        return False
    return isinstance(error, TaskTimeout) or matches(error, definition.retry_on)
