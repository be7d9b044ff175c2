"""Template tags of the dashboard: icons, states and times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import template
from django.contrib.messages import constants
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard import words
from dashboard.filters import Filters

register = template.Library()
register.filter("count", words.count)
register.filter("capped", words.capped)
register.filter("duration", words.duration)
register.filter("moment", words.moment)


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """Draw an icon of the sprite; `size` is "sm" or "lg"."""
    extra = f" i--{size}" if size else ""
    return format_html('<svg class="i{}" aria-hidden="true"><use href="#i-{}"/></svg>', extra, name)


@register.simple_tag
def state(name: str, word: str = "") -> SafeString:
    """Write a state: its icon and a word, by default its own name."""
    text = word or name.capitalize()
    return format_html('<span class="state st-{}">{}{}</span>', name, icon(name), text)


@register.simple_tag(takes_context=True)
def ago(context: Context, at: datetime) -> SafeString:
    """Write how long ago something was, in one unit; the exact time is its title."""
    return _time(at, words.age(words.between(at, context["now"])))


@register.simple_tag(takes_context=True)
def at(context: Context, when: datetime | None) -> SafeString | str:
    """Write a time to the millisecond; the whole of it is its title."""
    return _time(when, words.clock(when, context["now"])) if when else ""


@register.simple_tag(takes_context=True)
def at_minute(context: Context, when: datetime) -> SafeString:
    """Write a time to the minute, with its date unless that is today's."""
    return _time(when, words.clock(when, context["now"]).rpartition(":")[0])


@register.simple_tag(takes_context=True)
def until(context: Context, when: datetime) -> SafeString:
    """Write how far away a time is: "in 14 s" or "2 min ago"."""
    seconds = (when - context["now"]).total_seconds()
    text = f"in {words.duration(seconds)}" if seconds > 0 else f"{words.duration(-seconds)} ago"
    return _time(when, text)


@register.simple_tag
def verb_url(name: str, task_id: int) -> str:
    """Return the address that takes a verb for a task."""
    return reverse(f"dashboard:{name}", args=[task_id])


@register.filter
def queue_query(name: str) -> str:
    """Return the query of the list of a queue's tasks."""
    return Filters(queue=name).url()


@register.filter
def tag_query(name: str) -> str:
    """Return the query of the list of the tasks with a tag."""
    return Filters(tag=name).url()


@register.filter
def utc_clock(when: datetime) -> str:
    return f"{when.astimezone(UTC):%H:%M:%S}"


@register.filter
def percent(fraction: float) -> str:
    return f"{fraction:.0%}"


@register.filter
def amount(seconds: float) -> SafeString:
    """Write a duration large, its last unit small."""
    number, _, unit = words.duration(seconds).rpartition(" ")
    return format_html("{} <small>{}</small>", number, unit)


@register.filter
def pairs(options: Any) -> list[tuple[str, str]]:
    """Return stored options as names and values; a damaged row has none."""
    return (
        [(str(name), repr(value)) for name, value in options.items()]
        if isinstance(options, dict)
        else []
    )


@register.filter
def banner(level: int) -> dict[str, Any]:
    """Return the look of a message's banner: the state whose colour it takes, and its icon."""
    if level >= constants.ERROR:
        return {"look": "failed", "icon": "alert"}
    if level >= constants.WARNING:
        return {"look": "retrying", "icon": "alert"}
    return (
        {"look": "succeeded", "icon": "ok"}
        if level >= constants.SUCCESS
        else {"look": "queued", "icon": "info"}
    )


def _time(when: datetime, text: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', when.isoformat(), words.moment(when), text
    )
