"""Where the queue has a database of its own: an enqueue waits for the transaction of the site's."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction

from taskhub import TaskState, chain, conf, group, monitor, schedules, send
from taskhub.errors import InsideTransaction, InvalidArguments, InvalidOption, QueueFull
from taskhub.models import ScheduleRun, Task, WorkflowRun
from taskhub.queue import quota
from tests.app import tasks
from tests.app import tasks_flow as flow
from tests.engines.builders import claim, ending, finish
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(tmp_path, settings):
    """The alias of a database that is not the queue's, for which every enqueue waits."""
    connections.settings["site"] = {
        **connections.settings["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "site.sqlite3"),
        "OPTIONS": {},
    }
    connections[
        "site"
    ].connect()  # Django lets a test open no database but those it had at the start
    settings.TASKHUB = {**settings.TASKHUB, "ENQUEUE_AFTER": "site"}
    yield "site"
    connections["site"].close()
    del connections["site"], connections.settings["site"]


class Regret(Exception):
    """The site rolls its transaction back."""


def names():
    return list(Task.objects.order_by("id").values_list("name", flat=True))


def test_a_task_is_there_when_the_site_has_committed_and_not_before(site):
    with transaction.atomic(using=site):
        with transaction.atomic(using=site):
            result = tasks.add.enqueue(1, 2)
        assert (result.id, result.state, result.args) == ("", TaskState.QUEUED, [1, 2])
        assert names() == []
    row = Task.objects.get()
    assert (result.id, row.args) == (str(row.pk), [1, 2])
    result.revoke()
    assert result.state == TaskState.CANCELLED


def test_what_the_site_rolls_back_was_never_enqueued(site):
    with pytest.raises(Regret), transaction.atomic(using=site):
        result = tasks.add.enqueue(1)
        raise Regret
    assert names() == []
    for use in (result.refresh, result.wait, result.get, result.revoke):
        with pytest.raises(InsideTransaction, match="'site'"):
            use()


def test_outside_a_transaction_it_is_enqueued_at_once(site):
    result = tasks.add.enqueue(1)
    assert names() == [tasks.add.identifier]
    result.refresh()


def test_arguments_are_taken_as_they_were(site):
    numbers = [1, 2]
    with transaction.atomic(using=site):
        result = flow.echo.enqueue(numbers)
        numbers.append(3)
    assert Task.objects.get(pk=result.number).args == [[1, 2]]


def test_bad_arguments_are_refused_at_once(site):
    with transaction.atomic(using=site):
        with pytest.raises(InvalidArguments):
            tasks.add.enqueue(object())
        with pytest.raises(InvalidArguments, match="call 1"):
            tasks.add.enqueue_many([((1,), {}), ((object(),), {})])
    assert names() == []


def test_many_get_their_ids_in_the_order_of_the_calls(site):
    with transaction.atomic(using=site):
        results = tasks.add.enqueue_many([((number,), {}) for number in range(5)])
        by_name = send(tasks.add.identifier, {"a": 9})
        assert names() == []
    found = Task.objects.in_bulk([result.number for result in results])
    assert [found[result.number].args for result in results] == [[number] for number in range(5)]
    assert Task.objects.get(pk=by_name.number).kwargs == {"a": 9}


def test_a_workflow_waits_as_a_whole(site, worker):
    with transaction.atomic(using=site):
        result = chain(flow.one.s(), group([flow.add.s(1), flow.add.s(2)])).enqueue()
        assert (len(result), result.workflow_id, names()) == (2, None, [])
    assert WorkflowRun.objects.get().pk == result.workflow_id
    finish(worker, [ending(one, value=1) for one in claim(worker)])
    assert set(result.states().values()) == {TaskState.QUEUED}


def test_callbacks_of_both_kinds_wait_too(site, worker):
    heard = []
    with transaction.atomic(using=site):
        linked = flow.one.using(link=flow.echo.s()).enqueue()
        linked.then(heard.append)
        assert (names(), linked.workflow_id) == ([], None)
    assert len(names()) == 2
    finish(worker, [ending(one, value=7) for one in claim(worker)])
    assert linked.get(timeout=20) == 7
    eventually(lambda: heard == [7])


def test_what_is_refused_at_the_commit_is_told_there(site):
    monitor.set_limits("default", max_size=1)
    with pytest.raises(QueueFull), transaction.atomic(using=site):
        tasks.add.enqueue(1)
        tasks.add.enqueue(2)
    quota.forget()
    assert len(names()) == 1


def test_a_task_may_choose_otherwise(site, settings):
    with transaction.atomic(using=site):
        tasks.add.using(enqueue_after="").enqueue(1)
        assert len(names()) == 1
    settings.TASKHUB = {**settings.TASKHUB, "ENQUEUE_AFTER": ""}
    with transaction.atomic(using=site):
        tasks.add.enqueue(1)
        tasks.add.using(enqueue_after=site).enqueue(1)
        assert len(names()) == 2
    assert len(names()) == 3


def test_in_the_queues_own_transaction_it_is_part_of_it(site):
    with pytest.raises(Regret), transaction.atomic():
        tasks.add.using(enqueue_after="default").enqueue(1)
        assert len(names()) == 1
        raise Regret
    assert names() == []


def test_a_schedule_that_is_run_by_hand_is_noted_at_once(site):
    schedules.add_periodic("hourly", tasks.add.s(1), 3600)
    with transaction.atomic(using=site):
        result = schedules.run_now("hourly")
        assert names() == [tasks.add.identifier]
    assert ScheduleRun.objects.get().task_id == result.number


def test_an_alias_that_does_not_exist_is_refused(settings):
    with pytest.raises(InvalidOption, match="enqueue_after='elsewhere'; expected the alias"):
        tasks.add.using(enqueue_after="elsewhere")
    settings.TASKHUB = {**settings.TASKHUB, "ENQUEUE_AFTER": "elsewhere"}
    with pytest.raises(ImproperlyConfigured, match="'elsewhere'; expected one of 'default'"):
        conf.get()
