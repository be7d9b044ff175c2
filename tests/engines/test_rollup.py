"""Progress of a task that reports none: the weighted progress of its children, worked out when it is asked for."""

import pytest

from taskhub import get_result, monitor
from taskhub.models import Progress
from taskhub.rollup import rolled_up
from taskhub.states import TaskState
from tests.engines.builders import ago, make_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def make(worker):
    def make(state=TaskState.RUNNING, reported=None, weight=None, **columns):
        options = None if weight is None else {"weight": weight}
        task = make_task(state, worker, options=options, **columns)
        if reported is not None:
            Progress.objects.create(task=task, fraction=reported, updated_at=ago(0))
        return task

    return make


def progress(task):
    assert get_result(str(task.pk)).progress == monitor.task_progress(task.pk)
    return monitor.task_progress(task.pk)


def test_a_task_without_children_is_as_far_as_it_says(make):
    assert rolled_up(make().pk) is None
    assert progress(make()) == 0.0
    assert progress(make(reported=0.25)) == 0.25
    assert progress(make(TaskState.SUCCEEDED)) == 1.0


def test_children_count_by_their_weights(make):
    parent = make()
    make(TaskState.SUCCEEDED, parent=parent, weight=3)
    make(reported=0.5, parent=parent)
    make(TaskState.QUEUED, parent=parent, weight=4)
    assert progress(parent) == (3 + 0.5) / 8


def test_what_the_parent_itself_reports_comes_first(make):
    parent = make(reported=0.1)
    make(TaskState.SUCCEEDED, parent=parent)
    assert progress(parent) == 0.1


@pytest.mark.parametrize("state", [TaskState.RUNNING, TaskState.SUCCEEDED, TaskState.FAILED])
def test_a_parent_that_has_ended_is_as_far_as_its_children(make, state):
    parent = make(state, attempt=1)
    make(TaskState.RUNNING, parent=parent)
    make(TaskState.SUCCEEDED, parent=parent)
    assert progress(parent) == 0.5


def test_a_child_that_has_ended_counts_as_done_however_it_ended(make):
    parent = make()
    for state in (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED, TaskState.EXPIRED):
        make(state, parent=parent, reported=0.1)
    assert progress(parent) == 1.0


def test_generations_add_up_and_cost_a_query_each(make, django_assert_num_queries):
    parent = make()
    child = make(parent=parent)
    make(TaskState.SUCCEEDED, parent=parent)
    for state in (TaskState.SUCCEEDED, TaskState.QUEUED):
        make(state, parent=child)
    assert progress(parent) == 0.75
    with django_assert_num_queries(2):
        rolled_up(parent.pk)
    alone = make()
    with django_assert_num_queries(1):
        rolled_up(alone.pk)


def test_options_that_were_damaged_by_hand_weigh_one(make):
    parent = make()
    for weight in ("heavy", -1, True, None, [1]):
        make(TaskState.QUEUED, parent=parent, weight=weight)
    make_task(TaskState.SUCCEEDED, parent=parent, options=["weight"])
    assert rolled_up(parent.pk) == 1 / 6
