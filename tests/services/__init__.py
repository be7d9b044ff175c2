"""The servers that the suite talks to: found, or started on a free port and stopped again."""

from tests.services.base import Missing, Service, Services
from tests.services.chromium import Chromium
from tests.services.mariadb import MariaDB
from tests.services.postgres import Postgres
from tests.services.redis import Redis

__all__ = ["Chromium", "MariaDB", "Missing", "Postgres", "Redis", "Service", "Services"]
