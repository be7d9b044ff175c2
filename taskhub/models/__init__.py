"""The tables of taskhub, one model per module: fields, constraints, indexes and display; no transitions."""

from taskhub.models.audit import AuditEntry
from taskhub.models.catalog import TaskCatalog
from taskhub.models.checkpoint import Checkpoint
from taskhub.models.log import LogLine
from taskhub.models.metric import MetricBucket, MetricWriter
from taskhub.models.progress import Progress
from taskhub.models.queue import Queue
from taskhub.models.result import Outcome, Result
from taskhub.models.tag import TaskTag
from taskhub.models.task import Task
from taskhub.models.worker import Worker

__all__ = [
    "AuditEntry",
    "Checkpoint",
    "LogLine",
    "MetricBucket",
    "MetricWriter",
    "Outcome",
    "Progress",
    "Queue",
    "Result",
    "Task",
    "TaskCatalog",
    "TaskTag",
    "Worker",
]
