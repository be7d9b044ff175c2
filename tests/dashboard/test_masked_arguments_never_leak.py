import pytest
from django.test import Client
from django.urls import reverse

from dashboard.payloads import arguments
from taskhub.models import Outcome, Task
from taskhub.states import TaskState
from tests.dashboard.builders import make_entry, make_result, make_task

pytestmark = pytest.mark.django_db
SECRET = "hunter2-secret"


def shown(client: Client, task: Task) -> str:
    """All that the pages say of a task."""
    page = client.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    return page + client.get(reverse("dashboard:tasks")).content.decode()


@pytest.mark.parametrize(
    ("parameters", "masked", "sensitive", "args", "kwargs"),
    [
        (["to", "token"], ["token"], [], ["a"], {"token": SECRET}),
        (["to", "token"], ["token"], [], ["a", SECRET], {}),
        (["to", "token"], None, ["token"], ["a", SECRET], {}),
        (["to", "token"], None, ["token"], [], {"to": "a", "token": SECRET}),
        (["to", "*tokens"], ["tokens"], [], ["a", SECRET, SECRET], {}),
        (["to", "**more"], ["token"], [], ["a"], {"token": SECRET}),
        (["to", "**more"], ["more"], [], ["a"], {"token": SECRET}),
        (["to"], ["token"], [], ["a", SECRET], {}),  # the catalog has another version of the code
        ([], ["token"], [], ["a", SECRET], {}),
    ],
)  # fmt: skip
def test_a_masked_argument_is_on_no_page(operator, parameters, masked, sensitive, args, kwargs):
    make_entry("email.send", *parameters, sensitive=sensitive)
    task = make_task(args=args, kwargs=kwargs, masked=masked)
    text = shown(operator, task)
    assert SECRET not in text
    assert "masked: declared sensitive" in text


def test_a_masked_argument_is_hidden_where_the_catalog_does_not_know_the_task(operator):
    task = make_task(args=["a", SECRET], kwargs={"token": SECRET}, masked=["token", "key"])
    assert SECRET not in shown(operator, task)


def test_damaged_arguments_are_hidden_where_some_are_masked(operator):
    task = make_task(args=SECRET, kwargs={}, masked=["token"])
    assert SECRET not in shown(operator, task)


def test_a_unique_key_made_of_arguments_is_hidden_too(operator):
    task = make_task(unique_lock=f"send:{SECRET}", masked=["token"], kwargs={"token": "x"})
    assert SECRET not in shown(operator, task)


def test_other_arguments_keep_their_names_and_values():
    entry = make_entry("email.send", "to", "token", "*rest", "**more")
    task = make_task(args=["a", SECRET, 1, 2], kwargs={"x": None}, masked=["token"])
    told = [(a.name, a.text, a.is_masked) for a in arguments(task, entry)]
    assert told == [
        ("to", "'a'", False),
        ("token", "", True),
        ("*rest[0]", "1", False),
        ("*rest[1]", "2", False),
        ("x", "None", False),
    ]


def test_without_view_payloads_nothing_of_a_payload_is_shown(reader):
    make_entry("email.send", "to")
    task = make_task(TaskState.FAILED, args=[SECRET], unique_lock=None, masked=None)
    make_result(task, message=SECRET, traceback=f"Traceback\n  {SECRET}")
    done = make_task(TaskState.SUCCEEDED, kwargs={"to": SECRET})
    make_result(done, Outcome.SUCCEEDED, value={"answer": SECRET})
    text = shown(reader, task) + shown(reader, done)
    assert SECRET not in text
    assert text.count("hidden: needs view_payloads") >= 4
    assert "SMTPServerDisconnected" in text


def test_with_view_payloads_result_and_traceback_are_shown(operator):
    done = make_task(TaskState.SUCCEEDED)
    make_result(done, Outcome.SUCCEEDED, value={"rows": 5120})
    assert "{&#x27;rows&#x27;: 5120}" in shown(operator, done)


def test_a_result_that_is_none_is_shown_as_none(operator):
    done = make_task(TaskState.SUCCEEDED)
    make_result(done, Outcome.SUCCEEDED, value=None)
    assert "<span>None</span>" in shown(operator, done)


def test_a_huge_argument_is_cut_and_says_by_how_much(operator):
    task = make_task(kwargs={"blob": "x" * 100_000})
    text = operator.get(reverse("dashboard:task", args=[task.pk])).content.decode()
    assert "more characters" in text
    assert len(text) < 60_000
