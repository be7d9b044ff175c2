"""A site in trouble, for pictures: the mail relay is down, nobody works on reports, imports are paused."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from taskhub import monitor, schedules
from taskhub.metrics.tally import MINUTE, floor, moment
from taskhub.models import (
    AuditEntry,
    BulkVerb,
    Checkpoint,
    Decision,
    Dependency,
    LogLine,
    MetricBucket,
    OldestWait,
    Outcome,
    Progress,
    Schedule,
    ScheduleRun,
    Step,
    Task,
    WorkflowRun,
)
from taskhub.queue import bulk
from taskhub.states import TaskState
from tests.app.tasks import add
from tests.dashboard.builders import ago, make_entry, make_result, make_task, make_worker

MAIL = "email.send_order_confirmation"
TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/srv/shop/orders/tasks.py", line 48, in send_order_confirmation\n'
    "    return outbox.deliver(message, order=order, context=context)\n"
    '  File "/srv/shop/mail/outbox.py", line 112, in deliver\n'
    "    sent = smtp.send_messages([part.render(locale=order.locale)])\n"
    '  File "/usr/lib/python3.12/site-packages/django/core/mail/backends/smtp.py", line 134, in send_messages\n'
    "    sent = self._send(message)\n"
    '  File "/usr/lib/python3.12/smtplib.py", line 405, in getreply\n'
    '    raise SMTPServerDisconnected("Connection unexpectedly closed")\n'
    "smtplib.SMTPServerDisconnected: Connection unexpectedly closed\n"
)


@dataclass
class Story:
    """The addresses that are worth a picture, by the name of the picture, below the dashboard's own."""

    pages: dict[str, str] = field(default_factory=dict)


def tell() -> Story:
    """Fill the database, and return what to look at."""
    random.seed(7)
    _measure()
    mail, batch = _workers()
    _catalog()
    failed = _failed_mail(mail)
    waiting = _paused_imports(batch)
    _reports()
    _mail(mail)
    _schedules()
    _audit(failed)
    action = bulk.pin(
        BulkVerb.PURGE,
        Task.objects.filter(queue="mail"),
        bulk.By("1", "anna"),
        "queue:mail since:2h",
    )
    return Story(
        {
            "overview": "",
            "tasks": "tasks/",
            "tasks-search": "tasks/?state=faild&queue=mail&since=2h",
            "task-failed": f"tasks/{failed.pk}/",
            "task-waiting": f"tasks/{waiting.pk}/",
            "edit": f"tasks/{failed.pk}/edit/",
            "bulk": f"bulk/{action.pk}/",
            "queues": "queues/",
            "queue": "queues/imports/",
            "errors": "errors/",
            "error": f"errors/{'5a' * 8}/",
            "workers": "workers/",
            "worker": f"workers/{mail.parent_id}/",
            "stop": f"workers/{mail.parent_id}/stop/confirm/",
            "schedules": "schedules/",
            "audit": "audit/",
            "missing": "tasks/999999/",
        }
    )


def _minutes() -> Iterator[tuple[Any, int]]:
    now = timezone.now()
    for ago_ in range(60):
        yield moment(floor(int((now - timedelta(minutes=ago_)).timestamp()), MINUTE)), ago_


def _measure() -> None:
    rows = []
    for at, age in _minutes():
        share = 0.4 if age == 0 else 1.0
        for queue, name, usual in (
            ("mail", MAIL, 88),
            ("thumbnails", "thumbnails.resize", 230),
            ("default", "shop.tick", 50),
        ):
            bad = queue == "mail" and age < 12
            counts = {
                "succeeded": int(share * random.gauss(usual * (0.8 if bad else 1), usual / 18)),
                "failed": int(share * random.randint(5, 12))
                if bad
                else int(random.random() < 0.08),
                "retrying": int(share * random.randint(20, 40))
                if bad
                else int(random.random() < 0.3),
            }
            slow = 24 if bad else random.choice([14, 16, 18, 20])
            rows += [
                MetricBucket(
                    seconds=60,
                    start_at=at,
                    queue=queue,
                    name=name,
                    outcome=outcome,
                    count=count,
                    waits={str(slow - 4): count // 2, str(slow): count - count // 2},
                    runs={"18": count // 2, str(slow + 2): count - count // 2},
                )
                for outcome, count in counts.items()
                if count
            ]
    MetricBucket.objects.bulk_create(rows)
    OldestWait.objects.bulk_create(
        OldestWait(start_at=at, queue="mail", seconds=random.uniform(2, 6))
        for at, age in _minutes()
        if age > 37
    )


def _workers() -> tuple[Any, Any]:
    names = [
        MAIL,
        "email.send_invoice",
        "imports.parse_supplier_feed",
        "thumbnails.resize",
        "shop.tick",
    ]
    common = {
        "tasks": names,
        "rss_bytes": 198 << 20,
        "cpu_seconds": 1400.0,
        "processed": 10_877,
        "succeeded": 10_640,
        "failed": 96,
        "retried": 141,
        "run_seconds": 8700.0,
        "longest_seconds": 92.0,
        "version": "0.1.0",
    }
    mail = make_worker(
        "mail-1/1", queues=[["mail", 3], ["webhooks", 1]], host="mail-1.fra.example.eu", **common
    )
    batch = make_worker(
        "batch-2/1", queues=[["imports", 1]], host="batch-2.fra.example.eu", **common
    )
    make_worker(
        "media-1/1",
        queues=[["thumbnails", 1], ["default", 1]],
        host="media-1.fra.example.eu",
        **common,
    )
    quiet = make_worker("app-1/2", queues=[["default", 1]], host="app-1.fra.example.eu", **common)
    monitor.quiet_worker(quiet.parent_id)
    make_worker(
        "batch-1/1",
        queues=[["reports", 1]],
        host="batch-1.fra.example.eu",
        beat=2300,
        is_lost=True,
        stopped_at=ago(2280),
        **common,
    )
    return mail, batch


def _audit(failed: Task) -> None:
    """What people did in the last hours, the oldest first."""
    entries = (
        ("bo", "resume", "queue mail", 1, "resumed", ""),
        ("anna.lindqvist", "cancel", f"task {failed.pk}: {MAIL}", 1, "cancelled", "wrong segment"),
        ("bo", "quiet", "worker 3: batch-2/1", 1, "told", "deploy"),
        ("anna.lindqvist", "purge", "41 tasks: queue:webhooks", 41, "41 of 41 changed", "INC-2291"),
        ("bo", "retry", "12 tasks: state:failed queue:mail", 12, "12 of 12 changed", ""),
        ("anna.lindqvist", "pause", "queue imports", 1, "paused", "Acme sends every row twice"),
    )
    for number, (user, action, target, count, result, reason) in enumerate(entries):
        AuditEntry.objects.create(
            at=ago(900 * (len(entries) - number) - 600), user_id="1", user_name=user, action=action, target=target,
            count=count, result=result, reason=reason,
        )  # fmt: skip


def _catalog() -> None:
    make_entry(
        MAIL,
        "to",
        "order_id",
        "subject",
        "smtp_token",
        "extra",
        sensitive=["smtp_token"],
        module_path=f"shop.orders.tasks.{MAIL.rpartition('.')[2]}",
    )
    make_entry(
        "imports.parse_supplier_feed",
        "feed_url",
        "supplier_id",
        queue="imports",
        module_path="shop.imports.tasks.parse_supplier_feed",
    )
    make_entry("reports.monthly", "month", queue="reports")
    make_entry("تقارير-شهرية", queue="تقارير-شهرية")


def _failed_mail(worker: Any) -> Task:
    run = WorkflowRun.objects.create(name="checkout", kind="workflow", size=5, created_at=ago(140))
    charge = make_task(
        TaskState.SUCCEEDED,
        name="orders.charge",
        queue="default",
        workflow=run,
        started_at=ago(140),
        finished_at=ago(139),
    )
    pdf = make_task(
        TaskState.SUCCEEDED,
        name="invoices.render_pdf",
        queue="default",
        workflow=run,
        started_at=ago(138),
        finished_at=ago(133),
    )
    task = make_task(
        TaskState.FAILED,
        name=MAIL,
        priority=10,
        tags=("transactional", "tenant:harbour-pine"),
        workflow=run,
        enqueued_at=ago(178),
        attempt=3,
        claim_no=3,
        failures=3,
        max_retries=2,
        started_at=ago(56),
        finished_at=ago(26),
        kwargs={
            "to": "fatima.al-sayed@example.eg",
            "order_id": 1_048_211,
            "subject": "تأكيد طلبك رقم ١٠٤٨٢١١ — شكراً لك",
            "smtp_token": "hidden",
            "extra": {"coupon": None, "note": "Ring <b>twice</b> & wait"},
        },
    )
    photo = make_task(
        TaskState.RUNNING,
        name="thumbnails.packing_photo",
        queue="thumbnails",
        workflow=run,
        worker=worker,
        started_at=ago(14),
    )
    Progress.objects.create(task=photo, fraction=0.61, message="61 of 100", updated_at=ago(1))
    done = make_task(
        TaskState.CANCELLED,
        name="crm.mark_confirmed",
        queue="default",
        workflow=run,
        reason="a step before it failed",
    )
    run.steps = {
        "charge": charge.pk,
        "pdf": pdf.pk,
        "mail": task.pk,
        "photo": photo.pk,
        "confirm": done.pk,
    }
    run.save()
    links = [
        (charge, pdf, "met"),
        (charge, task, "met"),
        (charge, photo, "met"),
        (pdf, done, "met"),
        (task, done, "broken"),
    ]
    positions: dict[int, int] = {}
    for upstream, dependent, state in links:
        position = positions[dependent.pk] = positions.get(dependent.pk, -1) + 1
        Dependency.objects.create(
            upstream=upstream, dependent=dependent, position=position, state=state
        )
    for number, (start, end) in enumerate(((176, 146), (130, 100), (56, 26)), 1):
        outcome = Outcome.FAILED if number == 3 else Outcome.RETRYING
        make_result(
            task,
            outcome,
            claim_no=number,
            attempt=number,
            started_at=ago(start),
            finished_at=ago(end),
            traceback=TRACEBACK,
            fingerprint="5a" * 8,
            worker_name=f"mail-1/{number}",
        )
    Progress.objects.create(task=task, fraction=0.6, message="Sent part 3 of 5", updated_at=ago(26))
    Checkpoint.objects.create(
        task=task,
        value={"part": 3, "message_id": "<1048211@mail-1>"},
        attempt=3,
        updated_at=ago(28),
    )
    for name, value in (("render", {"parts": 5}), ("connect", "smtp-relay.example.net:587")):
        Step.objects.create(task=task, name=name, value=value, attempt=1, finished_at=ago(170))
    lines = (
        (20, "Rendering 5 parts for order 1048211 in ar_EG"),
        (20, "Connected to smtp-relay.example.net:587 (TLS 1.3)"),
        (20, "Sent part 3 of 5: تأكيد الطلب.pdf"),
        (30, "Server is slow to answer DATA, waiting"),
        (40, "SMTPServerDisconnected: Connection unexpectedly closed"),
    )
    for number, (level, text) in enumerate(lines, 1):
        LogLine.objects.create(
            task=task,
            claim_no=3,
            number=number,
            attempt=3,
            at=ago(56 - 5 * number),
            level=level,
            message=text,
        )
    return task


def _paused_imports(worker: Any) -> Task:
    monitor.pause("imports", "by anna.lindqvist: Acme sends every row twice", until=ago(-1900))
    made = [
        make_task(
            name="imports.parse_supplier_feed",
            queue="imports",
            enqueued_at=ago(1400 - n),
            args=[f"https://feeds.example/{n}.zst", 77],
        )
        for n in range(43)
    ]
    for number, (fraction, text) in enumerate(
        ((0.71, "Row 412,008 of 580,112"), (0.64, "Row 371,440 of 580,112"))
    ):
        task = make_task(
            TaskState.RUNNING,
            name="imports.parse_supplier_feed",
            queue="imports",
            worker=worker,
            started_at=ago(200 + number),
        )
        Progress.objects.create(task=task, fraction=fraction, message=text, updated_at=ago(1))
    return made[17]


def _reports() -> None:
    for number in range(24):
        make_task(name="reports.monthly", queue="reports", enqueued_at=ago(2280 - number))
    make_task(TaskState.PENDING, name="تقارير-شهرية", queue="تقارير-شهرية")


def _mail(worker: Any) -> None:
    for number in range(40):
        name = random.choice([MAIL, "email.send_invoice", "email.send_newsletter_digest"])
        state = random.choice(
            [
                "queued",
                "queued",
                "succeeded",
                "succeeded",
                "failed",
                "retrying",
                "cancelled",
                "expired",
            ]
        )
        columns: dict[str, Any] = {
            "kwargs": {"to": f"customer{number}@example.org", "order_id": 1_048_260 - number}
        }
        if state == "cancelled":
            columns["reason"] = "by anna.lindqvist: wrong segment"
        if state == "expired":
            columns["expires_at"] = ago(-60)
        task = make_task(state, name=name, enqueued_at=ago(240 - 6 * number), **columns)
        if state in ("failed", "retrying"):
            kind = number % 3
            make_result(
                task,
                Outcome(state),
                traceback=TRACEBACK,
                fingerprint=("5a", "7b", "9c")[kind] * 8,
                error_class=(
                    "smtplib.SMTPServerDisconnected",
                    "KeyError",
                    "taskhub.errors.TaskTimeout",
                )[kind],
                message=(
                    "Connection unexpectedly closed",
                    "'consent_version'",
                    "ran for 30 s, its timeout",
                )[kind],
                finished_at=ago(60 * number),
            )
    running = make_task(
        TaskState.RUNNING, name=MAIL, worker=worker, started_at=ago(28), options={"timeout": 30}
    )
    Progress.objects.create(
        task=running, fraction=0.6, message="Sent part 3 of 5", updated_at=ago(1)
    )


def _schedules() -> None:
    Schedule.objects.all().delete()
    made = [
        schedules.add_cron("acme-full-feed", add.s(1), "*/15 * * * *"),
        schedules.add_periodic("cart.expire-abandoned", add.s(1), 300),
        schedules.add_cron("ledger.nightly-close", add.s(1), "0 19 * * *"),
        schedules.add_cron(
            "invoices.dunning-run", add.s(1), "30 7 * * 1-5", timezone="Europe/Berlin"
        ),
    ]
    for schedule in made[:3]:
        for number in range(40):
            state = TaskState.FAILED if number in (9, 10) else TaskState.SUCCEEDED
            due = ago(300.0 * (40 - number))
            times = {
                "started_at": due,
                "finished_at": due + timedelta(seconds=random.uniform(2, 9)),
            }
            task = make_task(state, name=schedule.task, **times)
            decision = Decision.OVERLAPPED if number == 20 else Decision.ENQUEUED
            ScheduleRun.objects.create(
                schedule=schedule,
                due_at=due,
                decided_at=due + timedelta(milliseconds=30),
                decision=decision,
                reason="the run before had not ended" if number == 20 else "",
                task=None if number == 20 else task,
            )
    Schedule.objects.filter(pk=made[2].pk).update(next_due_at=ago(1500))
    schedules.disable("invoices.dunning-run", "until the new terms are signed")
