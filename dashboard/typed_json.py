"""Typed JSON: a value that somebody typed, read so that nothing typed can be an error of the server."""

from __future__ import annotations

import json
import math
from typing import Any

from django.utils.translation import gettext


def read(text: str) -> Any:
    """Return the value of JSON text whose numbers are finite: Python reads NaN, Infinity and 1e999, databases do not.

    Raises:
        ValueError: it is none; what it says is for the person who typed it.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError(gettext("it is nested too deeply")) from None


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse(text: str) -> float:
    raise ValueError(gettext("%(number)s is no finite number") % {"number": text})
