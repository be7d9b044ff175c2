"""The page on performance says what its numbers say."""

import importlib.util

from tests.settings import ROOT

CHARTS = ROOT / "docs" / "charts"


def draw():
    spec = importlib.util.spec_from_file_location("draw", CHARTS / "draw.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_made_of_the_numbers():
    drawing = draw()
    page = drawing.PAGE.read_text()
    assert page == drawing.filled(page, drawing.read()), "run python docs/charts/draw.py"


def test_each_chart_of_the_page_is_there_and_names_each_system_that_has_a_figure():
    drawing = draw()
    data = drawing.read()
    for file, key, title, _ in drawing.CHARTS:
        assert f"](charts/{file})" in drawing.PAGE.read_text()
        svg = (CHARTS / file).read_text()
        assert title in svg
        assert "prefers-color-scheme: dark" in svg
        for one in data["systems"]:
            is_there = f"{one['name']} ({one['store']})" in svg
            assert is_there == (one["figures"][key] is not None), "run python docs/charts/draw.py"
