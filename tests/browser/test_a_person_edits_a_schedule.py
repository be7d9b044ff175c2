"""The admin form of a schedule in a real browser, beside a real worker."""

import time

import pytest
from playwright.sync_api import Page, expect

from taskhub import catalog, schedules
from taskhub.models import Schedule, ScheduleRun
from tests.app import tasks_schedules as scheduled
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/taskhub/schedule/"


@pytest.fixture
def admin(operator_page: Page) -> Page:
    Schedule.objects.all().delete()
    catalog.sync()
    operator_page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    return operator_page


def test_the_form_says_what_is_wrong_and_what_is_meant_while_one_types(admin: Page):
    admin.goto(f"{LIST}add/")
    admin.get_by_label("Name").fill("nightly")
    admin.get_by_label("Task", exact=False).first.fill("schedules.tick")
    admin.get_by_label("Kind").select_option("cron")
    expect(admin.get_by_label("Every")).to_be_hidden()
    expression = admin.get_by_label("Cron expression")
    expression.fill("0 0 30 2 *")
    problem = admin.locator(".field-cron .taskhub-problem")
    expect(problem).to_contain_text("never comes true")
    admin.get_by_label("Timezone").fill("Europe/Berlin")
    expression.fill("30 2 * * *")
    expect(problem).to_have_count(0)
    outlook = admin.locator(".taskhub-outlook")
    expect(outlook.locator(".taskhub-words")).to_have_text("At 02:30")
    expect(outlook.locator("tbody tr")).to_have_count(10)
    expect(outlook.locator("tbody tr").first).to_contain_text("02:30:00 CE")
    expect(outlook.locator(".taskhub-warnings li")).to_have_count(2)
    arguments = admin.get_by_label("Kwargs")
    arguments.fill('{"nobody": 1}')
    expect(admin.locator(".field-kwargs .taskhub-problem")).to_contain_text(
        "do not fit schedules.tick"
    )
    arguments.fill('{"label": "x"}')
    expect(admin.locator(".taskhub-problem")).to_have_count(0)
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.locator(".messagelist .success")).to_contain_text("nightly")
    assert schedules.get("nightly").kwargs == {"label": "x"}


def test_an_edit_takes_effect_in_a_running_worker_at_once(admin: Page, run_worker):
    pulse = schedules.add_periodic("pulse", scheduled.tick, 86_400)
    worker = run_worker("--processes", "1", env={"TASKHUB_TEST_POLL_INTERVAL": "600"})
    other = scheduled.tick.enqueue()
    assert other.get(timeout=60) == ""
    admin.goto(f"{LIST}{pulse.pk}/change/")
    admin.get_by_label("Every").fill("1")
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.locator(".messagelist .success")).to_be_visible()
    saved_at, next_due = time.monotonic(), schedules.get("pulse").next_due_at
    worker.wait_until(lambda: ScheduleRun.objects.exists(), "fired the edited schedule", 20)
    assert time.monotonic() - saved_at < 10, "this machine may be busy"
    first = ScheduleRun.objects.order_by("due_at").first()
    assert first.due_at <= next_due, "its first time since the edit was kept"
    assert first.late_seconds < 1
    admin.goto(LIST)
    admin.get_by_role("checkbox", name="Select this object for an action - pulse").check()
    admin.locator("select[name=action]").select_option("disable")
    admin.locator("button[name=index]").click()
    expect(admin.locator(".messagelist .success")).to_contain_text("Disable schedule: pulse")
    assert not schedules.get("pulse").enabled
    eventually(lambda: schedules.get("pulse").next_due_at is None)
