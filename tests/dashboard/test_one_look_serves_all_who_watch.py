from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dashboard.live import look
from dashboard.live.hub import Hub
from dashboard.live.look import Look
from dashboard.live.newest import MOST
from dashboard.live.topics import Audience, Newest, Page, Row, Topic
from dashboard.permissions import Permission
from taskhub.models import Progress, Task
from taskhub.states import TaskState
from tests.dashboard.builders import ago, make_task

pytestmark = pytest.mark.django_db

ALL = Audience(frozenset(one.value for one in Permission))
FEW = Audience(frozenset([Permission.VIEW_DASHBOARD.value]))


class Ear:
    """A watcher that counts how often it is poked."""

    def __init__(self) -> None:
        self.pokes = 0

    def poke(self) -> None:
        self.pokes += 1


def page_of(task: Task, audience: Audience = ALL) -> Page:
    return Page(reverse("dashboard:task", args=[task.pk]), audience)


def rows_of(tasks: list[Task]) -> dict[Topic, bool]:
    return {Row(task.pk, ALL): False for task in tasks}


def cost_of(one: Look, topics: dict[Topic, bool]) -> int:
    """The statements of a look."""
    with CaptureQueriesContext(connection) as queries:
        one.at(topics, has_changed=True)
    return len(queries)


def test_lines_cost_the_same_however_many_are_watched_and_only_when_they_change():
    few = [make_task(TaskState.RUNNING) for _ in range(2)]
    many = [*few, *(make_task(TaskState.RUNNING) for _ in range(48))]
    assert cost_of(Look(), rows_of(few)) == cost_of(Look(), rows_of(many))
    one, seen = Look(), dict.fromkeys(rows_of(many), True)
    one.at(seen, has_changed=True)
    Progress.objects.create(task=few[0], fraction=0.5, updated_at=ago(0))
    assert set(one.at(seen, has_changed=True)) == {Row(few[0].pk, ALL)}
    assert cost_of(one, seen) == 1


def test_many_pages_take_turns_and_those_that_changed_come_first():
    tasks = [make_task() for _ in range(40)]
    one, topics = Look(), {page_of(task): True for task in tasks}
    shown: list[Page] = []
    for _ in range(10):
        found = one.at(topics, has_changed=not shown)
        assert len(found) <= look.MOST_PAGES
        shown += found
    assert set(shown) == set(topics)
    late = tasks[-1]
    Task.objects.filter(pk=late.pk).update(reason="changed")
    assert page_of(late) in one.at(topics, has_changed=True)


def test_a_page_that_fails_spoils_no_other(monkeypatch, caplog):
    good, bad = page_of(make_task()), page_of(make_task())
    real = look.regions_of

    def regions_of(page):
        if page == bad:
            raise ValueError("a broken page")
        return real(page)

    monkeypatch.setattr(look, "regions_of", regions_of)
    one = Look()
    found = one.at({good: False, bad: False}, has_changed=True)
    assert found[good]
    assert found[bad] is None
    assert "a broken page" in caplog.text
    assert bad not in one.at({good: True, bad: True}, has_changed=True)


@pytest.fixture
def clock(monkeypatch):
    """A clock by which each page takes 0.3 s to render."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(look, "time", SimpleNamespace(monotonic=lambda: clock.now))
    real = look.regions_of

    def regions_of(page):
        clock.now += 0.3
        return real(page)

    monkeypatch.setattr(look, "regions_of", regions_of)
    return clock


def test_a_page_rests_four_times_as_long_as_it_took_and_then_shows_what_has_changed(clock):
    overview, one = Page(reverse("dashboard:overview"), ALL), Look()
    topics = {overview: True}
    assert overview in one.at({overview: False}, has_changed=True)
    clock.now += 1.1
    assert not one.at(topics, has_changed=True)
    assert not one.is_due(topics)
    clock.now += 0.2
    assert one.is_due(topics)
    assert overview in one.at(topics, has_changed=False)


def test_a_page_whose_task_has_changed_does_not_rest(clock):
    task, one = make_task(TaskState.RUNNING), Look()
    topics = {page_of(task): True}
    one.at({page_of(task): False}, has_changed=True)
    assert not one.at(topics, has_changed=True)
    Progress.objects.create(task=task, fraction=0.5, updated_at=ago(0))
    assert set(one.at(topics, has_changed=True)) == set(topics)


def test_each_audience_has_its_own_rendering_without_a_name():
    task = make_task(kwargs={"note": "for-few-eyes"})
    found = Look().at({page_of(task, ALL): False, page_of(task, FEW): False}, has_changed=True)
    assert "for-few-eyes" in str(found[page_of(task, ALL)])
    assert "for-few-eyes" not in str(found[page_of(task, FEW)])


def test_the_newest_of_a_list_are_read_no_further_than_they_are_counted():
    for _ in range(3):
        make_task(queue="a")
    make_task(queue="b")
    topic = Newest("queue=a", ALL)
    found = Look().at({topic: False}, has_changed=True)
    assert len(found[topic][""]) == 3 <= MOST


def test_a_watcher_is_poked_by_what_differs_and_not_by_clocks():
    hub, ear, row = Hub(), Ear(), Row(1, ALL)
    hub.watch(ear, frozenset([row]))
    line = '<td><time datetime="x" data-tick="age" title="y">{}</time>{}</td>'
    assert hub.put({row: {"": line.format("1 s", "a")}})
    assert not hub.put({row: {"": line.format("2 s", "a")}})
    assert hub.put({row: {"": line.format("2 s", "b")}})
    assert ear.pokes == 2


def test_what_nobody_watches_any_more_is_forgotten():
    hub, ear, other, row = Hub(), Ear(), Ear(), Row(1, ALL)
    hub.watch(ear, frozenset([row]))
    hub.watch(other, frozenset([row]))
    hub.put({row: {"": "a"}})
    hub.leave(ear)
    assert hub.topics() == {row: True}
    hub.leave(other)
    assert not hub.is_watched
    assert not hub.put({row: {"": "b"}})
    hub.watch(ear, frozenset([row]))
    assert hub.topics() == {row: False}


def test_a_page_that_vanishes_stays_as_it_was_last_seen():
    hub, ear, page = Hub(), Ear(), Page("/x/", ALL)
    hub.watch(ear, frozenset([page]))
    hub.put({page: {"head": "a"}})
    hub.put({page: None})
    assert not hub.are_missing([page])
    assert [part.content for _, _, part in hub.unseen([page], {})] == ["a"]
