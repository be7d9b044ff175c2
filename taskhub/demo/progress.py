"""Say where a task stands in a visitor's words: no queue vocabulary, and never a traceback."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskhub import TaskState

if TYPE_CHECKING:
    from taskhub.results import AsyncResult

BETWEEN_TRIES = frozenset({TaskState.RUNNING, TaskState.RETRYING})


@dataclass(frozen=True, slots=True)
class Progress:
    """What the progress page shows; the JSON endpoint sends the same fields."""

    state: str
    heading: str
    detail: str
    aside: str
    has_bar: bool
    fraction: float | None
    """0 to 1, or None while nobody can say: the bar then only shows that something waits."""

    is_over: bool

    @property
    def percent(self) -> str:
        """The share as text; empty where there is none to tell."""
        return "" if self.fraction is None else f"{int(self.fraction * 100)}%"


def describe(result: "AsyncResult", title: str) -> Progress:
    """Return what a visitor is told about a task that the page calls `title`."""
    heading, detail, aside = _words(result, title)
    is_moving = result.state in BETWEEN_TRIES
    return Progress(
        state=result.state.value,
        heading=heading,
        detail=detail,
        aside=aside,
        has_bar=not result.is_ready,
        fraction=result.progress if is_moving and result.progress > 0 else None,
        is_over=result.is_ready,
    )


def answer_of(result: "AsyncResult") -> dict[str, Any]:
    """Return what a task that succeeded answered, as a dict; empty in all other cases."""
    answer = result.return_value if result.is_successful else None
    return answer if isinstance(answer, dict) else {}


def sum_up(answer: dict[str, Any]) -> str:
    """Return what came out of an import, in a sentence; empty for tasks of another kind."""
    if "imported" not in answer:
        return ""
    left_out = answer["rejected_count"]
    rest = (
        f"{left_out:,} {'line was' if left_out == 1 else 'lines were'}"
        if left_out
        else "No line was"
    )
    return f"{answer['imported']:,} orders imported from {answer['file']}. {rest} left out."


def _words(result: "AsyncResult", title: str) -> tuple[str, str, str]:
    """Return heading, detail and aside."""
    match result.state:
        case TaskState.PENDING:
            return f"Your {title} is waiting for its time", "It starts by itself.", ""
        case TaskState.QUEUED:
            return f"Your {title} is waiting", "It starts as soon as those before it are done.", ""
        case TaskState.RUNNING:
            return f"Working on your {title}", result.progress_message or "It has started", ""
        case TaskState.RETRYING:
            return (
                "Trying again in a moment",
                "Something did not answer. Nothing is lost.",
                _tries(result),
            )
        case TaskState.SUCCEEDED:
            return f"Your {title} is done", result.progress_message, ""
        case TaskState.CANCELLED:
            return f"Your {title} was cancelled", "Nothing more happens.", _reference(result)
        case TaskState.EXPIRED:
            return "Too late to start", f"Your {title} could not start in time.", _reference(result)
        case _:
            return (
                f"Your {title} did not work",
                "Tell us the reference, and we look into it.",
                _reference(result),
            )


def _tries(result: "AsyncResult") -> str:
    return f"{result.attempts} {'try' if result.attempts == 1 else 'tries'} so far"


def _reference(result: "AsyncResult") -> str:
    return f"Reference {result.id}"
