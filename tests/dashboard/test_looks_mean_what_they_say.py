"""Colours, hints and directions: what a page shows beside its words agrees with them."""

import re

import pytest
from django.urls import reverse

from taskhub import schedules
from taskhub.states import TaskState
from tests.app import tasks
from tests.dashboard.builders import ago, make_task, make_worker

pytestmark = pytest.mark.django_db


def text_of(client, name: str, *args: object) -> str:
    response = client.get(reverse(f"dashboard:{name}", args=args))
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(("waited", "is_red"), [(7, False), (600, True)])
def test_the_oldest_wait_is_red_once_it_is_over_its_objective(operator, waited, is_red):
    make_task(queue="mail", enqueued_at=ago(waited))  # nobody works on it, which is told elsewhere
    tile = text_of(operator, "queue", "mail").split("Oldest waiting</span>")[1].split("</div>")[0]
    assert ("hot st-failed" in tile) is is_red
    assert "objective 5 min" in tile
    for name in ("queues", "overview"):
        cell = re.search(
            r'<td class="([^"]*)" data-k="oldest">',
            text_of(operator, name).split('id="queue-mail"')[1],
        )
        assert ("hot" in cell[1]) is is_red


def test_a_worker_that_knows_many_tasks_says_how_many_are_folded(operator):
    names = [f"shop.task_{number:03}" for number in range(130)]
    few = make_worker("few", tasks=names[:12]).parent
    some, many = make_worker("w1", tasks=names[:26]).parent, make_worker("w2", tasks=names).parent
    assert (
        "<details"
        not in text_of(operator, "worker", few.pk).split('id="names"')[1].split("</section>")[0]
    )
    text = text_of(operator, "worker", some.pk)
    assert "14 more</summary>" in text
    assert "shop.task_025" in text
    text = text_of(operator, "worker", many.pk)
    assert "118 more</summary>" in text
    assert "The first 100 are shown." in text


def test_a_value_as_python_writes_it_reads_from_left_to_right_whatever_it_holds(operator):
    task = make_task(kwargs={"to": "فاطمة@example.ae"})
    assert '<bdi dir="ltr">&#x27;فاطمة@example.ae&#x27;</bdi>' in text_of(operator, "task", task.pk)


def test_the_bar_of_what_is_selected_stands_on_top_and_tells_its_keys(operator):
    make_task(TaskState.FAILED)
    text = text_of(operator, "tasks")
    assert text.index('class="selbar"') < text.index('id="newbar"')
    bar = text.split('class="selbar"')[1].split("</div>")[0]
    assert re.findall(r'<kbd aria-hidden="true">(\w)</kbd>', bar) == ["r", "c"]


def test_a_schedules_switch_says_what_it_does(operator):
    schedules.add_cron("nightly", tasks.add.s(1), "0 3 * * *")
    assert re.search(
        r'aria-label="Disable nightly">.*?</svg>Disable</button>', text_of(operator, "schedules")
    )
