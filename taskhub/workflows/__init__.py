"""Workflows: tasks that wait for each other. `chain`, `group` and `chord` nest; `Workflow` is a graph of steps."""

from taskhub.signature import Signature
from taskhub.workflows.canvas import Canvas, Chain, Chord, Group, chain, chord, group
from taskhub.workflows.graph import Workflow
from taskhub.workflows.results import GroupResult, get_workflow

__all__ = [
    "Canvas",
    "Chain",
    "Chord",
    "Group",
    "GroupResult",
    "Signature",
    "Workflow",
    "chain",
    "chord",
    "get_workflow",
    "group",
]
