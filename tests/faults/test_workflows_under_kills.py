"""Graphs of steps that fail run on workers that are killed: each step succeeds at most once, in its order."""

import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from taskhub.models import Result, Task
from taskhub.states import FINISHED
from tests.app import tasks_flow as flow
from tests.faults.fleet import Fleet
from tests.faults.record import HURRIED
from tests.graphs import enqueue, graphs
from tests.helpers import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite", "postgresql")]

GRAPHS, KILLS = 30, 3  # in each example
# Kills that hit one step time and again are no poison.
REST = flow.rest.using(max_worker_losses=1000)
FAIL = flow.fail.using(max_worker_losses=1000)


@pytest.fixture
def fleet(run_worker):
    fleet = Fleet(lambda: run_worker("--processes", "2", env=HURRIED), random.Random())
    yield fleet
    fleet.stop()


@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    drawn=st.lists(graphs(), min_size=GRAPHS, max_size=GRAPHS),
    failing=st.lists(st.sets(st.integers(0, 7), max_size=2), min_size=GRAPHS, max_size=GRAPHS),
    seed=st.integers(0, 1_000_000),
)
def test_each_step_succeeds_at_most_once_after_its_needs_and_the_end_follows_from_the_failures(
    fleet, drawn, failing, seed
):
    fleet.chance.seed(seed)
    before = Task.objects.filter(state__in=FINISHED).count()
    written = [
        (
            graph,
            bad,
            enqueue(graph, lambda number, bad=bad: FAIL.s() if number in bad else REST.s()),
        )
        for graph, bad in zip(drawn, failing, strict=True)
    ]
    steps = sum(map(len, drawn))
    for kill in range(1, KILLS + 1):
        wait_for_ended(before + steps * kill // (KILLS + 1))
        fleet.kill_something()
    wait_for_ended(before + steps)
    for graph, bad, ids in written:
        assert states_of(ids) == expected(graph, bad)
        check_order(graph, ids)


def wait_for_ended(count):
    eventually(lambda: Task.objects.filter(state__in=FINISHED).count() >= count, timeout=90)


def states_of(ids):
    states = dict(Task.objects.filter(id__in=ids).values_list("id", "state"))
    return [states[task_id] for task_id in ids]


def expected(graph, failing):
    """Return how each step ends, as follows from those that fail and from nothing else."""
    ends = []
    for number, (after, on_failure) in enumerate(graph):
        if on_failure == "cancel" and any(ends[other] != "succeeded" for other in after):
            ends.append("cancelled")
        else:
            ends.append("failed" if number in failing else "succeeded")
    return ends


def check_order(graph, ids):
    """No step has more than one success, and none began before all that it needs had ended."""
    attempts = {task_id: [] for task_id in ids}
    for row in Result.objects.filter(task_id__in=ids).order_by("claim_no"):
        attempts[row.task_id].append(row)
    ended = dict(Task.objects.filter(id__in=ids).values_list("id", "finished_at"))
    for number, (after, _) in enumerate(graph):
        mine = attempts[ids[number]]
        assert sum(row.outcome == "succeeded" for row in mine) <= 1
        for other in after:
            assert all(row.started_at >= ended[ids[other]] for row in mine)
