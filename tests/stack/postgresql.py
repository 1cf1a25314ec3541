"""A PostgreSQL server of this machine's packages: a temporary folder, an unprivileged user."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

# Debian keeps the programs of a server out of the path.
FOLDERS = Path("/usr/lib/postgresql")
NAME = "metastore"
START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running server, and the password of its only user."""

    host: str
    port: int
    password: str

    @property
    def url(self) -> str:
        """The JDBC address of its database."""
        return f"jdbc:postgresql://{self.host}:{self.port}/{NAME}"

    def query(self, sql: str) -> list[str]:
        """Return the lines that `psql` prints."""
        words = ["psql", "-h", self.host, "-p", str(self.port), "-U", NAME, "-d", NAME]
        result = subprocess.run(
            [*words, "--tuples-only", "--no-align", "-c", sql],
            env={**os.environ, "PGPASSWORD": self.password},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return result.stdout.split()


@contextmanager
def postgresql(host: str, port: int, password: str) -> Iterator[Server]:
    """Run a server with an empty database; skip the test if its programs are not there."""
    programs = max(FOLDERS.glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
    if programs is None or shutil.which("psql") is None:
        pytest.skip(f"PostgreSQL is not installed: no programs in {FOLDERS} (apt: postgresql)")
    # It refuses to run as root; Debian's package creates this user.
    is_root = os.geteuid() == 0
    user = pwd.getpwnam("postgres" if is_root else pwd.getpwuid(os.geteuid()).pw_name)
    groups: list[str | int] | None = [] if is_root else None
    folder = Path(tempfile.mkdtemp(prefix="assay-postgresql-"))
    try:
        (folder / "password").write_text(password)
        for path in (folder, folder / "password"):
            os.chown(path, user.pw_uid, user.pw_gid)
        data = str(folder / "data")
        subprocess.run(
            [
                *(str(programs / "initdb"), "--pgdata", data, "--no-sync", "--encoding", "UTF8"),
                *("--username", NAME, "--auth", "scram-sha-256", "--pwfile"),
                str(folder / "password"),
            ],
            cwd=folder,
            capture_output=True,
            check=True,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=groups,
        )
        listen = ("-h", host, "-p", str(port), "-k", str(folder), "-F")
        with subprocess.Popen(
            [str(programs / "postgres"), "-D", data, *listen],
            cwd=folder,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=groups,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield _prepared(Server(host, port, password))
            finally:
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                process.kill()
    finally:
        shutil.rmtree(folder)


def _prepared(server: Server) -> Server:
    """Wait until it answers, and create the database."""
    create = ["createdb", "-h", server.host, "-p", str(server.port), "-U", NAME, NAME]
    variables = {**os.environ, "PGPASSWORD": server.password}
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(create, env=variables, capture_output=True, check=False).returncode != 0:
        assert time.monotonic() < deadline, "PostgreSQL does not answer"
        time.sleep(0.2)
    return server
