"""Asking: from what a client wants to watch to topics, each checked against what its account may see."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from django.utils.translation import get_language

from dashboard.live.closing import Close, Refusal
from dashboard.live.languages import known
from dashboard.live.messages import Watch
from dashboard.live.rendering import find, permission_of
from dashboard.live.topics import Audience, Newest, Page, Row, Topic
from dashboard.permissions import Permission


def topics_of(watch: Watch, audience: Audience) -> frozenset[Topic]:
    """Return what an operator's tab watches.

    Raises:
        Refusal: a page that does not exist, or that the account may not see.
    """
    if watch.token:
        raise Refusal(Close.MALFORMED, "A token belongs to a visitor's address.")
    audience = replace(audience, language=known(watch.language or get_language()))
    topics: set[Topic] = {Row(task_id, audience) for task_id in watch.rows}
    if watch.page:
        topics.add(Page(_checked(watch.page, audience), audience))
    if watch.list:
        topics.add(Newest(urlsplit(_checked(watch.list, audience)).query, audience))
    if not topics:
        raise Refusal(Close.MALFORMED, "There is nothing to watch.")
    return frozenset(topics)


def _checked(path: str, audience: Audience) -> str:
    """Return a path without the prefix of the site, once its page is known to be open to this audience."""
    if not path.startswith("/"):
        raise Refusal(Close.UNKNOWN, "There is no such page.")
    if audience.prefix and path.startswith(audience.prefix + "/"):
        path = path.removeprefix(audience.prefix)
    needed = permission_of(find(path, audience.language))
    for one in (Permission.VIEW_DASHBOARD, needed):
        if not audience.may(one):
            raise Refusal(Close.FORBIDDEN, f"Your account lacks {one}.")
    return path
