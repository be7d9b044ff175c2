"""Write the orders and their totals per country into one ZIP file."""

import csv
import io
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypedDict

from django.db.models import Count, Sum

from taskhub import task
from taskhub.demo.models import Order
from taskhub.demo.orders_file import COLUMNS
from taskhub.demo.paths import media_root, name_in_media, whole_file

if TYPE_CHECKING:
    from taskhub.context import TaskContext


class Report(TypedDict):
    """Which file was written, relative to MEDIA_ROOT/demo, and what is in it."""

    files: list[str]
    orders: int
    countries: int


@task(
    name="demo.write_report",
    queue_name="reports",
    takes_context=True,
    timeout=120,
    max_retries=2,
    tags=["demo"],
)
def write_report(context: "TaskContext") -> Report:
    """Write MEDIA_ROOT/demo/reports/orders-<task id>.zip; another attempt replaces the file."""
    context.update_progress(0.0, "Adding up")
    summary = list(summary_lines())
    context.update_progress(0.2, "Writing orders")
    target = media_root() / "reports" / f"orders-{context.task_result.id}.zip"
    with whole_file(target) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("summary.txt", "\n".join(summary) + "\n")
        with (
            archive.open("orders.csv", "w") as raw,
            io.TextIOWrapper(raw, encoding="utf-8", newline="") as text,
        ):
            orders = _write_orders(text)
    context.update_progress(1.0, f"{orders:,} orders")
    return {
        "files": [name_in_media(target)],
        "orders": orders,
        "countries": max(0, len(summary) - 2),
    }


def summary_lines() -> Iterator[str]:
    """Yield a table of orders, items and totals: the best countries first, everything last."""
    yield f"{'Country':<8}{'Orders':>8}{'Items':>9}{'Total':>14}"
    countries = Order.objects.values("country").annotate(
        orders=Count("pk"), units=Sum("items"), money=Sum("total")
    )
    for row in countries.order_by("-money", "country"):
        yield f"{row['country']:<8}{row['orders']:>8,}{row['units']:>9,}{row['money']:>14,.2f}"
    everything = Order.objects.aggregate(orders=Count("pk"), units=Sum("items"), money=Sum("total"))
    yield f"{'All':<8}{everything['orders']:>8,}{everything['units'] or 0:>9,}{everything['money'] or 0:>14,.2f}"


def _write_orders(text: io.TextIOWrapper) -> int:
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    count = 0
    for order in Order.objects.order_by("number").values_list(*COLUMNS).iterator():
        writer.writerow(order)
        count += 1
    return count
