import re

import pytest
from django.test import Client, modify_settings, override_settings

from taskhub import TaskState, get_result
from taskhub.demo import tokens
from taskhub.demo.models import Order, Upload
from taskhub.demo.tasks import always_fails, flaky, import_csv, remind
from taskhub.demo.tokens import Ticket
from taskhub.errors import PayloadTooLarge
from tests.demo.conftest import GOOD, HEADER, csv_file
from tests.plugins.processes import Drain

BAD = "HP-2,2026-11-24,Ünal <b>,u@example.com,TR,1,<script>\n"


def upload(client: Client, text: str = HEADER + GOOD + BAD) -> str:
    """Send a file and return the address that the visitor is led to."""
    response = client.post("/", {"file": csv_file(text, name="von Jürgen.csv")})
    assert response.status_code == 302, response.content.decode()
    return str(response["Location"])


def task_id_of(address: str) -> str:
    ticket = tokens.read(address.split("/")[2])
    assert ticket is not None
    return ticket.task_id


@pytest.mark.django_db(transaction=True)
def test_a_visitor_uploads_a_file_and_sees_what_came_of_it(client: Client, drain: Drain) -> None:
    address = upload(client)

    waiting = client.get(address)
    page = waiting.content.decode()
    assert "Your import is waiting" in page
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    assert "no-store" in waiting["Cache-Control"]

    drain()

    page = client.get(address).content.decode()
    assert "Your import is done" in page
    assert "1 orders imported from von Jürgen.csv. 1 line was left out." in page
    assert "total is not an amount: &#x27;&lt;script&gt;&#x27;" in page
    assert "refresh" not in page
    assert "progress.js" not in page
    assert Order.objects.get().customer == "Zoé Lefèvre"


@pytest.mark.django_db
def test_the_page_is_kept_fresh_with_the_dashboard_and_without(client: Client) -> None:
    address = upload(client)
    page = client.get(address).content.decode()
    assert (
        '<taskhub-progress data-state="queued" data-url="/taskhub/live/task/" data-token="' in page
    )
    with modify_settings(INSTALLED_APPS={"remove": ["dashboard"]}):
        page = client.get(address).content.decode()
    assert "taskhub-progress" not in page
    assert f'data-url="{address}state.json"' in page


@pytest.mark.django_db
def test_the_json_says_the_same_as_the_page(client: Client) -> None:
    address = upload(client)
    answer = client.get(f"{address}state.json")
    assert answer.json() == {
        "state": "queued",
        "heading": "Your import is waiting",
        "detail": "It starts as soon as those before it are done.",
        "aside": "",
        "has_bar": True,
        "fraction": None,
        "percent": "",
        "is_over": False,
    }
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
@override_settings(TASKHUB={"MAX_PAYLOAD_BYTES": 1})
def test_an_upload_whose_task_is_refused_leaves_no_row(client: Client) -> None:
    with pytest.raises(PayloadTooLarge):
        client.post("/", {"file": csv_file(HEADER + GOOD)})
    assert not Upload.objects.exists()


@pytest.mark.django_db
def test_an_id_is_no_address(client: Client) -> None:
    address = upload(client)
    assert client.get(f"/progress/{task_id_of(address)}/").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("tail", ["", "state.json", "files/0/"])
def test_a_token_that_was_changed_leads_nowhere(client: Client, tail: str) -> None:
    token = upload(client).split("/")[2]
    answer = client.get(f"/progress/{token[:-1]}{'A' if token[-1] != 'A' else 'B'}/{tail}")
    assert answer.status_code == 404
    assert "not valid, or older than a week" in answer.content.decode()


@pytest.mark.django_db
def test_a_token_is_good_for_a_week(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    address = upload(client)
    monkeypatch.setattr(tokens, "MAX_AGE_S", -1)
    assert client.get(address).status_code == 404


@pytest.mark.django_db
def test_a_task_that_is_not_kept_any_more_is_said_so(client: Client) -> None:
    address = f"/progress/{tokens.sign(Ticket('999999999', 'import'))}/"
    answer = client.get(address)
    assert answer.status_code == 404
    assert "This is not kept any more." in answer.content.decode()


@pytest.mark.django_db
def test_pages_hold_no_inline_script_or_style(client: Client) -> None:
    for address in ("/", upload(client)):
        page = client.get(address).content.decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)


@pytest.mark.django_db
def test_visitors_get_no_buttons_for_samples(client: Client) -> None:
    assert "Sample tasks" not in client.get("/").content.decode()
    answer = client.post("/run/later/")
    assert answer.status_code == 403


@pytest.mark.django_db
def test_staff_run_samples_by_post_only(admin_client: Client) -> None:
    assert "Sample tasks" in admin_client.get("/").content.decode()
    assert admin_client.get("/run/later/").status_code == 405
    assert admin_client.post("/run/no-such/").status_code == 404
    answer = admin_client.post("/run/later/")
    assert answer.status_code == 302
    result = get_result(task_id_of(answer["Location"]))
    assert result.task.name == remind.name
    assert result.state is TaskState.PENDING
    assert "waiting for its time" in admin_client.get(answer["Location"]).content.decode()


@pytest.mark.django_db
@override_settings(DEBUG=True)
def test_with_debug_anybody_runs_samples(client: Client) -> None:
    assert client.post("/run/later/").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_a_report_can_be_downloaded_by_whom_has_the_link(
    admin_client: Client, client: Client, drain: Drain
) -> None:
    import_csv.enqueue()
    drain()
    address = admin_client.post("/run/thumbnails/")["Location"]
    assert client.get(f"{address}files/0/").status_code == 404
    drain()
    page = client.get(address).content.decode()
    assert page.count("<img ") == 6
    picture = client.get(f"{address}files/0/")
    assert picture["Content-Type"] == "image/png"
    assert picture.getvalue()[:4] == b"\x89PNG"
    assert client.get(f"{address}files/6/").status_code == 404


@pytest.mark.django_db
def test_the_shipped_file_is_offered_to_try_with(client: Client) -> None:
    answer = client.get("/orders.csv")
    assert answer["Content-Disposition"] == 'attachment; filename="orders.csv"'
    assert answer.getvalue().startswith(b"number,ordered_on,")


def page_of(client: Client, task_id: str, title: str) -> str:
    return client.get(f"/progress/{tokens.sign(Ticket(task_id, title))}/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_visitor_hears_of_failure_retry_and_cancel_in_plain_words(
    client: Client, drain: Drain
) -> None:
    failing = always_fails.enqueue("HP-1")
    retrying = flaky.using(retry_delay=600).enqueue("HP-2")
    cancelled = remind.using(countdown=600).enqueue("Zoé")
    cancelled.revoke()
    drain()

    page = page_of(client, failing.id, "payment")
    assert "Your payment did not work" in page
    assert f"Reference {failing.id}" in page
    assert "CardDeclined" not in page
    assert "Traceback" not in page
    assert "http-equiv" not in page

    page = page_of(client, retrying.id, "parcel label")
    assert "Trying again in a moment" in page
    assert "1 try so far" in page
    assert "Carrier" not in page

    assert "Your reminder was cancelled" in page_of(client, cancelled.id, "reminder")
