"""A real browser on the real site."""

import os
from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# As short-lived as its folder: while Playwright runs, this thread has an event loop, which Django's
# ORM refuses to work beside and `asyncio.run` in a later test would trip over.
@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all the browser tests."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def context(browser: Browser, live_site: str) -> Iterator[BrowserContext]:
    """A browser window of its own for each test: no cookies, links relative to the site."""
    context = browser.new_context(base_url=live_site)
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about; a test that expects a complaint empties the list."""
    return []


@pytest.fixture
def page(context: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    """A page for a visitor. Errors in the console, blocked scripts included, fail the test."""

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    page = context.new_page()
    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    yield page
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def operator_page(page: Page, live_site: str) -> Page:
    """A page for somebody who may do everything, already signed in."""
    user = get_user_model().objects.create_superuser("operator", "operator@example.com", "operator")
    client = Client()
    client.force_login(user)
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_site}]
    )
    return page


@pytest.fixture
def elsewhere(browser: Browser, live_site: str) -> Iterator[Page]:
    """An operator's page in a browser that is not in UTC."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("kiri"))
    context = browser.new_context(base_url=live_site, timezone_id="Asia/Kolkata")
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_site}]
    )
    yield context.new_page()
    context.close()
