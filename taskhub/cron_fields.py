"""Cron fields: what is written out or refused in them, so that an expression does what its words say."""

from __future__ import annotations

from collections.abc import Sequence

_SIZES = (
    ("second", 60), ("minute", 60), ("hour", 24), ("day of the month", 31), ("month", 12), ("weekday", 7),
)  # fmt: skip
_DAY, _WEEKDAY = -3, -1  # the place of a field, with seconds or without
_ANY = ("*", "?")


def written_out(fields: Sequence[str]) -> str:
    """Return the fields as one text, `*/1` and `*,5` as the `*` that they are: beside a weekday it is no day at all."""
    return " ".join("*" if {"*", "*/1"} & {*field.split(",")} else field for field in fields)


def problem_of(fields: Sequence[str]) -> str:
    """Return what is wrong with five or six fields, or ""."""
    for field, (name, size) in zip(fields, _SIZES[-len(fields) :], strict=True):
        if any(step > size for step in _steps(field)):
            return (
                f"takes too long a step in {field!r}: the field of the {name} has {size} values, and starts anew each "
                "time. Name the values, or use an interval."
            )
    day, weekday = fields[_DAY].lower(), fields[_WEEKDAY].lower()
    is_last = any(part.startswith("l") for part in weekday.split(","))
    is_of_month = "#" in weekday or is_last or "w" in day
    if is_of_month and has_days_of_both_kinds(fields):
        return (
            f"names a day of the month ({day}) and a weekday ({weekday}). Neither `mon#1` and `L5` nor `15W` can be "
            "combined so; make two schedules of it."
        )
    return ""


def has_days_of_both_kinds(fields: Sequence[str]) -> bool:
    """Tell whether a day of the month and a weekday are named: either will do."""
    return fields[_DAY] not in _ANY and fields[_WEEKDAY] not in _ANY


def _steps(field: str) -> list[int]:
    ends = (part.partition("/")[2] for part in field.split(","))
    return [int(end) for end in ends if end.isdecimal()]
