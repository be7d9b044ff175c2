"""Values in a real Redis, written by real workers."""

import uuid

import pytest
import redis
from django.core.cache import caches

from taskhub import chain, chord, errors, get_result
from taskhub.models import Result
from tests.app import tasks_conformance, tasks_context
from tests.app import tasks_flow as flow
from tests.helpers import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


class Values:
    """The cache of values, as this process and the workers of a test see it."""

    def __init__(self, url):
        self.prefix = uuid.uuid4().hex
        self.env = {"TASKHUB_TEST_RESULT_CACHE": url, "TASKHUB_TEST_RESULT_PREFIX": self.prefix}
        self.client = redis.from_url(url)

    def ttl(self, result):
        return self.client.ttl(f"{self.prefix}:1:taskhub:{result.id}:1")

    def evict(self, *results):
        caches["results"].delete_many([f"taskhub:{result.id}:1" for result in results])


@pytest.fixture
def values(settings, redis_url):
    values = Values(redis_url)
    settings.CACHES = {
        "results": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": redis_url,
            "KEY_PREFIX": values.prefix,
        }
    }
    settings.TASKHUB = {"RESULT_BACKEND": "cache", "RESULT_CACHE": "results"}
    yield values
    values.client.close()
    caches["results"].close()


def test_values_go_through_redis_and_live_as_long_as_their_task_says(run_worker, values):
    worker = run_worker("--processes", "1", env=values.env)
    usual, short = (
        flow.echo.enqueue({"é": [1]}),
        flow.echo.using(result_ttl=90).enqueue("x" * 10_000),
    )
    nothing = flow.echo.enqueue()
    assert [one.get(20) for one in (usual, short, nothing)] == [{"é": [1]}, "x" * 10_000, None]
    rows = Result.objects.order_by("task_id").values_list("value", flat=True)
    assert list(rows) == [*[{"taskhub.kept_in": "cache"}] * 2, None]
    assert 6 * 86_400 < values.ttl(usual) <= 7 * 86_400
    assert 0 < values.ttl(short) <= 90
    assert in_thread(get_result(usual.id).get, 5).result(10) == {"é": [1]}
    worker.stop()


def test_workflows_pass_values_through_redis(run_worker, values):
    worker = run_worker("--processes", "2", env=values.env)
    both = chord([flow.echo.s(n) for n in range(50)], flow.total.s()).enqueue()
    assert both.get(30) == sum(range(50))
    assert chain(flow.one.s(), flow.add.s(10), flow.aadd.s(100)).enqueue().get(30) == 111
    worker.stop()


def test_a_step_whose_value_is_gone_fails_what_needs_it_and_names_it(run_worker, values):
    worker = run_worker("--queue", "first", "--processes", "1", env=values.env)
    last = chain(
        flow.one.using(queue_name="first").s(), flow.add.using(queue_name="second").s(1)
    ).enqueue()
    first = get_result(str(int(last.id) - 1))
    assert first.wait(20)
    values.evict(first)
    worker.stop()
    other = run_worker("--queue", "second", "--processes", "1", env=values.env)
    with pytest.raises(errors.TaskFailed, match=f"ResultEvicted: Task {first.id} succeeded, but"):
        last.get(20)
    assert Result.objects.filter(task_id=int(last.id)).count() == 1, "no retry helps"
    other.stop()


def test_hooks_and_tasks_in_one_transaction_have_their_values_too(run_worker, values):
    worker = run_worker("--processes", "1", "--async", "1", env=values.env)
    hooked = tasks_context.hooked.enqueue("succeed")
    atomic = tasks_conformance.echo.using(atomic=True).enqueue(1)
    assert (hooked.get(20), atomic.get(20)) == ("succeed", [[1], {}])
    assert values.ttl(atomic) > 0
    worker.stop()
