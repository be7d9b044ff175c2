"""Saved views: searches with a name, one's own and those that others share."""

from __future__ import annotations

from urllib.parse import parse_qsl

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from dashboard.filters import Filters
from dashboard.permissions import Permission, User, has
from taskhub.engines import queue_alias
from taskhub.models import SavedView
from taskhub.text import storable

MOST = 50  # of one person


class TooMany(Exception):
    """One person has saved as many views as there may be."""


def views(user: User) -> list[SavedView]:
    """Return what a person sees: what they saved, and what others share without telling of payloads hidden to them."""
    rows, mine = SavedView.objects.using(queue_alias()), str(user.pk)
    found = rows.filter(Q(user_id=mine) | Q(is_shared=True)).order_by("name", "id")[: 2 * MOST]
    may_see = has(user, Permission.VIEW_PAYLOADS)
    return [view for view in found if may_see or view.user_id == mine or not _is_by_payloads(view)]


def save(user: User, name: str, search: str, *, is_shared: bool) -> SavedView:
    """Save a search under a name; one of that name is replaced.

    Raises:
        TooMany: nothing was saved.
    """
    rows, mine = SavedView.objects.using(queue_alias()), str(user.pk)[:100]
    name = storable(" ".join(name.split()))[:100]
    if rows.filter(user_id=mine).exclude(name=name).count() >= MOST:
        raise TooMany(gettext("You have saved %(n)s views; forget one first.") % {"n": MOST})
    values = {
        "search": storable(search)[:1000],
        "is_shared": is_shared,
        "created_at": timezone.now(),
    }
    return rows.update_or_create(user_id=mine, name=name, defaults=values)[0]


def forget(user: User, view_id: int) -> bool:
    """Forget a view of one's own; tell whether there was one."""
    rows = SavedView.objects.using(queue_alias())
    return bool(rows.filter(pk=view_id, user_id=str(user.pk)[:100]).delete()[0])


def _is_by_payloads(view: SavedView) -> bool:
    return bool(Filters.of(dict(parse_qsl(view.search.removeprefix("?")))).payloads())
