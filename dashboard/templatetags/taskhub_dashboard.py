"""Template tags of the dashboard: icons, states and times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django import template
from django.contrib.messages import constants
from django.template import Context
from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join, json_script
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext

from dashboard import actions, words
from dashboard.charts.chart import Chart
from dashboard.filters import Filters
from dashboard.timetable import Bar

register = template.Library()
register.filter("count", words.count)
register.filter("capped", words.capped)
register.filter("duration", words.duration)
register.filter("moment", words.moment)
register.filter("utc_minute", words.minute)
register.filter("a_minute", words.a_minute)
register.filter("megabytes", words.megabytes)
register.filter("state_word", words.state)
register.filter("action_word", actions.word)


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """Draw an icon of the sprite; `size` is "sm" or "lg"."""
    extra = f" i--{size}" if size else ""
    return format_html('<svg class="i{}" aria-hidden="true"><use href="#i-{}"/></svg>', extra, name)


@register.simple_tag
def state(name: str, word: str = "") -> SafeString:
    """Write a state: its icon and a word, by default its own name."""
    text = word or capfirst(words.state(name))
    return format_html('<span class="state st-{}">{}{}</span>', name, icon(name), text)


@register.simple_tag(takes_context=True)
def ago(context: Context, at: datetime) -> SafeString:
    """Write how long ago something was, in one unit; the exact time is its title."""
    return _time(at, words.age(words.between(at, context["now"])), tick="age")


@register.simple_tag(takes_context=True)
def lasting(context: Context, since: datetime) -> SafeString:
    """Write how long something has lasted so far, with the precision that this deserves."""
    return _time(since, words.duration(words.between(since, context["now"])), tick="duration")


@register.simple_tag(takes_context=True)
def at(context: Context, when: datetime | None) -> SafeString | str:
    """Write a time to the millisecond; the whole of it is its title."""
    return _time(when, words.clock(when, context["now"]), clock="ms") if when else ""


@register.simple_tag(takes_context=True)
def at_second(context: Context, when: datetime) -> SafeString:
    """Write a time to the second, with its date unless that is today's."""
    return _time(when, words.clock(when, context["now"]).rpartition(".")[0], clock="second")


@register.simple_tag(takes_context=True)
def at_minute(context: Context, when: datetime) -> SafeString:
    """Write a time to the minute, with its date unless that is today's."""
    return _time(when, words.clock(when, context["now"]).rpartition(":")[0], clock="minute")


@register.simple_tag(takes_context=True)
def until(context: Context, when: datetime) -> SafeString:
    """Write how far away a time is: "in 14 s" or "2 min ago"."""
    seconds = (when - context["now"]).total_seconds()
    said = gettext("in %(time)s") if seconds > 0 else gettext("%(time)s ago")
    text = said % {"time": words.duration(abs(seconds))}
    return _time(when, text, tick="until")


@register.simple_tag(takes_context=True)
def due(context: Context, when: datetime) -> SafeString:
    """Write when something starts: "in 14 s", or that it is due."""
    left = (when - context["now"]).total_seconds()
    said = gettext("in %(time)s") if left > 0 else gettext("due now")
    return _time(when, said % {"time": words.duration(left)}, tick="due")


@register.simple_tag
def chart_rows(chart: Chart) -> SafeString:
    """Write the rows of a chart's table: a loop of the template language would take longer than all else."""
    cell = '<td class="num">{}</td>'
    return format_html_join(
        "",
        "<tr><td>{}</td>{}</tr>",
        (
            (words.minute(at), format_html_join("", cell, ((value,) for value in values)))
            for at, values in chart.rows
        ),
    )


@register.simple_tag
def chart_numbers(chart: Chart) -> SafeString:
    """Write what the script draws, as data that no browser runs."""
    return json_script(chart.numbers)


@register.simple_tag
def run_bars(bars: Sequence[Bar]) -> SafeString:
    """Draw the runs of a schedule, of which a page has thousands: what they say is escaped once for all of them."""
    said = {text: escape(text) for text in {text for bar in bars for text in (bar.look, bar.told)}}
    return SafeString(
        "".join(
            f'<rect class="{"miss" if bar.look == "miss" else f"fill st-{said[bar.look]}"}" x="{bar.x}" y="{bar.y}" '
            f'width="3" height="{bar.height}"><title>{said[bar.told]}</title></rect>'
            for bar in bars
        )
    )


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
def utc_millis(when: datetime) -> str:
    when = when.astimezone(UTC)
    return f"{when:%H:%M:%S}.{when.microsecond // 1000:03d}"


@register.filter
def item(values: dict[Any, str] | None, key: Any) -> str:
    return (values or {}).get(key, "")


@register.filter
def last_part(path: str) -> str:
    """Return the class of a dotted path."""
    return path.rpartition(".")[2]


@register.filter
def times(number: int, factor: int) -> int:
    return number * factor


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


def _time(when: datetime, text: str, *, tick: str = "", clock: str = "") -> SafeString:
    """Write a time; `tick` and `clock` tell the script how it reads when time goes on, and elsewhere in the world."""
    kind = format_html(' data-tick="{}"', tick) if tick else format_html(' data-clock="{}"', clock)
    return format_html(
        '<time datetime="{}"{} title="{}">{}</time>',
        when.isoformat(),
        kind,
        words.moment(when),
        text,
    )
