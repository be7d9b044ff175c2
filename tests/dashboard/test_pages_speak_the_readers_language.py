"""German stands for all languages: whoever asks for it gets it, on pages, in lines that change, and beside English."""

from datetime import UTC, datetime

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.template import Context, Template
from django.urls import include, path, reverse
from django.utils import translation

from dashboard import timetable, words
from dashboard.drain import drain
from dashboard.live.frames import frame
from dashboard.live.look import Look
from dashboard.live.topics import Audience, Newest, Page, Row, Visit
from dashboard.permissions import Permission
from dashboard.rates import Rate
from dashboard.visits.tokens import visit_of
from dashboard.visits.words import visits_of
from taskhub import schedules
from taskhub.models import AuditEntry, BulkAction, Outcome, Progress
from taskhub.monitor import QueueStats
from taskhub.states import TaskState
from tests.app import tasks
from tests.dashboard.builders import ago, make_result, make_task, make_worker
from tests.dashboard.live_client import opened

pytestmark = pytest.mark.django_db

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.fixture(autouse=True)
def _english_before_and_after():
    """A test's browser leaves the thread in the language of its last page."""
    with translation.override("en"):
        yield


def audience(language: str) -> Audience:
    return Audience(frozenset(one.value for one in Permission), language=language)


def text_of(client, name: str, *args: object, language: str = "de", **query: str) -> str:
    answer = client.get(reverse(name, args=args), query, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_browser_that_asks_for_german_gets_german(operator):
    make_worker()
    failed = make_task(TaskState.FAILED)
    make_result(failed)
    pages = {
        "overview": text_of(operator, "dashboard:overview"),
        "tasks": text_of(operator, "dashboard:tasks"),
        "task": text_of(operator, "dashboard:task", failed.pk),
    }
    for text in pages.values():
        assert '<html lang="de"' in text
        assert ">Warteschlangen</a>" in text  # the navigation
    assert "1 Sache braucht Aufmerksamkeit" in pages["overview"]
    assert "ist in der letzten Stunde einmal fehlgeschlagen" in pages["overview"]
    assert "0,0% dessen, was endete" in pages["overview"]
    assert "1 Aufgabe, neueste zuerst" in pages["tasks"]
    assert "</svg>Fehlgeschlagen</span>" in pages["tasks"]
    assert "</svg>Wiederholen <kbd>r</kbd>" in pages["task"]
    assert "Sie ist schon fehlgeschlagen" in pages["task"]
    assert "Fehlgeschlagen vor <time" in pages["task"].replace("</span>", "").replace("> ", ">")


@pytest.mark.parametrize("language", ["en", "en-GB", "fr", "tlh", ""])
def test_who_asks_for_a_language_that_there_is_not_is_told_which_one_it_is(operator, language):
    text = text_of(operator, "dashboard:overview", language=language)
    assert '<html lang="en"' in text
    assert "Nothing needs attention" in text


@pytest.mark.parametrize("state", TaskState)
def test_each_state_has_its_german_word(operator, state):
    task = make_task(state)
    with translation.override("de"):
        word = words.state(state)
    assert word != state
    assert f"{word[0].upper()}{word[1:]}" in text_of(operator, "dashboard:task", task.pk)


def test_ids_and_lengths_stay_what_they_are_where_numbers_are_written_otherwise(operator, settings):
    settings.USE_THOUSAND_SEPARATOR = True
    task = make_task(TaskState.RUNNING, pk=12_345)
    Progress.objects.create(task=task, fraction=0.38, message="", updated_at=ago(1))
    text = text_of(operator, "dashboard:task", task.pk)
    assert '<progress value="0.38"' in text
    assert "<span>12345</span>" in text
    (line,) = Look().at({Row(task.pk, audience("de")): False}, has_changed=True).values()
    assert 'id="task-12345"' in line[""]


def test_numbers_and_times_are_written_as_the_reader_does():
    with translation.override("de"):
        assert words.count(1_234_567) == "1.234.567"
        assert words.duration(3.42) == "3,4 s"
        assert words.moment(datetime(2026, 3, 3, 9, 5, tzinfo=UTC)) == "Di 03 Mär 2026 09:05:00 UTC"
    assert words.count(1_234_567) == "1,234,567"
    assert words.moment(datetime(2026, 3, 3, 9, 5, tzinfo=UTC)) == "Tue 03 Mar 2026 09:05:00 UTC"


@pytest.mark.parametrize(
    ("language", "queued", "told"),
    [("en", 1000, "1 h"), ("en", 1001, "over 1 h"), ("de", 1001, "über 1 h")],
)
def test_a_queue_that_was_not_counted_to_its_end_takes_more_than_that(language, queued, told):
    stats = QueueStats("mail", queued=queued, most=1000)
    with translation.override(language):
        said = drain(stats, Rate(into=0.0, out=queued / 60), 60.0, is_staffed=True).word
    assert said == told


def test_many_schedules_stand_on_pages_in_german(operator, monkeypatch):
    monkeypatch.setattr(timetable, "SIZE", 1)
    for name in "abc":
        schedules.add_cron(name, tasks.add.s(1), "0 3 * * *")
    text = text_of(operator, "dashboard:schedules", page="2")
    for expected in (
        "Seite 2 von ",
        "Zurück</a>",
        ">Weiter ",
        '"dim">an</span>',
        'data-k="nächster"',
    ):
        assert expected in text, expected


def test_what_is_recorded_is_english_and_what_is_said_is_not(operator):
    task = make_task()
    answer = operator.post(
        reverse("dashboard:cancel", args=[task.pk]), {"reason": "x"}, headers=GERMAN, follow=True
    )
    assert f"Aufgabe {task.pk} ist abgebrochen." in answer.content.decode()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target, entry.result) == (
        "cancel", f"task {task.pk}: email.send", "cancelled",
    )  # fmt: skip
    assert "<td>Abbrechen</td>" in text_of(operator, "dashboard:audit")
    form = {"verb": "cancel", "id": [make_task().pk]}
    answer = operator.post(reverse("dashboard:choose"), form, headers=GERMAN, follow=True)
    assert "1 Aufgabe abbrechen?" in answer.content.decode()
    assert BulkAction.objects.get().filters == "1 selected task"


def test_one_look_makes_a_page_and_a_line_for_each_language():
    task = make_task()
    address = reverse("dashboard:task", args=[task.pk])
    topics = {
        kind: False
        for language in ("en", "de")
        for kind in (Page(address, audience(language)), Row(task.pk, audience(language)))
    }
    found = Look().at(topics, has_changed=True)
    told = {
        (type(topic), topic.audience.language): "".join((parts or {}).values())
        for topic, parts in found.items()
        if isinstance(topic, Page | Row)
    }
    assert "Why isn’t it running?" in told[Page, "en"]
    assert "Warum läuft sie nicht?" in told[Page, "de"]
    assert "Queued" in told[Row, "en"]
    assert "Eingereiht" in told[Row, "de"]


def test_what_is_new_is_counted_in_words():
    def said(language: str, ids: list[int]) -> object:
        return frame([(Newest("", audience(language)), "", ids)], first=5)["said"]

    assert [said("en", ids) for ids in ([], [6], [6, 7])] == [
        "Nothing new", "1 new task", "2 new tasks",
    ]  # fmt: skip
    assert [said("de", ids) for ids in ([5], [6], [6, 7])] == [
        "Nichts Neues", "1 neue Aufgabe", "2 neue Aufgaben",
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_two_tabs_watch_one_page_each_in_its_language(live_site, operator, settings):
    settings.ROOT_URLCONF = "taskhub.site.urls"
    task = make_task(TaskState.RUNNING)
    address = reverse("dashboard:task", args=[task.pk])
    with opened(live_site, operator) as one, opened(live_site, operator) as other:
        one.watch(page=address, rows=[task.pk], language="en-us")
        other.watch(page=address, rows=[task.pk], language="de")
        first = [socket.frame() for socket in (one, other)]
        assert ["attempt 1 of 4" in told["regions"]["head"] for told in first] == [True, False]
        assert ["Versuch 1 von 4" in told["regions"]["head"] for told in first] == [False, True]
        Progress.objects.create(task=task, fraction=0.38, message="p. 61", updated_at=ago(0))
        assert "Progress" in one.frame_with("regions")["progress"]
        assert "Fortschritt" in other.frame_with("regions")["progress"]


urlpatterns = i18n_patterns(path("ops/", include("dashboard.urls")))


def test_a_page_whose_address_begins_with_its_language_is_live(operator, settings):
    settings.ROOT_URLCONF = __name__
    with translation.override("de"):
        address, live = reverse("dashboard:overview"), reverse("dashboard:live")
    assert address == "/de/ops/"
    told = operator.get(live, {"page": address, "language": "de"}).json()
    assert "Alles in Ordnung" in told["regions"]["verdict"]


def test_a_visitor_is_told_in_the_language_of_the_page_that_shows_the_task():
    task = make_task(TaskState.SUCCEEDED)
    make_result(task, Outcome.SUCCEEDED, error_class="")
    tag = Template("{% load taskhub %}{% taskhub_progress task.pk title='Import' %}")
    running = make_task(TaskState.RUNNING)
    with translation.override("de"):
        assert "Import: fertig" in tag.render(Context({"task": task}))
        page = tag.render(Context({"task": running}))
    visit = visit_of(page.split('data-token="')[1].split('"')[0]).topic
    assert visit == Visit(running.pk, "Import", with_result=False, language="de")
    (told,) = visits_of([visit]).values()
    assert told is not None
    assert told[""]["heading"] == "Import: in Arbeit"
