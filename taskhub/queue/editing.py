"""Editing: a second chance with other arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from taskhub import conf
from taskhub.engines import get_engine
from taskhub.errors import IllegalTransition, PayloadTooLarge
from taskhub.payload import dump, normalize
from taskhub.queue.retry import RETRYABLE, retry
from taskhub.queue.transition import tasks


def retry_with(task_id: int, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Give a failed, cancelled or expired task other arguments and queue it again, both or neither.

    Its history stays, and tells nothing of the arguments that it had.

    Raises:
        Task.DoesNotExist, IllegalTransition, DuplicateTask: as `retry`. InvalidArguments, PayloadTooLarge: as enqueue.
    """
    values = {"args": normalize(list(args), "args"), "kwargs": normalize(dict(kwargs), "kwargs")}
    size, limit = (
        sum(len(dump(value).encode()) for value in values.values()),
        conf.get().max_payload_bytes,
    )
    if size > limit:
        raise PayloadTooLarge(
            f"The arguments take {size} bytes as JSON; the limit is {limit} (settings.TASKHUB['MAX_PAYLOAD_BYTES'])."
        )
    with transaction.atomic(get_engine().alias):
        task = tasks().select_for_update().get(id=task_id)
        if task.state not in RETRYABLE:
            raise IllegalTransition(
                f"Task #{task_id} ({task.name}) is {task.state}; expected failed, cancelled or expired."
            )
        tasks().filter(id=task_id).update(**values)
        retry(task_id)
