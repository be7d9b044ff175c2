"""Keys: what unique_key, concurrency_key and fair_key make of the arguments of one call."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from inspect import Parameter, Signature, signature
from string import Formatter
from typing import TYPE_CHECKING, Any

from taskhub.errors import InvalidArguments, InvalidOption
from taskhub.text import is_storable

if TYPE_CHECKING:
    from taskhub.definition import TaskDefinition

Key = str | Callable[..., Any]
# How many characters the column of each takes; a longer key is stored as its beginning and its hash.
SIZES = {"unique_key": 255, "concurrency_key": 200, "fair_key": 100}

_HASH = 64  # characters of a SHA-256
_MANY = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class Call:
    """The arguments of one call, by place and by name, whichever way they were given."""

    __slots__ = ("_definition", "_given", "_kwargs", "names", "places")

    def __init__(
        self,
        definition: TaskDefinition,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        is_fed: bool = False,
    ) -> None:
        """Take JSON values; where the call `is_fed`, an argument comes before them that nobody knows yet."""
        given = (_UNKNOWN, *args) if is_fed else tuple(args)
        self._definition, self._given, self._kwargs = definition, given, kwargs
        self.places: Sequence[Any] = given
        self.names: Mapping[str, Any] = kwargs
        function = _signature(definition.func, definition.takes_context)
        try:
            bound = function.bind(*given, **kwargs)
        except TypeError:  # the function will refuse them when it is run
            return
        bound.apply_defaults()
        self.places = bound.args
        names: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            kind = function.parameters[name].kind
            names |= value if kind == Parameter.VAR_KEYWORD else {name: value}
        self.names = names

    def key(self, option: str) -> str | None:
        """Return the key that an option makes of this call; None where a function says that it has none.

        Raises:
            InvalidArguments: the template does not fit the arguments, or what came out is no key.
        """
        maker: Key = getattr(self._definition, option)
        if isinstance(maker, str):
            found: Any = self._formatted(option, maker)
        else:
            found = maker(*self._given, **self._kwargs)
            if found is None:
                return None
        if isinstance(found, int) and not isinstance(found, bool):
            found = str(found)
        if not isinstance(found, str) or not found or not is_storable(found):
            raise InvalidArguments(
                f"{self._definition.identifier}: {option} gave {found!r:.80} for this call; expected a text that is "
                "not empty and without NUL, a whole number, or None for no key."
            )
        return found

    def _formatted(self, option: str, template: str) -> str:
        try:
            return template.format(*self.places, **self.names)
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            if isinstance(error, InvalidArguments):
                reason = str(error)
            elif isinstance(error, LookupError):
                reason = f"the call has no argument for it ({type(error).__name__}: {error})"
            else:
                reason = f"{type(error).__name__}: {error}"
            raise InvalidArguments(
                f"{self._definition.identifier}: {option}={template!r} cannot be filled in: {reason}. Pass the "
                "argument, or give another key in @task(…) or .using(…)."
            ) from error


_BY_PLACE = (
    Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.VAR_POSITIONAL,
)  # fmt: skip


class _Unknown:
    """An argument that is the value of a task which has not run yet."""

    def __repr__(self) -> str:
        return "<the value of the task before it>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._refusal()

    def __getitem__(self, item: Any) -> Any:
        raise self._refusal()

    def __format__(self, spec: str) -> str:
        raise self._refusal()

    def __str__(self) -> str:
        raise self._refusal()

    @staticmethod
    def _refusal() -> InvalidArguments:
        return InvalidArguments(
            "this argument is the value of the task before it, which is not known when the workflow is enqueued"
        )


_UNKNOWN = _Unknown()


def fitted(text: str, size: int) -> str:
    """Return a key as it is stored: as it is where the column takes it, else its beginning and its hash."""
    if len(text) <= size and not text.endswith(" "):  # MariaDB takes "a" and "a " for one
        return text
    return f"{text[: size - _HASH - 1]}#{hashlib.sha256(text.encode()).hexdigest()}"


def unique_lock(name: str, key: str) -> str:
    """Return the text that stands in the column `unique_lock`: no two tasks share one, whatever their names are."""
    quoted = name.replace("%", "%25").replace(":", "%3A")
    return fitted(f"{quoted}:{key}", SIZES["unique_key"])


def check_template(definition: TaskDefinition, option: str) -> None:
    """Refuse a template that can never be filled in with the arguments of the task's function.

    Raises:
        InvalidOption: names the template, what is wrong in it and what it may name.
    """
    template = getattr(definition, option)
    if not isinstance(template, str):
        return
    where = f"{definition.identifier}: {option}={template!r}"
    parameters = _signature(definition.func, definition.takes_context).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    named = [name for name, one in parameters.items() if one.kind not in _MANY]
    count = sum(one.kind in _BY_PLACE[:2] for one in parameters.values())
    for field in _fields(template, where):
        if field.isdecimal():
            if int(field) >= count and Parameter.VAR_POSITIONAL not in kinds:
                raise InvalidOption(
                    f"{where} names the argument {field}; the function takes {count} by place, from 0 on."
                )
        elif field not in named and Parameter.VAR_KEYWORD not in kinds:
            known = ", ".join(map(repr, named)) or "none: the function has no arguments"
            raise InvalidOption(f"{where} names the argument {field!r}; expected one of {known}.")


def _fields(template: str, where: str) -> list[str]:
    """Return the arguments that a template names; those that it only counts (`{}`) as numbers."""
    try:
        parsed = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise InvalidOption(
            f"{where} is no format string ({error}); expected one such as '{{0}}:{{user_id}}'."
        ) from error
    roots = [re.split(r"[.\[]", field, maxsplit=1)[0] for field in parsed]
    return [root or str(number) for number, root in enumerate(roots)]


@lru_cache(maxsize=1024)
def _signature(function: Callable[..., Any], takes_context: bool) -> Signature:
    found = signature(function)
    skipped = list(found.parameters.values())[1 if takes_context else 0 :]
    return found.replace(parameters=skipped)
