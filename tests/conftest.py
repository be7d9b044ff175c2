"""The suite's rules and fixtures; each group has a module of its own in `tests/plugins`."""

pytest_plugins = [
    "tests.plugins.selection",
    "tests.plugins.report",
    "tests.plugins.database",
    "tests.plugins.clearing",
    "tests.plugins.processes",
    "tests.plugins.servers",
    "tests.plugins.accessories",
]
