"""Kept values: on their way to the result backend before the outcomes are recorded, and back."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from taskhub import conf
from taskhub.engines import Engine
from taskhub.engines.rows import Ending
from taskhub.errors import ResultEvicted
from taskhub.models import Outcome, Result
from taskhub.payload import dump
from taskhub.result_backends import BUILT_IN, ResultBackend, get_result_backend, kept_at
from taskhub.result_backends.base import Fence, Kept, Value

logger = logging.getLogger("taskhub.results")


def put_values(backend: ResultBackend, endings: Sequence[Ending]) -> list[Ending]:
    """Hand the values of endings to a backend; return the endings as they are to be recorded.

    A value that it does not take stays in its ending. May be repeated with the same endings.
    """
    values = [
        Value(ending.fence, ending.value, ending.result_ttl)
        for ending in endings
        if ending.value is not None
    ]
    kept = set(backend.store_result(values)) if values else set()
    mark = dump(backend.mark)
    return [ending._replace(value=mark) if ending.fence in kept else ending for ending in endings]


def tell_backend(backend: ResultBackend, recorded: Iterable[Ending]) -> None:
    """Tell a backend that wants to know of states and errors that were recorded."""
    try:
        for ending in recorded:
            backend.store_state(ending.task_id, ending.state)
            if ending.error_class:
                error = f"{ending.error_class}: {ending.message}"
                backend.store_error(ending.task_id, error, ending.traceback)
    except Exception:
        logger.exception("The result backend %s failed.", backend.name)


def tell_progress(backend: ResultBackend, reports: Mapping[int, tuple[float, str]]) -> None:
    """Tell a backend that wants to know how far tasks are."""
    try:
        for task_id, (fraction, message) in reports.items():
            backend.store_progress(task_id, fraction, message)
    except Exception:
        logger.exception("The result backend %s failed.", backend.name)


def get_values(rows: Iterable[tuple[int, int, Any]]) -> dict[int, Any]:
    """Return values by task id, given (task id, claim number, value) as rows of Result hold them.

    Raises:
        ResultEvicted: one is not kept any more. ResultUnavailable: its backend does not answer.
    """
    found: dict[int, Any] = {}
    elsewhere: dict[str, list[Fence]] = {}
    for task_id, claim_no, value in rows:
        kept = kept_at(value, task_id, claim_no)
        found[task_id] = value
        if kept is not None:
            elsewhere.setdefault(kept.backend, []).append(kept.fence)
    for name, fences in elsewhere.items():
        texts = _backend_of(name, fences[0]).get(fences)
        for fence in fences:
            found[fence[0]] = _read(Kept(name, fence), texts.get(fence))
    return found


def get_value(kept: Kept) -> Any:
    """Return one value; see `get_values`."""
    return _read(kept, _backend_of(*kept).get([kept.fence]).get(kept.fence))


def forget_values(engine: Engine, task_ids: Sequence[int]) -> list[tuple[str, list[Fence]]]:
    """Return what is kept of these tasks outside the database, by backend; nothing is asked where nothing is."""
    backend = get_result_backend()
    if not backend.keeps_values:
        return []
    done = Result.objects.using(engine.alias).filter(
        task_id__in=task_ids, outcome=Outcome.SUCCEEDED, value__isnull=False
    )
    places: dict[str, list[Fence]] = {}
    for row in done.values_list("task_id", "claim_no", "value"):
        if kept := kept_at(row[2], row[0], row[1]):
            places.setdefault(kept.backend, []).append(kept.fence)
    return [
        (name, fences)
        for name, fences in places.items()
        if name in BUILT_IN or name == backend.name
    ]


def _backend_of(name: str, fence: Fence) -> ResultBackend:
    """Return the backend that a row names; only the settings say which classes may be imported."""
    if name in BUILT_IN or name == conf.get().result_backend:
        return get_result_backend(name)
    raise ResultEvicted(
        f"The value of task {fence[0]} is kept in the result backend {name!r:.100}, which "
        "settings.TASKHUB['RESULT_BACKEND'] does not name any more."
    )


def _read(kept: Kept, text: str | None) -> Any:
    if text is None:
        raise ResultEvicted(
            f"Task {kept.fence[0]} succeeded, but its value is not in the result backend {kept.backend!r} any more: "
            "its result_ttl is over, or the cache of settings.TASKHUB['RESULT_CACHE'] has dropped it, or each process "
            "has a cache of its own."
        )
    return json.loads(text)
