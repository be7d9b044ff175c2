"""Open pages follow the database, in a real browser, on the real site, with a real worker."""

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from taskhub.models import BulkAction, BulkState, BulkVerb, LogLine, Progress, Task, Worker
from taskhub.queue import bulk
from taskhub.states import TaskState
from tests.app import tasks
from tests.dashboard.builders import ago, make_task, make_worker
from tests.helpers import eventually
from tests.processes import Launched, Processes
from tests.services.base import free_port, try_connecting

pytestmark = pytest.mark.django_db(transaction=True)

LIVE = re.compile(r"^Live")


class Site:
    """Daphne on a port that stays the same when it is started again."""

    def __init__(self, processes: Processes) -> None:
        self._processes, self._port = processes, free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self.server: Launched = self._processes.serve(self._port)
        self.server.wait_until(lambda: try_connecting(self._port), "answered", timeout=30)

    def kill(self) -> None:
        self.server.send_to_all(signal.SIGKILL)
        self.server.wait()


@pytest.fixture
def site(processes: Processes) -> Site:
    site = Site(processes)
    site.start()
    return site


@pytest.fixture
def live_site(site: Site) -> str:
    return site.url


@pytest.fixture
def at(operator_page: Page) -> Callable[[str], Page]:
    """`at("tasks/")`: an operator's page of the dashboard, once it is live."""

    def go(path: str = "") -> Page:
        operator_page.goto(f"/taskhub/{path}")
        expect(operator_page.locator("#link")).to_have_text(LIVE)
        expect(operator_page.locator("#link")).to_have_attribute("data-live", "on")
        return operator_page

    return go


def mark(page: Page) -> None:
    """Put something into the page that a reload would lose."""
    page.evaluate("window.isTheSame = true")


def is_marked(page: Page) -> bool:
    return bool(page.evaluate("window.isTheSame === true"))


@pytest.mark.every_engine
def test_the_overview_follows_what_happens(at):
    page = at()
    mark(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing needs attention")
    task = make_task(queue="reports")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 thing needs attention")
    expect(page.locator("#said")).to_have_text("1 thing needs attention", timeout=15_000)
    row = page.locator("#queue-reports")
    expect(row.locator("[data-k=queued]")).to_have_text("1")
    Task.objects.filter(pk=task.pk).update(state=TaskState.CANCELLED, finished_at=ago(0))
    expect(row.locator("[data-k=queued]")).to_have_text("0")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing needs attention")
    assert is_marked(page)


def test_a_form_that_came_live_can_be_sent(at):
    page = at()
    make_task(queue="reports")
    page.get_by_role("button", name="Pause reports").click()
    expect(page.get_by_role("button", name="Resume reports")).to_be_visible()


@pytest.mark.every_engine
def test_a_workers_progress_moves_on_the_page_of_its_task(at, run_worker, tmp_path: Path):
    result = tasks.report_progress.enqueue(str(tmp_path / "go"))
    page = at(f"tasks/{result.id}/")
    mark(page)
    expect(page.locator("#state")).to_contain_text("Queued")
    run_worker("--processes", "1")
    expect(page.locator("#state")).to_contain_text("Running", timeout=30_000)
    expect(page.locator("progress")).to_have_attribute("value", "0.25")
    (tmp_path / "go").touch()
    expect(page.locator("#state")).to_contain_text("Succeeded")
    expect(page.locator("progress")).to_have_attribute("value", "1.0")
    assert is_marked(page)


def test_a_line_changes_in_place_flashes_and_new_ones_wait_behind_the_bar(at):
    task = make_task(name="email.first")
    page = at("tasks/")
    mark(page)
    row = page.locator(f"#task-{task.pk}")
    expect(page.locator("#newbar")).to_have_text("Nothing new")
    top = row.bounding_box()
    page.evaluate(
        """() => new MutationObserver((all) => all.forEach((one) => {
             if (one.target.classList?.contains("is-changed")) window.hasFlashed = one.target.id;
           })).observe(document.body, {subtree: true, attributes: true, attributeFilter: ["class"]})"""
    )
    for _ in range(3):
        make_task(name="email.second")
    expect(page.locator("#newbar")).to_have_text("3 new tasks")
    Task.objects.filter(pk=task.pk).update(
        state=TaskState.CANCELLED, finished_at=ago(0), reason="INC-1"
    )
    expect(row.locator(".state")).to_have_text("Cancelled")
    expect(row).to_contain_text("INC-1")
    assert eventually(lambda: page.evaluate("window.hasFlashed")) == f"task-{task.pk}"
    expect(page.locator("tbody tr")).to_have_count(1)
    assert row.bounding_box() == top
    assert is_marked(page)
    page.locator("#newbar").click()
    expect(page.locator("tbody tr")).to_have_count(4)


def test_a_line_that_left_the_filter_stays_faint(at):
    task = make_task(TaskState.FAILED)
    page = at("tasks/?state=failed")
    row = page.locator(f"#task-{task.pk}")
    expect(row).not_to_have_class(re.compile("is-gone"))
    Task.objects.filter(pk=task.pk).update(
        state=TaskState.QUEUED, finished_at=None, started_at=None
    )
    expect(row).to_have_class(re.compile("is-gone"))
    expect(row.locator(".state")).to_have_text("Queued")
    Task.objects.all().delete()
    expect(page.locator("#newbar")).to_have_text("Nothing new")
    expect(row).to_be_visible()


def test_heartbeats_tick_and_begin_again(at):
    child = make_worker("w1", beat=20)
    page = at()
    beat = page.locator(f"#worker-{child.parent_id} [data-k=beat] time")
    first = beat.text_content()
    expect(beat).not_to_have_text(first or "")  # by itself: nothing was written
    Worker.objects.update(heartbeat_at=timezone.now())
    expect(beat).to_have_text(re.compile(r"^[0-5] s$"))


def test_a_row_under_the_pointer_stays_under_it(at):
    for number in range(30):
        make_task(queue=f"q{number:02}")
    page = at("queues/")
    page.set_viewport_size({"width": 1200, "height": 500})
    row = page.locator("#queue-q20")
    row.scroll_into_view_if_needed()
    row.hover()
    before = row.bounding_box()
    make_task(queue="a-first")
    expect(page.locator("#queue-a-first")).to_have_count(1)
    after = row.bounding_box()
    assert before
    assert after
    assert abs(after["y"] - before["y"]) < 2


def test_what_somebody_types_survives(at):
    make_task(queue="reports")
    page = at("tasks/")
    search = page.get_by_role("searchbox")
    search.fill("email.")
    make_task(queue="reports")
    expect(page.locator("#newbar")).to_have_text("1 new task")
    expect(search).to_have_value("email.")
    expect(search).to_be_focused()


def test_it_goes_on_after_the_server_was_killed_and_started_again(at, site: Site, complaints):
    task = make_task(TaskState.RUNNING)
    page = at(f"tasks/{task.pk}/")
    mark(page)
    site.kill()
    link = page.locator("#link")
    expect(link).to_have_attribute("data-live", "offline", timeout=15_000)
    expect(link).to_have_text(re.compile(r"Offline, as of \d\d:\d\d:\d\d"))
    Progress.objects.create(task=task, fraction=0.75, message="meanwhile", updated_at=ago(0))
    expect(page.locator("#state")).to_contain_text("Running")  # what was there can still be read
    site.start()
    expect(link).to_have_attribute("data-live", "on", timeout=45_000)
    expect(page.locator("progress")).to_have_attribute("value", "0.75")
    assert is_marked(page)
    assert all("ERR_CONNECTION_REFUSED" in one or "WebSocket" in one for one in complaints), (
        complaints
    )
    complaints.clear()  # the browser itself complains of a server that is not there


def test_where_websockets_are_blocked_it_asks(operator_page: Page):
    operator_page.route_web_socket(re.compile(r"/live/"), lambda socket: socket.close(code=1011))
    task = make_task(TaskState.RUNNING)
    operator_page.goto(f"/taskhub/tasks/{task.pk}/")
    mark(operator_page)
    expect(operator_page.locator("#link")).to_have_text("Live, every 3 s", timeout=15_000)
    Progress.objects.create(task=task, fraction=0.75, updated_at=ago(0))
    expect(operator_page.locator("progress")).to_have_attribute("value", "0.75")
    assert is_marked(operator_page)


def test_a_tab_out_of_sight_is_quiet_and_catches_up(at):
    task = make_task(TaskState.RUNNING)
    page = at(f"tasks/{task.pk}/")
    with page.expect_event("websocket") as again:
        hide(page, is_hidden=True)
        eventually(lambda: all_closed(page), timeout=15)
        Progress.objects.create(task=task, fraction=0.75, updated_at=ago(0))
        expect(page.locator("progress")).to_have_count(0)
        hide(page, is_hidden=False)
    assert not again.value.is_closed()
    expect(page.locator("progress")).to_have_attribute("value", "0.75")


def hide(page: Page, *, is_hidden: bool) -> None:
    """Do what a browser does when another tab is chosen (headless ones keep all pages visible)."""
    page.evaluate(
        """(isHidden) => {
             Object.defineProperty(document, "hidden", {configurable: true, get: () => isHidden});
             document.dispatchEvent(new Event("visibilitychange"));
           }""",
        is_hidden,
    )


def all_closed(page: Page) -> bool:
    return bool(page.evaluate("window.sockets.every((one) => one.readyState === WebSocket.CLOSED)"))


@pytest.fixture(autouse=True)
def _sockets_are_known(context: BrowserContext) -> None:
    context.add_init_script(
        """window.sockets = [];
           const Real = window.WebSocket;
           window.WebSocket = class extends Real {
             constructor(...all) { super(...all); window.sockets.push(this); }
           };"""
    )


def test_who_was_signed_out_is_told_and_asks_no_more(at):
    page = at()
    get_user_model().objects.update(is_active=False)
    hide(page, is_hidden=True)
    eventually(lambda: all_closed(page), timeout=15)
    hide(page, is_hidden=False)
    link = page.locator("#link")
    expect(link).to_have_text(re.compile("^Not live"))
    expect(link).to_have_attribute("title", "You are not signed in any more.")


def test_times_are_utc_until_somebody_chooses_their_own(elsewhere: Page):
    task = make_task(enqueued_at=timezone.now().replace(hour=3, minute=4, second=5, microsecond=0))
    elsewhere.goto(f"/taskhub/tasks/{task.pk}/")
    enqueued = elsewhere.locator("dl.kv--facts dd time").first
    expect(enqueued).to_have_text("03:04:05.000")
    elsewhere.locator("#clock").click()
    # In the evening of UTC the next day has begun there, and the page says which one is meant.
    there = re.compile(r"^(\d+ \w+ )?08:34:05\.000$")
    expect(enqueued).to_have_text(there)
    expect(enqueued).to_have_attribute("title", re.compile(r"08:34:05 UTC\+05:30$"))
    expect(elsewhere.locator("#clock")).to_contain_text("UTC+05:30")
    Progress.objects.create(task=task, fraction=0.5, updated_at=ago(0))
    expect(elsewhere.locator("progress")).to_have_count(1)
    elsewhere.reload()
    expect(enqueued).to_have_text(there)


def test_a_mass_action_and_a_log_are_read_in_the_readers_zone_too(elsewhere: Page):
    at = timezone.now().replace(hour=3, minute=4, second=5, microsecond=678_000)
    task = make_task(TaskState.SUCCEEDED, claim_no=1)
    LogLine.objects.create(
        task=task, at=at, claim_no=1, number=1, attempt=1, level=20, message="Hello"
    )
    action = bulk.pin(BulkVerb.PURGE, Task.objects.none(), bulk.By("1", "kiri"), "queue:mail")
    BulkAction.objects.filter(pk=action.pk).update(
        created_at=at, state=BulkState.DONE, undo_until=ago(-600)
    )
    elsewhere.goto(f"/taskhub/bulk/{action.pk}/")
    elsewhere.locator("#clock").click()
    counted = elsewhere.locator("header p.frozen")
    expect(counted).to_contain_text(re.compile(r"Counted at .*08:34:05 UTC\+05:30 for"))
    expect(elsewhere.get_by_text("Can be undone until")).to_contain_text(" UTC+05:30.")
    elsewhere.goto(f"/taskhub/tasks/{task.pk}/")
    expect(elsewhere.locator(".log time")).to_have_text("08:34:05.678")


def test_a_visitor_of_the_host_sees_their_task_move(
    page: Page, live_site: str, run_worker, tmp_path: Path
):
    page.goto("/")
    orders = tmp_path / "orders.csv"
    lines = [f"HP-{n},2026-11-24,Zoé,zoe@example.com,FR,2,19.90" for n in range(2000)]
    orders.write_text(
        "number,ordered_on,customer,email,country,items,total\n" + "\n".join(lines) + "\n"
    )
    page.set_input_files("input[type=file]", str(orders))
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("taskhub-progress b")).to_have_text("Your import is waiting")
    mark(page)
    run_worker("--processes", "1")
    expect(page.locator("taskhub-progress b")).to_have_text(
        "Working on your import", timeout=30_000
    )
    expect(page.locator("taskhub-progress [data-part=percent]")).to_have_text(
        re.compile(r"[1-9]\d?%")
    )
    assert is_marked(page)
    expect(page.get_by_text("2,000 orders imported from")).to_be_visible(timeout=30_000)
