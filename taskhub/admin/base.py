"""Base: what all admin pages here build on: Unfold's class where the site wears it, else Django's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.module_loading import import_string

if TYPE_CHECKING or not apps.is_installed("unfold"):
    _ModelAdmin = admin.ModelAdmin
else:  # without it, fields have no borders: Unfold gives each widget the classes that its style knows
    _ModelAdmin = import_string("unfold.admin.ModelAdmin")


class ModelAdmin(_ModelAdmin):  # type: ignore[type-arg]
    """Its lists are filtered by what they offer and by nothing else.

    Django lets an address filter by any column. That tells, letter by letter, what columns hold that are not shown, and
    reads the whole of a large table.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        offered = self.list_filter if request is None else self.get_list_filter(request)
        names = {name for name in offered if isinstance(name, str)}
        allowed = {f"{name}{end}" for name in names for end in ("", "__exact", "__isnull")}
        if self.date_hierarchy:
            allowed |= {f"{self.date_hierarchy}__{part}" for part in ("year", "month", "day")}
        return lookup in allowed


def in_its_own_order(change_list: type[ChangeList]) -> type[ChangeList]:
    """Make a list of a large table that pays no heed to `?o=…`: what it is sorted by has an index."""

    class Ordered(change_list):  # type: ignore[misc, valid-type]
        def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
            self.params.pop(ORDER_VAR, None)
            return super().get_ordering(request, queryset)

    return Ordered
