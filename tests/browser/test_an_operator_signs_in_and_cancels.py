"""The first pages in a real browser: sign in, look, cancel a task, keep a theme."""

import re

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from taskhub.states import TaskState
from tests.dashboard.builders import make_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator(page: Page) -> Page:
    """A page of somebody who has signed in by hand, on the way to the overview."""
    get_user_model().objects.create_superuser("anna", password="correct horse")
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    page.goto("/taskhub/")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    return page


def test_a_task_is_opened_from_the_list_and_cancelled(operator: Page):
    task = make_task(name="email.send", kwargs={"note": "<b>bold</b>"})
    operator.get_by_role("link", name="Tasks", exact=True).click()
    operator.get_by_role("link", name="email.send", exact=True).last.click()
    badge = operator.locator(".badge")
    expect(badge).to_have_text("Queued")
    expect(operator.get_by_text("'<b>bold</b>'", exact=True)).to_be_visible()
    operator.get_by_role("button", name="Cancel").click()
    expect(operator.get_by_role("status")).to_have_text(f"Task {task.pk} is cancelled.")
    expect(badge).to_have_text(re.compile(r"Cancelled \d+ s ago"))
    expect(operator.get_by_role("button", name="Cancel")).to_be_disabled()
    operator.get_by_role("button", name="Retry").click()
    expect(badge).to_have_text("Queued")
    task.refresh_from_db()
    assert task.state == TaskState.QUEUED


def test_the_theme_is_kept_from_page_to_page(operator: Page):
    operator.get_by_title("Dark", exact=True).click()
    operator.get_by_role("link", name="Tasks", exact=True).click()
    expect(operator.locator("html")).to_have_attribute("data-theme", "dark")
    expect(operator.locator("body")).to_have_css("color-scheme", "dark")


def test_a_phone_shows_each_page_without_scrolling_sideways(operator: Page):
    task = make_task(TaskState.FAILED, name="x" * 200, queue="q" * 100, tags=("t" * 100,))
    make_task(queue="q" * 100, kwargs={"k": "v" * 3000})
    operator.set_viewport_size({"width": 390, "height": 844})
    for path in ("/taskhub/", "/taskhub/tasks/", f"/taskhub/tasks/{task.pk}/"):
        operator.goto(path)
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert operator.evaluate(wide) == 0, path
