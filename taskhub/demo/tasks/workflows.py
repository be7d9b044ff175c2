"""Workflows on real files: a chain over the orders, a chord over texts, and a graph with a step that fails once."""

import csv
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from taskhub import Workflow, chain, chord, task
from taskhub.demo.paths import ORDERS_CSV, TEXTS
from taskhub.errors import TaskhubError

if TYPE_CHECKING:
    from taskhub.context import TaskContext
    from taskhub.results import AsyncResult


@task(name="demo.chain.read", tags=["demo", "chain"])
def read_orders(limit: int = 5_000) -> list[list[str]]:
    """Read country and total of the first orders."""
    with ORDERS_CSV.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return [[row["country"], row["total"]] for _, row in zip(range(limit), rows, strict=False)]


@task(name="demo.chain.sum", tags=["demo", "chain"])
def sum_by_country(orders: list[list[str]]) -> dict[str, float]:
    """Sum the totals of each country; what is no number counts nothing."""
    sums: Counter[str] = Counter()
    for country, total in orders:
        if re.fullmatch(r"\d+(\.\d+)?", total):
            sums[country] += round(float(total) * 100)
    return {country: cents / 100 for country, cents in sums.most_common()}


@task(name="demo.chain.report", tags=["demo", "chain"])
def report(sums: dict[str, float], top: int = 3) -> str:
    """Write one line about the best countries."""
    best = ", ".join(f"{country} {total:,.2f}" for country, total in list(sums.items())[:top])
    return f"{len(sums)} countries, best: {best}"


@task(name="demo.chord.count", tags=["demo", "chord"])
def count_words(name: str) -> dict[str, int]:
    """Count the words of one text."""
    text = (TEXTS / name).read_text(encoding="utf-8")
    return dict(Counter(re.findall(r"[a-z]{5,}", text.lower())).most_common(200))


@task(name="demo.chord.merge", tags=["demo", "chord"])
def merge_counts(counts: list[dict[str, int]], top: int = 5) -> dict[str, int]:
    """Add up what was counted and keep the most frequent words."""
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total.most_common(top))


@task(name="demo.graph.fetch", tags=["demo", "graph"])
def fetch(what: str) -> str:
    """Stand for a download."""
    return f"{what} of {ORDERS_CSV.stat().st_size:,} bytes"


@task(name="demo.graph.publish", max_retries=0, takes_context=True, tags=["demo", "graph"])
def publish(context: "TaskContext") -> str:
    """Fail the first time, as if the other side were down; a person's retry succeeds."""
    if context.attempt == 1:
        raise TaskhubError("The shop window is closed. Retry this step when it has opened.")
    return "published " + " and ".join(context.upstream.values())


@task(name="demo.graph.announce", takes_context=True, tags=["demo", "graph"])
def announce(context: "TaskContext") -> str:
    """Say what has been done; runs only after the publication."""
    return f"Announced: {context.upstream['publish']}."


def enqueue_chain() -> "AsyncResult":
    """Read the orders, sum them, report."""
    return chain(read_orders.s(), sum_by_country.s(), report.s()).enqueue("Orders by country")  # type: ignore[return-value]


def enqueue_chord() -> "AsyncResult":
    """Count the words of all texts side by side, then merge."""
    names = sorted(path.name for path in TEXTS.glob("*.txt"))
    return chord([count_words.s(name) for name in names], merge_counts.s()).enqueue("Words")  # type: ignore[return-value]


def enqueue_graph() -> "AsyncResult":
    """Fetch two things, publish them, announce it; the publication fails until somebody retries it."""
    work = Workflow("Shop window")
    work.add("prices", fetch.s("prices")).add("pictures", fetch.s("pictures"))
    work.add("publish", publish.s(), after=["prices", "pictures"])
    work.add("announce", announce.s(), after=["publish"])
    result: Any = work.enqueue()
    return result  # type: ignore[no-any-return]
