"""Fail on purpose: once in a while, and for good."""

from typing import TYPE_CHECKING, TypedDict

from taskhub import task

if TYPE_CHECKING:
    from taskhub.context import TaskContext


class CarrierUnreachable(ConnectionError):
    """The parcel service did not answer; trying again may help."""


class CardDeclined(Exception):
    """The bank said no; trying again does not help."""


class Label(TypedDict):
    """A parcel label, and how many tries it took."""

    label: str
    attempts: int


@task(
    name="demo.flaky",
    takes_context=True,
    timeout=30,
    max_retries=4,
    retry_delay=1,
    retry_backoff=2.0,
    retry_jitter=0.1,
    tags=["demo"],
)
def flaky(context: "TaskContext", order: str, failures: int = 2) -> Label:
    """Order a parcel label from a service that does not answer the first `failures` times."""
    if context.attempt <= failures:
        raise CarrierUnreachable(
            f"The carrier did not answer for order {order} (attempt {context.attempt})"
        )
    return {"label": f"LBL-{order}", "attempts": context.attempt}


@task(name="demo.always_fails", timeout=30, no_retry_on=(CardDeclined,), tags=["demo"])
def always_fails(order: str, cents: int = 4_990) -> None:
    """Charge a card that the bank declines: failed at once, with a traceback worth reading."""
    checkout(order, cents)


def checkout(order: str, cents: int) -> None:
    """Charge the card, and say for which order it went wrong."""
    try:
        charge({"order": order, "cents": cents, "card": "4000 0000 0000 0002"})
    except PermissionError as refusal:
        raise CardDeclined(f"Order {order} was not paid: {refusal}") from refusal


def charge(payment: dict[str, object]) -> None:
    """Ask the bank."""
    authorise(payment)


def authorise(payment: dict[str, object]) -> None:
    """Answer as the bank does for its test card."""
    raise PermissionError(
        f"card ending in {str(payment['card'])[-4:]} declined (insufficient funds)"
    )
