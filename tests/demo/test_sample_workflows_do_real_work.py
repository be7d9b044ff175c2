"""The demo's chain, chord and graph, run by a real worker."""

import pytest

from taskhub import monitor
from taskhub.demo.tasks import workflows
from taskhub.models import Task, WorkflowRun
from tests.plugins.processes import Drain

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_chain_reads_sums_and_reports_all_orders(drain: Drain) -> None:
    result = workflows.enqueue_chain()
    drain()
    said = result.get(timeout=5)
    assert "countries, best: " in said
    assert WorkflowRun.objects.get().name == "Orders by country"


def test_the_chord_counts_the_words_of_real_texts(drain: Drain) -> None:
    result = workflows.enqueue_chord()
    drain()
    words = result.get(timeout=5)
    assert len(words) == 5
    assert (words["ferry"], words["harbour"]) == (9, 7)
    assert Task.objects.filter(name="demo.chord.count").count() == 12


def test_the_graph_stops_at_its_failing_step_and_goes_on_after_a_retry(drain: Drain) -> None:
    result = workflows.enqueue_graph()
    drain()
    steps = WorkflowRun.objects.get().steps
    states = dict(Task.objects.values_list("id", "state"))
    assert states[steps["publish"]] == "failed"
    assert states[steps["announce"]] == "cancelled"
    monitor.retry(steps["publish"])
    drain()
    assert result.get(timeout=5).startswith("Announced: published prices of ")
