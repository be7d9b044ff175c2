"""TaskDefinition: a task of django.tasks with our options; `@task` makes one of a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, overload

from taskhub import compat, keys, option_rules, options, plan, registry
from taskhub.errors import InvalidOption, UnknownBackend

if TYPE_CHECKING:
    from taskhub.results import AsyncResult
    from taskhub.signature import Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition(compat.Task):  # type: ignore[type-arg]
    """A function and how it is to be run. Immutable: `using()` returns a changed copy.

    The fields are the options of `@task`; durations are seconds. `name` is what the decorator was given, else the
    function's name (as in django.tasks); `identifier` is what the database stores: the name given, else the path.
    """

    name: str = ""
    identifier: str = ""
    countdown: float | timedelta | None = None
    expires: float | timedelta | datetime | None = None
    timeout: float = 300.0
    timeout_grace: float = 10.0
    max_retries: int = 3
    retry_delay: float = 1.0
    retry_backoff: float = 2.0
    retry_max_delay: float = 3600.0
    retry_jitter: float = 0.1
    retry_on: tuple[type[BaseException] | str, ...] = (Exception,)
    no_retry_on: tuple[type[BaseException] | str, ...] = ()
    on_worker_loss: str = "retry"
    max_worker_losses: int | None = None
    result_ttl: float | None = None
    weight: float = 1.0
    tags: tuple[str, ...] = ()
    pool: str = ""
    atomic: bool = False
    unique_key: keys.Key | None = None
    unique_for: float | timedelta | None = None
    concurrency_key: keys.Key | None = None
    concurrency_limit: int = 1
    fair_key: keys.Key | None = None
    enqueue_after: str | None = None
    rate_limit: str | None = None
    sensitive: tuple[str, ...] = ()
    schedulable: bool = True
    schedule: plan.Plan | str | float | timedelta | None = None
    on_retry: Callable[[AsyncResult, BaseException], Any] | None = None
    on_failure: Callable[[AsyncResult, BaseException], Any] | None = None
    on_success: Callable[[AsyncResult], Any] | None = None
    link: tuple[Signature, ...] = ()
    link_error: tuple[Signature, ...] = ()
    stored: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    parent_id: int | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        options.check_function(self.func)
        set_field(self, "identifier", self.identifier or self.name or self.module_path)
        set_field(self, "name", self.name or self.func.__name__)
        if not self.pool and iscoroutinefunction(self.func):
            set_field(self, "pool", "async")
        for option in options.SEQUENCES:
            set_field(self, option, options.as_tuple(option, getattr(self, option)))
        set_field(self, "schedule", plan.as_plan(self.schedule, self.identifier))
        option_rules.validate(self)
        self._check_in()

    def _check_in(self) -> None:
        """Let the backend look at it, and make it known where `@task` of django.tasks has made it."""
        try:
            compat.Task.__post_init__(self)
        except compat.task_backends.exception_class as error:
            known = ", ".join(map(repr, compat.task_backends.settings))
            raise UnknownBackend(
                f"{self.identifier}: backend={self.backend!r}: {error} Expected one of {known} (settings.TASKS)."
            ) from error
        registry.register_new(self)

    def __reduce__(self) -> Any:
        """Pickle without its functions, which stand under this name as a task; unpickling imports nothing by name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values = {n: v for n, v in values.items() if not (n in _FUNCTIONS and callable(v))}
        return _restored, (values,)

    def using(self, **changes: Any) -> TaskDefinition:
        """Return a copy with other options, as the decorator takes them, and `run_after` or `countdown`.

        Raises:
            InvalidOption: an unknown option, or a value that it does not take.
        """
        options.check_names(changes, self.identifier)
        options.check_limit(changes, self.identifier, self.concurrency_key)
        for option in (
            "priority",
            "queue_name",
            "run_after",
            "backend",
        ):  # None means "as it is" in django.tasks
            if option in changes and changes[option] is None:
                del changes[option]
        if "run_after" in changes:
            changes.setdefault("countdown", None)
        elif changes.get("countdown") is not None:
            changes["run_after"] = None
        if "unique_key" in changes and changes["unique_key"] is None:
            changes.setdefault("unique_for", None)
        changes["stored"] = {**self.stored, **options.to_store(changes)}
        return replace(self, **changes)

    def as_stored(self, stored: Mapping[str, Any], **changes: Any) -> TaskDefinition:
        """Return a copy with the options that a row carries; see `using`.

        The key of the row's limit is a column of the row: it need not be this task's own.
        """
        changes = {**stored, **changes}
        if self.concurrency_key is None:
            changes.pop("concurrency_limit", None)
        return self.using(**changes)

    def born_of(self, parent_id: int) -> TaskDefinition:
        """Return a copy whose tasks are children of another."""
        return replace(self, parent_id=parent_id)

    def enqueue(self, *args: Any, **kwargs: Any) -> AsyncResult:
        """Enqueue a task; inside `transaction.atomic` it exists if and only if that commits.

        Raises:
            InvalidArguments, PayloadTooLarge, InvalidOption, EnqueueFailed: nothing was written.
        """
        return compat.task_backends[self.backend].enqueue(self, args, kwargs)  # type: ignore[return-value, arg-type]

    async def aenqueue(self, *args: Any, **kwargs: Any) -> AsyncResult:
        """See `enqueue`."""
        return await self.get_backend().aenqueue(self, args, kwargs)  # type: ignore[return-value, arg-type]

    def enqueue_many(self, calls: Iterable[tuple[Any, Any]]) -> Sequence[AsyncResult]:
        """Enqueue one task for each `(args, kwargs)`, all of them or none, in few statements.

        Results come in the order of the calls; see `enqueue` for what is raised.
        """
        return self._our_backend().enqueue_many(self, calls)  # type: ignore[no-any-return]

    def s(self, *args: Any, **kwargs: Any) -> Signature:
        """Return a call that has not been enqueued: a part of a workflow, or a callback."""
        from taskhub.signature import Signature

        return Signature(self, args, kwargs)

    def si(self, *args: Any, **kwargs: Any) -> Signature:
        """See `s`; in a workflow it takes no value of its predecessor."""
        from taskhub.signature import Signature

        return Signature(self, args, kwargs, is_immutable=True)

    def get_result(self, result_id: str) -> AsyncResult:
        """Return the result of a task of this definition; see `taskhub.get_result`.

        Raises:
            TaskResultDoesNotExist: no such task. TaskResultMismatch: a task of another definition.
        """
        return compat.Task.get_result(self, result_id)  # type: ignore[return-value]

    def _our_backend(self) -> Any:
        backend = self.get_backend()
        if not hasattr(backend, "enqueue_many"):
            raise InvalidOption(
                f"The backend {self.backend!r} in settings.TASKS is a "
                f"{type(backend).__module__}.{type(backend).__qualname__}, which has no enqueue_many; "
                "expected taskhub.backend.TaskHubBackend."
            )
        return backend


def _restored(values: dict[str, Any]) -> TaskDefinition:
    # A function, and not a class method as in Django: Twisted breaks the pickling of those.
    known = registry.get(values["identifier"])
    functions = {name: getattr(known, name) for name in _FUNCTIONS if name not in values}
    return TaskDefinition(**functions, **values)


_FUNCTIONS = ("func", *option_rules.HOOKS, *keys.SIZES)


@overload
def task(function: Callable[..., Any], /) -> TaskDefinition: ...
@overload
def task(**given: Any) -> Callable[[Callable[..., Any]], TaskDefinition]: ...


def task(function: Callable[..., Any] | None = None, /, **given: Any) -> Any:
    """Make a task of a module-level function; takes the options of TaskDefinition.

    Raises:
        InvalidOption: an unknown option or a bad value, a lambda or nested function, a name that is taken.
    """
    options.check_names(given, getattr(function, "__qualname__", "@task"), at_definition=True)

    def define(func: Callable[..., Any]) -> TaskDefinition:
        definition = TaskDefinition(func=func, **given)
        registry.register(definition)
        return definition

    return define(function) if function is not None else define
