"""Arguments and results as JSON."""

import enum
import json
import math
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskhub import compat
from taskhub.errors import DamagedTask, InvalidArguments
from taskhub.payload import dump, load_args, normalize
from taskhub.text import is_storable

django_base = import_module(compat.TaskResult.__module__)
texts = st.text().filter(is_storable)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20
)
# Also what becomes JSON, and what never does.
anything = st.recursive(
    leaves
    | st.text(st.characters(exclude_categories=()))
    | st.floats()
    | st.binary()
    | st.dates()
    | st.complex_numbers(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(texts | st.integers() | st.none(), inner)
        | st.sets(st.integers())
    ),
    max_leaves=10,
)


@given(values)
def test_json_comes_back_as_it_went(value):
    normal = normalize(value, "value")
    assert normal == value
    assert json.loads(dump(normal)) == value


@given(anything)
def test_a_value_is_refused_by_place_or_comes_back_as_what_it_was_normalized_to(value):
    try:
        normal = normalize(value, "here")
    except InvalidArguments as refused:
        error = str(refused)
    else:
        error = "here"
        text = dump(normal)
        assert json.loads(text) == normal
        assert is_storable(text)
        assert normalize(normal, "again") == normal
    assert "here" in error


@given(anything)
def test_it_takes_nothing_that_django_refuses(value):
    """What Django's own normalization does not take, ours does not take either."""
    try:
        expected = django_base.normalize_json(value)
    except (TypeError, ValueError):
        with pytest.raises(InvalidArguments):
            normalize(value, "value")
        return
    try:
        normal = normalize(value, "value")
    except InvalidArguments:  # ours is stricter: keys, NUL, NaN
        return
    assert normal == expected


class Color(str, enum.Enum):  # noqa: UP042 - as many sites have them
    RED = "red"

    def __str__(self) -> str:
        return "the colour of love"


class Shade(enum.StrEnum):
    DARK = "dark"


class Size(enum.IntEnum):
    BIG = 3


class Celsius(float):
    def __float__(self) -> float:
        return 1000.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Color.RED, "red"),
        (Shade.DARK, "dark"),
        (Size.BIG, 3),
        (Celsius(2.5), 2.5),
        ({Color.RED: 1}, {"red": 1}),
        (b"caf\xc3\xa9", "café"),
        ((1, (2,)), [1, [2]]),
        (range(3), [0, 1, 2]),
        ({"a": {}}, {"a": {}}),
        (True, True),
    ],
    ids=repr,
)
def test_subclasses_are_stored_as_the_values_that_they_carry(value, expected):
    normal = normalize(value, "value")
    assert normal == expected
    assert json.loads(dump(normal)) == expected
    assert type(normal) is type(expected)


def test_the_place_of_what_is_refused_is_named():
    with pytest.raises(InvalidArguments, match=r"^args\[1\]\['a'\]\[0\] is nan"):
        normalize([1, {"a": [math.nan]}], "args")


def test_the_longest_number_can_be_read_back():
    longest = 2**14_000 - 1
    assert json.loads(dump(normalize(longest, "value"))) == longest
    assert json.loads(dump(normalize(-longest, "value"))) == -longest
    with pytest.raises(InvalidArguments, match="14001 bits"):
        normalize(longest + 1, "value")


@given(st.lists(values), st.dictionaries(texts, values))
def test_stored_arguments_are_read_as_they_were(args, kwargs):
    assert load_args(dump(args), dump(kwargs)) == (args, kwargs)


@given(values.filter(lambda value: not isinstance(value, list)))
def test_arguments_that_are_no_list_are_damage(value):
    with pytest.raises(DamagedTask, match=r"column args of this task .* expected a JSON array"):
        load_args(dump(value), "{}")


@given(values.filter(lambda value: not isinstance(value, dict)))
def test_keyword_arguments_that_are_no_object_are_damage(value):
    with pytest.raises(DamagedTask, match=r"column kwargs of this task .* expected a JSON object"):
        load_args("[]", dump(value))


@pytest.mark.parametrize("text", ["", "{", "[1", "nothing", "\x00", "{'a': 1}"])
def test_a_column_that_is_not_json_is_damage(text):
    with pytest.raises(DamagedTask, match="column kwargs of this task is not JSON"):
        load_args("[]", text)


def test_arguments_that_a_driver_has_read_already_are_taken():
    assert load_args([1], {"a": 2}) == ([1], {"a": 2})
    assert load_args(b"[1]", b'{"a":2}') == ([1], {"a": 2})
