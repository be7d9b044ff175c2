"""Register every sample task: a worker that knows this module can run them all."""

from taskhub.demo.examples import (
    chain_workflow,
    monitoring_dashboard,
    priority_tasks,
    scheduled_tasks,
    simple_worker,
)
from taskhub.demo.tasks import workflows
from taskhub.demo.tasks.failing import always_fails, flaky
from taskhub.demo.tasks.imports import import_csv
from taskhub.demo.tasks.mail import send_mail
from taskhub.demo.tasks.pictures import make_thumbnails
from taskhub.demo.tasks.reports import write_report
from taskhub.demo.tasks.small import checksum, find_primes
from taskhub.demo.tasks.waiting import expires, remind, slow

__all__ = [
    "always_fails",
    "chain_workflow",
    "checksum",
    "expires",
    "find_primes",
    "flaky",
    "import_csv",
    "make_thumbnails",
    "monitoring_dashboard",
    "priority_tasks",
    "remind",
    "scheduled_tasks",
    "send_mail",
    "simple_worker",
    "slow",
    "workflows",
    "write_report",
]
