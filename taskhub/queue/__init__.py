"""The life of a task. Nothing outside this package (and the engines that it calls) writes `Task.state`."""

from taskhub.queue.cancel import cancel, cancel_by_tag, cancel_where
from taskhub.queue.checkpoints import load_checkpoint, save_checkpoint
from taskhub.queue.claim import claim
from taskhub.queue.enqueue import enqueue, enqueue_many
from taskhub.queue.expire import expire_overdue
from taskhub.queue.finish import finish
from taskhub.queue.loglines import write_lines
from taskhub.queue.pause import pause, resume
from taskhub.queue.progress import write_progress
from taskhub.queue.promote import promote_due, upcoming
from taskhub.queue.prune import (
    prune,
    prune_all,
    prune_logs,
    prune_preview,
    prune_workers,
    retention,
)
from taskhub.queue.purge import purge
from taskhub.queue.rescue import rescue_child, rescue_lost_workers
from taskhub.queue.retry import retry, retry_where

__all__ = [
    "cancel",
    "cancel_by_tag",
    "cancel_where",
    "claim",
    "enqueue",
    "enqueue_many",
    "expire_overdue",
    "finish",
    "load_checkpoint",
    "pause",
    "promote_due",
    "prune",
    "prune_all",
    "prune_logs",
    "prune_preview",
    "prune_workers",
    "purge",
    "rescue_child",
    "rescue_lost_workers",
    "resume",
    "retention",
    "retry",
    "retry_where",
    "save_checkpoint",
    "upcoming",
    "write_lines",
    "write_progress",
]
