"""Misfires: which of the times that have come are run, and which are left out as missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from taskhub.policies import Misfire, Policies


@dataclass(frozen=True, slots=True)
class Verdict:
    """The times to run, in their order; and those left out, with the reason in words."""

    run: Sequence[datetime]
    left_out: Sequence[datetime] = ()
    reason: str = ""


def judge(
    times: Sequence[datetime], now: datetime, policies: Policies, *, is_all: bool = True
) -> Verdict:
    """Judge the times that have come, in their order; `is_all`: there are no others before them.

    A time within the grace is kept whatever the policy, also beside others. With `run_once` the newest of the others
    makes up for all of them, unless one within the grace does.
    """
    deadline = now - timedelta(seconds=policies.grace)
    kept = [due for due in times if due >= deadline]
    missed = times[: len(times) - len(kept)]
    match policies.misfire:
        case Misfire.SKIP:
            left_out, reason = missed, "missed, and left out (misfire: skip)"
        case Misfire.RUN_ONCE:
            left_out, kept = (missed, kept) if kept else (missed[:-1], list(missed[-1:]))
            reason = "missed; one run makes up for them (misfire: run once)"
        case Misfire.CATCH_UP:
            limit = policies.catch_up_limit
            left_out, kept = missed[:-limit], [*missed[-limit:], *kept]
            reason = f"missed, and left out (misfire: catch up with {limit} at most)"
    if not left_out:
        return Verdict(kept)
    return Verdict(kept, left_out, f"{_told(left_out, is_all=is_all)} {reason}")


def made_up(due: datetime, now: datetime, policies: Policies) -> str:
    """Return why a time is run that was missed, or "" for one within the grace."""
    late = now - due
    if late <= timedelta(seconds=policies.grace):
        return ""
    policy = str(policies.misfire).replace("_", " ")
    return (
        f"{timedelta(seconds=int(late.total_seconds()))} late, and made up for (misfire: {policy})"
    )


def _told(times: Sequence[datetime], *, is_all: bool) -> str:
    first, last = f"{times[0]:%Y-%m-%d %H:%M:%S}", f"{times[-1]:%Y-%m-%d %H:%M:%S}"
    if len(times) == 1 and is_all:
        return f"{last} UTC was"
    number = f"{len(times)} times" if is_all else f"More than {len(times)} times, the last"
    return f"{number} from {first} to {last} UTC, were"
