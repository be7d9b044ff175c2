"""TaskSystem.standalone: scripts without a site, each in a process of its own."""

import re
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, Launched, Processes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("sqlite")]

START = (
    "from taskhub import TaskSystem\nsystem = TaskSystem.standalone('q.sqlite3', concurrency=1)\n"
)


class Scripts:
    """Runs Python text in a folder of its own."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self.processes, self.folder = processes, folder

    def __call__(self, text: str, env: dict[str, str] | None = None) -> Launched:
        script = self.folder / "script.py"
        script.write_text(text)
        command = f"cd {self.folder} && exec {sys.executable} -W error {script}"
        unset = {"DJANGO_SETTINGS_MODULE": "", "PYTHONPATH": str(ROOT)}
        return self.processes.start("sh", "-c", command, env={**unset, **(env or {})})


@pytest.fixture
def run_script(processes: Processes, tmp_path: Path) -> Scripts:
    return Scripts(processes, tmp_path)


def test_the_examples_of_the_documentation_run(run_script: Scripts) -> None:
    page = (Path(ROOT) / "docs" / "tasksystem.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    script = run_script("\n\n".join(examples))
    assert script.wait() == 0, script.output
    assert script.output.splitlines() == ["Hello, world!"]


def test_the_ten_line_example_runs(run_script: Scripts) -> None:
    for number in (1, 2):
        text = "from taskhub.demo.examples.__main__ import run\nrun('task_system')"
        script = run_script(text)
        assert script.wait() == 0, script.output
        assert script.output.splitlines() == [f"Task {number} says Hello, world!"]


def test_what_is_submitted_waits_in_the_file_for_the_next_script(run_script: Scripts) -> None:
    first = run_script(
        START + "system.register_handler('one', len)\nprint(system.submit('one').id)"
    )
    assert (first.wait(), first.output) == (0, "1\n")
    second = run_script(
        START + "system.register_handler('one', lambda: 'one')\n"
        "with system: print(system.client.get_result('1').get(timeout=10))"
    )
    assert (second.wait(), second.output) == (0, "one\n")


def test_a_script_that_forgets_to_stop_ends_in_good_order(run_script: Scripts) -> None:
    script = run_script(
        START + "import time\n"
        "system.register_handler('nap', lambda: time.sleep(0.5) or print('rested'))\n"
        "system.start()\nsystem.submit('nap')\n"
        "while not system.workers.active_workers: time.sleep(0.01)\n"
    )
    assert (script.wait(), script.output) == (0, "rested\n")
    look = run_script(START + "print(system.monitor.tasks().get().state, system.monitor.workers())")
    assert (look.wait(), look.output) == (0, "succeeded []\n")


def test_settings_are_as_the_checks_ask_for(run_script: Scripts) -> None:
    script = run_script(
        "from taskhub import TaskSystem, conf\n"
        "TaskSystem.standalone('q.sqlite3', settings={'POLL_INTERVAL': 1.5})\n"
        "from django.core.management import call_command\n"
        "call_command('check', fail_level='WARNING', databases=['default'])\n"
        "print(conf.get().poll_interval)\n"
    )
    assert script.wait() == 0, script.output
    assert "1.5" in script.output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (START + "TaskSystem.standalone('q.sqlite3'); print('the same')", "the same"),
        (START + "TaskSystem.standalone('other.sqlite3')", "this process is set up for"),
        (START + "TaskSystem.standalone('q.sqlite3', settings={'LEASE': 60})", "with settings={}"),
        ("from taskhub import TaskSystem\nTaskSystem()", "needs a configured site"),
        ("from taskhub import TaskSystem\nTaskSystem.standalone(':memory:')", "path of a file"),
        ("from taskhub import TaskSystem\nTaskSystem.standalone('no/q')", "there is no folder"),
        (
            "import taskhub\ntaskhub.TaskSystem.standalone('q.sqlite3', settings={'LEESE': 60})",
            "did you mean 'LEASE'",
        ),
    ],
)
def test_what_cannot_be_says_what_can(run_script: Scripts, text: str, words: str) -> None:
    script = run_script(text)
    script.wait()
    assert words in script.output


def test_a_site_is_left_alone(run_script: Scripts) -> None:
    text = "import django; django.setup()\n" + START
    script = run_script(text, env={"DJANGO_SETTINGS_MODULE": "tests.settings"})
    assert script.wait() == 1
    assert "Django is configured already (DJANGO_SETTINGS_MODULE=tests.settings)" in script.output
    assert "In a site use TaskSystem()" in script.output
