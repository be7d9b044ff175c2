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


# -- steps of a graph that are more than one task ------------------------------------------------------------------


def named(canvas):
    return canvas.plan().named


@pytest.mark.parametrize(
    ("part", "first", "ends"),
    [
        (chain(flow.see.s(), flow.add.s(1)), [1], 2),
        (chord([flow.see.s(), flow.see.s()], flow.echo.s()), [1, 2], 3),
        (group([flow.see.s(), flow.see.s()]), [1, 2], [1, 2]),
        (chain(group([flow.see.s(), flow.see.s()]), flow.echo.s()), [1, 2], 3),
        (Workflow().add("x", flow.see.s()).add("y", flow.see.s(), after="x"), [1], 2),
    ],
)
def test_a_step_of_many_tasks_is_named_by_its_end_and_its_first_know_what_it_waited_for(
    part, first, ends
):
    work = Workflow().add("a", flow.one.s()).add("b", part, after="a", on_failure="continue")
    plan = work.plan()
    assert (plan.named["a"], plan.named["b"]) == (0, ends)
    starts = [number for number, step in enumerate(plan.steps) if step.needs == [0]]
    assert starts == first
    for number in first:
        step = plan.steps[number]
        assert step.inputs == {"named": {"a": 0}}
        assert (step.names, step.need) == ({0: "a"}, Need.END)


def test_steps_of_a_graph_in_a_graph_are_named_within_the_step_that_it_is():
    inner = Workflow().add("load", flow.one.s()).add("check", flow.one.s(), after="load")
    outer = Workflow().add("load", flow.one.s()).add("orders", inner, after="load")
    outer.add("end", Workflow().add("deep", inner), after="orders")
    assert named(outer) == {
        "load": 0, "orders.load": 1, "orders.check": 2, "orders": 2,
        "end.deep.load": 3, "end.deep.check": 4, "end.deep": 4, "end": 4,
    }  # fmt: skip


def test_a_name_that_comes_again_gets_a_number():
    one = Workflow().add("load", flow.one.s()).add("check", flow.one.s(), after="load")
    assert named(group([one, one, one])) == {
        "load": 0, "check": 1, "load (2)": 2, "check (2)": 3, "load (3)": 4, "check (3)": 5,
    }  # fmt: skip
    assert named(Workflow().add("a.b", flow.one.s()).add("a", Workflow().add("b", one))).keys() == {
        "a.b", "a.b.load", "a.b.check", "a.b (2)", "a",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: chain(), "An empty chain"),
        (lambda: group([]), "An empty group"),
        (lambda: chord([], flow.echo.s()), "An empty chord"),
        (lambda: chord([flow.one.s()]), "needs a callback"),
        (lambda: chord(flow.one.s(), flow.echo.s()), "header of this chord is .*; expected a list"),
        (lambda: chord(chain(flow.one.s()), flow.echo.s()), "is a chain; expected a list of sig"),
        (lambda: chord(None, flow.echo.s()), "is None; expected a list of signatures, or a group"),
        (lambda: chord([5], flow.echo.s()), "Part 0 of this chord is 5"),
        (lambda: Workflow().plan(), "An empty workflow"),
        (lambda: Workflow(5), "A workflow is named 5; expected a text"),
        (lambda: Workflow("a\0"), r"named 'a\\x00'; expected a text without NUL"),
        (lambda: group(flow.one.s()).plan("a\ud800"), r"named 'a\\ud800'; expected a text"),
        (lambda: Workflow().add(5, flow.one.s()), "A step is named 5; expected a text of 1 to 100"),
        (lambda: Workflow().add("a\0", flow.one.s()), r"named 'a\\x00'; expected"),
        (lambda: Workflow().add("\udfff", flow.one.s()), r"named '\\udfff'; expected"),
        (lambda: Workflow().add("a", flow.one.s(), after=5), "'a' has after=5; expected the names"),
        (lambda: Workflow().add("a", flow.one.s(), after=None), r"after=None; .* or \[\] for none"),
        (lambda: Workflow().add("a", flow.one.s(), after=[["b"]]), r"after=\[\['b'\]\]; expected"),
        (lambda: Workflow().add("a", flow.one.s(), on_failure=[]), r"on_failure=\[\]; expected"),
        (lambda: chord([flow.one.s()], flow.one.s(), on_failure=None), "on_failure=None; expected"),
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
