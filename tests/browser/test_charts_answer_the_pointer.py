"""The charts of the overview: drawn by uPlot, kept fresh, in the colours of the theme, with nothing on the console."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from taskhub.metrics.tally import MINUTE, floor, moment
from taskhub.models import MetricBucket
from tests.dashboard.builders import ago, make_task
from tests.helpers import eventually

pytestmark = pytest.mark.django_db(transaction=True)

PILE = "#drawn-throughput canvas"
NAMES = "document.querySelector('{}').closest('taskhub-chart').plot.series.slice(1).map((one) => one.label)"
TOTAL = "document.querySelector('#drawn-throughput').closest('taskhub-chart').plot.data[4].reduce((a, b) => a + b)"
# The colours of a canvas, without those between two others where something ends within a pixel.
COLOURS = """(selector) => {
  const canvas = document.querySelector(selector), counts = new Map();
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] !== 255) continue;
    const colour = `rgb(${data[at]}, ${data[at + 1]}, ${data[at + 2]})`;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > 60).map(([colour]) => colour);
}"""
FILL = """(look) => {
  const probe = document.querySelector("#drawn-throughput .inks path").cloneNode();
  document.querySelector("#drawn-throughput .inks").append(probe);
  probe.setAttribute("class", look);
  const { fill } = getComputedStyle(probe);
  probe.remove();
  return fill;
}"""


def measure(minutes_ago: int, count: int, outcome: str = "succeeded") -> None:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    MetricBucket.objects.create(
        seconds=60, start_at=moment(floor(int(at.timestamp()), MINUTE)), queue="mail", name="email.send",
        outcome=outcome, count=count, waits={"20": count}, runs={"25": count}, writer=minutes_ago + 1,
    )  # fmt: skip


@pytest.fixture
def charts(operator_page: Page) -> Callable[[], Page]:
    """`charts()`: the overview of an hour in which something happened, once its charts are drawn."""
    make_task(enqueued_at=ago(600))
    for minutes in range(5, 50):
        measure(minutes, 40)
        measure(minutes, 25, "failed")

    def go() -> Page:
        operator_page.goto("/taskhub/")
        expect(operator_page.locator(PILE)).to_be_visible()
        expect(operator_page.locator("#link")).to_have_attribute("data-live", "on")
        return operator_page

    return go


@pytest.mark.every_engine
def test_a_chart_takes_the_place_of_the_drawing_and_follows_the_database(charts):
    page = charts()
    assert page.evaluate(NAMES.format("#drawn-throughput")) == [
        "failed", "retrying", "cancelled", "succeeded",
    ]  # fmt: skip
    assert page.evaluate(NAMES.format("#drawn-waits")) == [
        "oldest waiting",
        "p95",
        "p50",
        "objective",
    ]
    expect(page.locator("#drawn-throughput")).to_have_attribute("aria-hidden", "true")
    drawing = page.get_by_role("img", name=re.compile("^Attempts a minute"))
    assert drawing.bounding_box()["width"] <= 1  # it is there for those who hear it
    page.evaluate(f"window.before = document.querySelector('{PILE}')")
    assert page.evaluate(TOTAL) == 45 * 40
    measure(3, 1000)
    eventually(lambda: page.evaluate(TOTAL) == 45 * 40 + 1000)
    assert page.evaluate(f"window.before === document.querySelector('{PILE}')")
    expect(page.locator("taskhub-chart table").first).to_contain_text("1,000")


def test_the_pointer_reads_a_minute_in_every_chart(charts):
    page = charts()
    keys = page.locator("taskhub-chart .keys").first
    failed, time = keys.locator("li", has_text="failed").locator("b"), keys.locator("time")
    expect(failed).to_have_text("0")
    latest = time.text_content()
    page.locator("#drawn-throughput .u-over").scroll_into_view_if_needed()
    over = page.locator("#drawn-throughput .u-over").bounding_box()
    page.mouse.move(over["x"] + over["width"] / 2, over["y"] + 40)
    expect(failed).to_have_text("25")
    expect(time).not_to_have_text(latest)
    oldest = page.locator("taskhub-chart.tabs__wait .keys b").first
    expect(oldest).to_have_text("–")  # half an hour ago
    measure(3, 1000)  # what is told of the minute at the pointer survives what comes in
    eventually(lambda: page.evaluate(TOTAL) > 45 * 40)
    expect(failed).to_have_text("25")
    page.mouse.move(5, 5)
    expect(failed).to_have_text("0")
    expect(oldest).to_have_text(re.compile(r"^\d+ min"))


def test_colours_are_those_of_the_theme_at_once(charts):
    page = charts()
    found = {}
    for theme in ("light", "dark"):
        page.locator(f"label:has(#theme-{theme})").click()
        failed = page.evaluate(FILL, "fill st-failed")
        eventually(lambda failed=failed: failed in page.evaluate(COLOURS, PILE))
        found[theme] = set(page.evaluate(COLOURS, PILE))
    assert not found["light"] & found["dark"]
    page.locator("label:has(#theme-auto)").click()
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        eventually(lambda theme=theme: set(page.evaluate(COLOURS, PILE)) == found[theme])


def test_it_is_as_wide_as_its_panel_and_a_tab_is_drawn_when_it_is_seen(charts):
    page = charts()
    expect(page.locator("#drawn-runs canvas")).to_have_count(0)
    page.get_by_text("run time", exact=True).click()
    expect(page.locator("#drawn-runs canvas")).to_be_visible()
    wide = page.locator(PILE).bounding_box()["width"]
    page.set_viewport_size({"width": 390, "height": 844})
    eventually(lambda: page.locator(PILE).bounding_box()["width"] < min(wide, 390))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.emulate_media(media="print")
    expect(page.locator(PILE)).to_be_hidden()
    assert page.locator("svg.plot").first.bounding_box()["width"] > 200


def test_a_chart_that_goes_with_its_region_leaves_nothing_behind(charts):
    page = charts()
    page.evaluate("window.chart = document.querySelector('taskhub-chart')")
    MetricBucket.objects.all().delete()
    expect(page.locator(PILE)).to_have_count(0)
    expect(page.get_by_text("Nothing ended in the last hour.").first).to_be_visible()
    assert page.evaluate("window.chart.plot === undefined")
    measure(2, 40)
    expect(page.locator(PILE)).to_be_visible()


def test_the_axis_reads_in_the_zone_that_was_chosen(elsewhere: Page):
    make_task()
    measure(5, 40)
    elsewhere.goto("/taskhub/")
    expect(elsewhere.locator(PILE)).to_be_visible()
    eventually(lambda: is_read(elsewhere, ahead=0))
    elsewhere.locator("#clock").click()
    eventually(lambda: is_read(elsewhere, ahead=330))


def is_read(page: Page, *, ahead: int) -> bool:
    """Tell whether the marks of the axis are the times at which they stand, so many minutes ahead of UTC.

    A mark at an edge has no label: at some minutes of the hour one of the marks stands there.
    """
    splits, values = page.evaluate(
        "(({ _splits, _values }) => [_splits, _values])(document.querySelector('taskhub-chart').plot.axes[0])"
    )
    times = [f"{moment(int(at) + ahead * 60):%H:%M}" for at in splits]
    bare = [at for at, value in enumerate(values) if not value]
    return (
        set(bare) <= {0, len(times) - 1}
        and any(values)
        and all(value == time for value, time in zip(values, times, strict=True) if value)
    )
