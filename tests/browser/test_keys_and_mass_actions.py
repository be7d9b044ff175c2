"""An operator who never lets go of the keyboard; and a mass action from selection to undo."""

import pytest
from playwright.sync_api import Page, expect

from taskhub.models import Task
from taskhub.states import TaskState
from tests.dashboard.builders import make_task, make_worker

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_list_is_walked_selected_and_retried_by_keys(operator_page: Page):
    tasks = [make_task(TaskState.FAILED, name=f"email.send{n}") for n in range(4)]
    page = operator_page
    page.goto("/taskhub/tasks/")
    for key in ("j", "j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.locator("tr.is-cursor")).to_have_id(f"task-{tasks[1].pk}")
    toolbar = page.get_by_role("toolbar", name="Selected tasks")
    expect(toolbar).to_contain_text("2 selected")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Retry 2 tasks?")).to_be_visible()
    page.get_by_role("button", name="Retry 2 tasks").click()
    expect(page.get_by_role("heading", name="Retried 2 tasks")).to_be_visible()
    assert set(Task.objects.filter(state="queued").values_list("pk", flat=True)) == {
        tasks[1].pk,
        tasks[2].pk,
    }


def test_search_help_palette_and_jumps_have_keys_that_can_be_turned_off(operator_page: Page):
    make_task(name="email.send")
    page = operator_page
    page.goto("/taskhub/tasks/")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search tasks")).to_be_focused()
    page.keyboard.type("state:queued")
    page.keyboard.press("Enter")
    expect(page).to_have_url(
        "**/tasks/?state=queued".replace("**", page.url.split("/taskhub")[0] + "/taskhub")
    )
    page.keyboard.press("g")
    page.keyboard.press("q")
    expect(page.get_by_role("heading", level=1)).to_have_text("Queues")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Go to")
    expect(palette).to_be_visible()
    page.keyboard.type("work")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Workers")
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keys")
    expect(help_).to_be_visible()
    help_.get_by_label("Use these keys on this machine").uncheck()
    help_.get_by_role("button", name="Close").click()
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page.get_by_role("heading", level=1)).to_have_text("Workers")


def test_the_palette_leads_to_queues_and_does_what_the_page_offers(operator_page: Page):
    make_task(queue="imports/nightly")
    task = make_task(TaskState.FAILED)
    page = operator_page
    page.goto(f"/taskhub/tasks/{task.pk}/")
    palette = page.get_by_role("dialog", name="Go to")
    page.keyboard.press("Control+k")
    page.keyboard.type("nightly")
    expect(palette.get_by_role("option").first).to_have_text("imports/nightlyqueue")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("imports/nightly")
    page.goto(f"/taskhub/tasks/{task.pk}/")
    page.keyboard.press("Control+k")
    page.keyboard.type("retry")
    expect(palette.get_by_role("option").first).to_have_text("Retrycommand")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("queued again")


def test_whoever_comes_back_to_a_selection_finds_it_counted(operator_page: Page):
    for _ in range(3):
        make_task()
    page = operator_page
    page.goto("/taskhub/tasks/")
    for key in ("j", "x", "j", "x", "c"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Cancel 2 tasks?")).to_be_visible()
    page.go_back()
    toolbar = page.get_by_role("toolbar", name="Selected tasks")
    expect(page.locator("tbody input:checked")).to_have_count(2)
    expect(toolbar).to_contain_text("2 selected")


def test_a_purge_is_previewed_confirmed_and_undone_while_the_queue_moves(operator_page: Page):
    for _ in range(3):
        make_task(queue="mail/bulk")
    page = operator_page
    page.goto("/taskhub/queues/")
    page.get_by_role("link", name="mail/bulk", exact=True).first.click()
    page.get_by_role("button", name="Purge mail/bulk").click()
    expect(page.get_by_role("heading", name="Cancel 3 waiting tasks?")).to_be_visible()
    late = make_task(queue="mail/bulk")
    button = page.get_by_role("button", name="Cancel 3 tasks")
    button.click()
    expect(button).to_be_visible()  # the browser itself asks for a reason
    page.get_by_label("Why?").fill("INC-2291")
    button.click()
    expect(page.get_by_role("heading", name="Purged 3 tasks")).to_be_visible()
    late.refresh_from_db()
    assert late.state == TaskState.QUEUED
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Brought 3 tasks back")).to_be_visible()
    assert Task.objects.filter(state="queued").count() == 4


def test_a_worker_is_quieted_and_woken_and_a_queue_paused_with_a_reason(operator_page: Page):
    worker = make_worker("w1").parent
    make_task()
    page = operator_page
    page.goto("/taskhub/workers/")
    page.get_by_role("button", name="Quiet w1").click()
    expect(page.get_by_text("Quiet", exact=True)).to_be_visible()
    page.get_by_role("button", name="Wake w1").click()
    expect(page.get_by_role("button", name="Quiet w1")).to_be_visible()
    worker.refresh_from_db()
    assert worker.order == ""
    page.goto("/taskhub/queues/mail/")
    page.get_by_label("Why?").fill("relay down")
    page.get_by_label("For how long").select_option("60")
    page.get_by_role("button", name="Pause mail").click()
    expect(page.get_by_text("is paused until").first).to_be_visible()
    page.get_by_role("button", name="Resume mail").click()
    expect(page.get_by_role("status").first).to_have_text("mail goes on.")


def test_the_pages_work_without_javascript(operator_page: Page, browser, live_site: str):
    make_task(TaskState.FAILED, name="email.send")
    cookies = operator_page.context.cookies()
    context = browser.new_context(base_url=live_site, java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto("/taskhub/tasks/")
    expect(page.locator(".foot")).to_be_hidden()
    page.get_by_role("searchbox", name="Search tasks").fill("state:failed")
    page.get_by_role("searchbox", name="Search tasks").press("Enter")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Retry…", exact=True).last.click()
    page.get_by_role("button", name="Retry 1 task").click()
    expect(page.get_by_role("heading", name="Retried 1 task")).to_be_visible()
    context.close()
