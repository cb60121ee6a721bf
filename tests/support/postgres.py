"""A PostgreSQL of its own: on the loopback, in a temporary folder, with a login."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from tests.support.processes import free_port

USER, PASSWORD = "insights", "s3cr:et/@ % pässword"
_SECONDS = 120


@dataclass(frozen=True)
class Postgres:
    """A server that runs."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://127.0.0.1:{self.port}/postgres"

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname="postgres", user=USER, password=PASSWORD,
            autocommit=True, connect_timeout=_SECONDS,
        )  # fmt: skip

    def execute(self, sql: str) -> None:
        with self.connect() as connection:
            connection.execute(sql)

    def stop(self) -> None:
        """End it at once, as the power does."""
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(
                int((self.folder / "data" / "postmaster.pid").read_text().split()[0]),
                signal.SIGQUIT,
            )


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server; as root, which it refuses to be run by, as the user `postgres`."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("initdb")
    assert found or programs, "PostgreSQL is not installed; run make postgresql"
    programs_folder = Path(found).parent if found else programs[-1]
    with TemporaryDirectory(prefix="insights-pg-") as name:
        folder, port = Path(name), free_port()
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        if os.getuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres")
        _run(
            str(programs_folder / "initdb"), "-D", str(folder / "data"), "-U", USER, "-E", "UTF8",
            "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--locale=C", "--no-sync",
        )  # fmt: skip
        settings = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off"
        control = [str(programs_folder / "pg_ctl"), "-D", str(folder / "data"), "-w"]
        _run(*control, "-l", str(folder / "log"), "-o", settings, "start")
        try:
            yield Postgres(folder, port)
        finally:
            with suppress(subprocess.CalledProcessError):  # a test may have ended it
                _run(*control, "-m", "immediate", "stop")


def _run(*command: str) -> None:
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run(
        [*as_user, *command], check=True, timeout=_SECONDS, cwd="/", stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
