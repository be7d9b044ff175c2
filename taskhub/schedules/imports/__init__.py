"""Imports: schedules of other packages, read off their tables and proposed as ours."""

from taskhub.schedules.imports.celery_beat import read_celery_beat
from taskhub.schedules.imports.django_q import read_django_q
from taskhub.schedules.imports.proposal import Proposal, carry_over

__all__ = ["Proposal", "carry_over", "proposals"]


def proposals(alias: str) -> list[Proposal]:
    """Return a proposal for each schedule of django-celery-beat and django-q2 in a database; nothing is written."""
    return [*read_celery_beat(alias), *read_django_q(alias)]
