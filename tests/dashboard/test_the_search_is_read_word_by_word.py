from html import unescape

import pytest
from django.urls import reverse

from dashboard import facets, grammar, narrowing
from dashboard.filters import PAYLOADS, Filters
from dashboard.reading import first_id_since
from taskhub.models import AuditEntry, Outcome, SavedView
from taskhub.states import TaskState
from tests.dashboard.builders import ago, make_entry, make_result, make_task, make_worker

pytestmark = [pytest.mark.django_db, pytest.mark.every_engine]


def found(client, **query: str) -> set[int]:
    response = client.get(reverse("dashboard:tasks"), query)
    assert response.status_code == 200
    return {row.task.pk for row in response.context["rows"]}


def searched(client, text: str) -> set[int]:
    """Type a search, and follow to the list that it leads to."""
    response = client.get(reverse("dashboard:tasks"), {"q": text}, follow=True)
    assert response.status_code == 200
    return {row.task.pk for row in response.context["rows"]}


def test_each_word_of_the_grammar_narrows(operator):
    worker = make_worker("w7")
    wanted = make_task(
        TaskState.FAILED, name="email.send", queue="mail", tags=("x",), kwargs={"user_id": 42}
    )
    make_result(wanted, message="Timeout while reading", worker=worker, fingerprint="ab" * 8)
    make_task(
        TaskState.FAILED,
        name="other",
        queue="reports",
        finished_at=ago(9000),
        enqueued_at=ago(9100),
    )
    words = [
        "state:failed since:2h", "queue:mail", "task:email.*", "email.send", "tag:x", "args.user_id:42",
        "error:timeout", f"worker:{worker.parent_id}", "worker:w7", f"fingerprint:{'ab' * 8}",
    ]  # fmt: skip
    for word in [*words, " ".join(words)]:
        assert searched(operator, word) == {wanted.pk}, word


def test_a_search_becomes_filters_in_the_url_and_quotes_keep_spaces_together(operator):
    response = operator.get(
        reverse("dashboard:tasks"), {"q": 'state:failed error:"not found"', "queue": "mail"}
    )
    assert response.headers["Location"].endswith("?state=failed&queue=mail&error=not+found")


def test_an_id_leads_to_its_task(operator):
    assert (
        operator.get(reverse("dashboard:tasks"), {"q": "77"})
        .headers["Location"]
        .endswith("/tasks/77/")
    )


@pytest.mark.parametrize(
    ("typed", "problem", "mend"),
    [
        ("stat:failed", "is no filter", "state:failed"),
        ("name:email.*", "is no filter", "task:email.*"),
        ("queue:", "has no value", ""),
        ("colour:red", "is no filter", ""),
    ],
)
def test_a_word_that_is_no_filter_is_named_with_a_mend(operator, typed, problem, mend):
    make_task()
    response = operator.get(reverse("dashboard:tasks"), {"q": f"queue:mail {typed}"})
    assert response.status_code == 200
    [(word, mended)] = response.context["bad_words"]
    assert (word.text, word.mend) == (typed, mend)
    assert problem in word.problem
    text = response.content.decode()
    assert f'value="queue:mail {typed}"' in text
    assert 'aria-invalid="true"' in text
    if mend:
        assert "Did you mean" in text
        key, _, value = mend.partition(":")
        assert (
            dict(Filters.of(dict(pair.split("=") for pair in mended[1:].split("&"))).items())[
                "queue"
            ]
            == "mail"
        )
        assert f"{key}={value}".replace("*", "%2A") in mended


@pytest.mark.parametrize(
    ("query", "said", "mended"),
    [
        ({"state": "faild"}, "is none of pending", "?state=failed"),
        ({"since": "2 hours"}, "is no span", "?since=2h"),
        ({"since": "0001-01-01"}, "is no span", ""),
        ({"since": "1969-12-31"}, "is no span", ""),
        ({"parent": "x"}, "is no id", ""),
        ({"args.a b": "1"}, "names no argument", ""),
    ],
)
def test_a_value_that_cannot_match_is_told_at_its_chip(operator, query, said, mended):
    make_task()
    response = operator.get(reverse("dashboard:tasks"), query)
    [chip] = response.context["chips"]
    assert said in chip.problem
    assert chip.mended == mended
    assert "chip--bad" in response.content.decode()
    assert not response.context["rows"]


def test_payloads_are_not_searched_without_the_permission(reader, operator):
    task = make_task(TaskState.FAILED, kwargs={"to": "a"})
    make_result(task, fingerprint="ab" * 8)
    for query in ({"args.to": "a"}, {"error": "SMTP"}):
        assert found(operator, **query) == {task.pk}
        response = reader.get(reverse("dashboard:tasks"), query)
        assert not response.context["rows"]
        assert "lacks the permission view_payloads" in response.content.decode()


def test_each_key_that_needs_the_permission_is_hidden_in_a_stored_search(db):
    for key in PAYLOADS:
        filters = Filters.of({"queue": "a b", "since": "2h", key: "x y", f"{key}.n": "z"})
        stored = AuditEntry(target=f"20,000 tasks: {filters.words}")
        assert stored.open_target in (
            '20,000 tasks: queue:"a b" •••', '20,000 tasks: queue:"a b" since:2h •••',
        )  # fmt: skip
    for target in ("task 7: args.mail", "queue error:1", "3 tasks: queue:mail task:error.*"):
        assert AuditEntry(target=target).open_target == target


def test_a_shared_view_that_tells_of_payloads_is_shown_to_those_who_may_see_them(
    operator, client_with
):
    for name, search in (("Ada", "?state=failed&args.user_id=42"), ("Failed", "?state=failed")):
        SavedView.objects.create(
            name=name, search=search, user_id="0", is_shared=True, created_at=ago(0)
        )
    told = {
        is_blind: [view.name for view in client.get(reverse("dashboard:tasks")).context["views"]]
        for is_blind, client in ((False, operator), (True, client_with("view_dashboard")))
    }
    assert told == {False: ["Ada", "Failed"], True: ["Failed"]}


def test_a_masked_name_is_not_searched_by_anybody(operator):
    make_entry("email.send", "to", "token", sensitive=["token"])
    make_task(kwargs={"token": "secret"}, masked=["token"])
    response = operator.get(reverse("dashboard:tasks"), {"args.token": "secret"})
    assert not response.context["rows"]
    assert "masked and cannot be searched by anybody" in response.content.decode()


def test_a_row_in_which_the_name_was_masked_is_never_found_by_it(operator):
    make_task(kwargs={"token": "secret"}, masked=["token"])  # its code does not declare it any more
    shown = make_task(kwargs={"token": "secret", "card": "4"}, masked=["card"])
    assert found(operator, **{"args.token": "secret"}) == {shown.pk}


def test_arguments_are_found_by_their_place_too(operator):
    make_entry("email.send", "to", "user_id")
    task = make_task(args=["a@example.org", 42])
    make_task(args=["42", 7])
    make_task(name="unknown", args=["a", 42])
    assert found(operator, **{"args.user_id": "42"}) == {task.pk}


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e999", "[" * 3000, "9" * 4000, "null"]
)
def test_an_argument_that_no_database_has_as_json_is_searched_as_text(operator, value):
    text = make_task(kwargs={"x": value})
    make_task(kwargs={"x": 1.5})
    assert found(operator, **{"args.x": value}) == {text.pk}


def test_the_first_day_that_a_search_may_name_is_that_of_1970(operator):
    task = make_task()
    assert found(operator, since="1970-01-01") == {task.pk}


def test_hostile_searches_are_shown_safely_and_find_nothing(operator):
    make_task()
    for text in (
        '"><script>',
        "'; DROP TABLE",
        "state:\x00",
        "ش:ش",
        "args.__class__:1",
        "a" * 5000,
        'x:"',
    ):
        response = operator.get(reverse("dashboard:tasks"), {"q": text}, follow=True)
        assert response.status_code == 200
        assert "<script>" not in response.content.decode().replace("<script type", "")


def test_what_was_enqueued_since_is_found_by_a_few_probes(django_assert_max_num_queries):
    ids = [make_task(enqueued_at=ago(86_400 - 60 * n)).pk for n in range(200)]
    with django_assert_max_num_queries(14):
        first = first_id_since(ago(86_400 - 60 * 150))
    assert ids[130] <= first <= ids[150]


def test_a_search_that_no_index_serves_looks_through_a_window_and_goes_on(operator, monkeypatch):
    monkeypatch.setattr(narrowing, "WINDOW", 10)
    old = make_task(queue="rare")
    for _ in range(25):
        make_task()
    response = operator.get(reverse("dashboard:tasks"), {"queue": "rare", "task": "email.send"})
    assert not response.context["rows"]
    assert "Look further" in response.content.decode()
    for _ in range(3):
        response = operator.get(reverse("dashboard:tasks") + response.context["older"])
        if response.context["rows"]:
            break
    assert [row.task.pk for row in response.context["rows"]] == [old.pk]
    assert not response.context["older"]


def test_facets_count_what_the_other_filters_leave(operator):
    for state in ("failed", "failed", "queued"):
        make_task(state, queue="mail")
    make_task("failed", queue="reports")
    response = operator.get(reverse("dashboard:tasks"), {"queue": "mail", "state": "failed"})
    facets = {
        facet.key: {c.value: c.count for c in facet.choices} for facet in response.context["facets"]
    }
    assert (facets["state"]["failed"], facets["state"]["queued"]) == ("2", "1")
    assert {name: n for name, n in facets["queue"].items() if n != "0"} == {
        "mail": "2",
        "reports": "1",
    }


def test_a_search_is_saved_under_a_name_and_forgotten_by_its_owner_only(operator, client_with):
    make_task()
    url = reverse("dashboard:save_view")
    operator.post(url, {"name": "Night mail", "search": "?queue=mail&evil=1", "shared": "1"})
    view = SavedView.objects.get()
    assert (view.name, view.search, view.is_shared) == ("Night mail", "?queue=mail", True)
    operator.post(url, {"name": "Night mail", "search": "?queue=other"})
    assert SavedView.objects.get().search == "?queue=other"
    other = client_with("view_dashboard")
    assert "Night mail" not in other.get(reverse("dashboard:tasks")).content.decode()
    SavedView.objects.update(is_shared=True)
    assert "Night mail" in other.get(reverse("dashboard:tasks")).content.decode()
    forget = reverse("dashboard:forget_view", args=[view.pk])
    other.post(forget)
    assert SavedView.objects.exists()
    operator.post(forget)
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("typed", "kept", "bad", "problem"),
    [
        ("send mail", {"task": "send"}, "mail", "task:send stands there already"),
        ("state:failed state:queued", {"state": "failed"}, "state:queued", "one too many"),
        ("state:failed state:failed", {"state": "failed"}, None, ""),
        ('error:"a b" error:c', {"error": "a b"}, "error:c", 'error:"a b" stands there'),
        ("42 state:failed", {"state": "failed"}, "42", "stands alone"),
        ("state:failed 42", {"state": "failed"}, "42", "stands alone"),
        ("42 43", {}, "43", "second id"),
    ],
)
def test_no_word_is_dropped_without_a_word(operator, typed, kept, bad, problem):
    found = grammar.read(typed)
    assert found.values == kept
    assert [word.text for word in found.bad] == ([bad] if bad else [])
    if bad:
        assert problem in found.bad[0].problem
        response = operator.get(reverse("dashboard:tasks"), {"q": typed})
        assert response.status_code == 200
        assert problem in unescape(response.content.decode())
        assert 'id="newbar"' not in response.content.decode()  # its address is no list's


def test_a_day_that_does_not_exist_is_told_without_a_guess(operator):
    make_task()
    response = operator.get(reverse("dashboard:tasks"), {"since": "2026-13-40"})
    [chip] = response.context["chips"]
    assert "is no span" in chip.problem
    assert not chip.mended


def test_facets_say_plus_only_where_something_older_may_match(operator, monkeypatch):
    monkeypatch.setattr(facets, "CAP", 5)
    for _ in range(10):
        make_task(name="old", queue="old", enqueued_at=ago(9000))
    for _ in range(4):
        make_task("failed", queue="mail")
    shown = {}
    for query in ({"since": "1h", "task": "email.send"}, {"queue": "mail"}):
        response = operator.get(reverse("dashboard:tasks"), query)
        assert len(response.context["rows"]) == 4
        shown |= {
            (facet.key, choice.value): choice.count
            for facet in response.context["facets"]
            for choice in facet.choices
        }
        assert shown["queue", "mail"] == "4"
    assert shown["state", "failed"] == "4+"


def test_outcomes_of_an_earlier_attempt_are_found_by_its_error(operator):
    task = make_task(TaskState.SUCCEEDED, claim_no=2)
    make_result(task, Outcome.RETRYING, claim_no=1, fingerprint="cd" * 8)
    assert found(operator, error="SMTPServer") == {task.pk}
