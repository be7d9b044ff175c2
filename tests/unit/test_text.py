"""Text that every database can store."""

from hypothesis import example, given
from hypothesis import strategies as st

from taskhub.text import is_storable, storable

# Hypothesis leaves lone surrogates out unless it is asked for them.
texts = st.text(st.characters(exclude_categories=()))


@given(texts)
@example("\x00")
@example("\ud800\udc00")
@example("a\udfffb")
def test_the_result_encodes_and_has_no_nul(text):
    result = storable(text)
    assert "\x00" not in result
    assert result.encode().decode() == result
    assert is_storable(result)
    assert storable(result) == result


@given(texts)
def test_storable_text_stays_as_it_is_and_nothing_else_does(text):
    assert is_storable(text) == (storable(text) == text)
    try:
        text.encode()
    except UnicodeEncodeError:
        assert not is_storable(text)
    else:
        assert is_storable(text) == ("\x00" not in text)


@given(texts, st.integers(0, 200))
def test_the_result_is_never_longer_than_its_column(text, limit):
    result = storable(text, limit)
    assert len(result) <= limit
    assert is_storable(result)
    if len(storable(text)) <= limit:
        assert result == storable(text)


def test_what_is_too_long_keeps_its_beginning_and_its_end():
    result = storable("begin" + "x" * 1000 + "end", 100)
    assert result.startswith("begin")
    assert result.endswith("end")
    assert "\n… cut from 1008 characters …\n" in result


def test_escapes_show_what_was_there():
    assert storable("a\x00b\ud800c") == "a\\u0000b\\ud800c"
