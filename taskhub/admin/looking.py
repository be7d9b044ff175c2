"""Looking: lists that nobody changes by hand, and that cost the same with a million rows."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy

from taskhub.admin.base import ModelAdmin, in_its_own_order
from taskhub.engines import queue_alias

CAP = 500  # rows that a list counts and pages through: few, so that a planner without statistics walks the index
_DIGITS = 19  # of 2**63 - 1


def is_id(text: str) -> bool:
    """Tell whether a text is a number that may be an id; Python refuses to read those of 5,000 digits."""
    return text.isascii() and text.isdecimal() and len(text) < _DIGITS


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to CAP and no further."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:CAP].count())


class ReadOnly(ModelAdmin):
    """Nothing here is changed by hand: state has one writer. Lists are in the order of ids, which have an index."""

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 50
    sortable_by = ()
    ordering = ("-pk",)
    unread: tuple[str, ...] = ()  # columns that may be large, and are not shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).using(queue_alias()).defer(*self.unread)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return in_its_own_order(super().get_changelist(request, **kwargs))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ById(ReadOnly):
    """A list that is searched by id only: any other search would read the whole table."""

    search_fields = ("=id",)
    search_help_text = gettext_lazy("A number: the id.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().lstrip("#")
        if not term:
            return queryset, False
        return (queryset.filter(pk=int(term)) if is_id(term) else queryset.none()), False
