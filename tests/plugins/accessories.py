"""The services that only some tests need: a test that asks for a missing one is skipped."""

import os

import pytest


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser that `tests.run` found; skips where there is none."""
    path = os.environ.get("TASKHUB_TEST_CHROMIUM")
    if not path:
        pytest.skip("no Chromium: TASKHUB_TEST_CHROMIUM is not set")
    return path


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The address of a Redis that tests may fill; skips where there is none."""
    url = os.environ.get("TASKHUB_TEST_REDIS_URL")
    if not url:
        pytest.skip("no Redis: TASKHUB_TEST_REDIS_URL is not set")
    return url
