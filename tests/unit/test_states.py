"""The states: what is legal, and what django.tasks calls them."""

from itertools import product

import pytest

from taskhub.compat import TaskResultStatus
from taskhub.states import FINISHED, LIVE, SOURCES, WAITING, TaskState, is_legal

# The table of the design, written out: from each state, where a task may go.
LEGAL = {
    "pending": {"queued", "cancelled", "expired"},
    "queued": {"running", "cancelled", "expired"},
    "running": {"succeeded", "failed", "retrying", "cancelled", "pending", "queued"},
    "retrying": {"queued", "cancelled", "expired"},
    "succeeded": set(),
    "failed": {"queued", "pending"},
    "cancelled": {"queued", "pending"},
    "expired": {"queued", "pending"},
}


@pytest.mark.parametrize(("before", "after"), list(product(TaskState, TaskState)), ids=str)
def test_each_of_the_64_pairs_is_legal_or_not_as_the_design_says(before, after):
    assert is_legal(before, after) == (after in LEGAL[before])


def test_each_state_is_waiting_running_or_finished():
    assert WAITING | {TaskState.RUNNING} == LIVE
    assert set(TaskState) == LIVE | FINISHED
    assert not LIVE & FINISHED
    assert {state for state in TaskState if state.is_finished} == FINISHED
    assert set(SOURCES) == set(TaskState)


def test_success_is_for_ever():
    assert not any(is_legal(TaskState.SUCCEEDED, after) for after in TaskState)


@pytest.mark.parametrize(
    ("state", "status"),
    {
        "pending": TaskResultStatus.READY,
        "queued": TaskResultStatus.READY,
        "retrying": TaskResultStatus.READY,
        "running": TaskResultStatus.RUNNING,
        "succeeded": TaskResultStatus.SUCCESSFUL,
        "failed": TaskResultStatus.FAILED,
        "cancelled": TaskResultStatus.FAILED,
        "expired": TaskResultStatus.FAILED,
    }.items(),
)
def test_each_state_has_a_status_of_django_tasks(state, status):
    assert TaskState(state).status is status


def test_the_values_of_the_states_are_what_the_database_stores():
    assert [str(state) for state in TaskState] == [
        "pending", "queued", "running", "succeeded", "failed", "retrying", "cancelled", "expired",
    ]  # fmt: skip
