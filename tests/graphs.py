"""Random graphs of steps, as hypothesis draws them."""

from hypothesis import strategies as st

from taskhub import Workflow
from taskhub.models import WorkflowRun
from tests.app import tasks_flow as flow

MOST_STEPS = 8


@st.composite
def graphs(draw):
    """Draw a graph: for each step those before it that it waits for, and whether it goes on after a failure."""
    count = draw(st.integers(2, MOST_STEPS))
    return [
        (
            sorted(draw(st.sets(st.integers(0, number - 1), max_size=3))) if number else [],
            draw(st.sampled_from(["cancel", "cancel", "continue"])),
        )
        for number in range(count)
    ]


def enqueue(graph, step=lambda number: flow.echo.s()):
    """Enqueue a graph of what `step` makes of each number; return the ids of its tasks."""
    work = Workflow("random")
    for number, (after, on_failure) in enumerate(graph):
        work.add(str(number), step(number), after=map(str, after), on_failure=on_failure)
    work.enqueue()
    steps = WorkflowRun.objects.latest("id").steps
    return [steps[str(number)] for number in range(len(graph))]
