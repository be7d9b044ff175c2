"""Do small jobs: one in a coroutine, one of many in bulk."""

import asyncio
import hashlib
from typing import TypedDict

from taskhub import task
from taskhub.demo.paths import DATA


class Primes(TypedDict):
    """How many prime numbers there are below the limit, and the largest."""

    count: int
    largest: int


@task(name="demo.find_primes", timeout=60, tags=["demo", "async"])
async def find_primes(below: int = 20_000, slices: int = 10) -> Primes:
    """Count primes in slices, and let other coroutines run between them."""
    primes: list[int] = []
    for part in range(slices):
        primes += [
            n for n in range(below * part // slices, below * (part + 1) // slices) if _is_prime(n)
        ]
        await asyncio.sleep(0.1)
    return {"count": len(primes), "largest": primes[-1] if primes else 0}


@task(name="demo.checksum", timeout=30, tags=["demo", "bulk"])
def checksum(name: str) -> str:
    """Return the SHA-256 of a shipped file, named relative to the demo's data folder."""
    path = (DATA / name).resolve()
    if not path.is_relative_to(DATA):
        raise ValueError(f"{name!r} is not inside the demo's data folder")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))
