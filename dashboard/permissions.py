"""Permissions: what the pages and actions of the dashboard ask for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

APP_LABEL = "taskhub_dashboard"


class Permission(StrEnum):
    """The codenames, as the database has them."""

    VIEW_DASHBOARD = "view_dashboard"
    VIEW_PAYLOADS = "view_payloads"
    RETRY_TASK = "retry_task"
    CANCEL_TASK = "cancel_task"
    PURGE_QUEUE = "purge_queue"
    PAUSE_QUEUE = "pause_queue"


def has(user: AbstractBaseUser | AnonymousUser, permission: Permission) -> bool:
    """Tell whether a person holds a permission; superusers hold all."""
    has_perm = getattr(user, "has_perm", None)
    return bool(has_perm and has_perm(f"{APP_LABEL}.{permission}"))


@dataclass(frozen=True, slots=True)
class Rights:
    """What one person may see and do: what templates ask before they show a payload or a button."""

    view_payloads: bool = False
    retry_task: bool = False
    cancel_task: bool = False
    purge_queue: bool = False
    pause_queue: bool = False

    @classmethod
    def of(cls, user: AbstractBaseUser | AnonymousUser) -> Rights:
        return cls(
            view_payloads=has(user, Permission.VIEW_PAYLOADS),
            retry_task=has(user, Permission.RETRY_TASK),
            cancel_task=has(user, Permission.CANCEL_TASK),
            purge_queue=has(user, Permission.PURGE_QUEUE),
            pause_queue=has(user, Permission.PAUSE_QUEUE),
        )
