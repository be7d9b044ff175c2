"""A simulated year on the clocks of four zones, against expectations that were written by hand.

In 2027 the clocks change like this:

| Zone | Forward | Back |
|---|---|---|
| Europe/Berlin | 28 March, 02:00 → 03:00 | 31 October, 03:00 → 02:00 |
| America/New_York | 14 March, 02:00 → 03:00 | 7 November, 02:00 → 01:00 |
| Australia/Lord_Howe | 3 October, 02:00 → 02:30 | 4 April, 02:00 → 01:30 |
| UTC | – | – |
"""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskhub import cron
from taskhub.timing import Kind, Timing
from taskhub.zones import changes

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
ZONES = [BERLIN, NEW_YORK, LORD_HOWE, "UTC"]

# Zone, expression, day: all runs before five in the morning, as the clock of the zone shows them.
NIGHTS = [
    # -- one hour is named: once a day ------------------------------------------------------------------------------
    (BERLIN, "30 2 * * *", "03-27", ["02:30+01:00"]),
    (BERLIN, "30 2 * * *", "03-28", ["03:00+02:00"]),
    (BERLIN, "30 2 * * *", "03-29", ["02:30+02:00"]),
    (BERLIN, "30 2 * * *", "10-30", ["02:30+02:00"]),
    (BERLIN, "30 2 * * *", "10-31", ["02:30+02:00"]),
    (BERLIN, "30 2 * * *", "11-01", ["02:30+01:00"]),
    (BERLIN, "0 2 * * *", "03-28", ["03:00+02:00"]),
    (BERLIN, "0 2 * * *", "10-31", ["02:00+02:00"]),
    (BERLIN, "0 3 * * *", "03-28", ["03:00+02:00"]),
    (BERLIN, "0 3 * * *", "10-31", ["03:00+01:00"]),
    (BERLIN, "59 1 * * *", "03-28", ["01:59+01:00"]),
    (BERLIN, "15 30 2 * * *", "03-28", ["03:00+02:00"]),
    (BERLIN, "15 30 2 * * *", "10-31", ["02:30:15+02:00"]),
    (NEW_YORK, "30 1 * * *", "03-14", ["01:30-05:00"]),
    (NEW_YORK, "30 1 * * *", "11-07", ["01:30-04:00"]),
    (NEW_YORK, "30 2 * * *", "03-14", ["03:00-04:00"]),
    (NEW_YORK, "30 2 * * *", "11-07", ["02:30-05:00"]),
    (LORD_HOWE, "45 1 * * *", "04-03", ["01:45+11:00"]),
    (LORD_HOWE, "45 1 * * *", "04-04", ["01:45+11:00"]),
    (LORD_HOWE, "45 1 * * *", "04-05", ["01:45+10:30"]),
    (LORD_HOWE, "45 1 * * *", "10-03", ["01:45+10:30"]),
    (LORD_HOWE, "15 2 * * *", "10-03", ["02:30+11:00"]),
    (LORD_HOWE, "15 2 * * *", "04-04", ["02:15+10:30"]),
    (LORD_HOWE, "0 2 * * *", "04-04", ["02:00+10:30"]),
    (LORD_HOWE, "45 2 * * *", "10-03", ["02:45+11:00"]),
    ("UTC", "30 2 * * *", "03-28", ["02:30+00:00"]),
    ("UTC", "30 2 * * *", "10-31", ["02:30+00:00"]),
    # -- several hours are named: each once -------------------------------------------------------------------------
    (BERLIN, "0 */2 * * *", "03-28", ["00:00+01:00", "03:00+02:00", "04:00+02:00"]),
    (BERLIN, "0 */2 * * *", "10-31", ["00:00+02:00", "02:00+02:00", "04:00+01:00"]),
    (BERLIN, "0 2,3 * * *", "03-28", ["03:00+02:00"]),
    (BERLIN, "0 1-3 * * *", "10-31", ["01:00+02:00", "02:00+02:00", "03:00+01:00"]),
    (BERLIN, "*/20 2 * * *", "03-28", ["03:00+02:00"]),
    (BERLIN, "*/20 2 * * *", "10-31", ["02:00+02:00", "02:20+02:00", "02:40+02:00"]),
    # -- every hour: real time --------------------------------------------------------------------------------------
    (BERLIN, "30 * * * *", "03-28", ["00:30+01:00", "01:30+01:00", "03:30+02:00", "04:30+02:00"]),
    (
        *(BERLIN, "30 * * * *", "10-31"),
        ["00:30+02:00", "01:30+02:00", "02:30+02:00", "02:30+01:00", "03:30+01:00", "04:30+01:00"],
    ),
    (BERLIN, "0 0-23 * * *", "03-28", ["00:00+01:00", "01:00+01:00", "03:00+02:00", "04:00+02:00"]),
    (
        *(NEW_YORK, "15 * * * *", "11-07"),
        ["00:15-04:00", "01:15-04:00", "01:15-05:00", "02:15-05:00", "03:15-05:00", "04:15-05:00"],
    ),
    (NEW_YORK, "15 * * * *", "03-14", ["00:15-05:00", "01:15-05:00", "03:15-04:00", "04:15-04:00"]),
    (
        *(LORD_HOWE, "45 * * * *", "04-04"),
        ["00:45+11:00", "01:45+11:00", "01:45+10:30", "02:45+10:30", "03:45+10:30", "04:45+10:30"],
    ),
    (
        *(LORD_HOWE, "45 * * * *", "10-03"),
        ["00:45+10:30", "01:45+10:30", "02:45+11:00", "03:45+11:00", "04:45+11:00"],
    ),
    (
        *(LORD_HOWE, "0 * * * *", "04-04"),
        ["00:00+11:00", "01:00+11:00", "02:00+10:30", "03:00+10:30", "04:00+10:30"],
    ),
    (LORD_HOWE, "0 * * * *", "10-03", ["00:00+10:30", "01:00+10:30", "03:00+11:00", "04:00+11:00"]),
]

# Zone, expression: how many runs the year has. The clock of Lord Howe skips 02:00 once, and shows 01:45 once more.
YEARS = [
    *((zone, "30 2 * * *", 365) for zone in ZONES),
    *((zone, "30 1 * * *", 365) for zone in ZONES),
    *((zone, "@daily", 365) for zone in ZONES),
    (BERLIN, "30 * * * *", 8760),
    (NEW_YORK, "30 * * * *", 8760),
    ("UTC", "30 * * * *", 8760),
    (LORD_HOWE, "0 * * * *", 8759),
    (LORD_HOWE, "45 * * * *", 8761),
    (BERLIN, "0 */6 * * *", 1460),
    (BERLIN, "0 9-17 * * mon-fri", 261 * 9),
    (BERLIN, "0 12 31 * *", 7),
    (BERLIN, "0 0 l * *", 12),
    ("UTC", "0 0 29 2 *", 0),
]


def year_of(zone: str, expression: str) -> list[datetime]:
    """All runs of the year 2027 on the clock of a zone."""
    clock = ZoneInfo(zone)
    start, end = (datetime(year, 1, 1, tzinfo=clock).astimezone(UTC) for year in (2027, 2028))
    runs = cron.parse(expression).after(start - timedelta(microseconds=1), clock)
    return [run.astimezone(clock) for run in takewhile(lambda run: run < end, runs)]


@pytest.mark.parametrize(("zone", "expression", "day", "expected"), NIGHTS)
def test_the_nights_on_which_clocks_change(zone, expression, day, expected):
    night = date.fromisoformat(f"2027-{day}")
    runs = [run for run in year_of(zone, expression) if run.date() == night and run.hour < 5]
    shown = [run.isoformat(timespec="seconds" if run.second else "minutes") for run in runs]
    assert [one.partition("T")[2] for one in shown] == expected


@pytest.mark.parametrize(("zone", "expression", "count"), YEARS)
def test_a_year_has_no_double_and_no_gap(zone, expression, count):
    runs = year_of(zone, expression)
    assert len(runs) == count
    moments = [run.timestamp() for run in runs]
    assert moments == sorted(set(moments)), "each is later than the one before"
    if count == 365:
        assert set(Counter(run.date() for run in runs).values()) == {1}, "each day has one"


@pytest.mark.parametrize("zone", ZONES)
def test_each_moment_of_a_night_leads_to_the_same_next_run(zone):
    """Whoever asks in the middle of a fold or gap gets what one gets who has asked before it."""
    clock = ZoneInfo(zone)
    since = datetime(2027, 1, 1, tzinfo=UTC)
    for change in changes(clock, since, since + timedelta(days=365)):
        for text in ("30 2 * * *", "45 1 * * *", "30 * * * *", "*/10 * * * *", "0 */2 * * *"):
            check_each_moment(cron.parse(text), change.at - timedelta(hours=5), clock)


def check_each_moment(expression: cron.Expression, start: datetime, clock: ZoneInfo) -> None:
    end = start + timedelta(hours=36)
    runs = list(takewhile(lambda run: run < end, expression.after(start, clock)))
    for minutes in range(0, 600, 7):
        moment = start + timedelta(minutes=minutes, seconds=11)
        expected = next(run for run in runs if run > moment)
        assert next(expression.after(moment, clock)) == expected, (expression, moment)


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(
        [*ZONES, "America/St_Johns", "Africa/Casablanca", "Antarctica/Troll", "Pacific/Apia"]
    ),
    day=st.integers(0, 366 * 20),
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=4),
)
def test_an_entry_of_every_hour_runs_at_each_minute_that_the_clock_shows(zone, day, minutes):
    clock = ZoneInfo(zone)
    start = datetime(2008, 1, 1, tzinfo=UTC) + timedelta(days=day, seconds=-1)
    for change in changes(clock, start, start + timedelta(days=200)):
        start = change.at - timedelta(hours=4, seconds=1)
        break
    end = start + timedelta(hours=8)
    each = [start + timedelta(seconds=1, minutes=n) for n in range(480)]
    expected = [one for one in each if one.astimezone(clock).minute in minutes and not one.second]
    text = f"{','.join(map(str, sorted(minutes)))} * * * *"
    found = list(takewhile(lambda run: run < end, cron.parse(text).after(start, clock)))
    assert found == expected


def test_an_interval_counts_elapsed_time_over_a_change_of_the_clock():
    clock = ZoneInfo(BERLIN)
    start = datetime(2027, 3, 27, 2, 30, tzinfo=clock)
    daily = Timing(kind=Kind.INTERVAL, every=86_400, timezone=BERLIN, start_at=start)
    runs = [run.astimezone(clock) for run, _ in zip(daily.after(start), range(2), strict=False)]
    assert [f"{run:%d %H:%M}" for run in runs] == ["28 03:30", "29 03:30"]
