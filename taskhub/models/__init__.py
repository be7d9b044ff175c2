"""The tables of taskhub, one model per module: fields, constraints, indexes and display; no transitions."""

from taskhub.models.audit import AuditEntry
from taskhub.models.bulk import BulkAction, BulkBatch, BulkState, BulkVerb
from taskhub.models.catalog import TaskCatalog
from taskhub.models.checkpoint import Checkpoint
from taskhub.models.dependency import Cascade, Dependency, Met, Need
from taskhub.models.gate import RateBucket, Slot
from taskhub.models.log import LogLine
from taskhub.models.metric import MetricBucket, MetricWriter, OldestWait
from taskhub.models.progress import Progress
from taskhub.models.queue import Queue
from taskhub.models.result import Outcome, Result
from taskhub.models.schedule import Decision, DisabledBy, Schedule, ScheduleRun
from taskhub.models.step import Step
from taskhub.models.tag import TaskTag
from taskhub.models.task import Task
from taskhub.models.view import SavedView
from taskhub.models.worker import Worker, WorkerOrder
from taskhub.models.workflow import WorkflowRun

__all__ = [
    "AuditEntry",
    "BulkAction",
    "BulkBatch",
    "BulkState",
    "BulkVerb",
    "Cascade",
    "Checkpoint",
    "Decision",
    "Dependency",
    "DisabledBy",
    "LogLine",
    "Met",
    "MetricBucket",
    "MetricWriter",
    "Need",
    "OldestWait",
    "Outcome",
    "Progress",
    "Queue",
    "RateBucket",
    "Result",
    "SavedView",
    "Schedule",
    "ScheduleRun",
    "Slot",
    "Step",
    "Task",
    "TaskCatalog",
    "TaskTag",
    "Worker",
    "WorkerOrder",
    "WorkflowRun",
]
