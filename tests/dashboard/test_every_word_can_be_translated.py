"""What a page says goes through gettext, and each catalog has all of it."""

import ast
import gettext
import re

import pytest

from tests.dashboard.catalogs import Message, bare_words, entries_of, messages_of
from tests.settings import ROOT

APPS = ("dashboard", "taskhub")
TEMPLATES = sorted(
    path
    for folder in ("templates/dashboard", "taskhub/templates")
    for path in (ROOT / folder).rglob("*.html")
)
CATALOGS = sorted(path for app in APPS for path in (ROOT / app / "locale").rglob("django.po"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_holds_no_word_that_cannot_be_translated(path):
    assert bare_words(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ('<p title="Hello">{{ name }}</p>', ["Hello"]),
        ('<input placeholder="{% if a %}Hello{% endif %}">', ["Hello"]),
        ('{% translate "Hello" %} world', ["world"]),
        ("{% blocktranslate %}Hello{% endblocktranslate %}<b>{{ name }}</b>", []),
        ("<code>manage.py runworker</code> UTC state:failed", []),
    ],
)
def test_a_bare_word_is_found(source, found):
    assert bare_words(source) == found


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_catalog_has_what_the_code_asks_for_and_nothing_else(catalog):
    app = ROOT / catalog.relative_to(ROOT).parts[0]
    asked, translated = messages_of(app), set(entries_of(catalog))
    assert asked - translated == set(), "makemessages has not been run"
    assert translated - asked == set(), "nobody asks for these any more"


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_translation_is_there_and_has_the_places_of_its_message(catalog):
    for message, translations in entries_of(catalog).items():
        assert translations, message
        for translation in translations:
            assert translation, message
            assert places(translation) == places(message.text), message


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_shipped_was_compiled_from_the_catalog(catalog):
    with catalog.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message, translations in entries_of(catalog).items():
        assert spoken(compiled, message) == translations, message


@pytest.mark.parametrize("app", APPS)
def test_no_call_hides_in_an_f_string_where_xgettext_does_not_look(app):
    for path in (ROOT / app).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FormattedValue):
                calls = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
                names = {func.id for func in calls if isinstance(func, ast.Name)}
                assert not any(name.endswith("gettext") for name in names), path


def test_there_are_catalogs_and_templates_to_look_at():
    assert len(CATALOGS) >= 2
    assert len(TEMPLATES) > 60


def places(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[a-z]", text))


def spoken(catalog: gettext.GNUTranslations, message: Message) -> list[str]:
    """What a compiled catalog answers: the one text, or the one for 1 and the one for 2."""
    if message.plural:
        return [catalog.ngettext(message.text, message.plural, number) for number in (1, 2)]
    if message.context:
        return [catalog.pgettext(message.context, message.text)]
    return [catalog.gettext(message.text)]
