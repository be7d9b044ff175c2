"""Cron words: what an expression means, in English."""

from __future__ import annotations

from collections.abc import Sequence

from cron_descriptor import CasingTypeEnum, Options, get_description
from cron_descriptor.Exception import FormatError

from taskhub.cron_fields import has_days_of_both_kinds

_DAY, _WEEKDAY = -3, -1  # the place of a field, with seconds or without
_OPTIONS = Options(
    casing_type=CasingTypeEnum.Sentence, use_24hour_time_format=True, locale_code="en_US"
)


def words_of(fields: Sequence[str], weekdays: Sequence[object]) -> str:
    """Return five or six fields in words, or as they are where those would not be true.

    `weekdays` are those that the last field names, as numbers.
    """
    split = [*fields]
    if "/" in split[_WEEKDAY]:  # told as "every 2 weeks"
        split[_WEEKDAY] = ",".join(map(str, weekdays))
    if "#" in split[_WEEKDAY] and "," in split[_WEEKDAY]:  # told without their numbers
        return " ".join(fields)
    try:
        return _either(split) if has_days_of_both_kinds(split) else _described(split)
    except (FormatError, LookupError, ValueError):
        return " ".join(fields)


def _either(fields: list[str]) -> str:
    """Say that a day of the month will do, or a weekday: a range of weekdays is told as if both were needed."""
    told = _described(fields)
    if ", or on " in told:
        return told
    by_day, by_weekday = [*fields], [*fields]
    by_day[_WEEKDAY] = by_weekday[_DAY] = "*"
    other = _described(by_weekday)
    return f"{_described(by_day)}; or {other[0].lower()}{other[1:]}"


def _described(fields: list[str]) -> str:
    return str(get_description(" ".join(fields).upper().replace("?", "*"), _OPTIONS))
