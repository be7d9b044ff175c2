"""The headers of every answer: a strict Content-Security-Policy, and nothing kept in caches."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpResponseBase
from django.templatetags.static import static
from django.utils.cache import add_never_cache_headers


def protect(response: HttpResponseBase) -> HttpResponseBase:
    """Add the headers to a response and return it."""
    own = _own_sources()
    response.headers["Content-Security-Policy"] = "; ".join(
        [
            "default-src 'none'",
            f"script-src {own}",
            f"style-src {own}",
            f"img-src {own}",
            f"font-src {own}",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )
    add_never_cache_headers(response)
    return response


def _own_sources() -> str:
    """Return where our own files come from: this host, and the one that STATIC_URL names."""
    parts = urlsplit(static("dashboard/taskhub.css"))
    return f"'self' {parts.scheme or 'https'}://{parts.netloc}" if parts.netloc else "'self'"
