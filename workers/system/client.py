"""Client: what a TaskSystem's `client` offers: tasks by name, and workflows of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from taskhub import client, registry, workflows
from taskhub.signature import Signature

if TYPE_CHECKING:
    from taskhub.results import AsyncResult
    from taskhub.workflows import Canvas, GroupResult


class Client:
    """Enqueues; the functions of `taskhub`, which take tasks by name, and signatures of tasks that have no function."""

    send = staticmethod(client.send)
    send_later = staticmethod(client.send_later)
    send_at = staticmethod(client.send_at)
    send_batch = staticmethod(client.send_batch)
    get_result = staticmethod(client.get_result)

    def signature(
        self, name: str, payload: Mapping[str, Any] | None = None, /, **options: Any
    ) -> Signature:
        """Return a call that has not been enqueued: a part of a workflow. In it the value before comes first.

        Raises:
            UnknownTask: no such task.
        """
        return registry.get(name).using(**options).s(**dict(payload or {}))

    def chain(self, parts: Iterable[Signature | Canvas]) -> AsyncResult | GroupResult:
        """Enqueue one after the other; return the result of the last. See `taskhub.chain`."""
        return workflows.chain(*parts).enqueue()

    def group(self, parts: Iterable[Signature | Canvas]) -> AsyncResult | GroupResult:
        """Enqueue side by side; return the results. See `taskhub.group`."""
        return workflows.group(*parts).enqueue()

    def chord(
        self, parts: Iterable[Signature | Canvas], callback: Signature | Canvas
    ) -> AsyncResult | GroupResult:
        """Enqueue side by side, and then the callback with the list of their values. See `taskhub.chord`."""
        return workflows.chord(list(parts), callback).enqueue()
