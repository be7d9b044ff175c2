"""Run a handler of this process on a queue in one file: the specification's task_system."""

from collections.abc import Callable
from pathlib import Path

from taskhub import TaskSystem


def main(say: Callable[[str], object] = print, path: str | Path = "queue.sqlite3") -> None:
    """Start, submit, get, stop. It needs no site and no worker, and leaves a file behind."""
    system = TaskSystem.standalone(path)
    system.register_handler("greet", lambda name: f"Hello, {name}!")
    system.start()
    result = system.submit("greet", {"name": "world"})
    say(f"Task {result.id} says {result.get(timeout=10)}")
    system.stop()
