"""Values that are kept outside the database: there before the outcome is, found by all who ask, missed aloud."""

import pytest
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

from taskhub import conf, get_result, queue
from taskhub.checks import check_settings
from taskhub.engines import get_engine
from taskhub.errors import InvalidOption, ResultEvicted, ResultUnavailable
from taskhub.models import Outcome, Result, Task
from taskhub.queue.kept_values import get_values
from taskhub.queue.verdict import Attempt, returned
from taskhub.result_backends import get_result_backend
from taskhub.states import TaskState
from tests.app import tasks
from tests.engines.builders import ago, claim, ending, enqueue, finish, given_back, state_of
from tests.helpers import in_thread

pytestmark = pytest.mark.django_db

MARK = {"taskhub.kept_in": "cache"}


@pytest.fixture
def cache(settings):
    """Django's cache in memory, as the place of values."""
    settings.CACHES = {
        "values": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "values of results",
        }
    }
    settings.TASKHUB = {"RESULT_BACKEND": "cache", "RESULT_CACHE": "values"}
    yield caches["values"]
    caches["values"].clear()


@pytest.fixture
def watching(settings):
    settings.TASKHUB = {"RESULT_BACKEND": "tests.app.result_backends.Watching"}
    return get_result_backend()


def succeed(worker, value='{"a":1}', **more):
    """Let a task succeed; return its id."""
    enqueue()
    (claimed,) = claim(worker)
    assert finish(worker, [ending(claimed, value=value, **more)])
    return claimed.id


# -- cache ----------------------------------------------------------------------------------------


def test_the_value_is_in_the_cache_and_the_rest_in_the_row(cache, worker):
    task_id = succeed(worker)
    row = Result.objects.get()
    assert (row.value, row.outcome, row.worker_name) == (MARK, "succeeded", worker.name)
    assert cache.get(f"taskhub:{task_id}:1") == '{"a":1}'
    result = get_result(str(task_id))
    assert (result.get(0), result.return_value) == ({"a": 1}, {"a": 1})


def test_a_value_that_is_gone_is_missed_and_not_none(cache, worker):
    result = get_result(str(succeed(worker)))
    cache.clear()
    assert (result.state, result.is_successful) == (TaskState.SUCCEEDED, True)
    for ask in (lambda: result.get(0), lambda: result.return_value):
        with pytest.raises(
            ResultEvicted, match=f"Task {result.id} succeeded, but its value is not"
        ):
            ask()


def test_nothing_and_failures_are_not_put_there(cache, worker):
    nothing = succeed(worker, value=None)
    enqueue()
    finish(worker, [ending(claim(worker)[0], Outcome.FAILED)])
    assert get_result(str(nothing)).get(0) is None
    assert not cache._cache


def test_a_claim_that_has_lost_its_task_overwrites_nothing(cache, worker, rival):
    enqueue()
    (first,) = claim(worker)
    finish(worker, [given_back(first)])
    (second,) = claim(rival)
    finish(rival, [ending(second, value='"second"')])
    assert finish(worker, [ending(first, value='"first"')]) == []
    assert get_result(str(second.id)).get(0) == "second"


def test_a_batch_is_written_with_one_call_for_each_ttl(cache, worker, monkeypatch):
    calls = []
    real = type(cache).set_many

    def set_many(self, data, timeout=None, **more):
        calls.append((len(data), timeout))
        return real(self, data, timeout=timeout, **more)

    monkeypatch.setattr(type(cache), "set_many", set_many)
    enqueue(30)
    claims = claim(worker, 30)
    finish(worker, [ending(one, result_ttl=0.2 if one.id % 3 else None) for one in claims])
    assert sorted(calls) == [(10, 7 * 86_400), (20, 1)]


def test_results_of_both_backends_are_read_whatever_the_settings_say(cache, worker, settings):
    in_cache = succeed(worker)
    settings.TASKHUB = {"RESULT_CACHE": "values"}
    in_row = succeed(worker, value="7")
    assert [get_result(str(id_)).get(0) for id_ in (in_cache, in_row)] == [{"a": 1}, 7]
    settings.TASKHUB = {"RESULT_BACKEND": "cache", "RESULT_CACHE": "values"}
    assert [get_result(str(id_)).get(0) for id_ in (in_cache, in_row)] == [{"a": 1}, 7]


def test_values_go_with_their_tasks(cache, worker):
    succeed(worker)
    assert queue.prune(terms={TaskState.SUCCEEDED: 0}) == 1
    assert not cache._cache


# -- trouble --------------------------------------------------------------------------------------


def test_a_cache_in_trouble_loses_nothing(settings, worker, caplog):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    settings.TASKHUB = {"RESULT_BACKEND": "cache"}
    assert get_result(str(succeed(worker))).get(0) == {"a": 1}
    assert Result.objects.get().value == {"a": 1}
    assert "refuses values; for 5 s they are kept in the database" in caplog.text
    Result.objects.update(value=MARK)
    with pytest.raises(ResultUnavailable, match=r"The cache 'default' .* does not answer"):
        get_result(str(Task.objects.get().pk)).get(0)
    assert queue.prune(terms={TaskState.SUCCEEDED: 0}) == 1


def test_a_row_cannot_name_a_class_to_import(worker):
    succeed(worker)
    Result.objects.update(value={"taskhub.kept_in": "tests.app.result_backends.Watching"})
    with pytest.raises(ResultEvicted, match="does not name any more"):
        get_result(str(Task.objects.get().pk)).get(0)


def test_a_task_cannot_return_what_stands_for_a_value_elsewhere(worker):
    enqueue()
    (claimed,) = claim(worker)
    end = returned(Attempt(claimed, tasks.add, ago(1), ago(0)), dict(MARK))
    assert (end.state, end.error_class) == ("failed", "taskhub.errors.ResultNotStorable")


# -- a backend of the site's own ------------------------------------------------------------------


def test_a_value_is_kept_before_its_outcome_is_on_record(watching, worker):
    task_id = succeed(worker)
    assert (watching.states_before, state_of(task_id)) == (["running"], "succeeded")
    assert get_values([(task_id, 1, watching.mark)]) == {task_id: {"a": 1}}


def test_it_is_told_of_states_errors_and_progress_and_may_fail(watching, worker, caplog):
    first = succeed(worker)
    enqueue()
    (claimed,) = claim(worker)
    queue.write_progress(get_engine(), {claimed.id: (0.5, "half")})
    finish(worker, [ending(claimed, Outcome.FAILED)])
    assert watching.told == [
        (first, "succeeded"), (claimed.id, 0.5, "half"), (claimed.id, "failed"),
        (claimed.id, "builtins.ValueError: it broke"),
    ]  # fmt: skip
    assert "the site's own backend failed" in caplog.text
    assert state_of(claimed.id) == "failed"


@pytest.mark.django_db(transaction=True)
def test_wait_of_the_interface_ends_with_the_task(worker):
    enqueue()
    (claimed,) = claim(worker)
    backend = get_result_backend()
    assert not backend.wait(claimed.id, 0.01)
    waiting = in_thread(backend.wait, claimed.id, 20)
    finish(worker, [ending(claimed)])
    assert waiting.result(20)
    assert backend.wait(0, 20), "a task that is gone"


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, words",
    [
        (
            {"RESULT_BACKEND": "redis"},
            "['RESULT_BACKEND'] is 'redis'; expected one of 'database', 'cache'",
        ),
        ({"RESULT_BACKEND": 1}, "['RESULT_BACKEND'] is 1"),
        ({"RESULT_CACHE": ""}, "['RESULT_CACHE'] is ''; expected a text"),
        (
            {"RESULT_BACKEND": "cache", "RESULT_CACHE": "fast"},
            "['RESULT_CACHE'] is 'fast'; expected one of 'default' (settings.CACHES)",
        ),
    ],
)
def test_bad_settings_are_named(given, words):
    assert words in " ".join(conf.problems(given))


@pytest.mark.parametrize("path", ["no.such.module", "taskhub.conf.Settings", "taskhub.conf.get"])
def test_a_path_that_leads_to_no_backend_is_named(settings, path):
    settings.TASKHUB = {"RESULT_BACKEND": path}
    with pytest.raises(ImproperlyConfigured, match=f"'RESULT_BACKEND'.*{path}"):
        get_result_backend()


def test_a_cache_that_processes_do_not_share_is_warned_of(cache):
    assert [message.id for message in check_settings()] == ["taskhub.W005"]


def test_a_bad_ttl_is_refused():
    for ttl in (0, -1, "60"):
        with pytest.raises(InvalidOption, match="result_ttl"):
            tasks.add.using(result_ttl=ttl)
