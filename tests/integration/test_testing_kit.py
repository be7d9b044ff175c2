"""taskhub.testing inside a test's own transaction: no worker, no second connection, the real queue."""

import logging
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from taskhub import TaskState, Workflow, chain, chord, compat, group, monitor, signals
from taskhub.errors import InsideTransaction, TaskCancelled, TaskFailed, TaskhubError
from taskhub.models import Checkpoint, LogLine, Result, Task, Worker
from taskhub.testing import (
    assert_enqueued,
    eager,
    enqueued,
    pass_time,
    refute_enqueued,
    run_tasks,
)
from tests.app import tasks, tasks_context, tasks_flow, tasks_kit
from tests.app import tasks_limits as limits
from tests.app.models import Ledger

pytestmark = pytest.mark.django_db

NAMES = {
    getattr(signals, f"task_{name}"): f"task_{name}"
    for name in ("succeeded", "failed", "retried", "cancelled", "expired")
}


def notes():
    return list(Ledger.objects.order_by("id").values_list("note", flat=True))


def states(*results):
    for result in results:
        result.refresh()
    return [result.state for result in results]


# -- running --------------------------------------------------------------------------------------------------------


def test_what_was_enqueued_in_the_tests_transaction_runs_in_it():
    assert connection.in_atomic_block
    result = tasks.add.enqueue(1, b=2)
    [ran] = run_tasks()
    assert (ran.id, ran.state, ran.return_value) == (result.id, TaskState.SUCCEEDED, 3)
    assert result.get() == 3
    assert result.attempts == 1
    assert not Worker.objects.exists()


def test_what_has_not_run_cannot_be_waited_for():
    with pytest.raises(InsideTransaction):
        tasks.add.enqueue(1).get()


def test_tasks_run_by_priority_and_each_gets_one_result():
    low = tasks_flow.echo.using(priority=-5).enqueue("low")
    high = tasks_flow.echo.using(priority=5).enqueue("high")
    other = tasks_flow.echo.using(queue_name="zebra").enqueue("other")
    assert sorted(r.return_value for r in run_tasks()) == ["high", "low", "other"]
    assert [low.get(), high.get(), other.get()] == ["low", "high", "other"]
    assert high.started_at <= low.started_at
    assert run_tasks() == []


def test_only_the_queues_that_are_named_are_worked_on():
    here, there = tasks.add.enqueue(1), tasks.add.using(queue_name="mail").enqueue(2)
    assert [r.id for r in run_tasks("mail")] == [there.id]
    assert states(here) == [TaskState.QUEUED]


def test_a_paused_queue_stays_as_it_is():
    monitor.pause("default", "for a test")
    result = tasks.add.enqueue(1)
    assert run_tasks() == []
    monitor.resume("default")
    assert [r.id for r in run_tasks()] == [result.id]


# -- the clock ------------------------------------------------------------------------------------------------------


def test_a_delayed_task_fires_because_time_passes():
    result = tasks.add.using(countdown=timedelta(days=3)).enqueue(1)
    assert run_tasks(within=60) == []
    began = timezone.now()
    run_tasks()
    assert result.get() == 1
    assert timezone.now() - began < timedelta(minutes=1)
    assert result.finished_at - result.enqueued_at >= timedelta(days=3)


def test_time_passes_only_as_far_as_it_is_told_to():
    soon, late = (tasks.add.using(countdown=s).enqueue(s) for s in (50, 100))
    assert [r.id for r in run_tasks(within=60)] == [soon.id]
    pass_time(40)
    assert states(late) == [TaskState.PENDING]
    pass_time(timedelta(seconds=11))
    assert states(late) == [TaskState.QUEUED]
    assert [r.id for r in run_tasks(within=0)] == [late.id]


def test_retries_follow_with_their_delays_and_history():
    result = tasks.succeed_on_attempt.enqueue(3)
    [ran] = run_tasks()
    assert (ran.id, ran.return_value, ran.attempts) == (result.id, 3, 3)
    assert [error.exception_class for error in ran.errors] == [ConnectionError] * 2


def test_a_task_that_keeps_failing_fails_for_good():
    result = tasks_kit.write_and_fail.enqueue("tried")
    run_tasks()
    assert states(result) == [TaskState.FAILED]
    assert notes() == ["tried", "tried"]  # as in a worker, what was written before the error stays
    with pytest.raises(TaskFailed, match="after the write"):
        result.get()
    monitor.retry(int(result.id))
    assert [r.id for r in run_tasks(within=0)] == [result.id]
    assert states(result) == [TaskState.RETRYING]


def test_a_snooze_is_waited_for():
    result = tasks_kit.snooze_for_an_hour.enqueue()
    run_tasks(within=10)
    assert states(result) == [TaskState.PENDING]
    run_tasks()
    assert result.get() == 1


def test_a_task_that_is_not_started_in_time_expires():
    monitor.pause("default")
    result = tasks.add.using(expires=60).enqueue(1)
    pass_time(59)
    assert states(result) == [TaskState.QUEUED]
    pass_time(2)
    assert states(result) == [TaskState.EXPIRED]


def test_time_never_runs_backwards():
    with pytest.raises(ValueError, match=r"pass_time\(-1\)"):
        pass_time(-1)


def test_a_task_that_enqueues_itself_reaches_the_limit():
    tasks_kit.enqueue_itself.enqueue()
    with pytest.raises(TaskhubError, match="5 attempts were made"):
        run_tasks(limit=5)
    assert list(Task.objects.order_by("-id").values_list("state", "attempt")[:1]) == [("queued", 0)]
    Task.objects.all().delete()
    tasks_kit.enqueue_itself.enqueue(60)
    assert len(run_tasks(within=150)) == 3


# -- workflows ------------------------------------------------------------------------------------------------------


def test_chains_chords_and_graphs_are_followed():
    line = chain(tasks_flow.one.s(), tasks_flow.add.s(10), tasks_flow.aadd.s(100)).enqueue()
    all_of_it = chord([tasks_flow.echo.s(n) for n in range(5)], tasks_flow.total.s(1)).enqueue()
    side_by_side = group([tasks_flow.echo.s("a"), tasks_flow.echo.s("b")]).enqueue()
    work = Workflow("kit").add("left", tasks_flow.add.s(1, 2))
    graph = work.add("end", tasks_flow.see.s(), after=["left"]).enqueue()
    run_tasks()
    assert line.get() == 111
    assert all_of_it.get() == 11
    assert side_by_side.get() == ["a", "b"]
    assert graph.get() == {"left": 3}


def test_a_chain_waits_out_the_retries_of_its_steps():
    result = chain(tasks.succeed_on_attempt.s(2), tasks_flow.add.s(40)).enqueue()
    run_tasks()
    assert result.get() == 42


def test_what_needed_a_failed_step_is_cancelled_and_announced():
    heard = []

    def hear(task_result, **kwargs):
        heard.append((task_result.id, task_result.state))

    compat.task_finished.connect(hear)
    try:
        result = chain(tasks_flow.fail.s(), tasks_flow.one.si()).enqueue()
        run_tasks()
    finally:
        compat.task_finished.disconnect(hear)
    with pytest.raises(TaskCancelled, match="needed"):
        result.get()
    assert (result.id, TaskState.CANCELLED) in heard
    assert len(heard) == 2


def test_children_run_after_their_parent():
    parent = tasks_kit.spawn_and_look.enqueue(7)
    assert len(run_tasks()) == 2
    assert parent.get() == "queued"
    assert [child.get() for child in parent.children] == [7]


# -- transactions ---------------------------------------------------------------------------------------------------


def test_an_error_of_the_database_spoils_the_run_and_not_the_test():
    Ledger.objects.create(note="before", task_id=0)
    broken, recovered = (
        tasks_kit.write_and_break.enqueue("x"),
        tasks_kit.recover_in_a_block.enqueue("y"),
    )
    run_tasks()
    assert states(broken, recovered) == [TaskState.FAILED, TaskState.SUCCEEDED]
    kept = ["before", "y"] if connection.vendor == "postgresql" else ["before", "x", "y"]
    assert notes() == kept


def test_an_atomic_task_takes_back_what_it_wrote_when_it_fails():
    good = tasks_kit.write_atomically.enqueue("kept")
    bad = tasks_kit.write_atomically.enqueue("undone", fails=True)
    run_tasks()
    assert states(good, bad) == [TaskState.SUCCEEDED, TaskState.FAILED]
    assert notes() == ["kept"]


def test_a_block_that_a_task_leaves_open_is_undone():
    Ledger.objects.create(note="before", task_id=0)
    tasks_kit.leave_a_block_open.enqueue("undone")
    run_tasks()
    assert notes() == ["before"]
    with transaction.atomic():
        tasks_kit.write("after")
    assert notes() == ["before", "after"]
    assert len(connection.savepoint_ids) == 0 or connection.in_atomic_block


def test_what_a_task_leaves_to_on_commit_is_done(django_capture_on_commit_callbacks):
    tasks_kit.enqueue_on_commit.enqueue("committed")
    with django_capture_on_commit_callbacks() as left:
        run_tasks()
    assert left == []
    assert [r.return_value for r in enqueued(tasks_flow.echo)] == ["committed"]


def test_coroutines_use_the_connection_of_the_test():
    result = tasks_kit.look_around.enqueue(note="async")
    run_tasks()
    assert result.get() == [1, ["async"], "async"]
    assert notes() == ["async"]


def test_checkpoints_progress_and_log_lines_are_stored():
    result = tasks_kit.go_on_from_checkpoint.enqueue()
    run_tasks()
    assert result.get() == [2, 3, 2]
    assert (result.progress, result.progress_message) == (1.0, "step 2")
    assert Checkpoint.objects.get(task_id=result.id).value == 3
    lines = LogLine.objects.filter(task_id=result.id).order_by("attempt")
    assert [line.message for line in lines] == ["step 0", "step 1", "step 2"]


def test_steps_are_done_once_over_all_attempts():
    paid, shipped = tasks_context.pay.enqueue(2), tasks_context.pay_in_a_transaction.enqueue()
    in_coroutine = tasks_kit.go_in_steps.enqueue()
    run_tasks()
    assert paid.get() == [{"id": 7}, {"id": 7}, None, [1, 2]]
    assert shipped.get() == [1, 2]
    assert in_coroutine.get() == [1, 2]
    assert sorted(notes()) == ["charge", "kept", "lost", "mail", "nothing"]
    assert [step.attempt for step in paid.steps] == [1, 1, 3]


def test_what_has_run_can_be_awaited():
    from asgiref.sync import async_to_sync

    one = tasks.add.enqueue(1)
    many = group(tasks_flow.echo.s(n) for n in range(3)).enqueue()
    run_tasks()

    async def gather():
        arrived = [result.return_value async for result in many.as_completed(1)]
        return await one.aget(1), sorted(arrived), await many.aget(1)

    assert async_to_sync(gather)() == (1, [0, 1, 2], [0, 1, 2])


def test_values_may_be_kept_in_a_cache(settings):
    settings.TASKHUB = {"RESULT_BACKEND": "cache"}
    result = chain(tasks_flow.one.s(), tasks_flow.add.s(10)).enqueue()
    heard = []

    def hear(task_result, **kwargs):
        heard.append(task_result.return_value)

    signals.task_succeeded.connect(hear)
    try:
        run_tasks()
    finally:
        signals.task_succeeded.disconnect(hear)
    assert result.get() == 11
    assert heard == [1, 11]
    assert (
        list(Result.objects.values_list("value", flat=True)) == [{"taskhub.kept_in": "cache"}] * 2
    )
    with eager():
        assert tasks.add.enqueue(5).return_value == 5


def test_hooks_are_called_and_logging_is_put_back():
    before = (logging.root.level, list(logging.root.handlers))
    tasks_kit.fail_with_a_hook.enqueue(note="n")
    run_tasks()
    assert notes() == ["KeyError in n"]
    assert (logging.root.level, list(logging.root.handlers)) == before


def test_each_transition_is_told_in_the_tests_thread():
    heard = []

    def hear(signal, task_result, **kwargs):
        heard.append((NAMES[signal], task_result.id, str(task_result.state), task_result.attempts))

    for signal in NAMES:
        signal.connect(hear)
    try:
        again, bad = tasks.succeed_on_attempt.enqueue(2), tasks.fail.enqueue()
        late = tasks.add.using(expires=60, queue_name="late").enqueue(1)
        run_tasks(["default"])
        pass_time(61)
    finally:
        for signal in NAMES:
            signal.disconnect(hear)
    assert [told for told in heard if told[1] == again.id] == [
        ("task_retried", again.id, "retrying", 1),
        ("task_succeeded", again.id, "succeeded", 2),
    ]
    assert [told for told in heard if told[1] == bad.id] == [("task_failed", bad.id, "failed", 1)]
    assert [told for told in heard if told[1] == late.id] == [
        ("task_expired", late.id, "expired", 0)
    ]


def test_a_receiver_that_spoils_the_transaction_spoils_what_it_wrote_itself():
    def spoil(task_result, **kwargs):
        Ledger.objects.create(note="undone", task_id=0)
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    signals.task_succeeded.connect(spoil)
    try:
        result = tasks_kit.write_atomically.enqueue("kept")
        run_tasks()
    finally:
        signals.task_succeeded.disconnect(spoil)
    assert states(result) == [TaskState.SUCCEEDED]
    expected = ["kept"] if connection.vendor == "postgresql" else ["kept", "undone"]
    assert notes() == expected


def test_handlers_hear_of_the_start_and_the_end():
    heard = []

    def hear(result):
        heard.append((result.id, str(result.state)))

    monitor.on_task_started(hear)
    monitor.on_task_completed(hear)
    try:
        result = tasks.add.enqueue(1)
        run_tasks()
    finally:
        for signal in (*NAMES, signals.task_started):
            signal.disconnect(dispatch_uid=("taskhub.handlers", hear))
    assert heard == [(result.id, "running"), (result.id, "succeeded")]


def test_what_a_task_raises_can_be_the_tests_error():
    tasks.fail.enqueue("as it was")
    with pytest.raises(ValueError, match="as it was"):
        run_tasks(propagate=True)
    tasks.unstorable_result.using(max_retries=0).enqueue()
    with pytest.raises(TaskFailed, match="not JSON"):
        run_tasks(propagate=True)


def test_ctrl_c_in_a_task_is_not_its_failure():
    tasks_kit.stop_everything.enqueue()
    with pytest.raises(KeyboardInterrupt):
        run_tasks()


# -- limits ---------------------------------------------------------------------------------------------------------


def test_tasks_that_wait_for_a_slot_run_one_after_the_other():
    results = [limits.export.enqueue("a") for _ in range(3)]
    assert {r.state for r in results} == {TaskState.PENDING}, "nothing is taken in a transaction"
    assert [r.id for r in run_tasks()] == [r.id for r in results]
    assert set(states(*results)) == {TaskState.SUCCEEDED}


def test_time_passes_until_the_next_token_comes():
    results = [tasks.add.using(rate_limit="1/h").enqueue(n) for n in range(3)]
    began = results[0].enqueued_at
    assert len(run_tasks(within=60)) == 1
    assert len(run_tasks()) == 2
    assert set(states(*results)) == {TaskState.SUCCEEDED}
    assert timedelta(hours=1.9) < began - results[0].enqueued_at < timedelta(hours=2.1)


def test_time_passes_until_more_of_a_limited_queue_may_start():
    monitor.set_limits("mail", rate="1/h")
    tasks.add.using(queue_name="mail").enqueue_many([((n,), {}) for n in range(3)])
    other = tasks.add.enqueue(4)
    assert len(run_tasks(within=60)) == 2
    assert states(other) == [TaskState.SUCCEEDED]
    assert len(run_tasks()) == 2


def test_a_unique_key_is_free_when_its_time_is_over():
    first = limits.remind.enqueue(1)
    assert run_tasks()
    again = limits.remind.enqueue(1)
    assert (again.id, again.is_duplicate) == (first.id, True)
    pass_time(61)
    assert not limits.remind.enqueue(1).is_duplicate


# -- eager ----------------------------------------------------------------------------------------------------------


def test_eager_tasks_have_run_when_enqueue_returns():
    with eager():
        result = tasks.add.enqueue(1, b=2)
        assert (result.state, result.return_value, result.get()) == (TaskState.SUCCEEDED, 3, 3)
        late = tasks.add.using(countdown=3600).enqueue(5)
        assert late.return_value == 5
        many = tasks.add.enqueue_many([((n,), {}) for n in range(3)])
        assert [r.return_value for r in many] == [0, 1, 2]
        assert tasks.succeed_on_attempt.enqueue(3).return_value == 3
    assert tasks.add.enqueue(1).state == TaskState.QUEUED


def test_eager_workflows_have_run_when_enqueue_returns():
    with eager():
        assert chain(tasks_flow.one.s(), tasks_flow.add.s(10)).enqueue().return_value == 11
        result = chord([tasks_flow.echo.s(n) for n in range(3)], tasks_flow.total.s()).enqueue()
        assert result.return_value == 3
        assert tasks_kit.spawn_and_look.enqueue(7).return_value == "succeeded"


def test_eager_tasks_pass_gates_that_are_open():
    slow = tasks.add.using(rate_limit="1/h")
    with eager():
        assert limits.export.enqueue("a").return_value == "a"
        many = limits.export.enqueue_many([(("b",), {}) for _ in range(3)])
        assert [r.return_value for r in many] == ["b"] * 3
        twice = limits.sync_user.enqueue_many([((7,), {}), ((7,), {})])
        assert [(r.id, r.is_duplicate) for r in twice] == [
            (twice[0].id, False),
            (twice[0].id, True),
        ]
        assert twice[0].return_value == 7
        assert [slow.enqueue(n).state for n in range(2)] == [TaskState.SUCCEEDED, TaskState.PENDING]


def test_eager_tasks_raise_from_enqueue_unless_told_not_to():
    with eager(), pytest.raises(ValueError, match="it broke"):
        tasks.fail.enqueue()
    with eager(propagate=False):
        result = tasks.fail.enqueue()
    assert result.state == TaskState.FAILED
    assert result.errors[0].message == "it broke"


async def aenqueue():
    return await tasks.add_slowly.aenqueue(1, 2)


def test_eager_coroutines_run_where_they_are_awaited():
    from asgiref.sync import async_to_sync

    with eager():
        assert async_to_sync(aenqueue)().return_value == 3


@pytest.mark.django_db(transaction=True)
def test_eager_and_the_kit_work_outside_of_a_transaction():
    with eager():
        assert tasks.add.enqueue(1).return_value == 1
        assert tasks_kit.look_around.enqueue(note="n").return_value == [1, ["n"], "n"]
    result = chain(tasks.succeed_on_attempt.s(2), tasks_flow.add.s(1)).enqueue()
    run_tasks()
    assert result.get(0) == 3
    assert not Worker.objects.exists()


# -- assertions -----------------------------------------------------------------------------------------------------


def test_what_was_enqueued_can_be_asserted():
    run_at = timezone.now() + timedelta(hours=1)
    tasks.add.enqueue(1, b=2)
    tasks.add.using(queue_name="mail", tags=["t"], run_after=run_at).enqueue(3)
    assert len(assert_enqueued(tasks.add)) == 2
    [found] = assert_enqueued(tasks.add, args=(1,), kwargs={"b": 2}, count=1)
    assert found.args == [1]
    assert_enqueued("tests.app.tasks.add", queue_name="mail", tags=["t"], count=1)
    assert_enqueued(tasks.add, run_after=run_at, state="pending")
    assert_enqueued(count=2)
    refute_enqueued(tasks.add, args=[2])
    refute_enqueued(tasks.fail)
    run_tasks()
    assert_enqueued(tasks.add, count=2)
    refute_enqueued(tasks.add, state="queued")


def test_a_failing_assertion_says_what_is_there():
    with pytest.raises(AssertionError, match="Nothing is enqueued at all"):
        assert_enqueued(tasks.fail)
    tasks.add.enqueue(1, b=2)
    with pytest.raises(AssertionError) as caught:
        assert_enqueued(tasks.add, args=[7], count=1)
    assert "1 tests.app.tasks.add with args=[7] expected, 0 enqueued" in str(caught.value)
    assert "tests.app.tasks.add args=[1] kwargs={'b': 2} queue_name='default' queued" in str(
        caught.value
    )
    with pytest.raises(AssertionError, match=r"no tests\.app\.tasks\.add expected, 1 enqueued"):
        refute_enqueued(tasks.add)
    with pytest.raises(LookupError, match=r"tests.app.tasks.ad"):
        assert_enqueued("tests.app.tasks.ad")
