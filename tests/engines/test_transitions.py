"""All 64 pairs of states, by each verb there is: a task moves if and only if `states.py` says so."""

from contextlib import suppress

import pytest
from django.db import IntegrityError, connection, transaction

from taskhub import queue
from taskhub.errors import IllegalTransition
from taskhub.models import Outcome, Progress, Result, Task, TaskTag
from taskhub.queue.rescue import Cause
from taskhub.queue.transition import move, tasks
from taskhub.states import FINISHED, WAITING, TaskState, WaitsFor, is_legal
from tests.engines.builders import (
    ago,
    claim,
    claim_of,
    columns_of,
    ending,
    finish,
    given_back,
    make_task,
    state_of,
)

pytestmark = pytest.mark.django_db

S = TaskState
PAIRS = [(before, after) for before in TaskState for after in TaskState]


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=lambda state: state.value)
def test_move_goes_where_states_says_and_nowhere_else(before, after, worker):
    task = make_task(before, worker)
    columns = columns_of(after, worker)
    del columns["state"]
    moved = move(tasks().filter(id=task.pk), after, **columns)
    assert moved == ([task.pk] if is_legal(before, after) else [])
    assert state_of(task.pk) == (after if moved else before)


def finishing(outcome):
    return lambda task, worker: finish(worker, [ending(claim_of(task), outcome)])


def rescuing(cause, is_started=True):
    return lambda task, worker: queue.rescue_child(
        worker, {task.pk} if is_started else (), "died", cause
    )


def retry(task, worker):
    with suppress(IllegalTransition):
        queue.retry(task.pk)


def cancel(task, worker):
    with suppress(IllegalTransition):
        queue.cancel(task.pk)


CANCELS = dict.fromkeys(WAITING, S.CANCELLED)
# what each verb does to a task, by the state that it finds it in; it leaves the others alone
VERBS = {
    "claim": (lambda task, worker: claim(worker), {S.QUEUED: S.RUNNING}),
    "promote_due": (
        lambda task, worker: queue.promote_due(),
        {S.PENDING: S.QUEUED, S.RETRYING: S.QUEUED},
    ),
    "expire_overdue": (
        lambda task, worker: queue.expire_overdue(),
        dict.fromkeys(WAITING, S.EXPIRED),
    ),
    "cancel": (cancel, CANCELS),
    "purge": (lambda task, worker: queue.purge("default"), CANCELS),
    "retry": (retry, dict.fromkeys(FINISHED - {S.SUCCEEDED}, S.QUEUED)),
    "finish: succeeded": (finishing(Outcome.SUCCEEDED), {S.RUNNING: S.SUCCEEDED}),
    "finish: failed": (finishing(Outcome.FAILED), {S.RUNNING: S.FAILED}),
    "finish: retrying": (finishing(Outcome.RETRYING), {S.RUNNING: S.RETRYING}),
    "finish: cancelled": (finishing(Outcome.CANCELLED), {S.RUNNING: S.CANCELLED}),
    "finish: snoozed": (finishing(Outcome.SNOOZED), {S.RUNNING: S.PENDING}),
    "finish: released": (finishing(Outcome.RELEASED), {S.RUNNING: S.QUEUED}),
    "finish: interrupted": (finishing(Outcome.INTERRUPTED), {S.RUNNING: S.QUEUED}),
    "finish: given back": (
        lambda task, worker: finish(worker, [given_back(claim_of(task))]),
        {S.RUNNING: S.QUEUED},
    ),
    "rescue: lost": (rescuing(Cause.LOST), {S.RUNNING: S.QUEUED}),
    "rescue: not started": (rescuing(Cause.LOST, is_started=False), {S.RUNNING: S.QUEUED}),
    "rescue: timeout": (rescuing(Cause.TIMEOUT), {S.RUNNING: S.RETRYING}),
    "rescue: cancelled": (rescuing(Cause.CANCELLED), {S.RUNNING: S.CANCELLED}),
    "rescue: released": (rescuing(Cause.RELEASED), {S.RUNNING: S.QUEUED}),
}
# a task whose dependencies are unmet again; no verb of this release leads here
WITHOUT_A_VERB = {(state, S.PENDING) for state in (S.FAILED, S.CANCELLED, S.EXPIRED)}


@pytest.mark.parametrize("before", TaskState, ids=lambda state: state.value)
@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_moves_what_it_may_and_leaves_the_rest(verb, before, worker):
    act, leads = VERBS[verb]
    overdue = ago(1) if verb == "expire_overdue" else None
    task = make_task(before, worker, expires_at=overdue)
    act(task, worker)
    assert state_of(task.pk) == leads.get(before, before)


def test_the_verbs_cover_every_legal_pair():
    led = {(before, after) for _, leads in VERBS.values() for before, after in leads.items()}
    legal = {pair for pair in PAIRS if is_legal(*pair)}
    assert led <= legal
    assert legal - led == WITHOUT_A_VERB


@pytest.mark.parametrize("state", TaskState, ids=lambda state: state.value)
def test_a_refused_verb_changes_not_one_column(state, worker):
    task = make_task(state, worker)
    before = tasks().filter(id=task.pk).values().get()
    for to in TaskState:
        if not is_legal(state, to):
            move(tasks().filter(id=task.pk), to, reason="should not be seen")
    assert tasks().filter(id=task.pk).values().get() == before


MISFITS = {
    "a state that does not exist": ("taskhub_task_state", S.QUEUED, {"state": "lost"}),
    "a priority over 100": ("taskhub_task_priority", S.QUEUED, {"priority": 101}),
    "a priority under -100": ("taskhub_task_priority", S.QUEUED, {"priority": -101}),
    "running without a worker": ("taskhub_task_running", S.RUNNING, {"worker": None}),
    "running since never": ("taskhub_task_running", S.RUNNING, {"started_at": None}),
    "queued with a worker": ("taskhub_task_running", S.QUEUED, {"worker_id": 1}),
    "succeeded with a worker": ("taskhub_task_running", S.SUCCEEDED, {"worker_id": 1}),
    "succeeded at no time": ("taskhub_task_ended", S.SUCCEEDED, {"finished_at": None}),
    "expired at no time": ("taskhub_task_ended", S.EXPIRED, {"finished_at": None}),
    "queued but finished": ("taskhub_task_ended", S.QUEUED, {"finished_at": ago(0)}),
    "pending for nothing": ("taskhub_task_waits", S.PENDING, {"waits_for": WaitsFor.NOTHING}),
    "pending for no time": ("taskhub_task_waits", S.PENDING, {"run_after": None}),
    "pending for no task": ("taskhub_task_waits", S.PENDING, {"waits_for": WaitsFor.TASKS}),
    "retrying for nothing": ("taskhub_task_waits", S.RETRYING, {"waits_for": WaitsFor.NOTHING}),
    "retrying for a slot": ("taskhub_task_waits", S.RETRYING, {"waits_for": WaitsFor.SLOT}),
    "running but waiting": ("taskhub_task_waits", S.RUNNING, {"waits_for": WaitsFor.TIME}),
    "running but finished": ("taskhub_task_ended", S.RUNNING, {"finished_at": ago(0)}),
    "waiting for a thing unknown": ("taskhub_task_waits", S.PENDING, {"waits_for": "luck"}),
    "queued but waiting": ("taskhub_task_waits", S.QUEUED, {"waits_for": WaitsFor.SLOT}),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_the_database_refuses_columns_that_do_not_fit_the_state(misfit, worker):
    constraint, state, columns = MISFITS[misfit]
    if connection.vendor == "postgresql":
        constraint = "taskhub_task_fits"  # one function for all: see migration 0002
    task = make_task(state, worker)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Task.objects.filter(pk=task.pk).update(**columns)


def test_the_misfits_try_each_check_constraint_of_the_table():
    from django.db.models import CheckConstraint

    checks = {each.name for each in Task._meta.constraints if isinstance(each, CheckConstraint)}
    assert {name for name, _, _ in MISFITS.values()} == checks


def test_what_pending_may_wait_for_is_accepted():
    make_task(S.PENDING)
    make_task(S.PENDING, waits_for=WaitsFor.TASKS, unmet=1, run_after=None)
    make_task(S.PENDING, waits_for=WaitsFor.SLOT, waits_key="slot:a", run_after=None)


def test_a_unique_key_is_taken_once_and_none_is_taken_often():
    make_task(unique_lock="one")
    make_task(unique_lock=None)
    make_task(unique_lock=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_task(unique_lock="one")


def test_the_tables_beside_the_task_refuse_what_does_not_fit():
    task = make_task(S.SUCCEEDED)
    TaskTag.objects.create(task=task, name="mail")
    times = {"started_at": ago(1), "finished_at": ago(0)}
    Result.objects.create(task=task, claim_no=1, attempt=1, outcome=Outcome.SUCCEEDED, **times)
    with pytest.raises(IntegrityError), transaction.atomic():
        TaskTag.objects.create(task=task, name="mail")
    with pytest.raises(IntegrityError), transaction.atomic():
        Result.objects.create(task=task, claim_no=1, attempt=2, outcome=Outcome.FAILED, **times)
    with pytest.raises(IntegrityError), transaction.atomic():
        Progress.objects.create(task=task, fraction=1.01, updated_at=ago(0))
