"""Bad settings: `manage.py check`, which every command runs first, says what is wrong and what to paste."""

import sys

import django
import pytest

from tests.settings import ROOT

# Nothing here depends on the database of the run; each test starts a site of its own.
pytestmark = [pytest.mark.only_on("sqlite"), pytest.mark.django_db(transaction=True)]

GOOD = f"""
SECRET_KEY = "x"
USE_TZ = True
DATABASES = {{"default": {{
    "ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3",
    "OPTIONS": {{"transaction_mode": "IMMEDIATE", "timeout": 20,
                 "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}},
}}}}
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", {'"django_tasks",' if django.VERSION < (6,) else ""}
    "taskhub", "workers", "dashboard",
]
TASKS = {{"default": {{"BACKEND": "taskhub.backend.TaskHubBackend", "QUEUES": []}}}}
TASKHUB = {{}}
"""


@pytest.fixture
def check(processes, tmp_path):
    """Run `manage.py check` on good settings with `changes`; gives the exit code and what was said."""

    def run(changes="", command=("check",)):
        (tmp_path / "bad_settings.py").write_text(GOOD + changes)
        process = processes.start(
            *(sys.executable, "-P", "-m", "django", *command),
            env={
                "DJANGO_SETTINGS_MODULE": "bad_settings",
                "PYTHONPATH": f"{tmp_path}:{ROOT}",
                "COLUMNS": "1000",
            },
        )
        return process.wait(60), process.output

    return run


def test_good_settings_have_no_issues(check):
    code, said = check()
    assert (code, said) == (0, "System check identified no issues (0 silenced).\n")


ERRORS = {
    "an unknown key": (
        'TASKHUB = {"HARTBEAT": 5}',
        "taskhub.E001",
        ["settings.TASKHUB has an unknown key 'HARTBEAT': did you mean 'HEARTBEAT'?"],
    ),
    "keys unlike any other": (
        'TASKHUB = {"xyz": 5, 7: 8}',
        "taskhub.E001",
        ["unknown key 'xyz': known keys: HEARTBEAT, LEASE", "unknown key 7: known keys"],
    ),
    "a value of the wrong type": (
        'TASKHUB = {"NOTIFY": "yes", "TASK_MODULES": "tasks", "MAX_PAYLOAD_BYTES": 1.5}',
        "taskhub.E001",
        [
            "settings.TASKHUB['NOTIFY'] is 'yes'; expected True or False",
            "settings.TASKHUB['TASK_MODULES'] is 'tasks'; expected a list of strings",
            "settings.TASKHUB['MAX_PAYLOAD_BYTES'] is 1.5; expected a whole number from 1 to",
        ],
    ),
    "a value out of range": (
        'TASKHUB = {"HEARTBEAT": 0}',
        "taskhub.E001",
        ["settings.TASKHUB['HEARTBEAT'] is 0; expected a number from 0.05 to 3600"],
    ),
    "a lease of less than three heartbeats": (
        'TASKHUB = {"HEARTBEAT": 20}',
        "taskhub.E001",
        ["settings.TASKHUB['LEASE'] is 30 s with a HEARTBEAT of 20 s", "at least three heartbeats"],
    ),
    "no dict at all": (
        "TASKHUB = [1]",
        "taskhub.E001",
        ["settings.TASKHUB is a list; expected a dict"],
    ),
    "naive times": ("USE_TZ = False", "taskhub.E002", ["USE_TZ is False", "set USE_TZ = True"]),
    "an alias that does not exist": (
        """
class Router:
    def db_for_write(self, model, **hints):
        return "queue"

DATABASE_ROUTERS = [Router()]
""",
        "taskhub.E003",
        ["send the app taskhub to 'queue'", "Known aliases: default", "DATABASE_ROUTERS"],
    ),
    "a database without an engine of ours": (
        'DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}',
        "taskhub.E004",
        ["DATABASES['default'] is a unknown database", "PostgreSQL, SQLite and MySQL/MariaDB"],
    ),
    "options of the backend": (
        'TASKS["default"]["OPTIONS"] = {"lease": 5}',
        "taskhub.E005",
        ["settings.TASKS['default']['OPTIONS'] has 'lease'", "are in settings.TASKHUB"],
    ),
    "deferred transactions": (
        'del DATABASES["default"]["OPTIONS"]["transaction_mode"]',
        "taskhub.E006",
        [
            "DATABASES['default']['OPTIONS'] lacks transaction_mode: IMMEDIATE",
            'Paste into DATABASES[\'default\']: "OPTIONS": {"transaction_mode": "IMMEDIATE"',
        ],
    ),
    "Channels before us": (
        'INSTALLED_APPS = ["channels", *INSTALLED_APPS]',
        "taskhub.E007",
        ["'channels' stands before 'workers'", "Move 'workers' before 'channels'"],
    ),
}
WARNINGS = {
    "a short timeout": (
        'DATABASES["default"]["OPTIONS"]["timeout"] = 5',
        "taskhub.W002",
        ["['timeout'] is 5 s; expected 20 or more", "Paste into DATABASES"],
    ),
    "the timeout that Python sets": (
        'del DATABASES["default"]["OPTIONS"]["timeout"]',
        "taskhub.W002",
        ["['timeout'] is 5 s; expected 20 or more"],
    ),
    "no write-ahead log": (
        'del DATABASES["default"]["OPTIONS"]["init_command"]',
        "taskhub.W003",
        ["does not switch to the write-ahead log", "PRAGMA journal_mode=WAL"],
    ),
}
if django.VERSION < (6,):
    WARNINGS["no backport"] = (
        'INSTALLED_APPS.remove("django_tasks")',
        "taskhub.W001",
        ["django_tasks is not in INSTALLED_APPS", "add 'django_tasks'"],
    )


@pytest.mark.parametrize(("changes", "number", "words"), ERRORS.values(), ids=ERRORS)
def test_what_would_lose_work_is_an_error(changes, number, words, check):
    code, said = check(changes)
    assert code == 1
    assert number in said
    for word in words:
        assert word in said


@pytest.mark.parametrize(("changes", "number", "words"), WARNINGS.values(), ids=WARNINGS)
def test_what_would_make_it_slow_is_a_warning(changes, number, words, check):
    code, said = check(changes)
    assert code == 0
    assert number in said
    for word in words:
        assert word in said


def test_a_package_of_the_sites_that_is_named_as_ours_is_an_error(check, tmp_path):
    (tmp_path / "dashboard").mkdir()
    (tmp_path / "dashboard" / "__init__.py").write_text("")
    code, said = check()
    assert code == 1
    assert "taskhub.E008" in said
    assert "The app 'dashboard' in INSTALLED_APPS is not taskhub's" in said
    assert "as a site of their own" in said


def test_a_worker_does_not_start_on_bad_settings(check):
    code, said = check('TASKHUB = {"HARTBEAT": 5}', ("runworker", "--drain"))
    assert code == 1
    assert "unknown key 'HARTBEAT'" in said


OPTIONS = {
    "a queue that is not declared": (["--queue", "post"], "'post': settings.TASKS declares the"),
    "a weight of nothing": (["--queue", "mail:0"], "a weight from 1 to 1000"),
    "a queue without a name": (["--queue", ":5"], "expected NAME or NAME:WEIGHT"),
    "no processes": (["--processes", "0"], "--async are all 0: expected 1 or more"),
    "a negative timeout": (["--shutdown-timeout", "-1"], "expected seconds, zero or more"),
}


@pytest.mark.parametrize(("options", "words"), OPTIONS.values(), ids=OPTIONS)
def test_an_option_of_runworker_that_cannot_be_used_is_refused(options, words, check):
    code, said = check('TASKS["default"]["QUEUES"] = ["mail"]', ("runworker", *options))
    assert code == 1
    assert words in said
