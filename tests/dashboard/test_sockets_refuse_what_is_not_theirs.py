import json
import time

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission as DjangoPermission
from django.contrib.sessions.models import Session
from django.urls import reverse
from websockets.exceptions import InvalidStatus

from dashboard.live.closing import Close
from dashboard.live.topics import Visit
from dashboard.permissions import Permission
from dashboard.visits.tokens import token_of
from taskhub.states import TaskState
from tests.dashboard.builders import make_task
from tests.dashboard.live_client import LIVE, VISIT, opened
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _the_whole_site(settings):
    settings.ROOT_URLCONF = "taskhub.site.urls"


def page(name: str, *args: object) -> str:
    return reverse(f"dashboard:{name}", args=args)


def test_who_comes_from_elsewhere_or_may_not_see_it_is_refused(live_site, operator, client_with):
    for origin in ("http://evil.example", "null", live_site.replace("http:", "https:"), None):
        with pytest.raises(InvalidStatus) as refused, opened(live_site, operator, origin=origin):
            pass
        assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus), opened(live_site, operator, path="/taskhub/tasks/"):
        pass
    stranger = client_with(is_staff=False)
    for client, code in (
        (None, Close.SIGNED_OUT),
        (stranger, Close.FORBIDDEN),
        (client_with(), Close.FORBIDDEN),
    ):
        with opened(live_site, client) as socket:
            assert socket.closing() == code


def test_what_cannot_be_watched_is_refused_with_its_code(live_site, operator, reader):
    edit = page("edit", make_task(TaskState.FAILED).pk)
    for client, watch, code in [
        (operator, {"page": "/nowhere/"}, Close.UNKNOWN),
        (operator, {"page": "/admin/"}, Close.UNKNOWN),
        (operator, {"page": "https://evil.example/taskhub/"}, Close.UNKNOWN),
        (operator, {"page": page("cancel", 1)}, Close.UNKNOWN),
        (operator, {"page": page("task", 999_999)}, Close.UNKNOWN),
        (
            operator,
            {"page": edit},
            Close.UNKNOWN,
        ),  # it has no regions: what it counted stands still
        (operator, {"page": LIVE}, Close.UNKNOWN),
        (operator, {}, Close.MALFORMED),
        (operator, {"token": "x"}, Close.MALFORMED),
        (reader, {"page": edit}, Close.FORBIDDEN),
    ]:
        with opened(live_site, client) as socket:
            socket.watch(**watch)
            assert (watch, socket.closing()) == (watch, code)


def test_forged_messages_end_the_socket(live_site, operator):
    task = make_task()
    for message, code in [
        ("", Close.MALFORMED),
        ("[1]", Close.MALFORMED),
        ("{", Close.MALFORMED),
        (b"\x00\x01", Close.MALFORMED),
        (json.dumps({"type": "cancel", "id": task.pk}), Close.MALFORMED),
        (json.dumps({"type": "websocket.send", "text": "x"}), Close.MALFORMED),
        (json.dumps({"type": "watch", "page": page("overview"), "sql": "x"}), Close.MALFORMED),
        (json.dumps({"type": "watch", "rows": ["1"]}), Close.MALFORMED),
        (json.dumps({"type": "watch", "rows": [True]}), Close.MALFORMED),
        (json.dumps({"type": "watch", "rows": list(range(201))}), Close.MALFORMED),
        (json.dumps({"type": "ack", "n": 7}), Close.MALFORMED),
        ("[" * 100_000, Close.TOO_LARGE),
        (json.dumps({"type": "watch", "page": "x" * 17_000}), Close.TOO_LARGE),
    ]:
        with opened(live_site, operator) as socket:
            socket.socket.send(message)
            assert (message[:60], socket.closing()) == (message[:60], code)


def test_too_many_messages_end_the_socket(live_site, operator):
    with opened(live_site, operator) as socket:
        socket.watch(page=page("overview"))
        for _ in range(60):
            socket.say(type="ack", n=0)
        assert socket.closing() == Close.TOO_MANY


def test_a_login_that_has_ended_watches_nothing_more(live_site, operator):
    with opened(live_site, operator) as socket:
        socket.watch(page=page("overview"))
        assert socket.frame_with("regions")
        Session.objects.all().delete()
        socket.watch(page=page("overview"))
        assert socket.closing() == Close.SIGNED_OUT


def test_each_sees_what_their_permissions_show(live_site, operator, reader):
    task = make_task(kwargs={"note": "for-few-eyes"})
    url = page("task", task.pk)
    for client, expected in ((operator, True), (reader, False)):
        with opened(live_site, client) as socket:
            socket.watch(page=url, rows=[task.pk], list=page("tasks"))
            frame = socket.frame()
            told = json.dumps(frame)
            assert ("for-few-eyes" in told) == expected
            assert set(frame) >= {"regions", "rows", "newer"}


def test_a_permission_that_was_taken_away_is_gone_with_the_next_question(live_site, client_with):
    client = client_with(Permission.VIEW_DASHBOARD)
    with opened(live_site, client) as socket:
        socket.watch(page=page("overview"))
        socket.frame_with("regions")
        get_user_model().objects.get(is_staff=True).user_permissions.remove(
            DjangoPermission.objects.get(codename=Permission.VIEW_DASHBOARD)
        )
        socket.watch(page=page("overview"))
        assert socket.closing() == Close.FORBIDDEN


def test_nobody_is_told_anybodys_form_token(live_site, operator):
    make_task()
    with opened(live_site, operator) as socket:
        socket.watch(page=page("overview"))
        regions = socket.frame_with("regions")
    assert 'name="csrfmiddlewaretoken" value=""' in regions["queues"]
    assert 'name="csrfmiddlewaretoken" value="' in regions["queues"]


def test_a_visitor_sees_the_one_task_of_the_token(live_site, operator):
    task, other = make_task(kwargs={"secret": "x"}), make_task()
    good = token_of(Visit(task.pk, "import", with_result=False))
    late = token_of(Visit(task.pk, "import", with_result=False), expires_in=-1)
    gone = token_of(Visit(999_999, "import", with_result=False))
    with opened(live_site, path=VISIT) as socket:
        socket.watch(token=good)
        told = socket.frame_with("task")
    assert told["heading"] == "Your import is waiting"
    assert "secret" not in json.dumps(told)
    for watch, code in [
        ({"token": late}, Close.SIGNED_OUT),
        ({"token": gone}, Close.UNKNOWN),
        ({"token": good[:-1] + ("A" if good[-1] != "A" else "B")}, Close.FORBIDDEN),
        ({"token": good, "rows": [other.pk]}, Close.FORBIDDEN),
        ({"page": page("overview")}, Close.FORBIDDEN),
    ]:
        with opened(live_site, operator, path=VISIT) as socket:
            socket.watch(**watch)
            assert (watch, socket.closing()) == (watch, code)
    with pytest.raises(InvalidStatus), opened(live_site, path=VISIT, origin="http://evil.example"):
        pass


def test_a_token_that_expires_ends_the_view(live_site):
    task = make_task()
    token = token_of(Visit(task.pk, "import", with_result=False), expires_in=2)
    with opened(live_site, path=VISIT) as socket:
        socket.watch(token=token)
        socket.frame_with("task")
        expired = time.time() + 3
        eventually(lambda: time.time() > expired)
        socket.watch(token=token)
        assert socket.closing() == Close.SIGNED_OUT
