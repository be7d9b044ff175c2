"""Names and reasons of people and code may be long, and no page scrolls sideways for them."""

import pytest
from playwright.sync_api import Page

from taskhub import monitor
from taskhub.states import TaskState
from tests.dashboard.builders import make_entry, make_task, make_worker

pytestmark = pytest.mark.django_db(transaction=True)

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
UNDER = """[...document.querySelectorAll(".attn .what, .attn .why")]
    .filter((one) => one.scrollWidth > one.clientWidth).length"""
NAME = "the_longest_name_that_somebody_could_think_of." * 3
QUEUE = "q" * 60


def addresses() -> list[str]:
    """Fill the site with long words, and return the pages that show them."""
    task = make_task(TaskState.FAILED, name=NAME, queue=QUEUE, args=["x" * 300])
    make_entry(NAME, "order")
    make_task(name=NAME, queue=QUEUE, priority=3)
    make_worker("w" * 90, queues=[["other", 1]])
    monitor.pause("paused", "because-" * 75)
    make_task(queue="paused")
    return [
        "", "queues/", f"queues/{QUEUE}/", "queues/paused/", f"tasks/{task.pk}/", f"tasks/{task.pk}/edit/",
        f"tasks/?task={NAME}&queue={QUEUE}&args.{'n' * 80}=1", f"tasks/?q=x{NAME}:1", "workers/",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [1440, 390])
def test_a_long_word_breaks_instead_of_widening_the_page(operator_page: Page, width: int):
    operator_page.set_viewport_size({"width": width, "height": 900})
    wide = []
    for address in addresses():
        operator_page.goto(f"/taskhub/{address}")
        if more := operator_page.evaluate(SIDEWAYS):
            wide.append(f"{address[:40]}: {more} px")
        if operator_page.evaluate(UNDER):
            wide.append(f"{address[:40]}: what needs attention runs under what stands beside it")
    assert not wide, "\n".join(wide)
