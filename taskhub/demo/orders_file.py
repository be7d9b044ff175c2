"""Read orders from CSV text: each line becomes an order, or a rejection that says why."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from taskhub.demo.models import Order

MOST = Decimal("99999999.99")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was not imported, and why, in words for the person who wrote the file."""

    line: int
    error: str


class NotAnOrdersFile(ValueError):
    """The file lacks a column that orders need."""


def read_orders(lines: Iterable[str]) -> Iterator[Order | Rejected]:
    """Yield an unsaved Order or a Rejected for each line after the header; blank lines are skipped.

    Raises:
        NotAnOrdersFile: the header lacks a column; nothing was yielded.
    """
    reader = csv.reader(lines)
    header = read_header(reader)
    seen: dict[str, int] = {}
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # such as a quote that is never closed
            yield Rejected(reader.line_num, f"the rest of the file cannot be read ({error})")
            return
        if any(cells):
            yield _read_line(reader.line_num, header, cells, seen)


def read_header(reader: Iterator[list[str]]) -> list[str]:
    """Return the column names of the first line.

    Raises:
        NotAnOrdersFile: a column is missing.
    """
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
    except csv.Error as error:
        raise NotAnOrdersFile(f"The first line cannot be read ({error}).") from None
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise NotAnOrdersFile(
            f"The first line must name the columns {', '.join(COLUMNS)}, separated by commas; "
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing."
        )
    return header


def _read_line(
    line: int, header: list[str], cells: list[str], seen: dict[str, int]
) -> Order | Rejected:
    if len(cells) != len(header):
        return Rejected(line, f"{len(header)} columns expected, {len(cells)} found")
    row = dict(zip(header, cells, strict=True))
    values: dict[str, Any] = {}
    for column, parse in COLUMNS.items():
        value = row[column].strip()
        try:
            values[column] = parse(value)
        except ValueError as error:
            return Rejected(line, f"{column} {error}: {value[:40]!r}")
    first = seen.setdefault(values["number"], line)
    if first != line:
        return Rejected(line, f"number is on line {first} already: {values['number']!r}")
    return Order(**values)


def _number(value: str) -> str:
    if not re.fullmatch(r"[A-Z0-9][A-Z0-9-]{0,19}", value):
        raise ValueError("is not up to 20 capital letters, digits and hyphens")
    return value


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a date like 2026-11-24") from None


def _customer(value: str) -> str:
    """Refuse also what a spreadsheet would run as a formula: reports put names into CSV again."""
    if not 1 <= len(value) <= 100 or not value.isprintable() or value[0] in "=+-@":
        raise ValueError("is not a name of 1 to 100 characters")
    return value


def _email(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError:
        raise ValueError("is not an e-mail address") from None
    if not value[0].isalnum() or len(value) > 254:
        raise ValueError("is not an e-mail address")
    return value


def _country(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}", value):
        raise ValueError("is not a country code of two capital letters")
    return value


def _items(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value) or int(value) == 0:
        raise ValueError("is not a whole number from 1 to 99999")
    return int(value)


def _total(value: str) -> Decimal:
    try:
        total = Decimal(value)
        if not 0 <= total <= MOST:
            raise ValueError("is not an amount from 0 to 99999999.99")
    except InvalidOperation:
        raise ValueError("is not an amount") from None
    return total.quantize(Decimal("0.01"))


COLUMNS: dict[str, Callable[[str], object]] = {
    "number": _number,
    "ordered_on": _day,
    "customer": _customer,
    "email": _email,
    "country": _country,
    "items": _items,
    "total": _total,
}
