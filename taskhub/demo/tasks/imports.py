"""Import orders from a CSV file, in batches, with progress; bad lines are reported, not fatal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypedDict

from django.db import connections, router

from taskhub import task
from taskhub.demo.models import Order, Upload
from taskhub.demo.orders_file import NotAnOrdersFile, Rejected, read_orders
from taskhub.demo.paths import ORDERS_CSV

if TYPE_CHECKING:
    from taskhub.context import TaskContext

BATCH = 100
REPORTED = 50
"""How many rejected lines a result spells out; it always has the count of all."""


class RejectedLine(TypedDict):
    """Where a line stands in the file (the header is line 1), and what is wrong with it."""

    line: int
    error: str


class ImportReport(TypedDict):
    """What an import answers."""

    file: str
    imported: int
    rejected: list[RejectedLine]
    rejected_count: int


@task(
    name="demo.import_csv",
    queue_name="imports",
    takes_context=True,
    timeout=300,
    max_retries=3,
    retry_delay=1,
    no_retry_on=(NotAnOrdersFile, Upload.DoesNotExist),
    tags=["demo"],
)
def import_csv(
    context: "TaskContext", upload_id: int | None = None, pause: float = 0.0
) -> ImportReport:
    """Import an uploaded file, or the one that the project ships.

    Orders are written by their number, so a second run, also after a worker died half-way, changes
    nothing more. `pause` waits that many seconds after each batch, so that a person can watch.
    """
    rejected: list[Rejected] = []
    batch: list[Order] = []
    imported = 0
    with _open(upload_id) as (name, file):
        last_line = max(1, sum(1 for _ in file) - 1)
        file.seek(0)
        for line, order in enumerate(read_orders(file), start=1):
            if isinstance(order, Rejected):
                rejected.append(order)
            else:
                batch.append(order)
            if len(batch) == BATCH:
                imported += _save(batch)
                batch = []
                context.update_progress(
                    min(1.0, line / last_line), f"{line:,} of {last_line:,} lines"
                )
                context.raise_if_cancelled()
                time.sleep(pause)
    imported += _save(batch)
    context.update_progress(1.0, f"{imported:,} orders imported")
    report: list[RejectedLine] = [
        {"line": bad.line, "error": bad.error} for bad in rejected[:REPORTED]
    ]
    return {"file": name, "imported": imported, "rejected": report, "rejected_count": len(rejected)}


@contextmanager
def _open(upload_id: int | None) -> Iterator[tuple[str, TextIO]]:
    """Give the file's name and text; `utf-8-sig` drops the mark that spreadsheets put in front."""
    if upload_id is None:
        name, path = ORDERS_CSV.name, ORDERS_CSV
    else:
        upload = Upload.objects.get(pk=upload_id)
        name, path = upload.name, Path(upload.file.path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield name, file


def _save(orders: list[Order]) -> int:
    """Insert or update by number, in one statement; MySQL finds the key by itself."""
    features = connections[router.db_for_write(Order)].features
    Order.objects.bulk_create(
        orders,
        update_conflicts=True,
        update_fields=["ordered_on", "customer", "email", "country", "items", "total"],
        unique_fields=["number"] if features.supports_update_conflicts_with_target else None,
    )
    return len(orders)
