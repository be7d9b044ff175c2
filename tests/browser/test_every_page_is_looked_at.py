"""Every page in both themes and at two widths: axe finds nothing, and nothing scrolls sideways.

Pictures are taken where TASKHUB_TEST_SCREENSHOTS names a folder for them, such as docs/screenshots.
"""

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.story import Story, tell

pytestmark = pytest.mark.django_db(transaction=True)

WIDTHS = {"wide": (1280, 800), "phone": (390, 844)}
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PICTURES = os.environ.get("TASKHUB_TEST_SCREENSHOTS")


def look(page: Page, name: str, path: str, theme: str, width: str) -> list[str]:
    """Open one page and return what is wrong with it."""
    page.set_viewport_size({"width": WIDTHS[width][0], "height": WIDTHS[width][1]})
    page.goto(f"/taskhub/{path}")
    page.evaluate("document.fonts.ready")
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}-{theme}-{width}.png", full_page=True)
    wrong = [f"{name} scrolls sideways"] if page.evaluate(SIDEWAYS) > 0 else []
    for violation in Axe().run(page).response["violations"]:
        places = "; ".join(node["html"][:150] for node in violation["nodes"][:3])
        wrong.append(f"{name}: {violation['id']}: {violation['help']}: {places}")
    return wrong


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    operator_page: Page,
    complaints: list[str],
    live_site: str,
    theme: str,
    width: str,
):
    story: Story = tell()
    operator_page.context.add_cookies([{"name": "taskhub_theme", "value": theme, "url": live_site}])
    wrong = [
        problem
        for name, path in story.pages.items()
        for problem in look(operator_page, name, path, theme, width)
    ]
    assert not wrong, "\n".join(wrong)
    complaints[:] = [one for one in complaints if "404" not in one]  # the page that says so


def test_fonts_come_from_the_site_itself(operator_page: Page):
    operator_page.goto("/taskhub/")
    operator_page.evaluate("document.fonts.ready")
    loaded = operator_page.evaluate(
        "[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)"
    )
    assert any("Inter Variable" in family for family in loaded)
