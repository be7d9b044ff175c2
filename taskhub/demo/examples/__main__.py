"""Run one example against the site's queue: `python -m taskhub.demo.examples NAME`.

A worker must run beside it (`manage.py runworker`, or `manage.py demo`); `task_system` brings its own queue and worker.
"""

import argparse
import importlib
import os

import django

NAMES = (
    "simple_worker",
    "priority_tasks",
    "scheduled_tasks",
    "chain_workflow",
    "monitoring_dashboard",
    "task_system",
)
WITHOUT_A_SITE = ("task_system",)


def run(name: str) -> None:
    """Set Django up, unless the example does, and call the example's `main()`."""
    if name not in WITHOUT_A_SITE:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taskhub.site.settings")
        django.setup()
    importlib.import_module(f"taskhub.demo.examples.{name}").main()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m taskhub.demo.examples", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    run(parser.parse_args().name)
