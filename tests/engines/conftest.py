"""What each test of an engine starts from: the engine itself and two children that may claim."""

import pytest

from taskhub.engines import Engine, get_engine
from taskhub.models import Worker
from tests.engines.builders import make_worker


@pytest.fixture
def hub(db) -> Engine:
    """The engine of this run's database."""
    return get_engine()


@pytest.fixture
def worker(db) -> Worker:
    return make_worker("w1/1")


@pytest.fixture
def rival(db) -> Worker:
    """Another child, of another worker."""
    return make_worker("w2/1", pid=2)
