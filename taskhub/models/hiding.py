"""Hiding: what may be read of a stored search without the right to see payloads."""

import re

_PAYLOADS = re.compile(r"(?:^|(?<=\s))(?:error:|args\.)")
_MASS_ACTION = re.compile(r"(?:[\d,]+ tasks?|mass action \d+): ")
_HIDDEN = "•••"


def names_payloads(search: str) -> bool:
    """Tell whether a search has words about arguments or errors."""
    return _PAYLOADS.search(search) is not None


def without_payloads(search: str) -> str:
    """Return a search up to the first word about payloads: where such a word ends, its value may pretend."""
    found = _PAYLOADS.search(search)
    return f"{search[: found.start()]}{_HIDDEN}" if found else search


def open_target(target: str) -> str:
    """Return the target of an audit entry, that of a mass action without payloads."""
    found = _MASS_ACTION.match(target)
    return found[0] + without_payloads(target[found.end() :]) if found else target
