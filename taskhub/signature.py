"""Signature: a call of a task that has not been enqueued yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from taskhub.definition import TaskDefinition

if TYPE_CHECKING:
    from taskhub.results import AsyncResult
    from taskhub.workflows.canvas import Chain


@dataclass(frozen=True, slots=True)
class Signature:
    """A task with its arguments and options: `task.s(…)`, or `task.si(…)` which takes no value of its predecessor."""

    definition: TaskDefinition
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    is_immutable: bool = False

    def using(self, **options: Any) -> Signature:
        """Return a copy with other options, as `task.using` takes them."""
        return replace(self, definition=self.definition.using(**options))

    def enqueue(self) -> AsyncResult:
        """Enqueue the call; see `TaskDefinition.enqueue`."""
        backend = self.definition.get_backend()
        return backend.enqueue(self.definition, list(self.args), dict(self.kwargs))  # type: ignore[return-value]

    async def aenqueue(self) -> AsyncResult:
        """See `enqueue`."""
        return await sync_to_async(self.enqueue)()

    def __or__(self, other: Any) -> Chain:
        """`a.s() | b.s()` is `chain(a.s(), b.s())`."""
        from taskhub.workflows.canvas import chain

        return chain(self, other)

    def __str__(self) -> str:
        given = [*map(repr, self.args), *(f"{key}={value!r}" for key, value in self.kwargs.items())]
        return f"{self.definition.identifier}({', '.join(given):.200})"
