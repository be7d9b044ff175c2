"""Write a shop's orders as CSV: plausible, from many countries, and the same bytes every time."""

import csv
import io
import random
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

COLUMNS = ("number", "ordered_on", "customer", "email", "country", "items", "total")
ROWS = 5_000
BAD_ROW = 2_718
"""Which order (counted from 1) has words where its total should be: imports report it and go on."""

SEED = 20_261_124
FIRST_DAY = date(2026, 1, 2)
PEOPLE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "DE": (("Jürgen", "Anneliese", "Käthe", "Björn"), ("Müller", "Groß", "Schäfer", "Weiß")),
    "FR": (("Zoé", "Éloïse", "François", "Maël"), ("Lefèvre", "Dûchêne", "Béranger", "Noël")),
    "PL": (
        ("Łukasz", "Małgorzata", "Żaneta", "Paweł"),
        ("Wójcik", "Dąbrowski", "Żukowska", "Gołąb"),
    ),
    "ES": (("Íñigo", "Begoña", "Andrés", "Lucía"), ("Muñoz", "Ibáñez", "García", "Peña")),
    "GR": (
        ("Ελένη", "Γιώργος", "Σοφία", "Νίκος"),
        ("Παπαδοπούλου", "Αγγέλου", "Ιωάννου", "Κωνσταντίνου"),
    ),
    "UA": (
        ("Олена", "Тарас", "Людмила", "Андрій"),
        ("Шевченко", "Ковальчук", "Петрова", "Бондаренко"),
    ),
    "EG": (("فاطمة", "يوسف", "ليلى", "أحمد"), ("حسن", "منصور", "الشريف", "سالم")),
    "IN": (("अनन्या", "Rohan", "प्रिया", "Vikram"), ("शर्मा", "Iyer", "वर्मा", "Chatterjee")),
    "JP": (("美咲", "健太", "陽菜", "大輔"), ("佐藤", "中村", "渡辺", "高橋")),
    "KR": (("서연", "민준", "지우", "하준"), ("김", "이", "박", "최")),
    "VN": (("Nguyệt", "Thắng", "Hương", "Đức"), ("Nguyễn", "Trần", "Phạm", "Đặng")),
    "US": (
        ("Grace", "Dwayne", "Siobhán", "Renée"),
        ("O'Brien", "Washington", "Smith-Jones", "Núñez"),
    ),
    "BR": (
        ("João", "Conceição", "Antônio", "Letícia"),
        ("Gonçalves", "Araújo", "Magalhães", "Simões"),
    ),
    "SE": (("Åsa", "Göran", "Märta", "Sören"), ("Ångström", "Sjöberg", "Öhman", "Lindqvist")),
}
WEIGHTS = (22, 17, 10, 9, 4, 6, 3, 7, 8, 5, 4, 14, 6, 5)
PRICES = ("4.90", "12.50", "19.95", "34.00", "7.25", "89.00", "149.90", "2.10")


def orders_csv() -> bytes:
    """Return the whole file, UTF-8, with a header line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(random.Random(SEED)))
    return text.getvalue().encode()


def _rows(chance: random.Random) -> Iterator[tuple[str, ...]]:
    for index in range(1, ROWS + 1):
        (country,) = chance.choices(tuple(PEOPLE), WEIGHTS)
        given, family = (chance.choice(names) for names in PEOPLE[country])
        items = chance.choices((1, 2, 3, 4, 7), (50, 25, 12, 8, 5))[0]
        total = sum((Decimal(chance.choice(PRICES)) for _ in range(items)), Decimal())
        ordered_on = FIRST_DAY + timedelta(days=index * 320 // ROWS)
        yield (
            f"HP-{100_000 + index}",
            ordered_on.isoformat(),
            _full_name(country, given, family),
            f"{_ascii(given, index)}.{index}@example.com",
            country,
            str(items),
            "twelve euros" if index == BAD_ROW else str(total),
        )


def _full_name(country: str, given: str, family: str) -> str:
    match country:
        case "JP":
            return f"{family} {given}"
        case "KR":
            return f"{family}{given}"
        case "VN":
            return f"{family} {given}"
        case _:
            return f"{given} {family}"


def _ascii(name: str, index: int) -> str:
    """Return the part of an address before the dot; names without Latin letters become `customer`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return plain if plain.isalpha() else f"customer{index % 7}"
