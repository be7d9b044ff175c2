"""Steps of a run: parts of a task that are done once over all its attempts."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.utils import Error

from taskhub.engines import Engine, get_engine
from taskhub.errors import InvalidStep, StaleClaim
from taskhub.queue.steps import add_step, find_step, load_steps, save_step
from taskhub.run import Run
from taskhub.saved_values import saved_text
from taskhub.text import is_storable

MAX_NAME = 100


def find(run: Run, name: str) -> str | None:
    """Return what a step gave in this or an earlier attempt, as JSON text; None where it is yet to be done.

    The first attempt asks nobody; later ones once, for all their steps.

    Raises:
        InvalidStep: the name is none, or the task is one transaction.
    """
    _check(run, name)
    if run.steps is None:
        is_first = run.claim.claim_no == 1
        run.steps = {} if is_first else run.ask(lambda engine: load_steps(engine, run.claim.id))
    if name not in run.steps and get_engine().is_in_transaction():
        return find_step(get_engine(), run.claim.id, name)  # done in this transaction, perhaps
    return run.steps.get(name)


def record(run: Run, name: str, value: Any) -> str:
    """Store what a step gave, and return it as JSON text; it is stored when this returns.

    Inside a transaction of the queue's database it is stored by that transaction.

    Raises:
        InvalidStep: it is not JSON, or too large. StaleClaim: another claim has taken the task over.
    """
    text = saved_text(value, f"the value of step {name!r}", run.definition.identifier, InvalidStep)
    engine = get_engine()
    try:
        if engine.is_in_transaction():
            add_step(engine, run.claim, name, text)
            if engine.connection.in_atomic_block:
                transaction.on_commit(lambda: _remember(run, name, text), using=engine.alias)
            return text
        recorded = run.ask(lambda other: _save(other, run, name, text))
    except Error as error:
        raise InvalidStep(f"The database refused the step {name!r}: {error}") from error
    if recorded is None:
        raise StaleClaim(f"Task {run.claim.id}: {StaleClaim.__doc__}")
    return _remember(run, name, recorded)


def _save(engine: Engine, run: Run, name: str, text: str) -> str | None:
    return save_step(engine, run.claim, name, text)


def _remember(run: Run, name: str, text: str) -> str:
    run.steps = {**(run.steps or {}), name: text}
    return text


def _check(run: Run, name: Any) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not is_storable(name):
        raise InvalidStep(
            f"A step is named {name!r:.120}; expected a text of 1 to {MAX_NAME} characters, without NUL."
        )
    if run.definition.atomic:
        raise InvalidStep(
            f"{run.definition.identifier} has atomic=True and the step {name!r}: what an attempt records would be "
            "rolled back with it. Take one of the two away."
        )
