"""Do one step after another, each with what the one before it found.

The specification's chain_workflow: the three steps are enqueued together, in one transaction, and each starts when the
one before it has succeeded.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from taskhub import chain, task
from taskhub.demo.paths import ORDERS_CSV

if TYPE_CHECKING:
    from taskhub.results import AsyncResult


@task(name="example.chain.fetch", tags=["example", "chain"])
def fetch(limit: int) -> list[str]:
    """Read countries of the first orders."""
    with ORDERS_CSV.open(encoding="utf-8") as file:
        next(file)
        return [line.split(",")[4] for _, line in zip(range(limit), file, strict=False)]


@task(name="example.chain.count", tags=["example", "chain"])
def count(countries: list[str]) -> dict[str, int]:
    """Count orders per country."""
    return {country: countries.count(country) for country in sorted(set(countries))}


@task(name="example.chain.choose", tags=["example", "chain"])
def choose(table: dict[str, int], top: int = 3) -> dict[str, int]:
    """Keep the countries with most orders."""
    best = sorted(table, key=lambda country: (-table[country], country))[:top]
    return {country: table[country] for country in best}


def main(say: Callable[[str], object] = print, limit: int = 1_000) -> "list[AsyncResult]":
    """Enqueue the three steps; return the result of the last."""
    last: Any = chain(fetch.s(limit), count.s(), choose.s()).enqueue("Best countries")
    say(
        f"{limit:,} orders are fetched, counted and chosen from; task {last.id} will know the best."
    )
    return [last]
