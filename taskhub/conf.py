"""The settings of taskhub: one frozen dataclass, read lazily from `settings.TASKHUB`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

_DAY = 86_400.0
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_BACKENDS = ("database", "cache")
_TERM = {"range": (0, 100 * 366 * _DAY), "or_none": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """Seconds that a task is kept after it has ended, by its state; None: for ever."""

    succeeded: float | None = field(default=7 * _DAY, metadata=_TERM)
    failed: float | None = field(default=30 * _DAY, metadata=_TERM)
    cancelled: float | None = field(default=7 * _DAY, metadata=_TERM)
    expired: float | None = field(default=7 * _DAY, metadata=_TERM)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeepMetrics:
    """Seconds that metrics are kept, by how fine they are; None: for ever."""

    minutes: float | None = field(default=2 * _DAY, metadata=_TERM)
    hours: float | None = field(default=60 * _DAY, metadata=_TERM)
    days: float | None = field(default=3 * 366 * _DAY, metadata=_TERM)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Every key of `settings.TASKHUB` in lower case, with its default. Durations are seconds.

    A value must have the type of its default; numbers must lie in the `range` of the field. A dataclass stands for
    a dict with its fields as keys, of which any may be left out.
    """

    heartbeat: float = field(default=5.0, metadata={"range": (0.05, 3600)})
    lease: float = field(default=30.0, metadata={"range": (0.2, _DAY)})
    poll_interval: float = field(default=5.0, metadata={"range": (0.01, 3600)})
    notify: bool = True  # LISTEN/NOTIFY on PostgreSQL; off behind PgBouncer in transaction mode
    max_payload_bytes: int = field(default=256 * 1024, metadata={"range": (1, 1 << 30)})
    max_result_bytes: int = field(default=1024 * 1024, metadata={"range": (1, 1 << 30)})
    max_checkpoint_bytes: int = field(default=256 * 1024, metadata={"range": (1, 1 << 30)})
    log_level: str = field(default="INFO", metadata={"choices": _LEVELS})
    log_lines: int = field(default=200, metadata={"range": (0, 100_000)})  # kept of each attempt
    log_bytes: int = field(default=65_536, metadata={"range": (1024, 1 << 24)})
    shutdown_timeout: float = field(default=30.0, metadata={"range": (0, _DAY)})
    cancel_grace: float = field(default=2.0, metadata={"range": (0, _DAY)})
    max_worker_losses: int = field(default=3, metadata={"range": (1, 1000)})
    max_interruptions: int = field(default=5, metadata={"range": (1, 1000)})
    task_modules: tuple[str, ...] = ("tasks",)  # of each installed app, imported by workers
    retention: Retention = Retention()
    keep_logs: float | None = field(default=None, metadata=_TERM)  # None: as long as their task
    keep_workers: float | None = field(default=7 * _DAY, metadata=_TERM)  # that have stopped
    keep_metrics: KeepMetrics = KeepMetrics()
    result_backend: str = field(
        default="database", metadata={"choices": _BACKENDS, "or_path": True}
    )
    result_cache: str = field(default="default", metadata={})  # an alias of settings.CACHES
    # Where the queue has a database of its own: the alias of the one whose open transaction an enqueue waits for.
    enqueue_after: str = field(default="", metadata={"or_empty": True})
    health_max_wait: float = field(default=300.0, metadata={"range": (1, 30 * _DAY)})
    dashboard_read_only: bool = False  # its pages show everything and change nothing
    # The path of a function (user, permission, queue) that may refuse an action on the dashboard.
    dashboard_access: str = field(default="", metadata={"choices": ("",), "or_path": True})
    eager: bool = (
        False  # for tests and development: what is enqueued runs at once, in the same process
    )
    eager_propagates: bool = False  # and raises what the task raised


def get() -> Settings:
    """Return the current settings.

    Raises:
        ImproperlyConfigured: lists each unknown key and bad value of `settings.TASKHUB`.
    """
    return _read()


def problems(raw: Any) -> Iterator[str]:
    """Say what is wrong with a value of `settings.TASKHUB`, one sentence each."""
    if not isinstance(raw, Mapping):
        yield f"settings.TASKHUB is a {type(raw).__name__}; expected a dict."
        return
    known = {f.name.upper(): f for f in fields(Settings)}
    for key, value in raw.items():
        if key not in known:
            yield _unknown_key("settings.TASKHUB", str(key).upper(), key, known)
        elif is_dataclass(known[key].default):
            yield from _problems_within(f"settings.TASKHUB[{key!r}]", value, known[key].default)
        elif problem := _value_problem(value, known[key].default, known[key].metadata):
            yield f"settings.TASKHUB[{key!r}] is {value!r}; expected {problem}."
    yield from _lease_problems(raw)
    yield from _alias_problems(raw)


def _problems_within(where: str, value: Any, default: Any) -> Iterator[str]:
    known = {f.name: f for f in fields(default)}
    if not isinstance(value, Mapping):
        yield f"{where} is {value!r}; expected a dict with any of the keys {', '.join(known)}."
        return
    for key, inner in value.items():
        if key not in known:
            yield _unknown_key(where, str(key).lower(), key, known)
        elif problem := _value_problem(inner, known[key].default, known[key].metadata):
            yield f"{where}[{key!r}] is {inner!r}; expected {problem}."


def _unknown_key(where: str, guess: str, key: Any, known: Iterable[str]) -> str:
    close = get_close_matches(guess, list(known), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}."
    return f"{where} has an unknown key {key!r}: {hint}"


def _value_problem(value: Any, default: Any, metadata: Mapping[str, Any]) -> str | None:
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "True or False"
    if isinstance(default, tuple):
        fits = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        return None if fits else "a list of strings"
    if isinstance(default, str):
        return _text_problem(value, metadata)
    can_be_none = metadata.get("or_none", False)
    number = int if isinstance(default, int) else (int, float)
    low, high = metadata["range"]
    fits = isinstance(value, number) and not isinstance(value, bool) and low <= value <= high
    if fits or (value is None and can_be_none):
        return None
    kind = "a whole number" if number is int else "a number"
    return f"{kind} from {low:g} to {high:g}{', or None' if can_be_none else ''}"


def _text_problem(value: Any, metadata: Mapping[str, Any]) -> str | None:
    choices, or_path = metadata.get("choices"), metadata.get("or_path", False)
    if choices is None:
        is_good = isinstance(value, str) and (value or metadata.get("or_empty", False))
        return None if is_good else "a text"
    if value in choices or (or_path and isinstance(value, str) and "." in value):
        return None
    return f"one of {', '.join(map(repr, choices))}{', or the path of a class' if or_path else ''}"


def _alias_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    from django.conf import settings

    named = [("ENQUEUE_AFTER", raw.get("ENQUEUE_AFTER"), "DATABASES")]
    if raw.get("RESULT_BACKEND") == "cache":
        named.append(("RESULT_CACHE", raw.get("RESULT_CACHE", "default"), "CACHES"))
    for key, alias, where in named:
        known = list(getattr(settings, where))
        if alias and alias not in known:
            names = ", ".join(map(repr, known))
            yield f"settings.TASKHUB[{key!r}] is {alias!r}; expected one of {names} (settings.{where})."


def _lease_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    defaults = {f.name.upper(): f.default for f in fields(Settings)}
    heartbeat, lease = (raw.get(key, defaults[key]) for key in ("HEARTBEAT", "LEASE"))
    both = all(isinstance(value, int | float) for value in (heartbeat, lease))
    if both and lease < 3 * heartbeat:
        yield (
            f"settings.TASKHUB['LEASE'] is {lease:g} s with a HEARTBEAT of {heartbeat:g} s; expected at least three "
            "heartbeats in a lease, so that one late heartbeat does not declare a worker dead."
        )


@cache
def _read() -> Settings:
    from django.conf import settings

    raw = getattr(settings, "TASKHUB", {})
    if found := list(problems(raw)):
        raise ImproperlyConfigured(" ".join(found))
    defaults = {f.name: f.default for f in fields(Settings)}
    return Settings(
        **{key.lower(): _frozen(value, defaults[key.lower()]) for key, value in raw.items()}
    )


def _frozen(value: Any, default: Any) -> Any:
    if isinstance(default, Retention | KeepMetrics):
        return type(default)(**value)
    return tuple(value) if isinstance(value, list) else value


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "TASKHUB":
        _read.cache_clear()


setting_changed.connect(_forget, dispatch_uid="taskhub.conf")
