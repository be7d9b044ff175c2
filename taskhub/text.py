"""Text that every database can store: NUL and lone surrogates made visible."""

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Tell whether `text` holds neither NUL characters nor lone surrogates."""
    return (text.isascii() and "\x00" not in text) or not _UNSTORABLE.search(text)


def storable(text: str, limit: int | None = None) -> str:
    r"""Return `text` with unstorable characters escaped as `\uXXXX`; over `limit` characters its middle is cut out.

    What is returned is never longer than `limit`: it goes into columns of that length.
    """
    if not is_storable(text):
        text = _UNSTORABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    if limit is not None and len(text) > limit:
        cut = f"\n… cut from {len(text)} characters …\n"
        room = limit - len(cut)
        if room <= 0:
            return text[:limit]
        head = room // 3
        text = text[:head] + cut + text[len(text) - (room - head) :]
    return text
