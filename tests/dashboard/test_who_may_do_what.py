from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import get_resolver, reverse

from dashboard.permissions import Permission
from dashboard.urls import urlpatterns
from taskhub.models import AuditEntry
from taskhub.states import TaskState
from tests.dashboard.builders import make_task

pytestmark = pytest.mark.django_db

VERBS = {
    "cancel": Permission.CANCEL_TASK,
    "retry": Permission.RETRY_TASK,
    "purge": Permission.PURGE_QUEUE,
    "pause": Permission.PAUSE_QUEUE,
    "resume": Permission.PAUSE_QUEUE,
}
PAGES = ["overview", "tasks", "task", "confirm_purge"]
ROLES = ["anonymous", "inactive", "customer", "staff", "reader", "payloads", *VERBS, "superuser"]


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
        case "staff":
            return client_with()
        case "reader":
            return client_with(Permission.VIEW_DASHBOARD)
        case "payloads":
            return client_with(Permission.VIEW_DASHBOARD, Permission.VIEW_PAYLOADS)
        case "superuser":
            client = Client()
            client.force_login(get_user_model().objects.create_superuser("root"))
            return client
    return client_with(Permission.VIEW_DASHBOARD, VERBS[role])


def url_of(verb: str) -> str:
    if verb in ("cancel", "retry", "task"):
        task = make_task(TaskState.FAILED if verb == "retry" else TaskState.QUEUED)
        return reverse(f"dashboard:{verb}", args=[task.pk])
    return reverse(f"dashboard:{verb}", args=[] if verb in ("overview", "tasks") else ["mail"])


def test_the_tables_below_name_every_address():
    assert {pattern.name for pattern in urlpatterns} == {*PAGES, *VERBS}
    assert get_resolver("dashboard.urls").reverse_dict


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_asks_for_its_own_permission(client_with, verb, role):
    client, url = client_of(role, client_with), url_of(verb)
    response = client.post(url, {"reason": "test"})
    allowed = role == "superuser" or (role in VERBS and VERBS[role] == VERBS[verb])
    if allowed:
        assert response.status_code == 302
        assert AuditEntry.objects.filter(action=verb).count() == 1
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
def test_pages_are_for_staff_who_may_see_the_dashboard(client_with, name, role):
    client, url = client_of(role, client_with), url_of(name)
    response = client.get(url)
    if role in ("anonymous", "inactive"):
        assert response.status_code == 302
        assert response.headers["Location"] == f"{reverse('admin:login')}?next={url}"
    elif role in ("customer", "staff") or (
        name == "confirm_purge" and role not in ("purge", "superuser")
    ):
        assert response.status_code == 403
    else:
        assert response.status_code == 200
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
    assert client.post(url_of(verb), {"reason": "x"}).status_code == 403
    assert AuditEntry.objects.count() == 0


def test_buttons_are_enabled_only_where_the_person_and_the_state_allow_it(operator, reader):
    for state in TaskState:
        task = make_task(state)
        url = reverse("dashboard:task", args=[task.pk])
        verbs = {verb.name: verb.obstacle for verb in operator.get(url).context["verbs"]}
        assert bool(verbs["cancel"]) == state.is_finished, state
        assert bool(verbs["retry"]) == (state not in ("failed", "cancelled", "expired")), state
        text = reader.get(url).content.decode()
        assert "<form" not in text
        assert "Your account lacks the permission cancel_task" in text


def test_a_reader_sees_no_button_of_a_queue(reader):
    make_task()
    text = reader.get(reverse("dashboard:overview")).content.decode()
    assert "<form" not in text
    assert "/purge/" not in text


def test_permissions_exist_after_migrate():
    from django.contrib.auth.models import Permission as DjangoPermission

    found = DjangoPermission.objects.filter(content_type__app_label="taskhub_dashboard")
    assert set(found.values_list("codename", flat=True)) == set(Permission)
