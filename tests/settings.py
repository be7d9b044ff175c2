"""Django settings of the suite: for pytest itself, and for the real processes that tests start.

The environment says which database (`TASKHUB_TEST_DATABASE`: sqlite, postgresql or mysql) and where
its server is; `python -m tests.run` sets it all. A process that a test starts gets
`TASKHUB_TEST_DATABASE_NAME` too, and so works on the test's database, not on the one beside it.
"""

import atexit
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import django

ROOT = Path(__file__).resolve().parent.parent
ENGINE = os.environ.get("TASKHUB_TEST_DATABASE", "sqlite")


def scratch_directory() -> Path:
    """The folder of this run; a bare `pytest` makes one for itself and its children."""
    if "TASKHUB_TEST_DIR" not in os.environ:
        os.environ["TASKHUB_TEST_DIR"] = made = tempfile.mkdtemp(prefix="taskhub-tests-")
        atexit.register(remove_scratch, Path(made), os.getpid())
    return Path(os.environ["TASKHUB_TEST_DIR"])


def remove_scratch(directory: Path, owner: int) -> None:
    """Remove the folder, but not from a forked child that runs the exit handlers it inherited."""
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)


SCRATCH = scratch_directory()


def server_address(variable: str) -> dict[str, Any]:
    """Read a server's URL into Django's words."""
    try:
        address = urlsplit(os.environ[variable])
    except KeyError:
        raise RuntimeError(
            f"TASKHUB_TEST_DATABASE is {ENGINE!r} and {variable} is not set: "
            "start the suite with `python -m tests.run`, or set it to a server's URL"
        ) from None
    return {
        "HOST": address.hostname or "127.0.0.1",
        "PORT": str(address.port or ""),
        "USER": unquote(address.username or ""),
        "PASSWORD": unquote(address.password or ""),
        "NAME": os.environ.get("TASKHUB_TEST_DATABASE_NAME", address.path.strip("/") or "taskhub"),
        # The pid keeps two runs on one server apart.
        "TEST": {"NAME": f"test_taskhub_{os.getpid()}"},
    }


def database() -> dict[str, Any]:
    """The settings of the one database that this run is about."""
    match ENGINE:
        case "sqlite":
            name = os.environ.get("TASKHUB_TEST_DATABASE_NAME") or SCRATCH / "taskhub.sqlite3"
            return {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(name),
                # A file: a database in memory cannot be shared with a worker's processes.
                "TEST": {"NAME": str(SCRATCH / "test.sqlite3")},
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 20,
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
                },
            }
        case "postgresql":
            return {
                "ENGINE": "django.db.backends.postgresql",
                **server_address("TASKHUB_TEST_POSTGRES_URL"),
            }
        case "mysql":
            use_pymysql_where_mysqlclient_is_missing()
            return {
                "ENGINE": "django.db.backends.mysql",
                **server_address("TASKHUB_TEST_MYSQL_URL"),
                "OPTIONS": {"charset": "utf8mb4", "isolation_level": "read committed"},
            }
        case other:
            raise RuntimeError(
                f"TASKHUB_TEST_DATABASE is {other!r}, expected sqlite, postgresql or mysql"
            )


def use_pymysql_where_mysqlclient_is_missing() -> None:
    if importlib.util.find_spec("MySQLdb") is None:
        import pymysql

        pymysql.install_as_MySQLdb()


SECRET_KEY = "only-for-tests"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
USE_TZ = True
TIME_ZONE = "UTC"

DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    # Not "daphne": its app brings `runserver`, and its imports are a third of what a command's start costs.
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    *(["django_tasks"] if django.VERSION < (6,) else []),
    "taskhub",
    "workers",
    "dashboard",
    "taskhub.demo",
    "tests.app",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

ROOT_URLCONF = "taskhub.site.urls"
ASGI_APPLICATION = "taskhub.site.asgi.application"
LOGIN_URL = "admin:login"

STATIC_URL = "static/"
STATIC_ROOT = str(SCRATCH / "static")
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
MEDIA_ROOT = str(SCRATCH / "media")
MEDIA_URL = "media/"

# Worker processes write mail to files; in pytest's own process Django keeps it in memory.
MAIL_BACKEND, MAIL_DIRECTORY = "django.core.mail.backends.filebased.EmailBackend", SCRATCH / "mail"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": MAIL_BACKEND, "OPTIONS": {"file_path": str(MAIL_DIRECTORY)}}}
else:
    EMAIL_BACKEND = MAIL_BACKEND
    EMAIL_FILE_PATH = str(MAIL_DIRECTORY)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

TASKS = {"default": {"BACKEND": "taskhub.backend.TaskHubBackend", "QUEUES": []}}

# A test may hurry the clockwork of the processes that it starts, and narrow a limit.
_ADJUSTABLE = {"HEARTBEAT": float, "LEASE": float, "POLL_INTERVAL": float, "MAX_INTERRUPTIONS": int}
TASKHUB: dict[str, Any] = {
    key: kind(os.environ[f"TASKHUB_TEST_{key}"])
    for key, kind in _ADJUSTABLE.items()
    if f"TASKHUB_TEST_{key}" in os.environ
}

# Where a test asks for it, values are kept in a Redis; its keys begin with a word of the test's.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if "TASKHUB_TEST_RESULT_CACHE" in os.environ:
    CACHES["results"] = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["TASKHUB_TEST_RESULT_CACHE"],
        "KEY_PREFIX": os.environ["TASKHUB_TEST_RESULT_PREFIX"],
    }
    TASKHUB |= {"RESULT_BACKEND": "cache", "RESULT_CACHE": "results"}

if "TASKHUB_TEST_LOGGING" in os.environ:  # as a site that wants to see its logs has it
    LOGGING = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
    }
