"""What the code asks to have translated, what a catalog translates, and what stands in templates untranslated."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

from django.template.base import Lexer, TokenType
from django.utils.translation.template import templatize

_CALLS = {  # at which places of a call its context, its message and its plural stand
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "gettext_noop": (None, 0, None),
    "_": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2),
}
_TEXT = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(rf"\b(n?p?gettext|_)\(\s*({_TEXT})(?:,\s*({_TEXT}))?(?:,\s*({_TEXT}))?")
_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", "data-search-for", "data-k")
_CODE = ("code", "pre", "kbd", "script", "style")
_NAMES = {"taskhub", "UTC", "MB", "CPU"}  # and what somebody types into the search
_WORD = re.compile(r"[^\W\d_]{2,}")


class Message(NamedTuple):
    context: str
    text: str
    plural: str = ""


def messages_of(app: Path) -> set[Message]:
    """Return what the templates and modules of an app ask to have translated."""
    found: set[Message] = set()
    for path in sorted(app.rglob("*.py")):
        found |= set(_of_module(path.read_text()))
    for folder in (app / "templates").glob("**/"):
        for path in folder.glob("*.html"):
            found |= set(_of_template(path.read_text()))
    return found


def _of_module(source: str) -> Iterator[Message]:
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        if node.func.id in _CALLS and texts:  # without, it is about a text that is marked elsewhere
            yield _message(_CALLS[node.func.id], texts)


def _of_template(source: str) -> Iterator[Message]:
    for call in _CALL.finditer(templatize(source)):
        name, *written = call.groups()
        yield _message(_CALLS[name], [ast.literal_eval(text) if text else "" for text in written])


def _message(places: tuple[int | None, int, int | None], texts: list[object]) -> Message:
    return Message(*("" if place is None else str(texts[place]) for place in places))


def entries_of(catalog: Path) -> dict[Message, list[str]]:
    """Read a .po file: each message with its translations; fuzzy and obsolete ones are left out."""
    found: dict[Message, list[str]] = {}
    for block in re.split(r"\n\s*\n", catalog.read_text()):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE) or not lines:
            continue
        fields: dict[str, str] = {}
        key = ""
        for line in lines:
            if not line.startswith('"'):
                key, _, line = line.partition(" ")
            fields[key] = fields.get(key, "") + ast.literal_eval(line)
        message = Message(
            fields.get("msgctxt", ""), fields["msgid"], fields.get("msgid_plural", "")
        )
        found[message] = [text for key, text in fields.items() if key.startswith("msgstr")]
    found.pop(Message("", ""), None)  # the head
    return found


def bare_words(source: str) -> list[str]:
    """Return the texts of a template that stand outside of what is translated."""
    skeleton, is_translated = [], False
    for token in Lexer(source).tokenize():
        name = token.contents.split()[0] if token.token_type == TokenType.BLOCK else ""
        if name in ("blocktranslate", "endblocktranslate"):
            is_translated = name == "blocktranslate"
        elif token.token_type == TokenType.TEXT and not is_translated:
            skeleton.append(token.contents)
    reader = _Words()
    reader.feed("".join(skeleton))
    reader.close()
    return reader.found


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._code: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _CODE:
            self._code.append(tag)
        for name, value in attrs:
            if name in _ATTRIBUTES:
                self._look(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._code:
            self._code.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self._code:
            self._look(data)

    def _look(self, text: str) -> None:
        words = re.sub(r"[\w.]+:\S*", "", text)  # a filter: state:failed
        if set(_WORD.findall(words)) - _NAMES:
            self.found.append(text.strip())
