"""Every address that takes POST, and every page, for every role that there is."""

from collections.abc import Callable, Iterable

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import get_resolver, reverse

from dashboard.permissions import Permission
from dashboard.urls import urlpatterns
from taskhub import schedules
from taskhub.models import AuditEntry, BulkState, BulkVerb, SavedView
from taskhub.queue import bulk
from taskhub.states import TaskState
from tests.app import tasks
from tests.dashboard.builders import ago, make_result, make_task, make_worker

pytestmark = pytest.mark.django_db

# What each POST asks for, beside view_dashboard.
VERBS: dict[str, set[Permission]] = {
    "cancel": {Permission.CANCEL_TASK},
    "retry": {Permission.RETRY_TASK},
    "retry_edited": {Permission.EDIT_ARGUMENTS, Permission.RETRY_TASK, Permission.VIEW_PAYLOADS},
    "choose": {Permission.RETRY_TASK},
    "run_bulk": {Permission.RETRY_TASK},
    "stop_bulk": {Permission.CANCEL_TASK},
    "undo_bulk": {Permission.PURGE_QUEUE},
    "purge": {Permission.PURGE_QUEUE},
    "pause": {Permission.PAUSE_QUEUE},
    "resume": {Permission.PAUSE_QUEUE},
    "quiet": {Permission.CONTROL_WORKER},
    "wake": {Permission.CONTROL_WORKER},
    "stop": {Permission.CONTROL_WORKER},
    "enable_schedule": {Permission.CHANGE_SCHEDULE},
    "disable_schedule": {Permission.CHANGE_SCHEDULE},
    "run_schedule": {Permission.RUN_SCHEDULE},
    "save_view": set(),
    "forget_view": set(),
}
SILENT = {
    "choose",
    "purge",
    "save_view",
    "forget_view",
}  # they change no task
PAGES: dict[str, set[Permission]] = {
    "overview": set(),
    "tasks": set(),
    "task": set(),
    "edit": {Permission.EDIT_ARGUMENTS, Permission.RETRY_TASK, Permission.VIEW_PAYLOADS},
    "bulk": set(),
    "queues": set(),
    "queue": set(),
    "errors": set(),
    "error": set(),
    "workers": set(),
    "worker": set(),
    "confirm_stop": {Permission.CONTROL_WORKER},
    "schedules": set(),
    "palette": set(),
    "audit": {Permission.VIEW_AUDIT},
}
ALL = set(Permission)
ROLES: dict[str, set[Permission]] = {
    "anonymous": set(),
    "inactive": ALL,
    "customer": ALL,
    "staff": set(),
    "editor": {Permission.VIEW_DASHBOARD, *VERBS["retry_edited"]},
    **{str(one): {Permission.VIEW_DASHBOARD, one} for one in Permission},
    "superuser": ALL,
}
OTHERS = ["live", "visit"]  # tests/dashboard/test_polling_tells_what_a_socket_would.py


def client_of(role: str, client_with: Callable[..., Client]) -> Client:
    match role:
        case "anonymous":
            return Client()
        case "inactive":
            client = client_with(*Permission)
            get_user_model().objects.update(is_active=False)
            return client
        case "customer":
            return client_with(*Permission, is_staff=False)
        case "superuser":
            client = Client()
            client.force_login(get_user_model().objects.create_superuser("root"))
            return client
    return client_with(*ROLES[role])


def may(role: str, needed: Iterable[Permission]) -> bool:
    return role not in ("anonymous", "inactive", "customer") and ROLES[role] >= {
        Permission.VIEW_DASHBOARD,
        *needed,
    }


def make_bulk(verb: BulkVerb, state: BulkState = BulkState.PREVIEW):
    task = make_task(TaskState.FAILED if verb == BulkVerb.RETRY else TaskState.QUEUED)
    action = bulk.pin(
        verb, type(task).objects.filter(pk=task.pk), bulk.By("1", "anna"), "queue:mail"
    )
    action.state = state
    if state == BulkState.DONE:
        action.undo_until = ago(-600)
    action.save()
    return action


def url_of(name: str) -> str:
    args: list[object] = []
    match name:
        case "cancel" | "task":
            args = [make_task().pk]
        case "retry" | "edit" | "retry_edited":
            args = [make_task(TaskState.FAILED).pk]
        case "bulk" | "run_bulk":
            args = [make_bulk(BulkVerb.RETRY).pk]
        case "stop_bulk":
            args = [make_bulk(BulkVerb.CANCEL, BulkState.RUNNING).pk]
        case "undo_bulk":
            args = [make_bulk(BulkVerb.PURGE, BulkState.DONE).pk]
        case "enable_schedule" | "disable_schedule" | "run_schedule":
            args = [schedules.add_cron("nightly", tasks.add.s(1), "0 3 * * *").pk]
        case "queue" | "purge" | "pause" | "resume":
            make_task()
            args = ["mail"]
        case "worker" | "confirm_stop" | "quiet" | "wake" | "stop":
            args = [make_worker().parent_id]
        case "error":
            args = [
                make_result(make_task(TaskState.FAILED), fingerprint="0123456789abcdef").fingerprint
            ]
        case "forget_view":
            args = [
                SavedView.objects.create(name="x", search="?a", user_id="0", created_at=ago(0)).pk
            ]
    return reverse(f"dashboard:{name}", args=args)


FORM = {"reason": "test", "verb": "retry", "which": "all", "search": "?queue=mail", "name": "mine"}


def test_the_tables_above_name_every_address():
    assert {pattern.name for pattern in urlpatterns} == {*PAGES, *OTHERS, *VERBS}
    assert get_resolver("dashboard.urls").reverse_dict


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_asks_for_its_own_permissions(client_with, verb, role):
    client, url = client_of(role, client_with), url_of(verb)
    response = client.post(url, FORM)
    if may(role, VERBS[verb]):
        assert response.status_code == 302
        assert AuditEntry.objects.count() == (0 if verb in SILENT else 1)
    else:
        assert AuditEntry.objects.count() == 0
        if role in ("anonymous", "inactive"):
            assert response.headers["Location"].startswith(f"{reverse('admin:login')}?next=")
        else:
            assert response.status_code == 403
            assert 'class="panel empty"' in response.content.decode()
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_for_staff_who_may_see_them(client_with, name, role):
    client, url = client_of(role, client_with), url_of(name)
    response = client.get(url)
    if role in ("anonymous", "inactive"):
        assert response.status_code == 302
        assert response.headers["Location"] == f"{reverse('admin:login')}?next={url}"
    else:
        assert response.status_code == (200 if may(role, PAGES[name]) else 403)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_cannot_be_got(operator, verb):
    response = operator.get(url_of(verb))
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert AuditEntry.objects.count() == 0


@pytest.mark.parametrize("name", PAGES)
def test_a_page_cannot_be_posted_to(operator, name):
    assert operator.post(url_of(name)).status_code == 405


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_without_the_sites_own_token_is_refused(verb, settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_superuser("root"))
    assert client.post(url_of(verb), FORM).status_code == 403
    assert AuditEntry.objects.count() == 0


@pytest.mark.parametrize("verb", [verb for verb, needed in VERBS.items() if needed])
def test_a_read_only_dashboard_changes_nothing_for_anybody(operator, settings, verb):
    settings.TASKHUB = {**settings.TASKHUB, "DASHBOARD_READ_ONLY": True}
    response = operator.post(url_of(verb), FORM)
    assert response.status_code == 403
    assert "read-only" in response.content.decode()
    assert AuditEntry.objects.count() == 0


@pytest.mark.parametrize("name", PAGES)
def test_a_read_only_dashboard_shows_no_button_that_acts(operator, settings, name):
    settings.TASKHUB = {**settings.TASKHUB, "DASHBOARD_READ_ONLY": True}
    response = operator.get(url_of(name))
    if name not in ("edit", "confirm_stop"):
        text = response.content.decode()
        assert response.status_code == 200
        posted = [part for part in text.split("<form")[1:] if 'method="post"' in part.split(">")[0]]
        acting = [
            part
            for part in posted
            if "/views/" not in part
            and 'class="panel picklist"' not in part
            and "<button" in part.split("</form>")[0]
        ]
        assert not acting, acting


def only_mail(user, permission: str, queue: str) -> bool:
    return queue in ("mail", "")


def test_a_site_may_grant_its_actions_queue_by_queue(operator, settings):
    settings.TASKHUB = {**settings.TASKHUB, "DASHBOARD_ACCESS": f"{__name__}.only_mail"}
    mine, other = make_task(queue="mail"), make_task(queue="reports")
    assert operator.post(reverse("dashboard:cancel", args=[mine.pk])).status_code == 302
    refused = operator.post(reverse("dashboard:cancel", args=[other.pk]))
    assert refused.status_code == 403
    assert "for the queue reports" in refused.content.decode()
    assert operator.post(reverse("dashboard:pause", args=["reports"])).status_code == 403
    assert operator.post(reverse("dashboard:purge", args=["reports"])).status_code == 403
    chosen = operator.post(reverse("dashboard:choose"), {"verb": "cancel", "id": [other.pk]})
    assert chosen.status_code == 403
    other.refresh_from_db()
    assert other.state == TaskState.QUEUED


def test_buttons_are_enabled_only_where_the_person_and_the_state_allow_it(operator, reader):
    for state in TaskState:
        task = make_task(state)
        url = reverse("dashboard:task", args=[task.pk])
        verbs = {verb.name: verb.obstacle for verb in operator.get(url).context["verbs"]}
        assert bool(verbs["cancel"]) == state.is_finished, state
        assert bool(verbs["retry"]) == (state not in ("failed", "cancelled", "expired")), state
        text = reader.get(url).content.decode()
        assert 'method="post"' not in text
        assert "Your account lacks the permission cancel_task" in text


def test_a_reader_sees_no_button_of_a_queue(reader):
    make_task()
    text = reader.get(reverse("dashboard:overview")).content.decode()
    assert 'method="post"' not in text
    assert "/purge/" not in text


def test_permissions_exist_after_migrate():
    from django.contrib.auth.models import Permission as DjangoPermission

    found = DjangoPermission.objects.filter(content_type__app_label="taskhub_dashboard")
    assert set(found.values_list("codename", flat=True)) == set(Permission)
