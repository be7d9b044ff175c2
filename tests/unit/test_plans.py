"""Plans: what can be built, in which order, and what is refused before anything is written."""

import pytest

from taskhub import Workflow, chain, chord, group
from taskhub.errors import InvalidOption, InvalidWorkflow
from taskhub.models.dependency import Need
from tests.app import tasks_flow as flow


def needs(canvas):
    return [step.needs for step in canvas.plan().steps]


def test_a_chain_of_groups_links_each_with_each():
    canvas = chain(group([flow.one.s(), flow.one.s()]), group([flow.total.s(), flow.total.s()]))
    assert needs(canvas) == [[], [], [0, 1], [0, 1]]
    assert canvas.plan().end == [2, 3]


def test_the_bar_makes_a_chain():
    assert needs(flow.one.s() | flow.add.s(1) | flow.add.s(2)) == [[], [0], [1]]


def test_steps_of_a_graph_may_be_added_in_any_order():
    work = Workflow().add("c", flow.see.s(), after=["a", "b"])
    work.add("a", flow.one.s()).add("b", flow.one.s(), after="a")
    steps = work.plan().steps
    assert [step.name for step in steps] == ["a", "b", "c"]
    assert [step.needs for step in steps] == [[], [0], [0, 1]]
    assert steps[2].inputs == {"named": {"a": 0, "b": 1}}


def test_what_goes_on_after_a_failure_needs_an_end_only():
    plan = chord([flow.one.s()], flow.echo.s(), on_failure="continue").plan()
    assert [step.need for step in plan.steps] == [Need.SUCCESS, Need.END]


def test_nested_shapes_say_how_values_become_arguments():
    inner = group([chain(flow.one.s(), flow.add.s(1)), flow.one.si()])
    plan = chain(inner, flow.echo.s()).plan()
    assert plan.steps[-1].inputs == "list"
    deep = chain(group([group([flow.one.s(), flow.one.s()]), flow.one.s()]), flow.echo.s()).plan()
    assert deep.steps[-1].inputs == {"first": [[0, 1], 2]}


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: chain(), "An empty chain"),
        (lambda: group([]), "An empty group"),
        (lambda: chord([], flow.echo.s()), "An empty chord"),
        (lambda: chord([flow.one.s()]), "needs a callback"),
        (lambda: Workflow().plan(), "An empty workflow"),
        (lambda: chain(flow.one.s(), 5), "Part 1 of this chain is 5"),
        (lambda: chain(flow.one), "Part 0 of this chain"),
        (lambda: chain(flow.one.s(), on_failure="ignore"), "'cancel' or 'continue'"),
        (lambda: Workflow().add("", flow.one.s()), "A step is named ''"),
        (lambda: Workflow().add("a", flow.one.s()).add("a", flow.one.s()), "Two steps are named"),
        (
            lambda: (
                Workflow().add("load", flow.one.s()).add("b", flow.one.s(), after=["laod"]).plan()
            ),
            "Did you mean 'load'",
        ),
        (
            lambda: (
                Workflow()
                .add("a", flow.one.s(), after=["b"])
                .add("b", flow.one.s(), after=["a"])
                .plan()
            ),
            "wait for each other: a → b → a",
        ),
    ],
)
def test_what_cannot_be_built_says_what_to_do(build, said):
    with pytest.raises(InvalidWorkflow, match=said):
        build()


def test_a_callback_must_be_a_signature():
    with pytest.raises(InvalidOption, match=r"link=.*task\.s"):
        flow.one.using(link=[5])
