"""Fixtures for pytest with pytest-django; name this module in `pytest_plugins` of your top conftest.py.

It is no plugin that pytest finds by itself: that one would be imported into every test run of a machine that has
taskhub, before Django is set up and before coverage is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from taskhub.testing.mixin import TasksMixin


@pytest.fixture
def taskhub_tasks(db: None) -> TasksMixin:
    """`run_tasks`, `pass_time`, `enqueued`, `assert_enqueued` and `refute_enqueued`, on the test's database."""
    from taskhub.testing.mixin import TasksMixin

    return TasksMixin()


@pytest.fixture
def taskhub_eager(db: None) -> Iterator[None]:
    """Run each task inside its `enqueue()`, and raise there what it raises when it fails for good."""
    from taskhub.testing.running import eager

    with eager():
        yield
