"""settings.TASKHUB: read lazily, in one place; what is wrong with it is said in one sentence each."""

from dataclasses import FrozenInstanceError, asdict, fields

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from taskhub import conf

NUMBERS = [
    field
    for field in fields(conf.Settings)
    if isinstance(field.default, int | float) and field.metadata
]


def test_every_key_has_a_default_that_is_good():
    defaults = {key.upper(): value for key, value in asdict(conf.Settings()).items()}
    assert list(conf.problems(defaults)) == []
    assert list(conf.problems({})) == []


def test_settings_are_read_when_they_are_asked_for_and_again_when_they_change(settings):
    settings.TASKHUB = {"POLL_INTERVAL": 0.5, "TASK_MODULES": ["tasks", "jobs"]}
    assert conf.get().poll_interval == 0.5
    assert conf.get().task_modules == ("tasks", "jobs")
    assert conf.get().heartbeat == 5.0
    assert conf.get() is conf.get()
    settings.TASKHUB = {}
    assert conf.get().poll_interval == 5.0


def test_no_settings_at_all_are_the_defaults(settings):
    del settings.TASKHUB
    assert conf.get() == conf.Settings()


def test_they_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        conf.get().lease = 5.0  # type: ignore[misc]


def test_bad_settings_are_all_named_at_once(settings):
    settings.TASKHUB = {"HARTBEAT": 1, "LEASE": "long", "NOTIFY": 1}
    with pytest.raises(ImproperlyConfigured) as caught:
        conf.get()
    for words in (
        "'HARTBEAT': did you mean 'HEARTBEAT'?",
        "['LEASE'] is 'long'",
        "['NOTIFY'] is 1",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_a_number_must_lie_in_its_range(field):
    low, high = field.metadata["range"]
    key = field.name.upper()
    none = () if field.metadata.get("or_none") else (None,)
    for bad in (low - 1, high * 2, float("nan"), "5", True, [5], {"a": 5}, *none):
        (problem,) = [text for text in conf.problems({key: bad}) if "at least three" not in text]
        assert f"settings.TASKHUB[{key!r}] is {bad!r}; expected a" in problem
        assert f"from {low:g} to {high:g}" in problem
    assert list(conf.problems({"HEARTBEAT": 0.05, "LEASE": 86_400, key: low})) == []


@given(st.floats(0.05, 3600), st.floats(0.2, 86_400))
def test_a_lease_holds_three_heartbeats(heartbeat, lease):
    problems = list(conf.problems({"HEARTBEAT": heartbeat, "LEASE": lease}))
    assert bool(problems) == (lease < 3 * heartbeat)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_whatever_it_is_the_problem_is_a_sentence(value):
    assert all(text.endswith((".", "?")) for text in conf.problems(value))
    assert all(text.endswith((".", "?")) for text in conf.problems({"LEASE": value, "X": value}))


def test_a_dict_within_may_name_any_of_its_keys_and_none_means_for_ever(settings):
    settings.TASKHUB = {"RETENTION": {"succeeded": 3600, "failed": None}, "KEEP_LOGS": None}
    assert conf.get().retention == conf.Retention(succeeded=3600, failed=None)
    assert conf.get().retention.cancelled == 7 * 86_400
    assert conf.get().keep_logs is None
    settings.TASKHUB = {"KEEP_METRICS": {"minutes": 0}}
    assert conf.get().keep_metrics == conf.KeepMetrics(minutes=0)
    assert conf.get().retention == conf.Retention()


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"RETENTION": 7}, "settings.TASKHUB['RETENTION'] is 7; expected a dict with any of the"),
        ({"RETENTION": {"succeded": 1}}, "'succeded': did you mean 'succeeded'?"),
        ({"RETENTION": {"queued": 1}}, "known keys: succeeded, failed, cancelled, expired."),
        ({"RETENTION": {"failed": -1}}, "settings.TASKHUB['RETENTION']['failed'] is -1; expected"),
        ({"RETENTION": {"failed": "7d"}}, "expected a number from 0 to 3.16224e+09, or None."),
        ({"KEEP_METRICS": {"Hours": 1}}, "['KEEP_METRICS'] has an unknown key 'Hours': did you"),
        ({"KEEP_LOGS": True}, "settings.TASKHUB['KEEP_LOGS'] is True; expected a number"),
    ],
)
def test_what_is_wrong_within_a_dict_is_said_with_its_place(raw, sentence):
    (problem,) = conf.problems(raw)
    assert sentence in problem
