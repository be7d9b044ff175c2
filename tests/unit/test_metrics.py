"""What is counted of an attempt, and what a histogram of durations can tell afterwards."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskhub.engines.rows import Claim, Ending
from taskhub.metrics import BOUNDS, Recorder, histogram, quantile
from taskhub.metrics.tally import Key
from taskhub.models import Outcome
from taskhub.states import TaskState

AT = datetime(2026, 5, 4, 12, 30, 59, 900_000, tzinfo=UTC)
WEEK = 7 * 86_400
durations = st.floats(0, WEEK)


def claim(ready_at: datetime = AT, **columns) -> Claim:
    values = dict.fromkeys(Claim._fields, 0) | {"name": "email.send", "queue": "mail"}
    return Claim(**{**values, "enqueued_at": ready_at, "run_after": None, **columns})


def ending(
    started_at: datetime = AT, finished_at: datetime = AT, outcome: str | None = Outcome.SUCCEEDED
) -> Ending:
    return Ending(
        task_id=0, claim_no=0, state=TaskState.SUCCEEDED, outcome=outcome,
        started_at=started_at, finished_at=finished_at,
    )  # fmt: skip


def counted(*attempts: tuple[Claim, Ending]) -> dict:
    recorder = Recorder()
    for one in attempts:
        recorder.count(*one)
    return recorder._counted


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_an_attempt_counts_in_the_minute_in_which_it_ended():
    just_after = AT + seconds(0.1)
    found = counted((claim(), ending()), (claim(), ending(finished_at=just_after)))
    minute = int(datetime(2026, 5, 4, 12, 30, tzinfo=UTC).timestamp())
    assert {key.start: tally.count for key, tally in found.items()} == {minute: 1, minute + 60: 1}
    assert all(key[1:] == ("mail", "email.send", "succeeded") for key in found)


def test_it_waited_from_when_it_could_be_claimed_and_ran_from_its_start():
    due = claim(AT - seconds(100), run_after=AT - seconds(8))
    (tally,) = counted((due, ending(AT - seconds(3), AT))).values()
    assert (tally.wait_seconds, tally.run_seconds) == (5.0, 3.0)
    assert [number for number, n in enumerate(tally.waits) if n] == [histogram.bucket_of(5)]
    assert [number for number, n in enumerate(tally.runs) if n] == [histogram.bucket_of(3)]


def test_clocks_that_disagree_count_as_no_time_at_all():
    (tally,) = counted((claim(AT + seconds(5)), ending(AT, AT - seconds(1)))).values()
    assert (tally.wait_seconds, tally.run_seconds, tally.waits[0], tally.runs[0]) == (0, 0, 1, 1)


def test_a_claim_that_was_given_back_is_no_attempt():
    assert counted((claim(), ending(outcome=None))) == {}


def test_outcomes_are_counted_apart_and_as_plain_text():
    found = counted(
        (claim(), ending()), (claim(), ending()), (claim(), ending(outcome=Outcome.FAILED))
    )
    assert {key.outcome: tally.count for key, tally in found.items()} == {
        "succeeded": 2,
        "failed": 1,
    }
    assert all(type(key) is Key and type(key.outcome) is str for key in found)


def test_nothing_is_due_before_something_was_counted():
    recorder = Recorder()
    assert not recorder.is_due(math.inf)
    recorder.count(claim(), ending())
    assert recorder.is_due(math.inf)


def test_buckets_reach_from_a_millisecond_to_a_week_and_end_in_one_without_a_bound():
    assert BOUNDS[0] == 0.001
    assert BOUNDS[-1] > WEEK
    assert histogram.bucket_of(-1) == histogram.bucket_of(0) == histogram.bucket_of(0.001) == 0
    assert histogram.bucket_of(math.inf) == len(BOUNDS) == len(histogram.empty()) - 1


@given(durations)
def test_a_duration_lies_within_the_bounds_of_its_bucket(duration):
    number = histogram.bucket_of(duration)
    assert duration <= BOUNDS[number]
    assert number == 0 or duration > BOUNDS[number - 1]


@given(st.lists(durations, min_size=1), st.floats(0, 1))
def test_a_quantile_is_wrong_by_the_width_of_a_bucket_at_most(values, q):
    found = histogram.empty()
    for value in values:
        found[histogram.bucket_of(value)] += 1
    exact = sorted(values)[max(0, math.ceil(q * len(values)) - 1)]
    told = quantile(found, q)
    assert told is not None
    assert histogram.bucket_of(exact) in (histogram.bucket_of(told), histogram.bucket_of(told) + 1)
    assert exact <= 0.001 or exact / 1.4143 <= told <= exact * 1.4143


def test_a_quantile_of_nothing_is_nothing():
    assert quantile(histogram.empty(), 0.5) is None


def test_a_duration_beyond_the_last_bound_is_told_as_the_last_bound():
    found = histogram.empty()
    found[histogram.bucket_of(1e9)] += 1
    assert quantile(found, 0.5) == BOUNDS[-1]


@pytest.mark.parametrize("values", [[], [0.5], [0.0, 0.5, 0.5, 1e9]])
def test_a_histogram_is_stored_without_its_empty_buckets(values):
    found = histogram.empty()
    for value in values:
        found[histogram.bucket_of(value)] += 1
    stored, back = histogram.to_json(found), histogram.empty()
    histogram.add_json(back, stored)
    assert back == found
    assert len(stored) == len(set(values))
