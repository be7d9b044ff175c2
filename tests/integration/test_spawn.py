"""Children of a task and their parent's progress, through real workers."""

import pytest

from taskhub import errors, get_result
from tests.app import tasks_flow as flow
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_parent_is_as_far_as_the_weights_of_its_children_say(run_worker, tmp_path):
    worker = run_worker("--processes", "0", "--threads", "3")
    parent = flow.split.enqueue([1, 3, None], path=f"{tmp_path}/")
    ids = parent.get(20)
    assert [child.id for child in parent.children] == ids
    assert get_result(parent.id).progress == 0.0
    for number, expected in ((1, 0.6), (0, 0.8), (2, 1.0)):
        (tmp_path / str(number)).touch()
        assert get_result(ids[number]).wait(20)
        assert get_result(parent.id).progress == pytest.approx(expected)
    worker.stop()


def test_a_weight_that_is_none_is_refused(drain):
    result = flow.split_badly.enqueue()
    drain("--processes", "1")
    with pytest.raises(errors.TaskFailed, match="weight=-1; expected a number above zero"):
        result.get(0)
    assert get_result(result.id).children == []


def test_a_coroutine_has_children_too(drain):
    parent = flow.have_a_child.enqueue()
    drain("--processes", "0", "--async", "5")
    parent.refresh()
    (child,) = parent.children
    assert (child.id, child.get(0)) == (parent.get(0), 3)


@pytest.mark.parametrize("how, becomes", [("leaves", "cancelled"), ("stays", "pending")])
def test_a_child_of_a_task_that_was_asked_to_stop_already_shares_its_end(run_worker, how, becomes):
    run_worker("--processes", "1")
    parent = flow.have_children_when_cancelled.enqueue(how)
    eventually(lambda: get_result(parent.id).state == "running")
    parent.revoke()
    assert parent.wait(20)
    (child,) = parent.children
    assert eventually(lambda: get_result(child.id).state == becomes)
