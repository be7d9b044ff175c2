"""The life of a task. Nothing outside this package (and the engines that it calls) writes `Task.state`."""

from taskhub.queue.bulk import prune_bulk
from taskhub.queue.cancel import cancel, cancel_where
from taskhub.queue.checkpoints import load_checkpoint, save_checkpoint
from taskhub.queue.claim import claim
from taskhub.queue.dependents import go_on_telling
from taskhub.queue.editing import retry_with
from taskhub.queue.enqueue import enqueue, enqueue_many
from taskhub.queue.expire import expire_overdue
from taskhub.queue.finish import finish
from taskhub.queue.loglines import write_lines
from taskhub.queue.mass import cancel_by_queue, cancel_by_tag, retry_by_queue, retry_by_tag
from taskhub.queue.opening import next_token, open_every_gate, open_gates
from taskhub.queue.orders import quiet_worker, stop_worker, wake_worker
from taskhub.queue.pause import pause, resume, resume_due
from taskhub.queue.progress import write_progress
from taskhub.queue.promote import promote_due, upcoming
from taskhub.queue.prune import (
    prune,
    prune_all,
    prune_logs,
    prune_preview,
    prune_slots,
    prune_workers,
    retention,
)
from taskhub.queue.purge import purge
from taskhub.queue.quota import set_limits
from taskhub.queue.rescue import rescue_child, rescue_lost_workers
from taskhub.queue.retry import retry, retry_where

__all__ = [
    "cancel",
    "cancel_by_queue",
    "cancel_by_tag",
    "cancel_where",
    "claim",
    "enqueue",
    "enqueue_many",
    "expire_overdue",
    "finish",
    "go_on_telling",
    "load_checkpoint",
    "next_token",
    "open_every_gate",
    "open_gates",
    "pause",
    "promote_due",
    "prune",
    "prune_all",
    "prune_bulk",
    "prune_logs",
    "prune_preview",
    "prune_slots",
    "prune_workers",
    "purge",
    "quiet_worker",
    "rescue_child",
    "rescue_lost_workers",
    "resume",
    "resume_due",
    "retention",
    "retry",
    "retry_by_queue",
    "retry_by_tag",
    "retry_where",
    "retry_with",
    "save_checkpoint",
    "set_limits",
    "stop_worker",
    "upcoming",
    "wake_worker",
    "write_lines",
    "write_progress",
]
