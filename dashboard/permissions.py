"""Permissions: what the pages and actions of the dashboard ask for, of whom and for which queue."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from taskhub import conf

APP_LABEL = "taskhub_dashboard"
User = AbstractBaseUser | AnonymousUser


class Permission(StrEnum):
    """The codenames, as the database has them."""

    VIEW_DASHBOARD = "view_dashboard"
    VIEW_PAYLOADS = "view_payloads"
    VIEW_AUDIT = "view_audit"
    EDIT_ARGUMENTS = "edit_arguments"
    RETRY_TASK = "retry_task"
    CANCEL_TASK = "cancel_task"
    PURGE_QUEUE = "purge_queue"
    PAUSE_QUEUE = "pause_queue"
    CONTROL_WORKER = "control_worker"
    RUN_SCHEDULE = "run_schedule"
    CHANGE_SCHEDULE = "change_schedule"

    @property
    def only_reads(self) -> bool:
        return self.value.startswith("view_")


def has(user: User, permission: Permission, queue: str = "") -> bool:
    """Tell whether a person holds a permission, for a queue where one is named; see `refusal`."""
    return not refusal(user, permission, queue)


def refusal(user: User, permission: Permission, queue: str = "") -> str:
    """Say why a person may not do this, or return "".

    Superusers hold all permissions of Django's; TASKHUB["DASHBOARD_READ_ONLY"] and TASKHUB["DASHBOARD_ACCESS"] bind
    them too. The latter is asked for actions, with the queue that they touch ("" where that is none).
    """
    settings = conf.get()
    if lacks(user, permission):
        return missing(permission)
    if permission.only_reads:
        return ""
    if settings.dashboard_read_only:
        return gettext("This dashboard is read-only (TASKHUB['DASHBOARD_READ_ONLY'])")
    if settings.dashboard_access and not import_string(settings.dashboard_access)(
        user, permission.value, queue
    ):
        if queue:
            refused = gettext(
                "This site does not let you use %(permission)s for the queue %(queue)s"
            )
        else:
            refused = gettext("This site does not let you use %(permission)s")
        said = refused % {"permission": permission, "queue": queue}
        return f"{said} (TASKHUB['DASHBOARD_ACCESS'])"
    return ""


def lacks(user: User, permission: Permission) -> bool:
    """Tell whether Django's own permission is missing, which somebody can grant."""
    has_perm = getattr(user, "has_perm", None)
    return not (has_perm and has_perm(f"{APP_LABEL}.{permission}"))


def missing(permission: Permission) -> str:
    """Say which permission an account lacks."""
    return gettext("Your account lacks the permission %(permission)s") % {"permission": permission}


@dataclass(frozen=True, slots=True)
class Rights:
    """What one person may see and do: what templates ask before they show a payload or a button."""

    view_payloads: bool = False
    view_audit: bool = False
    edit_arguments: bool = False
    retry_task: bool = False
    cancel_task: bool = False
    purge_queue: bool = False
    pause_queue: bool = False
    control_worker: bool = False
    run_schedule: bool = False
    change_schedule: bool = False

    @classmethod
    def of(cls, user: User) -> Rights:
        """Return the rights of a person, whatever the queue."""
        return cls(**{field.name: has(user, Permission(field.name)) for field in fields(cls)})
