"""Reasons: what an operator gives as the reason of an action, as tasks and the audit log keep it."""

from __future__ import annotations

from django.http import HttpRequest

from taskhub.text import storable

LIMIT = 500


def given(request: HttpRequest) -> str:
    """Return the reason of the form, in one line, or ""."""
    return storable(" ".join(request.POST.get("reason", "").split()))[:LIMIT]


def signed(request: HttpRequest) -> str:
    """Return the reason with the person's name: "by anna: wrong segment"."""
    reason = given(request)
    return storable(f"by {request.user.get_username()}{': ' if reason else ''}{reason}")[:LIMIT]
