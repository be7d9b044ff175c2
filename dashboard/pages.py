"""Render a page: what every page of the dashboard shows around its own content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language

from dashboard import script_words
from dashboard.permissions import Rights

THEMES = ("auto", "light", "dark")


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    section: str = "",
) -> HttpResponse:
    """Render a template of `templates/dashboard/` with what is around each page: the time, rights, theme and words.

    `section` is the entry of the navigation that the page belongs to.
    """
    theme = request.COOKIES.get("taskhub_theme", "auto")
    around = {
        "now": timezone.now(),
        "may": Rights.of(request.user),
        "theme": theme if theme in THEMES else "auto",
        "host": request.META.get("HTTP_HOST", ""),
        "section": section,
        "user_key": str(request.user.pk),
        "language": get_language() or "",
        "words": script_words.of_pages(),
    }
    return render(request, f"dashboard/{template}", {**around, **(context or {})}, status=status)


def problem(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    """Render the page that says why there is no other page."""
    return page(
        request,
        "problem.html",
        {"title": title, "text": text, "locked": status == 403},
        status=status,
    )
