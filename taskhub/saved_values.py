"""Saved values: what a task has stored while it runs must be JSON, and of a bounded size."""

from __future__ import annotations

from typing import Any

from taskhub import conf
from taskhub.errors import InvalidArguments, TaskhubError
from taskhub.payload import dump, normalize


def saved_text(value: Any, what: str, task: str, error: type[TaskhubError]) -> str:
    """Return a value as JSON text; `what` of the task it is, the message says.

    Raises:
        `error`: it is not JSON, or larger than TASKHUB["MAX_CHECKPOINT_BYTES"].
    """
    try:
        text = dump(normalize(value, what))
    except InvalidArguments as reason:
        raise error(str(reason)) from reason
    limit = conf.get().max_checkpoint_bytes
    if len(text) * 4 > limit and (size := len(text.encode())) > limit:
        raise error(
            f"{what[0].upper()}{what[1:]} of {task} takes {size} bytes as JSON; the limit is {limit} "
            "(settings.TASKHUB['MAX_CHECKPOINT_BYTES']). Store large data elsewhere and save a key to it."
        )
    return text
