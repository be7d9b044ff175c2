"""Definitions and their options: what `using()` changes, what a row stores of it, and the registry."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskhub import options, registry
from taskhub.definition import TaskDefinition, task
from taskhub.errors import InvalidOption, TaskTimeout, UnknownTask
from tests.app import tasks_conformance, tasks_context
from tests.app.tasks_conformance import Outer, echo, named

SOON = datetime(2040, 1, 1, tzinfo=UTC)

# -- what a row stores ----------------------------------------------------------------------------


def test_a_definition_as_it_is_stores_nothing():
    assert echo.stored == named.stored == {}


def test_only_what_was_changed_is_stored():
    assert echo.using(timeout=5, max_retries=0, priority=3, tags=["x"]).stored == {"timeout": 5}
    assert echo.using(queue_name="q", countdown=5, expires=10, run_after=None).stored == {}


def test_changes_add_up_and_the_last_one_counts():
    first = echo.using(timeout=5, retry_delay=2)
    second = first.using(timeout=7, atomic=True)
    assert second.stored == {"timeout": 7, "retry_delay": 2, "atomic": True}
    assert (second.timeout, second.retry_delay, second.atomic) == (7, 2, True)
    assert first.stored == {"timeout": 5, "retry_delay": 2}
    assert echo.stored == {}


def test_a_change_to_the_default_is_stored_too():
    """The definition may change before the task runs; who chose a value wants that one."""
    assert echo.using(timeout=300.0).stored == {"timeout": 300.0}
    assert echo.using(timeout=300.0) == echo


def test_exceptions_are_stored_as_paths_and_still_match():
    changed = echo.using(retry_on=[ConnectionError, Outer.Nested], no_retry_on=KeyError)
    assert changed.stored == {
        "retry_on": ["builtins.ConnectionError", "tests.app.tasks_conformance.Outer.Nested"],
        "no_retry_on": ["builtins.KeyError"],
    }
    restored = echo.using(**changed.stored)
    assert restored.stored == changed.stored
    for kinds in (changed.retry_on, restored.retry_on):
        assert options.matches(ConnectionRefusedError(), kinds), "a subclass"
        assert options.matches(Outer.Nested(), kinds)
        assert not options.matches(ValueError(), kinds)


OPTIONS = {
    "timeout": st.floats(0.001, 1e8),
    "timeout_grace": st.integers(0, 100),
    "retry_delay": st.floats(0, 1e8),
    "retry_backoff": st.floats(1, 1000),
    "retry_max_delay": st.integers(0, 10**8),
    "retry_jitter": st.floats(0, 1),
    "on_worker_loss": st.sampled_from(["retry", "fail"]),
    "max_worker_losses": st.none() | st.integers(0, 1000),
    "atomic": st.booleans(),
    "retry_on": st.lists(st.sampled_from([ValueError, KeyError, Outer.Nested])),
}


@given(st.lists(st.fixed_dictionaries({}, optional=OPTIONS), max_size=4))
def test_what_a_row_stores_restores_the_definition(changes):
    changed = echo
    for change in changes:
        changed = changed.using(**change)
    restored = echo.using(**changed.stored)
    for option in OPTIONS:
        if option != "retry_on":
            assert getattr(restored, option) == getattr(changed, option)
    assert [options.path(kind) for kind in restored.retry_on] == [
        options.path(kind) for kind in changed.retry_on
    ]


# -- time -----------------------------------------------------------------------------------------


def test_the_last_of_countdown_and_run_after_counts():
    assert echo.using(countdown=5).using(run_after=SOON).countdown is None
    assert echo.using(run_after=SOON).using(countdown=5).run_after is None
    assert echo.using(run_after=SOON).using(priority=1).run_after == SOON
    with pytest.raises(InvalidOption, match="exclude each other"):
        echo.using(run_after=SOON, countdown=5)


def test_durations_are_seconds_or_timedeltas():
    for value in (0, 1.5, timedelta(0), timedelta(days=3), 1e10):
        assert echo.using(countdown=value, expires=value).countdown == value


# -- options --------------------------------------------------------------------------------------


@given(st.text(max_size=12).filter(lambda name: name not in options.USABLE | options.DEFINABLE))
def test_an_option_that_does_not_exist_is_named(name):
    with pytest.raises(InvalidOption) as caught:
        options.check_names({"timeout": 1, name: None}, "of")
    assert f"of: unknown option {name!r}; " in str(caught.value)
    options.check_names(dict.fromkeys(options.USABLE), "of")


def test_every_option_of_the_decorator_is_a_field_and_every_field_is_an_option():
    names = {field.name for field in dataclasses.fields(TaskDefinition)}
    assert names - options.DEFINABLE == {
        "func",
        "identifier",
        "parent_id",
        "run_after",
        "stored",
    }
    assert options.DEFINABLE - names == set()


def test_lists_become_tuples():
    changed = echo.using(tags=["a", "b"], sensitive={"password"}, retry_on=[ValueError])
    assert (changed.tags, changed.sensitive) == (("a", "b"), ("password",))
    assert changed.retry_on == (ValueError,)


def test_errors_match_by_the_classes_that_they_descend_from():
    assert options.matches(TaskTimeout(), [BaseException])
    assert options.matches(KeyError(), ["builtins.LookupError"])
    assert not options.matches(TaskTimeout(), [Exception])
    assert not options.matches(KeyError(), [])


# -- the registry ---------------------------------------------------------------------------------


def test_a_task_is_found_by_its_name_or_its_path():
    assert registry.find("conformance.named") is named
    assert registry.find("tests.app.tasks_conformance.echo") is echo
    assert registry.find("tests.app.tasks_conformance.named") is None
    assert registry.find("tests.app.tasks_conformance.Outer") is None
    for strange in ("", ".", "os", "os.system", "no_such_module.task"):
        assert registry.find(strange) is None


def test_a_changed_copy_does_not_replace_the_task():
    echo.using(timeout=1, priority=9)
    assert registry.find(echo.identifier) is echo


def test_the_same_function_may_be_defined_again_and_another_may_not_take_its_name():
    try:
        again = task(name="conformance.named", priority=1)(named.func)
        assert registry.find("conformance.named") is again
    finally:
        registry.register(named)
    with pytest.raises(
        InvalidOption, match=r"Two tasks are named 'conformance\.named'.*other name"
    ):
        task(name="conformance.named")(echo.func)
    assert registry.find("conformance.named") is named


def test_a_function_that_was_loaded_anew_takes_the_place_of_the_old_one():
    """As a reload of its module does, also with Django's decorator."""
    source = "def meaning_of_life(): return 43"
    space = {"__name__": "tests.app.tasks_conformance"}
    exec(source, space)
    old = tasks_conformance.meaning_of_life
    try:
        new = tasks_conformance.django_tasks.task(space["meaning_of_life"])
        assert registry.find(old.identifier) is new
    finally:
        registry.register(old)


def test_two_definitions_of_one_function_are_two_tasks():
    first = task(name="conformance.first", timeout=1)(tasks_conformance.write_signal)
    second = task(name="conformance.second", timeout=2)(tasks_conformance.write_signal)
    try:
        assert registry.get("conformance.first") is first
        assert registry.get("conformance.second") is second
    finally:
        registry._definitions.pop("conformance.first")
        registry._definitions.pop("conformance.second")


def test_a_name_that_nobody_has_is_told_its_neighbours():
    with pytest.raises(UnknownTask, match=r"Did you mean 'conformance\.named'"):
        registry.get("conformance.nmaed")
    for strange in (None, 5, [], object()):
        with pytest.raises(UnknownTask):
            registry.get(strange)


def test_all_definitions_come_by_name():
    names = [definition.identifier for definition in registry.all_definitions()]
    assert names == sorted(names)
    assert "conformance.named" in names
    assert "tests.app.tasks_conformance.meaning_of_life" in names, "Django's decorator counts"


# -- hooks ----------------------------------------------------------------------------------------


def test_hooks_are_given_in_the_decorator_and_not_when_enqueueing():
    definition = tasks_context.hooked
    assert definition.on_success is tasks_context.on_success
    assert definition.using(priority=3).on_retry is tasks_context.on_retry
    assert definition.using(priority=3).stored == {}
    for option in options.HOOKS:
        with pytest.raises(
            InvalidOption, match=rf"hooked: {option} is given in @task\({option}=…\)"
        ):
            definition.using(**{option: print})


@pytest.mark.parametrize("value", ["tests.app.tasks_context.on_success", 1, tasks_context.hooked])
def test_a_hook_is_something_to_call(value):
    with pytest.raises(
        InvalidOption, match=r"on_failure=.*; expected a function, called in the worker"
    ):
        task(on_failure=value)(tasks_context.note)


def test_a_pickled_definition_finds_its_hooks_by_its_name_and_imports_nothing():
    function, (values,) = tasks_context.hooked.__reduce__()
    assert not {"func", *options.HOOKS} & set(values)
    assert function(values) == tasks_context.hooked
    assert function(values).on_failure is tasks_context.on_failure
