"""Imports: schedules of other packages, read off their tables and proposed as ours."""

from taskhub.schedules.imports.celery_beat import read_celery_beat
from taskhub.schedules.imports.django_q import read_django_q
from taskhub.schedules.imports.proposal import Proposal, carry_over

__all__ = ["Proposal", "carry_over", "proposals"]


def proposals(alias: str) -> list[Proposal]:
    """Return a proposal for each schedule of django-celery-beat and django-q2 in a database; nothing is written."""
    found = [*read_celery_beat(alias), *read_django_q(alias)]
    _refuse_namesakes(found)
    return found


def _refuse_namesakes(found: list[Proposal]) -> None:
    taken: set[str] = set()
    for one in found:
        if one.obstacle:
            continue
        if one.name in taken:
            one.refuse("another of them has this name, and is carried over; give one another name")
        taken.add(one.name)
