import pytest
from django.urls import reverse
from django.utils import timezone

from dashboard import keyset, words
from dashboard.filters import Filters
from dashboard.narrowing import key, narrow
from taskhub import monitor
from taskhub.models import Task
from taskhub.states import TaskState
from tests.dashboard.builders import make_task

pytestmark = [pytest.mark.django_db, pytest.mark.every_engine]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(keyset.read, "__defaults__", (3,))


def ids(page) -> list[int]:
    return [row.task.pk for row in page.context["rows"]]


def follow(client, page, way: str):
    return client.get(reverse("dashboard:tasks") + page.context[way])


def test_older_pages_go_on_where_the_last_one_ended(operator):
    made = [make_task().pk for _ in range(8)][::-1]
    first = operator.get(reverse("dashboard:tasks"))
    second = follow(operator, first, "older")
    third = follow(operator, second, "older")
    assert ids(first) + ids(second) + ids(third) == made
    assert first.context["newer"] == ""
    assert third.context["older"] == ""


def test_tasks_that_arrive_meanwhile_move_nothing(operator):
    made = [make_task().pk for _ in range(6)][::-1]
    first = operator.get(reverse("dashboard:tasks"))
    for _ in range(4):
        make_task()
    second = follow(operator, first, "older")
    assert ids(second) == made[3:6]
    back = follow(operator, second, "newer")
    assert ids(back) == made[0:3]
    assert back.context["newer"]


def test_going_newer_ends_at_the_top_of_the_list(operator):
    made = [make_task().pk for _ in range(5)][::-1]
    second = follow(operator, operator.get(reverse("dashboard:tasks")), "older")
    top = follow(operator, second, "newer")
    assert ids(top) == made[:3]
    assert top.context["newer"] == ""


def test_a_page_whose_tasks_are_gone_still_leads_back(operator):
    made = [make_task().pk for _ in range(5)][::-1]
    first = operator.get(reverse("dashboard:tasks"))
    Task.objects.filter(id__in=made[3:]).delete()
    empty = follow(operator, first, "older")
    assert ids(empty) == []
    assert ids(operator.get(reverse("dashboard:tasks"))) == made[:3]


@pytest.mark.parametrize(
    "cursor", ["before=abc", "after=-1", "before=" + "9" * 40, "before=", "after=١٢"]
)
def test_a_cursor_that_is_nonsense_gives_the_newest(operator, cursor):
    made = [make_task().pk for _ in range(2)][::-1]
    assert ids(operator.get(reverse("dashboard:tasks") + f"?{cursor}")) == made


def test_each_filter_narrows_and_pages_keep_it(operator):
    wanted = [
        make_task(TaskState.FAILED, queue="mail", name="email.send", tags=("bulk",)).pk
        for _ in range(4)
    ][::-1]
    make_task(TaskState.FAILED, queue="mail", name="email.send")
    make_task(TaskState.FAILED, queue="other", name="email.send", tags=("bulk",))
    make_task(TaskState.FAILED, queue="mail", name="email.other", tags=("bulk",))
    make_task(TaskState.QUEUED, queue="mail", name="email.send", tags=("bulk",))
    query = "?state=failed&queue=mail&task=email.send&tag=bulk"
    first = operator.get(reverse("dashboard:tasks") + query)
    assert ids(first) + ids(follow(operator, first, "older")) == wanted


def test_a_name_may_end_in_a_star(operator):
    one, two = make_task(name="email.a"), make_task(name="email.b")
    make_task(name="mail.a")
    assert ids(operator.get(reverse("dashboard:tasks") + "?task=email.*")) == [two.pk, one.pk]


def test_searching_for_an_id_opens_the_task(operator):
    task = make_task()
    page = operator.get(reverse("dashboard:tasks") + f"?task={task.pk}")
    assert page.headers["Location"] == reverse("dashboard:task", args=[task.pk])


def test_an_unknown_state_is_told_at_the_offending_word(operator):
    make_task()
    text = operator.get(reverse("dashboard:tasks") + "?state=lost").content.decode()
    assert "chip--bad" in text
    assert "is none of pending, queued" in text


def test_facets_count_by_state_under_the_other_filters_up_to_a_cap(operator, monkeypatch):
    monkeypatch.setattr(words, "CAP", 2)
    monkeypatch.setattr("dashboard.reading.CAP", 2)
    monkeypatch.setattr("dashboard.facets.CAP", 2)
    for _ in range(5):
        make_task(queue="mail")
    make_task(TaskState.FAILED, queue="mail")
    make_task(TaskState.FAILED, queue="other")
    page = operator.get(reverse("dashboard:tasks") + "?queue=mail&state=failed")
    counts = {choice.value: choice.count for choice in page.context["facets"][0].choices}
    assert counts["failed"] == "1"  # the list shows it, and there is no other
    assert counts["queued"] == ""
    page = operator.get(reverse("dashboard:tasks") + "?queue=mail")
    counts = {choice.value: choice.count for choice in page.context["facets"][0].choices}
    assert counts["failed"] == "1+"  # of the two newest
    page = operator.get(reverse("dashboard:tasks"))
    counts = {choice.value: choice.count for choice in page.context["facets"][0].choices}
    assert (counts["queued"], counts["failed"], counts["running"]) == ("2+", "2", "0")


def test_the_tasks_of_a_tag_are_paged_by_its_index(operator):
    tagged = [make_task(tags=("a", "b")).pk for _ in range(7)][::-1]
    for _ in range(3):
        make_task(tags=("b",))
    first = operator.get(reverse("dashboard:tasks") + "?tag=a&queue=mail")
    second = follow(operator, first, "older")
    third = follow(operator, second, "older")
    assert ids(first) + ids(second) + ids(third) == tagged
    assert ids(follow(operator, third, "newer")) == tagged[3:6]


@pytest.mark.only_on("sqlite")
def test_the_tasks_of_a_tag_are_not_sorted():
    filters = Filters(tag="a")
    tasks = narrow(monitor.tasks(), filters, timezone.now())
    below = tasks.filter(**{f"{key(filters)}__lt": 1000}).order_by(f"-{key(filters)}")[:50]
    assert "TEMP B-TREE" in tasks.order_by("-id")[:50].explain()
    assert "TEMP B-TREE" not in below.explain()
    assert "name=? AND task_id<?" in below.explain()
