"""The pause before the next attempt."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from taskhub.retry import backoff

seconds = st.floats(0, 1e8)
factors = st.one_of(st.floats(1, 1000), st.integers(1, 1000))
shares = st.floats(0, 1)
failures = st.integers(1, 10_000)


def low(a, b):
    return a


def middle(a, b):
    return (a + b) / 2


def high(a, b):
    return b


@given(failures, seconds, factors, seconds, shares)
def test_it_is_a_number_between_zero_and_the_longest(number, delay, factor, longest, jitter):
    pause = backoff(number, delay=delay, factor=factor, max_delay=longest, jitter=jitter)
    assert math.isfinite(pause)
    assert 0 <= pause <= longest


@given(failures, factors, seconds, shares)
def test_no_delay_stays_no_delay_however_often_it_failed(number, factor, longest, jitter):
    assert backoff(number, delay=0, factor=factor, max_delay=longest, jitter=jitter) == 0


@given(st.integers(1, 200), st.floats(0.001, 1e6), st.floats(1, 100), st.floats(0.001, 1e8))
def test_without_jitter_it_grows_until_the_longest(number, delay, factor, longest):
    pauses = [
        backoff(n, delay=delay, factor=factor, max_delay=longest, jitter=0, uniform=middle)
        for n in (number, number + 1)
    ]
    assert pauses[0] <= pauses[1] <= longest
    if delay <= longest:
        first = backoff(1, delay=delay, factor=factor, max_delay=longest, jitter=0, uniform=middle)
        assert first == delay


@given(st.integers(1, 20), st.floats(0.001, 1e3), shares)
def test_jitter_spreads_it_around_the_middle(number, delay, jitter):
    pauses = [
        backoff(number, delay=delay, factor=2, max_delay=math.inf, jitter=jitter, uniform=uniform)
        for uniform in (low, middle, high)
    ]
    base = delay * 2 ** (number - 1)
    assert math.isclose(pauses[0], base * (1 - jitter), abs_tol=1e-9)
    assert math.isclose(pauses[1], base)
    assert math.isclose(pauses[2], base * (1 + jitter))


def test_by_default_it_doubles_from_a_second_to_an_hour():
    pauses = [
        backoff(n, delay=1.0, factor=2.0, max_delay=3600.0, jitter=0, uniform=middle)
        for n in range(1, 15)
    ]
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-2:] == [3600, 3600]
    assert all(a <= b for a, b in pairwise(pauses))
