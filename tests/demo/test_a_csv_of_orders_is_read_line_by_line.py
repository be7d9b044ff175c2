import io
from datetime import date
from decimal import Decimal

import pytest

from taskhub.demo.models import Order
from taskhub.demo.orders_file import NotAnOrdersFile, Rejected, read_orders
from tests.demo.conftest import GOOD, HEADER


def read(text: str) -> list[Order | Rejected]:
    return list(read_orders(io.StringIO(text, newline="")))


def test_a_line_becomes_an_order() -> None:
    (order,) = read(HEADER + GOOD)
    assert isinstance(order, Order)
    assert (order.number, order.customer, order.country) == ("HP-1", "Zoé Lefèvre", "FR")
    assert (order.ordered_on, order.items, order.total) == (date(2026, 11, 24), 2, Decimal("19.90"))


def test_columns_may_come_in_another_order_with_others_between_them() -> None:
    (order,) = read(
        "Total,note,items,country,email,customer,ordered_on,number\n"
        "5,hello,1,KR,kim@example.com,김서연,2026-01-02,A-1\n"
    )
    assert isinstance(order, Order)
    assert (order.number, order.customer, order.total) == ("A-1", "김서연", Decimal("5.00"))


def test_blank_lines_are_skipped_and_still_counted() -> None:
    order, bad = read(HEADER + GOOD + "\n,,,,,,\n" + "HP-2,yesterday,A,a@example.com,FR,1,1\n")
    assert isinstance(order, Order)
    assert isinstance(bad, Rejected)
    assert bad.line == 5


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("hp 2,2026-11-24,A,a@example.com,FR,1,1", "number is not up to 20 capital letters"),
        ("HP-2,24.11.2026,A,a@example.com,FR,1,1", "ordered_on is not a date like 2026-11-24"),
        ("HP-2,2026-11-24,,a@example.com,FR,1,1", "customer is not a name"),
        ("HP-2,2026-11-24,=cmd(),a@example.com,FR,1,1", "customer is not a name"),
        ("HP-2,2026-11-24,A\0B,a@example.com,FR,1,1", "customer is not a name"),
        ("HP-2,2026-11-24,A,nobody,FR,1,1", "email is not an e-mail address: 'nobody'"),
        ("HP-2,2026-11-24,A,a@example.com,France,1,1", "country is not a country code"),
        ("HP-2,2026-11-24,A,a@example.com,FR,0,1", "items is not a whole number"),
        ("HP-2,2026-11-24,A,a@example.com,FR,٣,1", "items is not a whole number"),
        ("HP-2,2026-11-24,A,a@example.com,FR,1,twelve euros", "total is not an amount: 'twelve e"),
        ("HP-2,2026-11-24,A,a@example.com,FR,1,NaN", "total is not an amount"),
        ("HP-2,2026-11-24,A,a@example.com,FR,1,Infinity", "total is not an amount from 0 to"),
        ("HP-2,2026-11-24,A,a@example.com,FR,1,99999999.999", "total is not an amount from 0 to"),
        ("HP-2,2026-11-24,A,a@example.com,FR,1,-1", "total is not an amount from 0 to"),
        ("HP-2,2026-11-24,A,a@example.com,FR,1", "7 columns expected, 6 found"),
        (GOOD.strip(), "number is on line 2 already: 'HP-1'"),
    ],
)
def test_a_bad_line_is_reported_and_the_next_one_is_read(line: str, error: str) -> None:
    first, bad, last = read(HEADER + GOOD + line + "\n" + GOOD.replace("HP-1", "HP-3"))
    assert isinstance(first, Order)
    assert isinstance(bad, Rejected)
    assert isinstance(last, Order)
    assert bad.line == 3
    assert bad.error.startswith(error)


def test_a_quote_that_is_never_closed_ends_the_reading_and_is_reported() -> None:
    order, bad = read(HEADER + GOOD + '"' + "x" * 200_000)
    assert isinstance(order, Order)
    assert isinstance(bad, Rejected)
    assert bad.error.startswith("the rest of the file cannot be read")


@pytest.mark.parametrize("text", ["", "number;ordered_on;customer;email;country;items;total\n"])
def test_a_file_without_the_columns_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(NotAnOrdersFile, match="separated by commas"):
        read(text)
