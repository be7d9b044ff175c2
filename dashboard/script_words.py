"""Words for scripts: what they write themselves. Pages hand them on in an attribute: no script may stand in a page."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import get_language, gettext

from dashboard.words import UNITS, calendar


def of_pages() -> str:
    """Return the words of clock.js, live.js, connection.js and keys.js as JSON."""
    names = calendar(get_language())
    return _json(
        {
            "units": {unit: gettext(text) for unit, text in UNITS.items()},
            "in": gettext("in %(time)s"),
            "ago": gettext("%(time)s ago"),
            "due": gettext("due now"),
            "months": names.months,
            "days": names.days[6:] + names.days[:6],  # from Sunday on
            "toLocal": gettext("Show times in this browser’s zone"),
            "toUtc": gettext("Show times in UTC"),
            "live": {
                "on": gettext("Live"),
                "polling": gettext("Live, every 3 s"),
                "catching-up": gettext("Catching up"),
                "offline": gettext("Offline"),
                "over": gettext("Not live"),
            },
            "asOf": gettext("%(state)s, as of %(time)s"),
            "blocked": gettext("Websockets are blocked on the way here: the page asks instead"),
            "selected": gettext("%(n)s selected"),
            "ends": _ends(),
        }
    )


def of_progress() -> str:
    """Return the words of progress.js as JSON."""
    reconnecting = gettext("Reconnecting; the last news is %(n)s s old")
    return _json({"reconnecting": reconnecting, "ends": _ends()})


def _ends() -> dict[str, str]:
    """Return why a connection ended, by the codes after which trying again would change nothing."""
    return {
        "4401": gettext("You are not signed in any more."),
        "4403": gettext("Your account may not see this."),
        "4404": gettext("This is not kept any more, or not live."),
    }


def _json(words: dict[str, Any]) -> str:
    return json.dumps(words, ensure_ascii=False)
