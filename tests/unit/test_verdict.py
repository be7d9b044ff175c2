"""The verdict: what becomes of a claim, by how its attempt ended."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from taskhub.engines.rows import Claim
from taskhub.errors import (
    Cancel,
    DamagedTask,
    ResultNotStorable,
    RetryTask,
    Snooze,
    TaskAborted,
    TaskTimeout,
)
from taskhub.models.result import Outcome
from taskhub.queue.verdict import Attempt, describe, failed, raised, returned
from taskhub.states import SOURCES, TaskState
from tests.app.tasks_conformance import echo

BEGAN = datetime(2030, 1, 1, tzinfo=UTC)
CALM = {"retry_delay": 4, "retry_backoff": 3, "retry_jitter": 0}


def attempt(*, failures=0, max_retries=3, attempt=1, **options):
    claim = Claim(
        id=7, claim_no=5, name=echo.identifier, queue="default", priority=0, position=0, args="[]",
        kwargs="{}", options=None, attempt=attempt, failures=failures, losses=0, interruptions=0,
        max_retries=max_retries, ties=0, enqueued_at=BEGAN, run_after=None,
    )  # fmt: skip
    definition = echo.using(**{**CALM, **options})
    return Attempt(claim, definition, BEGAN, BEGAN + timedelta(seconds=1))


def ending_of(error, **given):
    """The verdict on an error that was really raised, so that it has a traceback."""
    try:
        raise error
    except BaseException as caught:
        return raised(attempt(**given), caught)


def test_a_value_is_a_success():
    ending = returned(attempt(), {"a": (1, 2)})
    assert (ending.state, ending.outcome) == (TaskState.SUCCEEDED, Outcome.SUCCEEDED)
    assert ending.value == '{"a":[1,2]}'
    assert (ending.task_id, ending.claim_no, ending.attempt) == (7, 5, 1)
    assert (ending.failures, ending.delay, ending.is_attempt_spent) == (0, None, True)
    assert returned(attempt(), None).value is None


@pytest.mark.parametrize(
    "value", [object(), {1}, float("nan"), {1: 2}, "\x00", "\ud800"], ids=ascii
)
def test_a_value_that_json_lacks_fails_the_task_for_good_and_names_it(value):
    ending = returned(attempt(), value)
    assert (ending.state, ending.outcome) == (TaskState.FAILED, Outcome.FAILED)
    assert ending.error_class == "taskhub.errors.ResultNotStorable"
    assert re.match(r"Task #7 \(\S+\): the return value", ending.message)


def test_a_value_over_the_limit_fails_for_good(settings):
    settings.TASKHUB = {"MAX_RESULT_BYTES": 10}
    assert returned(attempt(), "x" * 8).state == TaskState.SUCCEEDED
    ending = returned(attempt(), "é" * 5)
    assert (ending.state, ending.error_class) == (
        TaskState.FAILED, "taskhub.errors.ResultNotStorable",
    )  # fmt: skip
    assert "takes 12 bytes as JSON; the limit is 10" in ending.message


def test_an_error_is_retried_with_growing_pauses_until_no_retries_are_left():
    endings = [ending_of(ValueError("x"), failures=n) for n in range(4)]
    assert [ending.state for ending in endings] == [TaskState.RETRYING] * 3 + [TaskState.FAILED]
    assert [ending.delay for ending in endings] == [4, 12, 36, None]
    assert all(ending.failures == 1 for ending in endings)
    assert ending_of(ValueError(), max_retries=0).state == TaskState.FAILED


@pytest.mark.parametrize(
    ("error", "options", "is_retried"),
    [
        (ValueError(), {}, True),
        (SystemExit(1), {}, False),
        (KeyboardInterrupt(), {}, False),
        (SystemExit(1), {"retry_on": [SystemExit]}, True),
        (ValueError(), {"retry_on": [KeyError]}, False),
        (ValueError(), {"retry_on": []}, False),
        (KeyError(), {"retry_on": [LookupError]}, True),
        (KeyError(), {"no_retry_on": [LookupError]}, False),
        (KeyError(), {"retry_on": [KeyError], "no_retry_on": [KeyError]}, False),
        (TaskTimeout("late"), {}, True),
        (TaskTimeout("late"), {"retry_on": []}, True),
        (TaskTimeout("late"), {"no_retry_on": [TaskTimeout]}, False),
        (DamagedTask("x"), {}, False),
        (DamagedTask("x"), {"retry_on": [Exception]}, False),
        (ResultNotStorable("x"), {}, False),
        (RetryTask("x"), {"retry_on": []}, True),
        (RetryTask("x"), {"no_retry_on": [Exception]}, True),
        (ExceptionGroup("many", [ValueError()]), {}, True),
    ],
    ids=repr,
)
def test_which_errors_are_retried(error, options, is_retried):
    ending = ending_of(error, **options)
    assert ending.state == (TaskState.RETRYING if is_retried else TaskState.FAILED)
    assert ending.outcome == (Outcome.RETRYING if is_retried else Outcome.FAILED)


def test_a_task_that_asks_for_a_retry_chooses_the_pause_but_not_the_number():
    assert ending_of(RetryTask("x", delay=0.5)).delay == 0.5
    assert ending_of(RetryTask("x", delay=0)).delay == 0
    assert ending_of(RetryTask("x")).delay == 4, "the backoff"
    assert ending_of(RetryTask("x", delay=1), failures=3).state == TaskState.FAILED


def test_a_snooze_spends_no_attempt_and_is_no_error():
    ending = ending_of(Snooze(30, "later"), failures=3)
    assert (ending.state, ending.outcome) == (TaskState.PENDING, Outcome.SNOOZED)
    assert (ending.delay, ending.failures, ending.is_attempt_spent) == (30, 0, False)
    assert (ending.message, ending.error_class) == ("later", "")


def test_a_task_that_cancels_itself_says_why():
    ending = ending_of(Cancel("nothing to do"))
    assert (ending.state, ending.outcome) == (TaskState.CANCELLED, Outcome.CANCELLED)
    assert (ending.reason, ending.error_class) == ("nothing to do", "")


def test_a_task_that_was_aborted_is_cancelled():
    ending = ending_of(TaskAborted("stop"))
    assert (ending.state, ending.outcome) == (TaskState.CANCELLED, Outcome.CANCELLED)
    assert ending.error_class == "taskhub.errors.TaskAborted"


def test_a_claim_that_is_given_back_leaves_no_result_and_spends_nothing():
    ending = attempt().given_back()
    assert (ending.state, ending.outcome, ending.is_attempt_spent) == (
        TaskState.QUEUED,
        None,
        False,
    )


def test_every_verdict_is_a_legal_transition():
    errors = [
        ValueError(),
        Snooze(1),
        Cancel(),
        TaskAborted(),
        TaskTimeout(),
        RetryTask(),
        DamagedTask(),
    ]
    endings = [ending_of(error, failures=n) for error in errors for n in (0, 9)]
    endings += [returned(attempt(), 1), returned(attempt(), {1}), attempt().given_back()]
    for ending in endings:
        assert TaskState.RUNNING in SOURCES[ending.state]
        assert (ending.delay is not None) == (
            ending.state in (TaskState.PENDING, TaskState.RETRYING)
        )
        assert ending.is_attempt_spent == (ending.outcome not in (Outcome.SNOOZED, None))


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_an_error_that_cannot_be_printed_is_described_all_the_same():
    ending = ending_of(Unprintable())
    assert ending.message == "<its message cannot be read: RuntimeError>"
    assert ending.error_class.endswith("test_verdict.Unprintable")


def test_an_error_is_described_within_its_columns():
    what = describe(ValueError("\x00\ud800" + "x" * 100_000))
    assert what["error_class"] == "builtins.ValueError"
    assert what["message"].startswith("\\u0000\\ud800")
    assert len(what["message"]) <= 5_000
    assert len(what["traceback"]) <= 50_000
    long = type("E" * 300, (Exception,), {})
    assert len(describe(long())["error_class"]) <= 255


def test_errors_of_one_origin_share_a_fingerprint_and_others_do_not():
    def fail(error):
        try:
            raise error
        except Exception as caught:
            return describe(caught)["fingerprint"]

    assert fail(ValueError("a")) == fail(ValueError("b"))
    assert fail(ValueError("a")) != fail(KeyError("a"))
    assert ending_of(ValueError("a")).fingerprint != fail(ValueError("a"))
    assert len(fail(ValueError())) == 16


def test_a_failure_may_be_told_without_an_exception():
    what = {"error_class": "x.Y", "message": "the worker died"}
    assert failed(attempt(), what, is_retryable=True).state == TaskState.RETRYING
    assert failed(attempt(), what, is_retryable=False).state == TaskState.FAILED
    assert failed(attempt(), what, is_retryable=True, delay=9.0).delay == 9.0
