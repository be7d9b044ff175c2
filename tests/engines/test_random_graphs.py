"""Random graphs with random failures, deaths of workers, cancels and retries keep their promises."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskhub import queue
from taskhub.models import Dependency, Met, Need, Outcome, Result, Task
from taskhub.queue.rescue import rescue_child
from taskhub.states import FINISHED, TaskState
from tests.engines.builders import claim, ending, finish, make_worker
from tests.graphs import enqueue, graphs

pytestmark = pytest.mark.django_db(transaction=True)

MOST_MOVES = 60
# What happens to a claim; most succeed, or nothing would ever come to its end.
FATES = st.sampled_from(
    ["succeed"] * 5 + ["fail", "die", "give back", "cancel another", "retry one"]
)


def tell_all():
    while queue.go_on_telling():
        pass


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(graph=graphs(), fates=st.lists(FATES, max_size=MOST_MOVES), random=st.randoms())
def test_whatever_happens_each_step_succeeds_once_after_all_that_it_needs(db, graph, fates, random):
    Dependency.objects.all().delete()
    Result.objects.all().delete()
    Task.objects.all().delete()
    ids = enqueue(graph)
    worker, deaths = make_worker("w/0"), 0
    for fate in fates:
        if fate == "cancel another":
            queue.cancel_where(Task.objects.filter(id=random.choice(ids)))
            tell_all()
            continue
        if fate == "retry one":
            queue.retry_where(Task.objects.filter(id=random.choice(ids)))
            tell_all()
            continue
        claims = claim(worker, random.randint(1, 2))
        for one in claims:
            check_may_run(one.id)
        if fate == "die":
            deaths += 1
            rescue_child(worker, [one.id for one in claims[:1]], "was killed")
            worker = make_worker(f"w/{deaths}")
        elif fate == "give back":
            finish(worker, [ending(one, Outcome.RELEASED) for one in claims])
        else:
            outcome = Outcome.FAILED if fate == "fail" else Outcome.SUCCEEDED
            finish(worker, [ending(one, outcome) for one in claims])
        tell_all()
        check_links()
    while claims := claim(worker, 5):
        for one in claims:
            check_may_run(one.id)
        finish(worker, [ending(one) for one in claims])
        tell_all()
    check_links()
    check_end(graph, ids)


def check_may_run(task_id):
    """Nobody runs before what it needs has come about, at least once."""
    for link in Dependency.objects.filter(dependent_id=task_id).select_related("upstream"):
        ended = Result.objects.filter(task_id=link.upstream_id)
        if link.need == Need.SUCCESS:
            assert ended.filter(outcome=Outcome.SUCCEEDED).exists()
        assert link.state == Met.MET


def check_links():
    """The counters say what the links say."""
    for task in Task.objects.all():
        unmet = task.needs.exclude(state=Met.MET).count()
        assert task.unmet == unmet
        if unmet:
            assert task.state in (TaskState.PENDING, *FINISHED)


def check_end(graph, ids):
    """Nothing could still run; what has not ended waits for one that can only come back by a person's hand."""
    success = Result.objects.filter(outcome=Outcome.SUCCEEDED).values_list("task_id", flat=True)
    assert len(success) == len(set(success))
    states = dict(Task.objects.values_list("id", "state"))
    for number, (after, on_failure) in enumerate(graph):
        state = states[ids[number]]
        before = [states[ids[other]] for other in after]
        if all(one == TaskState.SUCCEEDED for one in before):
            assert state in FINISHED
        if state == TaskState.PENDING:
            assert any(one != TaskState.SUCCEEDED for one in before)
            assert on_failure == "cancel" or any(one not in FINISHED for one in before)


def test_a_graph_that_nobody_disturbs_ends_in_success(worker):
    ids = enqueue([([], "cancel"), ([0], "cancel"), ([0, 1], "cancel")])
    for expected in ids:
        [one] = claim(worker, 5)
        assert one.id == expected
        finish(worker, [ending(one)])
    assert set(Task.objects.values_list("state", flat=True)) == {"succeeded"}
