"""Links: the rows of Dependency, and which of them do not stand as they should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from taskhub.engines import Engine
from taskhub.models import Dependency, Met, Need
from taskhub.states import FINISHED, LIVE, TaskState

_BAD = sorted(FINISHED - {TaskState.SUCCEEDED})


class Link(NamedTuple):
    """A row of Dependency and what decides how it should stand."""

    id: int
    dependent: int
    need: str
    state: str
    upstream: int
    upstream_state: str
    upstream_name: str

    @property
    def target(self) -> Met:
        if self.upstream_state in LIVE:
            return Met.WAITS
        is_success = self.upstream_state == TaskState.SUCCEEDED
        is_met = self.need == Need.END or (self.need == Need.SUCCESS) == is_success
        return Met.MET if is_met else Met.BROKEN


COLUMNS = (
    "id", "dependent_id", "need", "state", "upstream_id", "upstream__state", "upstream__name",
)  # fmt: skip
# The links that do not stand as they should. A dependent without unmet needs has passed them: nothing is taken back.
_STALE = Q(dependent__unmet__gt=0) & (
    (Q(upstream__state__in=sorted(LIVE)) & ~Q(state=Met.WAITS))
    | (Q(upstream__state=TaskState.SUCCEEDED, need=Need.FAILURE) & ~Q(state=Met.BROKEN))
    | (Q(upstream__state=TaskState.SUCCEEDED) & ~Q(need=Need.FAILURE) & ~Q(state=Met.MET))
    | (Q(upstream__state__in=_BAD, need=Need.SUCCESS) & ~Q(state=Met.BROKEN))
    | (Q(upstream__state__in=_BAD) & ~Q(need=Need.SUCCESS) & ~Q(state=Met.MET))
)


def stale_links(engine: Engine, upstream: Sequence[int]) -> QuerySet[Any, Any]:
    """Return those of the dependents of `upstream` tasks, in an order that all who lock them share."""
    links = Dependency.objects.using(engine.alias).filter(_STALE, upstream_id__in=upstream)
    return links.order_by("dependent_id", "position").values_list(*COLUMNS)
