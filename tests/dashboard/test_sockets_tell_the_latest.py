import sys
import time

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.models import Session
from django.urls import reverse
from websockets.exceptions import InvalidStatus

from dashboard.live.asgi import with_live
from dashboard.live.closing import Close
from dashboard.live.pulse import get_pulse
from dashboard.live.sockets import OperatorSocket
from taskhub.models import Progress, Task
from taskhub.states import TaskState
from tests.dashboard.builders import ago, make_task
from tests.dashboard.live_client import LIVE, opened
from tests.helpers import eventually
from tests.services.base import free_port, try_connecting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _the_whole_site(settings):
    settings.ROOT_URLCONF = "taskhub.site.urls"


@pytest.mark.every_engine
def test_a_change_is_told_with_the_parts_that_it_changes(live_site, operator):
    task = make_task(TaskState.RUNNING)
    with opened(live_site, operator) as socket:
        socket.watch(page=reverse("dashboard:task", args=[task.pk]), rows=[task.pk])
        first = socket.frame()
        assert set(first["regions"]) == {
            "head",
            "journey",
            "why",
            "graph",
            "attempts",
            "evidence",
            "progress",
            "facts",
        }
        assert 'class="badge st-running"' in first["regions"]["head"]
        Progress.objects.create(task=task, fraction=0.38, message="Page 61", updated_at=ago(0))
        told = socket.frame()
        assert {"head", "journey", "facts"}.isdisjoint(told["regions"])
        assert 'value="0.38"' in told["regions"]["progress"]
        assert "38% · Page 61" in told["rows"][str(task.pk)]
        Task.objects.filter(pk=task.pk).delete()
        assert socket.frame_with("rows") == {str(task.pk): None}


@pytest.mark.every_engine
def test_new_tasks_of_a_list_are_counted_for_each_by_what_it_shows(live_site, operator):
    first = make_task()
    url = reverse("dashboard:tasks")
    with opened(live_site, operator) as one, opened(live_site, operator) as other:
        one.watch(list=f"{url}?state=queued", first=first.pk)
        other.watch(list=f"{url}?state=queued", first=0)
        assert (one.frame_with("newer"), other.frame_with("newer")) == (0, 1)
        make_task(TaskState.FAILED)
        make_task()
        assert (one.frame_with("newer"), other.frame_with("newer")) == (1, 2)


def test_who_does_not_acknowledge_gets_the_latest_and_not_each(live_site, operator):
    task = make_task(TaskState.RUNNING)
    progress = Progress.objects.create(task=task, fraction=0.0, updated_at=ago(0))
    with opened(live_site, operator) as slow, opened(live_site, operator) as quick:
        for socket in (slow, quick):
            socket.watch(page=reverse("dashboard:task", args=[task.pk]))
        unheeded = slow.frame(ack=False)
        quick.frame()
        for step in range(1, 6):
            Progress.objects.filter(pk=progress.pk).update(fraction=step / 10)
            while f'value="0.{step}"' not in quick.frame_with("regions").get("progress", ""):
                pass
        assert slow.is_silent(0.5)
        slow.say(type="ack", n=unheeded["n"])
        regions = slow.frame_with("regions")
        assert 'value="0.5"' in regions["progress"]
        assert slow.is_silent(0.5)


def test_after_a_gap_everything_is_told_again(live_site, operator):
    task = make_task()
    watch = {"page": reverse("dashboard:task", args=[task.pk])}
    with opened(live_site, operator) as socket:
        socket.watch(**watch)
        before = socket.frame_with("regions")
    Task.objects.filter(pk=task.pk).update(state=TaskState.CANCELLED, finished_at=ago(0))
    with opened(live_site, operator) as socket:
        socket.watch(**watch)
        after = socket.frame_with("regions")
    assert set(after) == set(before)
    assert 'class="badge st-cancelled"' in after["head"]


def test_under_a_prefix_that_a_proxy_strips_links_are_right(live_site, operator):
    task = make_task()
    with opened(live_site, operator, headers={"Daphne-Root-Path": "/ops"}) as socket:
        socket.watch(page=f"/ops{reverse('dashboard:task', args=[task.pk])}", rows=[task.pk])
        frame = socket.frame()
    assert f'action="/ops/taskhub/tasks/{task.pk}/cancel/"' in frame["regions"]["head"]
    assert f'href="/ops/taskhub/tasks/{task.pk}/"' in frame["rows"][str(task.pk)]


def test_behind_a_proxy_the_origin_is_that_of_the_site_as_django_is_told(
    processes, operator, tmp_path
):
    settings = tmp_path / "proxied.py"
    settings.write_text(
        "from tests.settings import *\n"
        "ALLOWED_HOSTS = ['tasks.example']\n"
        "USE_X_FORWARDED_HOST = True\n"
        "SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')\n"
    )
    port = free_port()
    server = processes.start(
        *(sys.executable, "-m", "daphne", "--bind", "127.0.0.1", "--port", str(port)),
        "taskhub.site.asgi:application",
        env={"DJANGO_SETTINGS_MODULE": "proxied", "PYTHONPATH": str(tmp_path)},
    )
    server.wait_until(lambda: try_connecting(port), "answered", timeout=30)
    told = {"X-Forwarded-Host": "tasks.example", "X-Forwarded-Proto": "https"}
    site = f"http://127.0.0.1:{port}"
    with opened(site, operator, origin="https://tasks.example", headers=told) as socket:
        socket.watch(page=reverse("dashboard:overview"))
        assert socket.frame_with("regions")
    for origin in ("http://tasks.example", site):
        with pytest.raises(InvalidStatus), opened(site, operator, origin=origin, headers=told):
            pass


class HastySocket(OperatorSocket):
    """One whose clockwork is hurried."""

    patience = sign_of_life = 0.05
    check_every = stalled_after = 0.2


@pytest.fixture
def hasty(monkeypatch, operator):
    """`hasty(talk)`: let a coroutine talk to a hurried socket in this process."""
    monkeypatch.setattr("dashboard.live.sockets.OperatorSocket", HastySocket)

    async def no_http(scope, receive, send):
        raise AssertionError("not a websocket")

    def run(talk):
        async def act():
            headers = [
                (b"host", b"testserver"),
                (b"origin", b"http://testserver"),
                (b"cookie", f"sessionid={operator.cookies['sessionid'].value}".encode()),
            ]
            socket = WebsocketCommunicator(with_live(no_http), LIVE, headers=headers)
            is_open, _ = await socket.connect(timeout=10)
            assert is_open
            await talk(socket)
            await socket.disconnect()

        async_to_sync(act)()

    yield run
    get_pulse().close()


async def code_of(socket: WebsocketCommunicator, *, ack: bool = True) -> int:
    """Acknowledge frames, or do not, until the socket is closed."""
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        said = await socket.receive_output(timeout=20)
        if said["type"] == "websocket.close":
            return int(said["code"])
        if ack:
            n = said["text"].split('"n": ')[1].split(",")[0]
            await socket.send_to(text_data=f'{{"type": "ack", "n": {n}}}')
    raise AssertionError("it was not closed")


def test_who_asks_for_nothing_is_sent_away(hasty):
    async def talk(socket):
        assert await code_of(socket) == Close.IDLE

    hasty(talk)


def test_who_never_acknowledges_is_sent_away(hasty):
    async def talk(socket):
        await socket.send_json_to({"type": "watch", "page": "/taskhub/"})
        assert await code_of(socket, ack=False) == Close.IDLE

    hasty(talk)


def test_a_login_that_ends_is_noticed_without_a_question(hasty):
    async def talk(socket):
        await socket.send_json_to({"type": "watch", "page": "/taskhub/"})
        said = await socket.receive_json_from(timeout=20)
        await socket.send_json_to({"type": "ack", "n": said["n"]})
        await Session.objects.all().adelete()
        assert await code_of(socket) == Close.SIGNED_OUT

    hasty(talk)


def test_the_pulse_rests_when_nobody_watches(hasty):
    async def talk(socket):
        await socket.send_json_to({"type": "watch", "page": "/taskhub/"})
        await socket.receive_json_from(timeout=20)
        assert get_pulse().is_running

    hasty(talk)
    assert eventually(lambda: not get_pulse().is_running, timeout=20)
