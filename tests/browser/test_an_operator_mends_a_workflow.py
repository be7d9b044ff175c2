"""The demo's graph fails at its third step; a person retries that step on the dashboard, and the rest comes back."""

import re

import pytest
from playwright.sync_api import Page, expect

from taskhub.demo.tasks.workflows import enqueue_graph
from taskhub.models import AuditEntry, Task, WorkflowRun
from taskhub.states import TaskState
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def states() -> dict[str, str]:
    run = WorkflowRun.objects.get()
    found = dict(Task.objects.filter(workflow=run).values_list("id", "state"))
    return {name: found[pk] for name, pk in run.steps.items()}


def test_a_failed_step_is_retried_and_what_was_cancelled_comes_back(
    operator_page: Page, run_worker
):
    run_worker("--processes", "1")
    enqueue_graph()
    eventually(lambda: states()["publish"] == TaskState.FAILED, timeout=60)
    eventually(lambda: states()["announce"] == TaskState.CANCELLED, timeout=20)
    page = operator_page
    page.goto("/taskhub/errors/")
    page.get_by_role("link", name="TaskhubError").first.click()
    page.get_by_role("link", name="demo.graph.publish").first.click()
    graph = page.get_by_role("region", name="Workflow")
    expect(graph).to_contain_text("Shop window, 4 tasks")
    expect(graph.get_by_role("link", name="announce: cancelled")).to_be_visible()
    expect(page.locator(".badge")).to_contain_text("Failed")
    page.get_by_role("button", name="Retry").first.click()
    expect(page.get_by_role("status").first).to_contain_text("is queued again")
    eventually(lambda: set(states().values()) == {TaskState.SUCCEEDED}, timeout=60)
    page.reload()
    expect(page.locator(".badge")).to_contain_text("Succeeded")
    page.get_by_role("link", name=re.compile("^announce: succeeded")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("demo.graph.announce")
    expect(page.get_by_text("Announced: published prices of")).to_be_visible()
    assert AuditEntry.objects.get().action == "retry"
