"""docs/testing.md: its examples are a file of tests that passes."""

import re
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, Processes

DOCS = Path(ROOT) / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


@pytest.mark.django_db(transaction=True)
def test_the_examples_pass(processes: Processes, tmp_path: Path) -> None:
    """In a process of their own, on a database of their own, as a user's tests are."""
    examples = blocks("testing.md")
    assert len(examples) == 3
    (tmp_path / "shop_tasks.py").write_text(examples[0])
    imports = "from shop_tasks import double, send_welcome, total\n\n"
    (tmp_path / "test_shop.py").write_text(imports + "\n\n".join(examples[1:]))
    run = processes.start(
        *(
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "taskhub.testing.fixtures",
            "-p",
            "no:cacheprovider",
        ),
        *("-c", "/dev/null", "--rootdir", str(tmp_path), "--ds", "tests.settings", str(tmp_path)),
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "TASKHUB_TEST_DIR": str(tmp_path)},
    )
    assert run.wait(120) == 0, run.output
    assert "6 passed" in run.output
