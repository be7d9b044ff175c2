"""Arguments and results as JSON: what may be stored, and how it is written and read."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from taskhub.errors import DamagedTask, InvalidArguments
from taskhub.text import is_storable

K = TypeVar("K")

# Where a value stands: the root's name, or the place around it and its key; written out only where it is refused.
Place = str | tuple["Place", str | int]

_MAX_DEPTH = 100
_MAX_BITS = 14_000  # some 4,200 digits: Python reads 4,300 (sys.int_info.default_max_str_digits)


def normalize(value: Any, where: str) -> Any:
    """Return `value` built of JSON types only (tuples become lists, UTF-8 bytes become text, as in django.tasks).

    Raises:
        InvalidArguments: names the offending place (`where` is the root's name) and what was expected.
    """
    return _normalize(value, where, 0)


def _normalize(value: Any, where: Place, depth: int) -> Any:
    kind = type(value)
    if kind in _LEAVES:
        return _LEAVES[kind](value, where)
    if depth > _MAX_DEPTH:
        raise InvalidArguments(
            f"{_place(where):.200} is nested more than {_MAX_DEPTH} levels deep, or contains itself."
        )
    if kind is dict or isinstance(value, Mapping):
        return dict([_item(key, item, where, depth) for key, item in value.items()])
    if kind is list or kind is tuple:
        return _items(value, where, depth)
    if isinstance(value, str | int | float):  # subclasses, such as the members of a StrEnum
        return _normalize(_plain(value), where, depth)
    if isinstance(value, bytes):
        return _text(_decoded(value, where), where)
    if isinstance(value, Sequence):
        return _items(value, where, depth)
    raise InvalidArguments(
        f"{_place(where)} is a {kind.__module__}.{kind.__qualname__}, which is not JSON-serializable: {value!r:.80}. "
        "Pass strings, numbers, booleans, None, lists and dicts; of a model instance pass its primary key."
    )


def _items(values: Sequence[Any], where: Place, depth: int) -> list[Any]:
    return [_normalize(item, (where, index), depth + 1) for index, item in enumerate(values)]


def _item(key: Any, value: Any, where: Place, depth: int) -> tuple[str, Any]:
    if not isinstance(key, str):
        raise InvalidArguments(
            f"{_place(where)} has the key {key!r} of type {type(key).__name__}: JSON keys are strings."
        )
    name = str.__str__(key)
    if not is_storable(name):
        _text(name, f"a key of {_place(where)}")  # raises
    return name, _normalize(value, (where, name), depth + 1)


def _place(where: Place) -> str:
    keys: list[str] = []
    while isinstance(where, tuple):
        where, key = where
        keys.append(f"[{key!r}]")
    return where + "".join(reversed(keys))


def _text(value: str, where: Place) -> str:
    if not is_storable(value):
        raise InvalidArguments(
            f"{_place(where)} holds a NUL character or a lone surrogate: {value!r:.80}. No database stores it."
        )
    return value


def _whole(value: int, where: Place) -> int:
    if value.bit_length() > _MAX_BITS:
        raise InvalidArguments(
            f"{_place(where)} is a whole number of {value.bit_length()} bits, which Python does not read back; "
            f"expected at most {_MAX_BITS}. Pass it as text, such as hex(number)."
        )
    return value


def _finite(value: float, where: Place) -> float:
    if not math.isfinite(value):
        raise InvalidArguments(
            f"{_place(where)} is {value!r}: JSON has no such number. Pass a finite number or None."
        )
    return value


def _as_it_is(value: Any, where: Place) -> Any:
    return value


_LEAVES: dict[type, Callable[[Any, Place], Any]] = {
    str: _text, int: _whole, float: _finite, bool: _as_it_is, type(None): _as_it_is,
}  # fmt: skip


def _decoded(value: bytes, where: Place) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InvalidArguments(
            f"{_place(where)} is bytes that are not UTF-8: {value!r:.80}."
        ) from error


def _plain(value: str | int | float) -> str | int | float:
    """Return the value that a subclass carries, not the text that it shows: an Enum of strings shows its name."""
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def dump(value: Any) -> str:
    """Write a normalized value as compact JSON text."""
    return _ENCODE(value)


_ENCODE = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
).encode


def load_args(args: Any, kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    """Read a task's stored arguments, given as JSON text or as what a driver made of it.

    Raises:
        DamagedTask: the row was changed by hand into something that is not a list and an object.
    """
    return _read("args", args, list), {} if kwargs == "{}" else _read("kwargs", kwargs, dict)


def _read(column: str, stored: Any, kind: type[K]) -> K:
    try:
        text = stored.decode() if isinstance(stored, bytes) else stored
        value = _DECODE(text) if isinstance(text, str) else text
    except ValueError as error:
        raise DamagedTask(
            f"The column {column} of this task is not JSON: {stored!r:.80} ({error})."
        ) from error
    if not isinstance(value, kind):
        expected = "array" if kind is list else "object"
        raise DamagedTask(
            f"The column {column} of this task is {stored!r:.80}; expected a JSON {expected}."
        )
    return value


_DECODE = json.JSONDecoder().decode
