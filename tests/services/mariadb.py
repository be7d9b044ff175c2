"""MariaDB: the installed server on a data directory of its own."""

import pymysql

from tests.services.base import Missing, Service, find_program, free_port, give_to, server_user


class MariaDB(Service):
    name = "MariaDB"
    variable = "TASKHUB_TEST_MYSQL_URL"

    def start(self) -> str:
        server = find_program("mariadbd", "mysqld")
        installer = find_program("mariadb-install-db", "mysql_install_db")
        if server is None or installer is None:
            raise Missing("MariaDB's server is not installed (Debian: mariadb-server)")
        user = server_user("mysql")
        data = give_to(self.directory / "data", user)
        runtime = give_to(self.directory / "run", user)
        port = free_port()
        self.prepare(
            [
                installer,
                "--no-defaults",
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            user=user,
        )
        self.launch(
            [
                server,
                "--no-defaults",
                f"--datadir={data}",
                f"--socket={runtime / 'mariadb.sock'}",
                f"--pid-file={runtime / 'mariadb.pid'}",
                "--bind-address=127.0.0.1",
                f"--port={port}",
                "--character-set-server=utf8mb4",
                "--max-connections=200",
                # Only a power cut would tell the difference, and it would be a stranger's test.
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-doublewrite=0",
                "--skip-log-bin",
            ],
            user=user,
            ready=lambda: pymysql.connect(
                host="127.0.0.1", port=port, user="root", connect_timeout=2
            ).close(),
        )
        return f"mysql://root@127.0.0.1:{port}/"
