"""Redis: the installed server, keeping nothing on disk."""

from tests.services.base import Missing, Service, find_program, free_port, try_connecting


class Redis(Service):
    name = "Redis"
    variable = "TASKHUB_TEST_REDIS_URL"

    def start(self) -> str:
        server = find_program("redis-server", "valkey-server")
        if server is None:
            raise Missing("Redis's server is not installed (Debian: redis-server)")
        port = free_port()
        self.launch(
            [
                *(server, "--bind", "127.0.0.1", "--port", str(port)),
                *("--save", "", "--appendonly", "no", "--dir", self.directory),
            ],
            ready=lambda: try_connecting(port),
        )
        return f"redis://127.0.0.1:{port}/0"
