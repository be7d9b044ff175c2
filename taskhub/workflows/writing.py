"""Writing: a plan becomes rows, all of them or none."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

from taskhub import compat, eager
from taskhub.definition import TaskDefinition
from taskhub.engines.rows import NewTask
from taskhub.errors import DuplicateTask, InvalidArguments
from taskhub.models.dependency import Need
from taskhub.queue.birth import Mould
from taskhub.queue.graph import Graph, Link, insert_graph
from taskhub.results import AsyncResult, Newborn, after_commit, awaited_by, duplicates
from taskhub.signature import Signature
from taskhub.states import TaskState, Tie, WaitsFor
from taskhub.workflows.building import build
from taskhub.workflows.plan import Plan, Shape, Start, Step, flat
from taskhub.workflows.results import GroupResult

# Members of a Flag take microseconds for what an int does at once.
_DEPENDENTS, _ERRBACK = int(Tie.DEPENDENTS), int(Tie.DEPENDENTS | Tie.ERRBACK)
_VALUES = int(Tie.VALUES)


def enqueue_plan(plan: Plan) -> AsyncResult | GroupResult:
    """Write all tasks of a plan in one transaction; return the result of its end."""
    results = write_plan(plan)
    return _handle(plan.end, results, plan)


def write_plan(plan: Plan) -> Sequence[AsyncResult]:
    """Write all tasks of a plan in one transaction; return their results in the order of the steps."""
    graph = _graph(plan)
    definitions = [step.signature.definition for step in plan.steps]
    if alias := awaited_by(definitions):
        tasks = zip(definitions, graph.rows, strict=True)
        return after_commit(alias, tasks, partial(_write, graph, definitions))
    return _write(graph, definitions)


def _write(graph: Graph, definitions: Sequence[TaskDefinition]) -> Sequence[AsyncResult]:
    ids, run_id = insert_graph(graph)
    results = Newborn(list(zip(definitions, ids, graph.rows, strict=True)), run_id)
    _announce(results)
    eager.follow(results)
    return results


def _graph(plan: Plan) -> Graph:
    moulds: dict[int, Mould] = {}
    ties: dict[int, int] = defaultdict(int)
    for step in plan.steps:
        tie = _ERRBACK if step.need == Need.FAILURE else _DEPENDENTS
        for number in step.needs:
            ties[number] |= tie
    rows: list[NewTask] = []
    links: list[Link] = []
    tags: list[Sequence[str]] = []
    for number, step in enumerate(plan.steps):
        definition = step.signature.definition
        if id(definition) not in moulds:
            definition.get_backend().validate_task(definition)
            moulds[id(definition)] = Mould(definition)
        rows.append(_row(moulds[id(definition)], step, ties[number]))
        links += [
            Link(upstream, number, position, step.names.get(upstream, ""), step.need.value)
            for position, upstream in enumerate(step.needs)
        ]
        tags.append(definition.tags)
    steps = {
        name: shape if isinstance(shape, int) else list(flat(shape))
        for name, shape in plan.named.items()
    }
    return Graph(plan.kind, plan.name[:200], rows, links, tags, steps, list(flat(plan.end)))


def _row(mould: Mould, step: Step, ties: int) -> NewTask:
    signature = step.signature
    try:
        is_fed = step.inputs is not None and not (
            isinstance(step.inputs, dict) and "first" not in step.inputs
        )
        row = mould.row(list(signature.args), dict(signature.kwargs), is_fed=is_fed)
    except InvalidArguments as error:
        raise type(error)(f"{step.name or signature.definition.identifier}: {error}") from error
    changes: dict[str, Any] = {"ties": row.ties | ties}
    if step.inputs is not None:
        changes["ties"] |= _VALUES
        changes["inputs"] = json.dumps(step.inputs)
    if step.needs:
        changes |= {
            "state": TaskState.PENDING.value,
            "waits_for": WaitsFor.TASKS.value,
            "unmet": len(step.needs),
        }
    return row._replace(**changes)


def _handle(shape: Shape, results: Sequence[AsyncResult], plan: Plan) -> AsyncResult | GroupResult:
    if isinstance(shape, int):
        return results[shape]
    found = [_handle(part, results, plan) for part in shape]
    return GroupResult(found)


def _announce(results: Sequence[AsyncResult]) -> None:
    if compat.is_heard(compat.task_enqueued, logging.DEBUG):
        for result in results:
            compat.task_enqueued.send(sender=type(result.task.get_backend()), task_result=result)


def with_callbacks(definition: TaskDefinition, args: Any, kwargs: Any) -> AsyncResult:
    """Enqueue one task and those that its `link` and `link_error` name."""
    plan = Plan("callbacks", definition.identifier)
    build(Signature(definition, tuple(args), kwargs), plan, Start())
    try:
        return write_plan(plan)[0]
    except DuplicateTask as error:
        if error.index != 0 or error.task_id is None:  # it is a callback that is the duplicate
            raise
        return duplicates([error.task_id], definition.backend)[error.task_id]
