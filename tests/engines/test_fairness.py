"""Tenants take turns inside a queue: a backlog of one keeps no other waiting."""

import time
from collections import Counter

import pytest

from taskhub import chain, queue
from taskhub.models import Outcome, Task
from taskhub.queue.opening import open_gates
from taskhub.states import TaskState as S
from tests.app import tasks_flow
from tests.app import tasks_limits as limits
from tests.engines.builders import ago, claim, ending, finish, given_back
from tests.helpers import eventually

pytestmark = pytest.mark.django_db

serve = limits.serve


def many(customer, count, definition=serve):
    return definition.enqueue_many([((customer, number), {}) for number in range(count)])


def order(worker, count=1000, at_once=7):
    """Claim so many and return whose they are, in the order in which they were claimed."""
    customers = dict(Task.objects.values_list("id", "fair_key"))
    found = []
    while len(found) < count and (claimed := claim(worker, min(at_once, count - len(found)))):
        found += [customers[one.id] for one in claimed]
    return "".join(map(str, found))


def test_who_comes_late_takes_turns_with_who_has_a_backlog(worker):
    many("a", 10)
    many("b", 3)
    assert order(worker, at_once=1) == "ababab" + "a" * 7


def test_one_by_one_or_many_at_once_makes_no_difference(worker):
    for _ in range(3):
        serve.enqueue("a")
    many("b", 3)
    for _ in range(3):
        serve.enqueue("c")
    assert order(worker, at_once=1) == "abcabcabc"


def test_in_one_batch_tenants_take_turns_too(worker):
    serve.enqueue_many([((name,), {}) for name in "aaabbc"])
    assert order(worker, at_once=1) == "abcaba"


def test_who_was_idle_has_saved_up_no_turns(worker):
    many("a", 100)
    order(worker, 50)
    many("b", 50)
    first = Counter(order(worker, 40))
    assert abs(first["a"] - first["b"]) <= 1


def test_who_has_always_one_task_waiting_gets_half_and_no_more(worker):
    many("a", 100)
    got = ""
    for _ in range(40):
        if not Task.objects.filter(fair_key="b", state=S.QUEUED).exists():
            serve.enqueue("b")
        got += order(worker, 1)
    assert 18 <= got.count("b") <= 21


def test_priorities_come_first_and_have_lines_of_their_own(worker):
    many("a", 20)
    many("a", 2, serve.using(priority=5))
    many("b", 2, serve.using(priority=5))
    assert order(worker, 6, at_once=1) == "ababaa"


def test_queues_have_lines_of_their_own(worker):
    many("a", 20)
    other = serve.using(queue_name="other")
    many("b", 1, other)
    many("a", 1, other)
    assert list(Task.objects.filter(queue="other").values_list("position", flat=True)) == [1, 1]


def test_tasks_without_a_key_stand_at_the_front_and_have_no_position(worker):
    many("a", 2)
    assert serve.using(fair_key=None).enqueue("x").state == S.QUEUED
    assert Task.objects.get(fair_key=None).position == 0


def test_a_delayed_task_gets_its_turn_when_its_time_has_come(worker):
    many("a", 5, serve.using(countdown=60))
    assert set(Task.objects.values_list("position", flat=True)) == {0}
    many("b", 2)
    Task.objects.filter(state=S.PENDING).update(run_after=ago(1))
    queue.promote_due()
    assert order(worker, at_once=1) == "ababaaa"


def test_a_step_gets_its_turn_when_its_needs_are_met(worker):
    chain(tasks_flow.one.using(priority=5).si(), serve.si("a")).enqueue()
    [first] = claim(worker)
    many("a", 2)
    many("b", 4)
    finish(worker, [ending(first)])
    queue.promote_due()
    assert order(worker, at_once=1) == "abababb"


def test_an_old_position_holds_nobody_back_when_the_queue_has_been_empty(worker):
    many("a", 50)
    claimed = claim(worker, 50)
    many("b", 10)
    last = claimed[-1]
    finish(worker, [given_back(last)])
    many("b", 10)
    assert "a" in order(worker, 12, at_once=1)
    finish(worker, [ending(claimed[0], Outcome.RETRYING, ties=claimed[0].ties)])
    Task.objects.filter(state=S.RETRYING).update(run_after=ago(1))
    many("b", 20)
    queue.promote_due()
    assert "a" in order(worker, 3, at_once=1)


def test_tenants_take_turns_before_a_gate_too(worker):
    slow = serve.using(rate_limit="1/d")
    many("a", 6, slow)
    many("b", 3, slow)
    gate = Task.objects.filter(state=S.PENDING).order_by("-priority", "position", "id")
    assert "".join(gate.values_list("fair_key", flat=True)) == "ababab" + "aaa"
    assert open_gates()[0] == 1


def test_the_next_customer_s_one_task_is_not_kept_waiting_by_another_s_100_000(worker):
    """Measured: how many of the big customer's tasks are claimed before the small one's."""
    many("big", 100_000)
    began = time.monotonic()
    serve.enqueue("small")
    took = time.monotonic() - began
    before = order(worker, 20).replace("big", "b").index("small")
    assert before <= 2
    assert took < 1, "this machine may be busy"
    assert eventually(lambda: Task.objects.filter(state=S.QUEUED).count() > 99_000)
