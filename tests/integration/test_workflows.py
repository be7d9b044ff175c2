"""Chains, groups, chords and graphs, through real workers."""

import pytest
from asgiref.sync import async_to_sync

from taskhub import Workflow, chain, chord, compat, get_result, group, monitor
from taskhub.errors import ResultTimeout, TaskCancelled, TaskFailed
from taskhub.models import Dependency, Task, WorkflowRun
from tests.app import tasks_flow as flow
from tests.app.models import Ledger

pytestmark = pytest.mark.django_db(transaction=True)


def states():
    return list(Task.objects.order_by("id").values_list("state", flat=True))


def test_a_chain_passes_each_value_to_the_next_step(drain):
    result = chain(flow.one.s(), flow.add.s(10), flow.aadd.s(100)).enqueue()
    assert states() == ["queued", "pending", "pending"]
    drain("--processes", "1")
    assert get_result(result.id).return_value == 111


def test_an_immutable_step_gets_its_own_arguments_only(drain):
    result = (flow.one.s() | flow.add.si(5)).enqueue()
    drain()
    assert get_result(result.id).return_value == 5


def test_a_group_gives_its_values_in_order(drain):
    result = group(flow.echo.s(n) for n in range(5)).enqueue()
    assert result.completed_count == 0
    drain()
    assert (result.completed_count, result.is_successful) == (5, True)
    assert result.get(5) == [0, 1, 2, 3, 4]
    assert sorted(r.return_value for r in result.as_completed(5)) == [0, 1, 2, 3, 4]


def test_a_chord_runs_its_callback_once_with_the_values_in_order(drain):
    result = chord([flow.echo.s(n) for n in range(20)], flow.echo.s()).enqueue()
    drain("--processes", "2")
    assert get_result(result.id).return_value == list(range(20))
    assert get_result(result.id).attempts == 1


def test_workflows_nest(drain):
    inner = group([chain(flow.add.s(0), flow.add.s(1)), flow.echo.si("x")])
    result = chain(flow.one.s(), inner, flow.echo.s()).enqueue()
    drain()
    assert get_result(result.id).return_value == [2, "x"]


def test_a_step_of_a_graph_finds_the_values_of_those_it_waited_for(drain):
    work = Workflow("report")
    work.add("end", flow.see.s(), after=["left", "right"])
    work.add("left", flow.add.s(1, 2)).add("right", group([flow.echo.s("a"), flow.echo.s("b")]))
    result = work.enqueue()
    drain()
    assert get_result(result.id).return_value == {"left": 3, "right": ["a", "b"]}
    run = WorkflowRun.objects.get()
    assert (run.name, run.kind, run.size) == ("report", "workflow", 4)
    assert run.steps["end"] == int(result.id)


def test_a_step_of_many_tasks_finds_the_values_too_and_is_kept_by_its_name(drain):
    work = Workflow().add("a", flow.one.s())
    work.add("b", chain(flow.see.s(), flow.echo.s()), after=["a"])
    work.add("c", group([flow.see.s(), flow.see.s()]), after=["a"])
    work.add("d", Workflow().add("a", flow.see.s()), after=["b", "c"])
    result = work.enqueue()
    drain()
    a, inner = {"a": 1}, {"b": {"a": 1}, "c": [{"a": 1}, {"a": 1}]}
    assert get_result(result.id).return_value == inner
    steps = WorkflowRun.objects.get().steps
    assert steps.keys() == {"a", "b", "c", "d", "d.a"}
    assert get_result(str(steps["b"])).return_value == a
    assert [get_result(str(task_id)).return_value for task_id in steps["c"]] == [a, a]
    assert steps["d"] == steps["d.a"] == int(result.id)


def test_what_depends_on_a_failed_step_is_cancelled_and_says_why(drain):
    result = chain(flow.fail.s(), flow.add.s(), flow.add.s()).enqueue()
    drain()
    assert states() == ["failed", "cancelled", "cancelled"]
    first = Task.objects.order_by("id").first()
    with pytest.raises(TaskCancelled, match="needed"):
        get_result(result.id).get(1)
    second = Task.objects.get(id=first.id + 1)
    assert f"#{first.id}" in second.reason
    assert "failed" in second.reason


def test_with_continue_a_callback_runs_although_members_failed(drain):
    header = [flow.echo.s(1), flow.fail.s(), flow.echo.s(3)]
    result = chord(header, flow.echo.s(), on_failure="continue").enqueue()
    drain()
    assert get_result(result.id).return_value == [1, None, 3]


def test_a_retry_of_the_failed_step_revives_what_depended_on_it(drain):
    result = chain(flow.fail_unless.s("fuse"), flow.write.s(), flow.add.si(7)).enqueue()
    drain()
    assert states() == ["failed", "cancelled", "cancelled"]
    Ledger.objects.create(note="fuse", task_id=0)
    monitor.retry(Task.objects.order_by("id").first().id)
    assert states() == ["queued", "pending", "pending"]
    drain()
    assert states() == ["succeeded"] * 3
    assert get_result(result.id).return_value == 7
    assert not Dependency.objects.exclude(state="met").exists()


def test_a_callback_fires_once_although_a_failed_member_is_retried_after_it(drain):
    header = [flow.echo.s(1), flow.fail_unless.s("fuse")]
    result = chord(header, flow.write.si("called"), on_failure="continue").enqueue()
    drain()
    Ledger.objects.create(note="fuse", task_id=0)
    monitor.retry(Task.objects.get(name__endswith="fail_unless").id)
    drain()
    assert states() == ["succeeded"] * 3
    assert Ledger.objects.filter(note="called").count() == 1
    assert get_result(result.id).attempts == 1


def test_callbacks_of_a_task_run_after_it(drain):
    flow.one.using(link=flow.write.si("well"), link_error=flow.write.si("badly")).enqueue()
    flow.fail.using(link=flow.write.si("WELL"), link_error=flow.echo.s()).enqueue()
    drain()
    assert set(Ledger.objects.values_list("note", flat=True)) == {"well"}
    assert sorted(states()) == ["cancelled"] * 2 + ["failed"] + ["succeeded"] * 3
    failed = Task.objects.get(state="failed")
    told = Task.objects.filter(name__endswith="echo").get()
    assert get_result(str(told.id)).return_value == str(failed.id)


def test_children_are_listed_on_both_ends(drain):
    result = flow.have_children.enqueue(3)
    drain()
    ids = get_result(result.id).return_value
    children = get_result(result.id).children
    assert [child.id for child in children] == ids
    assert [child.get(5) for child in children] == [0, 1, 2]
    assert children[0].parent.id == result.id


def test_a_group_raises_what_its_first_failed_member_raised(drain):
    result = group([flow.echo.s(1), flow.fail.s()]).enqueue()
    drain()
    assert (result.is_ready, result.is_failed) == (True, True)
    with pytest.raises(TaskFailed, match="it failed"):
        result.get(1)


# -- members that are gone --------------------------------------------------------------------------------------------


def ended_but_for_a_deleted_one(drain):
    """Three members, of which the first was deleted after all had ended."""
    result = group(flow.echo.s(n) for n in range(3)).enqueue()
    drain()
    Task.objects.get(id=result[0].id).delete()
    return result


def test_a_group_with_a_deleted_member_is_ready_and_reading_it_names_that_one(drain):
    result = ended_but_for_a_deleted_one(drain)
    assert (result.is_ready, result.completed_count) == (True, 3)
    assert (result.is_successful, result.is_failed) == (False, False)
    for read in (result.get, result.wait):
        with pytest.raises(compat.TaskResultDoesNotExist, match=result[0].id):
            read(20)


def test_a_deleted_member_hides_no_other_from_who_takes_them_as_they_end(drain):
    result = ended_but_for_a_deleted_one(drain)
    arriving = result.as_completed(20)
    assert [next(arriving).return_value, next(arriving).return_value] == [1, 2]
    with pytest.raises(compat.TaskResultDoesNotExist, match=result[0].id):
        next(arriving)
    assert list(arriving) == []


def test_async_for_ends_at_a_deleted_member(drain):
    result = ended_but_for_a_deleted_one(drain)
    with pytest.raises(compat.TaskResultDoesNotExist, match=result[0].id):
        async_to_sync(result.aget)(20)


def test_a_timeout_counts_those_that_can_still_end():
    result = group(flow.echo.using(queue_name="nobody").s(n) for n in range(3)).enqueue()
    Task.objects.get(id=result[0].id).delete()
    arriving = result.as_completed(0.1)
    with pytest.raises(compat.TaskResultDoesNotExist):
        next(arriving)
    with pytest.raises(ResultTimeout, match="2 of 3 tasks have not ended"):
        next(arriving)


def test_what_was_read_before_a_member_was_deleted_stays_known(drain):
    result = group(flow.echo.s(n) for n in range(2)).enqueue()
    drain()
    assert result.get(20) == [0, 1]
    Task.objects.get(id=result[0].id).delete()
    assert result.get(20) == [0, 1]
