"""Shares: how the slots of a worker are divided among its queues."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from taskhub.queue.claim import Shares

weights = st.dictionaries(
    st.text(min_size=1, max_size=3), st.integers(1, 50), min_size=1, max_size=6
)


def taken(shares, count, times=1):
    total = Counter()
    for _ in range(times):
        total.update(dict(shares.divide(count)))
    return total


@given(weights, st.integers(0, 40))
def test_exactly_as_many_slots_are_given_as_there_are(given_weights, count):
    division = Shares(given_weights).divide(count)
    assert sum(share for _, share in division) == count
    assert all(share > 0 for _, share in division)
    assert len({queue for queue, _ in division}) == len(division)


@given(weights, st.integers(1, 5))
def test_over_a_round_each_queue_gets_exactly_its_weight(given_weights, rounds):
    total = sum(given_weights.values())
    assert taken(Shares(given_weights), 1, total * rounds) == Counter(
        {queue: weight * rounds for queue, weight in given_weights.items()}
    )


@given(weights, st.lists(st.integers(0, 9), max_size=60))
def test_no_queue_is_ever_far_from_its_share(given_weights, counts):
    """However the slots become free: at most as far off as there are queues."""
    shares, total, got, given_out = Shares(given_weights), sum(given_weights.values()), Counter(), 0
    for count in counts:
        got.update(dict(shares.divide(count)))
        given_out += count
        for queue, weight in given_weights.items():
            assert abs(got[queue] - given_out * weight / total) <= len(given_weights)


@given(weights, st.lists(st.integers(0, 400), max_size=5))
def test_many_slots_at_once_are_divided_as_one_by_one(given_weights, counts):
    at_once, one_by_one = Shares(given_weights), Shares(given_weights)
    for count in counts:
        assert dict(at_once.divide(count)) == taken(one_by_one, 1, count)


@given(weights)
def test_no_queue_starves(given_weights):
    shares = Shares(given_weights)
    assert set(taken(shares, 1, sum(given_weights.values()))) == set(given_weights)


def test_shares_come_in_small_steps():
    shares = Shares({"a": 2, "b": 1})
    order = "".join(shares.divide(1)[0][0] for _ in range(9))
    assert order == "abaabaaba"


def test_a_queue_may_join_with_weight_1_and_joins_once():
    shares = Shares({"a": 3})
    for _ in range(2):
        shares.add("b")
        shares.add("a")
    assert shares.weights == {"a": 3, "b": 1}
    assert shares.queues == ["a", "b"]
    assert taken(shares, 4) == {"a": 3, "b": 1}


def test_without_queues_nothing_is_given():
    assert Shares({}).divide(5) == []
