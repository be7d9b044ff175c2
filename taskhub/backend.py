"""TaskHubBackend: the django.tasks backend. Built while task modules import: no models at the top."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from taskhub import compat, registry
from taskhub.definition import TaskDefinition
from taskhub.errors import InvalidOption

if TYPE_CHECKING:
    from taskhub.engines.rows import NewTask
    from taskhub.results import AsyncResult


class TaskHubBackend(compat.BaseTaskBackend):
    """Stores tasks in the database that the site's routers name for the app taskhub."""

    task_class = TaskDefinition
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    _last_valid: TaskDefinition | None = None

    def validate_task(self, task: compat.Task[Any, Any]) -> None:
        """Refuse a task that this backend cannot run; times are looked at when it is enqueued.

        Raises:
            InvalidTask: of django.tasks, or our InvalidOption, which is one.
        """
        if self.queues and task.queue_name not in self.queues:
            raise InvalidOption(
                f"{task.module_path}: queue_name={task.queue_name!r} is not declared; expected one of "
                f"{', '.join(map(repr, sorted(self.queues)))} "
                f"(settings.TASKS[{self.alias!r}]['QUEUES']; [] allows any)."
            )
        super().validate_task(task)

    def enqueue(self, task: compat.Task[Any, Any], args: Any, kwargs: Any) -> AsyncResult:
        """Enqueue a task; see `taskhub.queue.enqueue` for transactions and errors."""
        from taskhub import eager
        from taskhub.queue.birth import new_row
        from taskhub.queue.enqueue import enqueue
        from taskhub.results import Newborn, awaited_by, duplicates

        definition = self._valid(task)
        if alias := awaited_by([definition]):
            rows = [new_row(definition, args, kwargs)]
            return self._postpone(alias, definition, rows, self._enqueue_one)[0]
        if definition.link or definition.link_error:
            from taskhub.workflows.writing import with_callbacks

            return with_callbacks(definition, args, kwargs)
        task_id, row = enqueue(definition, args, kwargs)
        if row is None:
            return duplicates([task_id], self.alias)[task_id]
        born = Newborn([(definition, task_id, row)])
        self._announce(born)
        eager.follow(born)
        return born[0]

    def enqueue_many(
        self, task: compat.Task[Any, Any], calls: Iterable[tuple[Any, Any]]
    ) -> Sequence[AsyncResult]:
        """Enqueue one task for each `(args, kwargs)`, all or none; results in the same order."""
        from taskhub import eager
        from taskhub.queue.enqueue import enqueue_many, rows_of
        from taskhub.results import Newborn, awaited_by, duplicates

        definition = self._valid(task)
        if alias := awaited_by([definition]):
            return self._postpone(alias, definition, rows_of(definition, calls), self.enqueue_many)
        found = list(zip(*enqueue_many(definition, calls), strict=True))
        fresh = Newborn([(definition, task_id, row) for task_id, row in found if row is not None])
        self._announce(fresh)
        eager.follow(fresh)
        if len(fresh) == len(found):
            return fresh
        known = duplicates([task_id for task_id, row in found if row is None], self.alias)
        made = iter(fresh)
        return [known[task_id] if row is None else next(made) for task_id, row in found]

    def _enqueue_one(
        self, definition: TaskDefinition, calls: Sequence[tuple[Any, Any]]
    ) -> Sequence[AsyncResult]:
        return [self.enqueue(definition, *call) for call in calls]

    def _postpone(
        self,
        alias: str,
        definition: TaskDefinition,
        rows: Sequence[NewTask],
        enqueue: Callable[[TaskDefinition, Sequence[tuple[Any, Any]]], Sequence[AsyncResult]],
    ) -> Sequence[AsyncResult]:
        """Enqueue calls, which have been found good, as they are now, but when the transaction on `alias` commits."""
        from taskhub.payload import load_args
        from taskhub.results import after_commit

        calls = [load_args(row.args, row.kwargs) for row in rows]
        at_commit = replace(definition, enqueue_after="")
        return after_commit(
            alias, ((definition, row) for row in rows), lambda: enqueue(at_commit, calls)
        )

    def _announce(self, enqueued: Iterable[AsyncResult]) -> None:
        if compat.is_heard(compat.task_enqueued, logging.DEBUG):
            for result in enqueued:
                compat.task_enqueued.send(sender=type(self), task_result=result)

    def get_result(self, result_id: str) -> AsyncResult:
        """Read the result of any task.

        Raises:
            TaskResultDoesNotExist: no such task.
        """
        from taskhub import results

        return results.load(result_id, self.alias)

    def check(self, **kwargs: Any) -> list[Any]:
        """Report what would keep this backend from working (system checks)."""
        from taskhub import checks

        return [*super().check(**kwargs), *checks.check_backend(self)]

    def _valid(self, task: compat.Task[Any, Any]) -> TaskDefinition:
        """Return our definition of a task that this backend can run; what was found valid stays so, as it is frozen."""
        if task is self._last_valid:
            return self._last_valid
        self.validate_task(task)
        self._last_valid = definition = self._ours(task)
        return definition

    def _ours(self, task: compat.Task[Any, Any]) -> TaskDefinition:
        if isinstance(task, TaskDefinition):
            return task
        known = registry.find(task.module_path)
        if known is None or known.func is not task.func:
            raise InvalidOption(
                f"{task.module_path} is not a task where a worker would look for it; "
                f"expected `@task` on a function of that name, or taskhub.task(name=…)."
            )
        return known.using(
            priority=task.priority, backend=task.backend, queue_name=task.queue_name, run_after=task.run_after
        )  # fmt: skip


def backend_alias() -> str:
    """Return the alias in settings.TASKS that names our backend (the first one, where there are several)."""
    for alias in compat.task_backends.settings:
        if isinstance(compat.task_backends[alias], TaskHubBackend):
            return str(alias)
    return compat.DEFAULT_TASK_BACKEND_ALIAS
