import re
from urllib.parse import quote

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from taskhub.models import Progress
from taskhub.states import TaskState
from tests.dashboard.builders import ago, make_entry, make_result, make_task, make_worker

pytestmark = pytest.mark.django_db
EVIL = "</bdi><script>alert('x')</script>\"' onload=x \u202etxt.exe"
OF_CHARTS = (
    '<script type="module" src="/static/dashboard/charts.js">',
    '<script type="application/json">',
)
NAMES = [
    "a/b",
    "..",
    ".hidden",
    "~",
    "100%",
    "a b?c=d&e#f",
    "<script>",
    "تقارير-شهرية",
    "'\"",
    "x" * 100,
    EVIL,
]


def test_markup_in_any_text_of_a_row_stays_text(operator):
    name = EVIL[:100]
    make_entry(name, "to")
    worker = make_worker(EVIL, queues=[[name, 1]], tasks=[EVIL], version=EVIL)
    task = make_task(
        TaskState.FAILED,
        name=name,
        queue=name,
        args=[EVIL],
        kwargs={EVIL: EVIL},
        reason=EVIL,
        tags=(EVIL,),
    )
    make_result(
        task, error_class=EVIL, message=EVIL, traceback=EVIL, worker_name=EVIL, fingerprint="ab" * 8
    )
    running = make_task(TaskState.RUNNING, name=name, queue=name, options={EVIL: EVIL})
    Progress.objects.create(task=running, fraction=0.5, message=EVIL, updated_at=ago(1))
    make_task(TaskState.CANCELLED, reason=EVIL)
    make_task(queue=name)
    operator.post(reverse("dashboard:pause", args=[name]), {"reason": EVIL})
    urls = [
        reverse("dashboard:overview"),
        reverse("dashboard:tasks"),
        reverse("dashboard:tasks") + f"?state={quote(EVIL)}&queue={quote(EVIL)}&tag={quote(EVIL)}&task={quote(EVIL)}",
        reverse("dashboard:task", args=[task.pk]),
        reverse("dashboard:task", args=[running.pk]),
        reverse("dashboard:queues"),
        reverse("dashboard:queue", args=[name]),
        reverse("dashboard:errors"),
        reverse("dashboard:error", args=["ab" * 8]),
        reverse("dashboard:workers"),
        reverse("dashboard:worker", args=[worker.parent_id]),
        reverse("dashboard:edit", args=[task.pk]),
        reverse("dashboard:audit"),
        operator.post(reverse("dashboard:purge", args=[name])).headers["Location"],
    ]  # fmt: skip
    for url in urls:
        page = operator.get(url)
        assert page.status_code == 200, url
        text = page.content.decode()
        assert "<script>alert" not in text, url
        scripts = re.findall(r"<script\b[^>]*>", text)
        assert [one for one in scripts if one not in OF_CHARTS] == [
            '<script type="module" src="/static/dashboard/theme.js">',
            '<script type="module" src="/static/dashboard/live.js">',
            '<script type="module" src="/static/dashboard/keys.js">',
        ], url
        assert " style=" not in text, url
        assert " onload=x" not in re.sub(
            r'"[^"]*"', "", "".join(re.findall(r"<[a-z][^>]*>", text))
        ), url


def test_a_persons_own_name_stays_text():
    user = get_user_model().objects.create_superuser("<b>eve</b>")
    client = Client()
    client.force_login(user)
    assert "<b>eve" not in client.get(reverse("dashboard:overview")).content.decode()


@pytest.mark.parametrize("name", NAMES)
def test_a_queue_of_any_name_can_be_paused_and_purged(operator, name):
    make_task(queue=name)
    url = reverse("dashboard:queue", args=[name])
    assert re.fullmatch(r"[A-Za-z0-9_.~/-]+", url)
    assert "/../" not in url
    assert operator.get(url).context["stats"].queued == 1
    operator.post(reverse("dashboard:pause", args=[name]))
    assert operator.get(reverse("dashboard:overview")).status_code == 200
    operator.post(reverse("dashboard:resume", args=[name]))
    preview = operator.post(reverse("dashboard:purge", args=[name])).headers["Location"]
    operator.post(f"{preview}run/", {"reason": "test"})
    assert operator.get(url).context["stats"].queued == 0


def test_a_queue_name_that_is_not_as_we_write_it_is_not_found(operator):
    base = reverse("dashboard:overview")
    for text in ("~zz", "~2f", "a~", "~FF", "x" * 101):
        assert operator.get(f"{base}queues/{text}/").status_code == 404


def test_nul_and_surrogates_in_a_search_are_refused_on_the_page(operator):
    make_task()
    for value in ("%00", "a%00b"):
        page = operator.get(reverse("dashboard:tasks") + f"?queue={value}&task={value}")
        assert page.status_code == 200
        assert "holds a character that no task can have" in page.content.decode()


def test_nul_in_a_reason_is_made_visible(operator):
    task = make_task()
    operator.post(reverse("dashboard:cancel", args=[task.pk]), {"reason": "a\x00b"})
    task.refresh_from_db()
    assert task.reason == "by anna: a\\u0000b"


def test_a_reason_as_long_as_it_may_be_fits(operator):
    task = make_task()
    operator.post(reverse("dashboard:cancel", args=[task.pk]), {"reason": "ü" * 5000})
    task.refresh_from_db()
    assert len(task.reason) == 500
