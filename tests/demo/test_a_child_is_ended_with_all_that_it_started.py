import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskhub.demo.child import Child, stop_all
from tests.helpers import eventually
from tests.processes import session_of

PARENT = """
import pathlib, signal, subprocess, sys, time
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
kid = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(kid.pid))
time.sleep(600)
"""


class Family:
    """A child that has started a child of its own."""

    def __init__(self, note: Path, *words: str) -> None:
        self.child = Child(
            "helper", [sys.executable, "-c", PARENT, str(note), *words], {**os.environ}
        )
        self.grandchild = int(eventually(lambda: note.exists() and note.read_text()))

    @property
    def is_alive(self) -> bool:
        return self.child.is_running or session_of(self.grandchild) is not None


@pytest.fixture
def families(tmp_path: Path) -> Iterator[list[Family]]:
    both = [Family(tmp_path / "mild"), Family(tmp_path / "stubborn", "stubborn")]
    yield both
    for family in both:
        family.child.kill_group()


def test_all_end_within_the_grace_and_what_does_not_is_killed(families: list[Family]) -> None:
    mild, stubborn = families
    stop_all([mild.child, stubborn.child], grace_s=0.5, is_urgent=lambda: False)
    assert (mild.child.ending, stubborn.child.ending) == ("signal SIGTERM", "signal SIGKILL")
    eventually(lambda: not mild.is_alive and not stubborn.is_alive)


def test_pressing_ctrl_c_twice_does_not_wait_for_the_grace(families: list[Family]) -> None:
    before = time.monotonic()
    stop_all([family.child for family in families], grace_s=60, is_urgent=lambda: True)
    assert time.monotonic() - before < 10
    eventually(lambda: not any(family.is_alive for family in families))


def test_a_child_says_how_it_ended() -> None:
    child = Child("helper", [sys.executable, "-c", "raise SystemExit(3)"], {**os.environ})
    eventually(lambda: not child.is_running)
    assert child.ending == "exit code 3"
    child.kill_group()
