"""Do one step after another, each with what the one before it found.

The specification's chain_workflow. Each step enqueues the next one; with `atomic=True` that and the
step's own outcome are one transaction: a step whose worker dies is run again and has exactly one
successor.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from taskhub import task
from taskhub.demo.paths import ORDERS_CSV

if TYPE_CHECKING:
    from taskhub.results import AsyncResult


class Handed(TypedDict):
    """What a step found, and the id of the task that goes on from there (empty at the end)."""

    found: dict[str, int]
    next: str


@task(name="example.chain.fetch", atomic=True, tags=["example", "chain"])
def fetch(limit: int) -> Handed:
    """Read countries of the first orders and hand them on."""
    with ORDERS_CSV.open(encoding="utf-8") as file:
        next(file)
        countries = [line.split(",")[4] for _, line in zip(range(limit), file, strict=False)]
    following = count.enqueue(countries)
    return {"found": {"orders": len(countries)}, "next": following.id}


@task(name="example.chain.count", atomic=True, tags=["example", "chain"])
def count(countries: list[str]) -> Handed:
    """Count orders per country and hand the table on."""
    table = {country: countries.count(country) for country in sorted(set(countries))}
    following = choose.enqueue(table)
    return {"found": table, "next": following.id}


@task(name="example.chain.choose", tags=["example", "chain"])
def choose(table: dict[str, int], top: int = 3) -> Handed:
    """Keep the countries with most orders; the end of the chain."""
    best = sorted(table, key=lambda country: (-table[country], country))[:top]
    return {"found": {country: table[country] for country in best}, "next": ""}


def main(say: Callable[[str], object] = print, limit: int = 1_000) -> "list[AsyncResult]":
    """Enqueue the first step; the others follow by themselves."""
    first = fetch.enqueue(limit)
    say(f"Task {first.id} fetches {limit:,} orders, a second one counts them, a third one chooses.")
    return [first]
