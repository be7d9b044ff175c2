"""Text that every database can store: NUL and lone surrogates made visible."""

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Tell whether `text` holds neither NUL characters nor lone surrogates."""
    return (text.isascii() and "\x00" not in text) or not _UNSTORABLE.search(text)


def storable(text: str, limit: int | None = None) -> str:
    """Return `text` with unstorable characters escaped as `\\uXXXX`, and its middle cut out over `limit` characters."""
    if not is_storable(text):
        text = _UNSTORABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    if limit is not None and len(text) > limit:
        head = limit // 3
        cut = f"\n… {len(text) - limit} characters cut …\n"
        text = text[:head] + cut + text[len(text) - (limit - head) :]
    return text
