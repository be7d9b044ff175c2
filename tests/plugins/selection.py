"""Which tests run on which database."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.settings import ENGINE

TESTS = Path(__file__).resolve().parent.parent
# What does not depend on the database is tested once, on the one that is always there.
ONCE = tuple(TESTS / name for name in ("unit", "admin", "dashboard", "browser", "demo"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is meant for another database: it is no skip, nothing is missing."""
    chosen = [item for item in items if belongs_here(item)]
    if len(chosen) < len(items):
        kept = set(chosen)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = chosen


def belongs_here(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("only_on")
    if marker is not None:
        return ENGINE in known(marker.args)
    if item.get_closest_marker("every_engine") is not None:
        return True
    return ENGINE == "sqlite" or not any(item.path.is_relative_to(folder) for folder in ONCE)


def known(engines: Sequence[str]) -> Sequence[str]:
    unknown = set(engines) - {"sqlite", "postgresql", "mysql"}
    if unknown or not engines:
        raise pytest.UsageError(
            f"only_on{tuple(engines)}: name 'sqlite', 'postgresql' or 'mysql', as many as you mean"
        )
    return engines
