"""Narrowing: filters as conditions of a query, in words that the indexes know where there is one."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.db.models import Exists, FilteredRelation, OuterRef, Q, QuerySet, TextField
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast
from django.utils.translation import gettext

from dashboard import spans, typed_json
from dashboard.filters import ARGS, Filters, Problem
from dashboard.reading import first_id_since, in_state
from taskhub.engines import queue_alias
from taskhub.models import Result, Task, TaskCatalog, Worker
from taskhub.states import FINISHED, TaskState

WINDOW = 50_000
_ENTRIES = 50  # tasks of the catalog whose positional arguments are looked at
_PROCESSES = 500  # of one worker


def narrow(
    tasks: QuerySet[Task], filters: Filters, now: datetime, first: int | None = None
) -> QuerySet[Task]:
    """Narrow `tasks`; to nothing where a filter cannot match anything. Who may search what is the caller's affair.

    Who passes `first`, what `first_id` gave, bounds the ids himself: of two lower bounds a database may take the worse.
    """
    if filters.problems():
        return tasks.none()
    if filters.state:
        tasks = in_state(tasks, TaskState(filters.state))
    plain = {
        "queue": filters.queue,
        "parent_id": filters.parent,
        "workflow_id": filters.workflow,
    }
    tasks = tasks.filter(**{column: value for column, value in plain.items() if value})
    if filters.tag:
        tagged = FilteredRelation("tags", condition=Q(tags__name=filters.tag))
        tasks = tasks.alias(tagged=tagged).filter(tagged__task_id__isnull=False)
    if filters.task.endswith("*"):
        tasks = tasks.filter(name__startswith=filters.task[:-1])
    elif filters.task:
        tasks = tasks.filter(name=filters.task)
    if filters.since:
        tasks = _since(tasks, filters, now)
        if first is None:
            tasks = tasks.filter(id__gte=first_id(filters, now))
    for condition in _of_results(filters):
        tasks = tasks.filter(condition)
    for name, value in filters.args:
        tasks = _with_argument(tasks, filters.task, name, value)
    return tasks


def key(filters: Filters) -> str:
    """Return the column of ids by which what was narrowed is paged: that of the index which leads to it.

    SQLite sorts all that have a tag when asked for their own ids in order.
    """
    return "tagged__task_id" if filters.tag and not filters.problems() else "id"


def refused(filters: Filters, *, with_payloads: bool) -> dict[str, Problem]:
    """Say which filters this person may not use, by key."""
    found: dict[str, Problem] = {}
    if not with_payloads:
        lacks = gettext("cannot be searched: your account lacks the permission view_payloads")
        found = {key: Problem(lacks) for key in filters.payloads()}
    entries = (
        TaskCatalog.objects.using(queue_alias()) if filters.args else TaskCatalog.objects.none()
    )
    secret = {
        str(name): entry
        for entry, names in entries.values_list("name", "sensitive")
        for name in (names if isinstance(names, list) else [])
    }
    for name, _ in filters.args:
        if name in secret:
            masked = gettext(
                "is masked and cannot be searched by anybody: %(task)s declares it sensitive"
            )
            found[f"{ARGS}{name}"] = Problem(masked % {"task": secret[name]})
    return found


def window(filters: Filters) -> int | None:
    """Return how many ids a page looks through where no index leads to what matches; None where one does."""
    if filters.args:
        return WINDOW // 5  # each row's arguments are read
    kept = dict(filters.items())
    for key in ("state", "tag", "parent", "workflow", "fingerprint", "since"):
        kept.pop(key, None)
    has_index = filters.state in ("pending", "queued", "running", "retrying") and set(kept) <= {
        "queue"
    }
    return WINDOW if kept and not has_index else None


def first_id(filters: Filters, now: datetime) -> int:
    """Return an id below which no task fits the span of a search; 0 where it has none, or is about ends."""
    begin = spans.begin(filters.since, now) if filters.since else None
    return 0 if begin is None or filters.state in FINISHED else first_id_since(begin)


def _since(tasks: QuerySet[Task], filters: Filters, now: datetime) -> QuerySet[Task]:
    """What has ended counts from its end, everything else from when it was enqueued."""
    begin = spans.begin(filters.since, now)
    if begin is None:
        return tasks
    if filters.state in FINISHED:
        return tasks.filter(finished_at__gte=begin)
    return tasks.filter(enqueued_at__gte=begin)


def _of_results(filters: Filters) -> list[Q]:
    results = Result.objects.using(queue_alias())
    found: list[Q] = []
    if filters.fingerprint:
        same = results.filter(fingerprint__gt="", fingerprint=filters.fingerprint)
        found.append(Q(pk__in=same.values("task_id")))
    if filters.error:
        said = Q(error_class__icontains=filters.error) | Q(message__icontains=filters.error)
        found.append(Q(Exists(results.filter(said, task=OuterRef("pk"), fingerprint__gt=""))))
    if filters.worker:
        ids = _processes(filters.worker)
        found.append(
            Q(worker_id__in=ids) | Q(Exists(results.filter(task=OuterRef("pk"), worker_id__in=ids)))
        )
    return found


def _processes(worker: str) -> list[int]:
    """Return the ids of a worker, by id or name, and of its children."""
    named = Q(name=worker) | Q(parent__name=worker)
    if worker.isascii() and worker.isdigit() and len(worker) < 19:
        named |= Q(pk=int(worker)) | Q(parent_id=int(worker))
    rows = Worker.objects.using(queue_alias()).filter(named)
    return list(rows.values_list("pk", flat=True)[:_PROCESSES])


def _with_argument(tasks: QuerySet[Task], task: str, name: str, value: str) -> QuerySet[Task]:
    """Keep tasks that have the argument by its name, or in its place; never one in which it is masked."""
    alias = f"argument_{name}"
    tasks = tasks.alias(
        **{alias: KeyTransform(name, "kwargs"), "masked_text": Cast("masked", TextField())}
    )
    found = Q()
    for one in _values(value):
        found |= Q(**{alias: one})
        for place, entries in _places(task, name).items():
            found |= Q(name__in=entries, **{f"args__{place}": one})
    return tasks.filter(found).filter(
        Q(masked__isnull=True) | ~Q(masked_text__contains=json.dumps(name))
    )


def _values(text: str) -> list[Any]:
    """Return what was meant: the text, and what it is as JSON."""
    values: list[Any] = [text]
    try:
        value = typed_json.read(text)
    except ValueError:
        return values
    return [*values, value] if isinstance(value, int | float | bool) else values


def _places(task: str, name: str) -> dict[int, list[str]]:
    """Return where the argument stands among the positional ones, with the tasks of which that is so."""
    entries = TaskCatalog.objects.using(queue_alias())
    if task.endswith("*"):
        entries = entries.filter(name__startswith=task[:-1])
    elif task:
        entries = entries.filter(name=task)
    found: dict[int, list[str]] = {}
    for entry in entries[:_ENTRIES]:
        listed = entry.parameters if isinstance(entry.parameters, list) else []
        names = [one.get("name") for one in listed if isinstance(one, dict)]
        if name in names:
            found.setdefault(names.index(name), []).append(entry.name)
    return found
