"""Which of the times that have come are run, by the misfire policy and the grace."""

from datetime import UTC, datetime, timedelta

import pytest

from taskhub.errors import ScheduleError
from taskhub.policies import Misfire, Policies
from taskhub.schedules.misfires import judge

NOW = datetime(2027, 6, 1, 12, tzinfo=UTC)


def ago(*seconds: float) -> list[datetime]:
    return [NOW - timedelta(seconds=one) for one in seconds]


def judged(times, misfire, **more):
    verdict = judge(times, NOW, Policies(misfire=misfire, **more))
    return list(verdict.run), list(verdict.left_out)


@pytest.mark.parametrize("misfire", Misfire)
def test_what_is_within_the_grace_is_kept_whatever_the_policy(misfire):
    times = ago(60, 30, 0)
    assert judged(times, misfire) == (times, [])
    assert judged([], misfire) == ([], [])


def test_skip_leaves_out_what_was_missed():
    assert judged(ago(7200, 3600), Misfire.SKIP) == ([], ago(7200, 3600))
    assert judged(ago(7200, 3600, 5), Misfire.SKIP) == (ago(5), ago(7200, 3600))


def test_run_once_makes_up_for_all_with_the_newest():
    assert judged(ago(7200, 3600), Misfire.RUN_ONCE) == (ago(3600), ago(7200))
    assert judged(ago(3600), Misfire.RUN_ONCE) == (ago(3600), [])
    assert judged(ago(7200, 3600, 5), Misfire.RUN_ONCE) == (ago(5), ago(7200, 3600)), "not twice"


def test_catch_up_runs_all_or_the_newest_of_them():
    times = ago(7200, 3600, 1800, 5)
    assert judged(times, Misfire.CATCH_UP) == (times, [])
    assert judged(times, Misfire.CATCH_UP, catch_up_limit=2) == (times[1:], times[:1])


def test_the_grace_says_what_is_late():
    assert judged(ago(90), Misfire.SKIP, grace=120) == (ago(90), [])
    assert judged(ago(2), Misfire.SKIP, grace=1) == ([], ago(2))


def test_the_reason_tells_how_many_from_when_to_when():
    policies = Policies(misfire=Misfire.SKIP)
    one = judge(ago(3600), NOW, policies).reason
    assert one == "2027-06-01 11:00:00 UTC was missed, and left out (misfire: skip)"
    two = judge(ago(7200, 3600), NOW, policies).reason
    assert two.startswith(
        "2 times from 2027-06-01 10:00:00 to 2027-06-01 11:00:00 UTC, were missed"
    )
    assert judge(ago(7200, 3600), NOW, policies, is_all=False).reason.startswith(
        "More than 2 times"
    )


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"misfire": "later"}, "misfire='later': expected one of 'skip', 'run_once', 'catch_up'"),
        ({"overlap": "wait"}, "overlap='wait': expected one of 'allow', 'skip'"),
        ({"grace": 0}, "grace=0: expected a whole number, 1 to 86400"),
        ({"jitter": -1}, "jitter=-1"),
        ({"jitter": 1.5}, "jitter=1.5"),
        ({"catch_up_limit": 1001}, "catch_up_limit=1001: expected a whole number, 1 to 1000"),
    ],
)
def test_what_is_no_policy_is_refused(values, problem):
    with pytest.raises(ScheduleError, match=problem):
        Policies(**values).check()
