"""`taskhub_prune` deletes what its options say, and says what it did."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from taskhub.models import Task
from taskhub.states import FINISHED, TaskState
from tests.engines.builders import ago, make_task

pytestmark = pytest.mark.django_db

DAY = 86_400
S = TaskState


def prune(*args: str) -> list[str]:
    out = StringIO()
    call_command("taskhub_prune", *args, stdout=out)
    return out.getvalue().splitlines()


@pytest.fixture(autouse=True)
def ended_tasks(db):
    """Of each final state one task that ended twenty days ago, and one that has just ended."""
    for state in FINISHED:
        make_task(state, finished_at=ago(20 * DAY))
        make_task(state)
    make_task(S.QUEUED, enqueued_at=ago(1000 * DAY))


def left(state: TaskState) -> int:
    return Task.objects.filter(state=state).count()


def test_it_deletes_what_the_settings_say_and_tells_each_state():
    assert prune() == [
        "succeeded: 1 deleted, older than 7 days",
        "failed: 0 deleted, older than 30 days",
        "cancelled: 1 deleted, older than 7 days",
        "expired: 1 deleted, older than 7 days",
    ]
    assert {state: left(state) for state in FINISHED} == {
        S.SUCCEEDED: 1, S.FAILED: 2, S.CANCELLED: 1, S.EXPIRED: 1,
    }  # fmt: skip
    assert left(S.QUEUED) == 1


def test_a_dry_run_tells_the_same_and_deletes_nothing():
    assert prune("--dry-run")[0] == "succeeded: 1 to be deleted, older than 7 days"
    assert Task.objects.count() == 9


def test_a_state_and_an_age_narrow_it():
    assert prune("--state", "failed", "--older-than", "10", "--batch", "1") == [
        "failed: 1 deleted, older than 10 days"
    ]
    assert Task.objects.count() == 8


def test_an_age_spares_what_is_kept_for_ever_unless_it_is_named(settings):
    settings.TASKHUB = {"RETENTION": {"failed": None}}
    assert prune("--older-than", "0.5")[:2] == [
        "succeeded: 1 deleted, older than 0.5 days",
        "failed: kept for ever",
    ]
    assert left(S.FAILED) == 2
    assert prune("--older-than", "0", "--state", "failed") == [
        "failed: 2 deleted, older than 0 days"
    ]


@pytest.mark.parametrize(
    "args", [("--state", "queued"), ("--older-than", "-1"), ("--older-than", "x"), ("--batch", "0")]
)
def test_an_option_that_makes_no_sense_is_refused(args):
    with pytest.raises(CommandError, match="Error: argument"):
        prune(*args)
    assert Task.objects.count() == 9
