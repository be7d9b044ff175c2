"""The options that limit tasks: what they take, what they make of a call, and what they say of bad values."""

import copy
import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskhub import rates, task
from taskhub.errors import InvalidArguments, InvalidOption
from taskhub.keys import SIZES, Call, fitted, unique_lock
from tests.app import tasks_limits as limits


def send(context, to, subject="hello", *others, urgent=False, **more):
    """A function with every kind of argument."""


def only_two(first, second=2):
    """A function with two."""


def key_of(template, *args, function=limits.sync_user.func, is_fed=False, **kwargs):
    definition = limits.sync_user.using(unique_key=template)
    return Call(definition, args, kwargs, is_fed=is_fed).key("unique_key")


# -- keys ---------------------------------------------------------------------------------------------------------


def test_an_argument_is_found_by_name_and_by_place_whichever_way_it_was_given():
    for args, kwargs in (((7,), {}), ((), {"user_id": 7})):
        for template in ("{0}", "{user_id}", "{}"):
            assert key_of(template, *args, **kwargs) == "7"


def test_defaults_count_as_arguments():
    assert key_of("{user_id}:{full}", 7) == "7:False"
    assert key_of("{0}:{1}", 7, full=True) == "7:True"


def test_a_template_without_arguments_is_one_key_for_all():
    assert key_of("nightly", 1) == key_of("nightly", 2) == "nightly"


def test_items_and_formats_work_as_in_every_format_string():
    assert key_of("{user_id[name]:>4}", {"name": "Bo"}) == "  Bo"


def test_a_function_gets_the_arguments_as_they_were_given():
    assert key_of(lambda user_id, full=False: f"u{user_id}", 3) == "u3"
    assert key_of(lambda **given: given["user_id"], user_id=12) == "12"
    assert key_of(lambda *_: None, 3) is None


@pytest.mark.parametrize("found", ["", 1.5, True, b"x", "a\0b"])
def test_what_is_no_key_is_refused(found):
    with pytest.raises(InvalidArguments, match=r"unique_key gave .* expected a text"):
        key_of(lambda *_: found, 1)


def test_a_call_without_the_argument_says_what_is_missing():
    with pytest.raises(InvalidArguments, match=r"unique_key='\{user_id\}' cannot be filled in"):
        key_of("{user_id}")
    with pytest.raises(InvalidArguments, match="ValueError"):
        key_of("{0:d}", "text")


def test_the_value_of_the_task_before_it_is_no_part_of_a_key():
    assert key_of("{full}", 5, is_fed=True) == "5"
    with pytest.raises(InvalidArguments, match="not known when the workflow is enqueued"):
        key_of("{user_id}", 5, is_fed=True)
    with pytest.raises(InvalidArguments, match="not known when the workflow is enqueued"):
        key_of("{0[name]}", 5, is_fed=True)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{usr}", r"names the argument 'usr'; expected one of 'user_id', 'full'"),
        ("{2}", "names the argument 2; the function takes 2 by place"),
        ("{0", "is no format string"),
        ("", "expected a format string"),
        (17, "expected a format string"),
        ("x" * 1001, "expected a format string"),
    ],
)
@pytest.mark.parametrize("option", SIZES)
def test_a_template_that_can_never_be_filled_in_is_refused_at_once(option, template, message):
    with pytest.raises(InvalidOption, match=message) as caught:
        limits.sync_user.using(**{option: template})
    assert option in str(caught.value)
    assert "sync_user" in str(caught.value)


def test_what_a_function_takes_as_it_comes_may_be_named():
    definition = task(name="limits.every_kind", takes_context=True, unique_key="{5}:{any}")(send)
    assert Call(definition, list("abcdef"), {"any": 1}).key("unique_key") == "f:1"
    assert Call(definition, ["a"], {"any": 1}).names == {
        "to": "a", "subject": "hello", "others": (), "urgent": False, "any": 1,
    }  # fmt: skip


def test_a_long_key_is_stored_as_its_beginning_and_its_hash():
    long = "a" * 300
    assert fitted("short", 100) == "short"
    assert fitted("a" * 100, 100) == "a" * 100
    assert len(fitted(long, 100)) == 100
    assert fitted(long, 100).startswith("a" * 35 + "#")
    assert fitted(long, 100) != fitted(long + "b", 100)
    assert fitted("a ", 100) != fitted("a", 100).strip()


names = st.text(alphabet="a:%b ", min_size=1, max_size=5)


@given(names, names, names, names)
def test_no_two_tasks_share_a_unique_lock(name, key, other_name, other_key):
    same = (name, key) == (other_name, other_key)
    assert (unique_lock(name, key) == unique_lock(other_name, other_key)) == same


def test_a_definition_with_functions_can_be_copied():
    changed = limits.render.using(priority=3)
    again = copy.deepcopy(changed)  # by __reduce__, as pickle does it
    assert again == changed
    assert again.unique_key is limits.render.unique_key


# -- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "2", None])
def test_a_limit_below_one_is_refused(limit):
    with pytest.raises(
        InvalidOption, match=r"concurrency_limit=.*a whole number from 1 to 1000000"
    ):
        limits.export.using(concurrency_limit=limit)


def test_a_limit_without_a_key_is_refused():
    with pytest.raises(InvalidOption, match="limits nothing without a concurrency_key"):
        task(concurrency_limit=3)(only_two)
    with pytest.raises(InvalidOption, match="remind: concurrency_limit=3 limits nothing"):
        limits.remind.using(concurrency_limit=3)
    with pytest.raises(InvalidOption, match="limits nothing without a concurrency_key"):
        limits.export.using(concurrency_key=None, concurrency_limit=3)
    both = limits.remind.using(concurrency_key="{0}", concurrency_limit=3)
    assert both.using(concurrency_limit=4).concurrency_limit == 4


def test_a_row_with_a_limit_keeps_its_other_options_where_the_code_has_no_key():
    stored = {"concurrency_limit": 3, "timeout": 7}
    assert limits.remind.as_stored(stored, priority=5).timeout == 7
    assert limits.share.as_stored(stored).concurrency_limit == 3


@pytest.mark.parametrize("term", [0, -5, "60", timedelta(0), math.nan])
def test_a_term_that_is_none_is_refused(term):
    with pytest.raises(InvalidOption, match=r"unique_for=.*seconds or a timedelta above zero"):
        limits.sync_user.using(unique_for=term)


def test_a_term_without_a_key_is_refused_and_goes_with_its_key():
    with pytest.raises(InvalidOption, match="keeps no key taken; give a unique_key"):
        limits.export.using(unique_for=60)
    assert limits.remind.using(unique_key=None).unique_for is None


@pytest.mark.parametrize(
    "rate",
    ["", "5", "5/", "/s", "0/s", "-5/s", "5/w", "5.5/s", "5 / s", "5/10s", "99999999/s", 5, "٣/s"],
)
def test_a_malformed_rate_is_refused(rate):
    with pytest.raises(InvalidOption, match=r"rate_limit=.*expected a rate such as '5/s', '100/m'"):
        limits.call.using(rate_limit=rate)


@pytest.mark.parametrize(
    ("text", "per_second", "capacity"),
    [("5/s", 5, 5), ("100/m", 100 / 60, 2), ("1000/h", 1000 / 3600, 1), ("1/d", 1 / 86400, 1)],
)
def test_a_burst_is_at_most_what_one_second_brings(text, per_second, capacity):
    rate = rates.parse(text)
    assert rate.per_second == pytest.approx(per_second)
    assert rate.capacity == capacity
    assert rate.capacity / rate.fill_seconds == pytest.approx(per_second)
