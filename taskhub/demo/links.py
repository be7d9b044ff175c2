"""Find the addresses that the demo's pages point to outside of themselves."""

from django.conf import settings
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse


def dashboard_address() -> str:
    """Return the operators' address, or nothing on a site without the dashboard."""
    try:
        return reverse("dashboard:overview")
    except NoReverseMatch:
        return ""


def login_address(back_to: str) -> str:
    """Return where to log in, and come back from."""
    return f"{resolve_url(settings.LOGIN_URL)}?next={back_to}"
