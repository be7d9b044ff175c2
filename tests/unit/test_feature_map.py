"""docs/feature-map.md names tests that exist: a test that is renamed takes its line along."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
LINES = (TESTS.parent / "docs" / "feature-map.md").read_text().splitlines()
ROWS = [
    line for line in LINES if line.startswith("| ") and not line.startswith(("| Spec", "| Else"))
]


def test_each_test_that_is_named_is_there():
    named = [name for row in ROWS for name in re.findall(r"\b[a-z]+/test_\w+\.py(?:::\w+)?", row)]
    assert len(named) > 80
    for name in named:
        path, _, test = name.partition("::")
        assert (TESTS / path).is_file(), name
        assert f"def {test}" in (TESTS / path).read_text(), name


def test_each_line_names_a_test_or_says_what_it_waits_for():
    for row in ROWS:
        last = row.rstrip("| ").rpartition(" | ")[2]
        assert re.search(r"[a-z]+/(test_\w+\.py)?|not built yet: “.+”", last), row
