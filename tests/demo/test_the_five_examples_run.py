import pytest

from taskhub import TaskState
from taskhub.demo.examples import (
    chain_workflow,
    monitoring_dashboard,
    priority_tasks,
    scheduled_tasks,
    simple_worker,
)
from tests.plugins.processes import Drain
from tests.processes import Processes
from tests.settings import SCRATCH

pytestmark = pytest.mark.django_db(transaction=True)


def quietly(line: str) -> None:
    """Take what an example says, and keep it to oneself."""


def test_simple_worker_sends_what_was_submitted_by_name(drain: Drain) -> None:
    said: list[str] = []
    (result,) = simple_worker.main(said.append, timeout=None)
    assert said == [f"Submitted task {result.id}, queued"]
    drain()
    assert result.get(timeout=5) == {"status": "sent"}
    result.refresh()
    assert (result.progress, result.progress_message) == (1.0, "Done")
    mails = [path.read_text() for path in (SCRATCH / "mail").iterdir()]
    assert any("Subject: Hello!" in mail for mail in mails)


def test_priority_tasks_start_the_urgent_ones_first(drain: Drain) -> None:
    results = priority_tasks.main(quietly)
    drain("--processes", 1)
    for result in results:
        result.refresh()
    started = sorted(results, key=lambda result: str(result.started_at))
    assert [result.args[1] for result in started] == ["high"] * 3 + ["normal"] * 3 + ["low"] * 3


def test_scheduled_tasks_wait_for_their_time(drain: Drain) -> None:
    results = scheduled_tasks.main(quietly)
    assert [result.state for result in results] == [
        TaskState.QUEUED,
        TaskState.PENDING,
        TaskState.PENDING,
    ]
    drain()
    results[0].refresh()
    results[2].refresh()
    assert results[0].state is TaskState.SUCCEEDED
    assert results[2].state is TaskState.PENDING


def test_chain_workflow_hands_each_answer_to_the_next_step(drain: Drain) -> None:
    (last,) = chain_workflow.main(quietly, limit=1_000)
    drain()
    top = last.get(timeout=5)
    assert list(top) == sorted(top, key=lambda country: -top[country])
    assert (len(top), next(iter(top))) == (3, "DE")


def test_monitoring_dashboard_prints_queues_workers_and_failures(drain: Drain) -> None:
    results = monitoring_dashboard.main(quietly)
    drain()
    for result in results:
        result.refresh()
    assert [result.state for result in results].count(TaskState.FAILED) == 1
    said: list[str] = []
    monitoring_dashboard.main(said.append, values=1)
    text = "\n".join(said)
    assert "default" in text
    assert results[9].id in text


def test_an_example_runs_from_the_command_line(processes: Processes) -> None:
    import sys

    example = processes.start(sys.executable, "-m", "taskhub.demo.examples", "priority_tasks")
    assert example.wait() == 0, example.output
    assert "Expect the orders of high priority to start first" in example.output
