"""Graph: the tasks of a workflow as boxes with lines from need to dependent, laid out from left to right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import ngettext

from dashboard import words
from taskhub import monitor
from taskhub.engines import queue_alias
from taskhub.models import Dependency, Met, Task, WorkflowRun

MOST = 80  # tasks that are drawn; of a larger workflow those around the task
BOX, HIGH, GAP_X, GAP_Y = 208, 40, 72, 14


@dataclass(frozen=True, slots=True)
class Node:
    task: Task
    step: str
    x: int
    y: int
    note: str
    is_here: bool

    @property
    def label(self) -> str:
        """What fits into its box."""
        text = self.step or self.task.name
        return text if len(text) <= 24 else f"{text[:23]}…"


@dataclass(frozen=True, slots=True)
class Edge:
    path: str
    is_cut: bool  # what it waited for ended in another way


@dataclass(frozen=True, slots=True)
class Graph:
    """A drawing; `summary` says how the tasks stand, `left_out` how many are not drawn."""

    name: str
    kind: str
    nodes: list[Node]
    edges: list[Edge]
    width: int
    height: int
    summary: str
    left_out: int = 0


def graph(task: Task, run: WorkflowRun | None) -> Graph | None:
    """Draw the workflow of a task, or what it waits for and what waits for it; None where it stands alone.

    A handful of queries; of a large workflow only those near the task are read.
    """
    ids, total = _chosen(task, run)
    links = list(
        Dependency.objects.using(queue_alias())
        .filter(dependent_id__in=ids, upstream_id__in=ids)
        .values_list("upstream_id", "dependent_id", "state")
    )
    if len(ids) < 2:
        return None
    tasks = {
        one.pk: one
        for one in monitor.tasks()
        .filter(id__in=ids)
        .defer("args", "kwargs", "options")
        .select_related("progress")
    }
    links = [link for link in links if link[0] in tasks and link[1] in tasks]
    steps = _steps(run)
    places = _places(sorted(tasks), [(a, b) for a, b, _ in links])
    nodes = [
        Node(one, steps.get(pk, ""), *places[pk], _note(one), pk == task.pk)
        for pk, one in sorted(tasks.items())
    ]
    edges = [Edge(_path(places[a], places[b]), state == Met.BROKEN) for a, b, state in links]
    return Graph(
        run.name if run else "", run.kind if run else "", nodes, edges,
        width=max(x for x, _ in places.values()) + BOX + 2, height=max(y for _, y in places.values()) + HIGH + 2,
        summary=_summary(tasks.values()), left_out=max(0, total - len(tasks)),
    )  # fmt: skip


def _chosen(task: Task, run: WorkflowRun | None) -> tuple[list[int], int]:
    """Return the ids of the tasks to draw, and how many the workflow has."""
    if run is not None:
        mine = monitor.tasks().filter(workflow=run).order_by("id").values_list("id", flat=True)
        found = list(mine[: MOST + 1])
        if len(found) <= MOST:
            return found, len(found)
    links = Dependency.objects.using(queue_alias())
    before = list(links.filter(dependent=task).values_list("upstream_id", flat=True)[: MOST // 2])
    after = list(links.filter(upstream=task).values_list("dependent_id", flat=True)[: MOST // 2])
    near = sorted({task.pk, *before, *after})
    return near, run.size if run is not None else len(near)


def _places(ids: Sequence[int], links: Sequence[tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """Put each task one column right of the last that it needs, and near the middle of those that it needs.

    Ids grow from need to dependent, so one pass in their order is enough.
    """
    needs: dict[int, list[int]] = {}
    for upstream, dependent in links:
        needs.setdefault(dependent, []).append(upstream)
    column: dict[int, int] = {}
    for pk in ids:
        column[pk] = max((column[up] + 1 for up in needs.get(pk, []) if up in column), default=0)
    columns: dict[int, list[int]] = {}
    for pk in ids:
        columns.setdefault(column[pk], []).append(pk)
    tallest = max(len(group) for group in columns.values())
    row: dict[int, float] = {}
    for number in sorted(columns):
        group = sorted(columns[number], key=lambda pk: (_middle(needs.get(pk, []), row), pk))
        start = (tallest - len(group)) / 2
        row |= {pk: start + index for index, pk in enumerate(group)}
    return {pk: (1 + column[pk] * (BOX + GAP_X), 1 + round(row[pk] * (HIGH + GAP_Y))) for pk in ids}


def _middle(needs: Iterable[int], row: Mapping[int, float]) -> float:
    rows = [row[pk] for pk in needs if pk in row]
    return sum(rows) / len(rows) if rows else 0.0


def _path(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1 = start[0] + BOX, start[1] + HIGH // 2
    x2, y2 = end[0], end[1] + HIGH // 2
    bend = max(24, (x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"


def _steps(run: WorkflowRun | None) -> dict[int, str]:
    """Return the names of steps by the tasks that end them; of a step that is part of another, its own."""
    steps = run.steps if run is not None and isinstance(run.steps, dict) else {}
    found: dict[int, str] = {}
    for name in sorted(steps, key=len):
        ends = steps[name] if isinstance(steps[name], list) else [steps[name]]
        found |= {pk: name for pk in ends if isinstance(pk, int)}
    return found


def _note(task: Task) -> str:
    if task.state == "running":
        progress = getattr(task, "progress", None)
        running = words.state("running")
        return f"{running}, {progress.fraction:.0%}" if progress is not None else running
    if task.finished_at and task.started_at:
        took = words.duration(words.between(task.started_at, task.finished_at))
        return f"{words.state(task.state)}, {took}"
    if task.state == "pending" and task.unmet:
        said = ngettext("waits for %(n)s step", "waits for %(n)s steps", task.unmet)
        return said % {"n": words.capped(task.unmet)}
    return words.state(task.state)


def _summary(tasks: Iterable[Task]) -> str:
    counts: dict[str, int] = {}
    for task in tasks:
        counts[task.state] = counts.get(task.state, 0) + 1
    return ", ".join(
        f"{number} {words.state(state)}"
        for state, number in sorted(counts.items(), key=lambda item: -item[1])
    )
