"""The benchmark's sums, options and table."""

import pytest

from taskhub.bench import report
from taskhub.bench.figures import Figure
from taskhub.bench.options import USUAL, BadOption, BenchOptions, choose
from taskhub.bench.statistics import percentile, steady_rate


@pytest.mark.parametrize(
    ("share", "expected"), [(0, 1), (0.5, 50), (0.505, 51), (0.99, 99), (1, 100)]
)
def test_a_percentile_is_a_value_that_was_seen(share, expected):
    assert percentile(range(100, 0, -1), share) == expected


def test_a_percentile_of_one_value_is_that_one_and_of_none_an_error():
    assert [percentile([7], share) for share in (0, 0.5, 1)] == [7, 7, 7]
    with pytest.raises(ValueError, match="percentile of nothing"):
        percentile([], 0.5)


def test_a_drain_counts_after_its_first_fifth_until_its_end_was_seen():
    slow_start = [0.0, 10.0]
    ends = [*slow_start, *(10 + number / 10 for number in range(1, 9))]
    assert steady_rate(ends) == pytest.approx(8 / 0.7)
    assert steady_rate(ends[::-1], seen=11.7) == pytest.approx(8 / 1.6)
    assert steady_rate(ends, seen=3.0) == steady_rate(ends)


@pytest.mark.parametrize("ends", [[], [1.0] * 9, [1.0] * 20])
def test_a_drain_of_too_little_has_no_rate(ends):
    with pytest.raises(ValueError, match="expected"):
        steady_rate(ends)


def test_measures_are_chosen_by_name_and_done_in_their_own_order():
    nothing = {"has_growth": False, "has_pools": False}
    assert choose([], **nothing) == USUAL
    assert choose([], has_growth=True, has_pools=True) == (*USUAL, "growth", "pools")
    assert choose(["pickup,drain", "pools"], **nothing) == ("drain", "pickup", "pools")
    with pytest.raises(BadOption, match="--only 'drian': expected some of enqueue,many,drain,"):
        choose(["drain,drian"], **nothing)


def test_the_worker_gets_the_pools_that_were_asked_for():
    assert BenchOptions(database="default").worker_arguments == ["--processes", "2"]
    both = BenchOptions(database="default", threads=3, coroutines=4)
    assert both.worker_arguments == ["--processes", "0", "--threads", "3", "--async", "4"]
    assert BenchOptions(database="default", processes=1).worker_arguments == ["--processes", "1"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tasks": 5}, "--tasks 5: expected 20 to 1e"),
        ({"seconds": float("nan")}, "--seconds nan: expected 0.5 to 600"),
        ({"rows": 1}, "--growth 1: expected 1000 to"),
        ({"processes": -1}, "--processes -1: expected 0 to 1000"),
        ({"processes": 0}, "--processes 0: expected 1 or more"),
        ({"coroutines": 5000}, "--async 5000: expected 0 to 3000"),
    ],
)
def test_an_option_out_of_range_is_refused(given, says):
    with pytest.raises(BadOption, match=says):
        BenchOptions(database="default", **given)


def test_the_table_has_a_line_for_each_figure_in_columns():
    figures = [
        Figure(key="a", label="floor", value=4078.4, unit="rows/s"),
        Figure(key="b", label="drain", value=8156.8, unit="tasks/s", ratio=2.0, ratio_to="floor"),
        Figure(key="c", label="… beside", value=9.25, unit="ms", ratio=0.5, ratio_to="alone", note="n"),
        Figure(key="d", label="CPU", value=None, unit="%", note="not measured here"),
    ]  # fmt: skip
    assert report.table(figures).splitlines() == [
        "measured             figure",
        "-------------------------------------------------",
        "floor          4,078 rows/s",
        "drain         8,157 tasks/s  2.00 × the floor",
        "… beside            9.25 ms  0.50 × that alone, n",
        "CPU       not measured here",
    ]


def test_json_has_numbers_or_null():
    assert Figure(key="a", label="A", value=4078.4321, unit="rows/s").to_json() == {
        "value": 4078.0, "unit": "rows/s",
    }  # fmt: skip
    told = Figure(key="a", label="A", value=None, unit="%", note="not measured here").to_json()
    assert told == {"value": None, "unit": "%", "note": "not measured here"}
