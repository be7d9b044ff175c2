"""What is counted: skips that must not be, and the numbers that `tests.run` adds up."""

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

REQUIRE_ALL = os.environ.get("TASKHUB_TEST_REQUIRE_ALL", "") not in ("", "0")


def forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure where the environment promises that nothing is missing."""
    if REQUIRE_ALL and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason} (a failure, as TASKHUB_TEST_REQUIRE_ALL is set)"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    forbid_skip(report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Leave the counts where `tests.run` looks for them."""
    path = os.environ.get("TASKHUB_TEST_REPORT")
    if path is None:
        return
    stats = terminalreporter.stats
    count = {key: len(found) for key, found in stats.items()}
    totals: dict[str, object] = {
        "passed": count.get("passed", 0) + count.get("xfailed", 0),
        "failed": count.get("failed", 0) + count.get("error", 0),
        "skipped": count.get("skipped", 0),
        "failed_tests": sorted(
            {found.nodeid for key in ("failed", "error") for found in stats.get(key, [])}
        ),
    }
    Path(path).write_text(json.dumps(totals))
