"""Only the jars of the lock file are used, and a damaged one is fetched again."""

import base64
import hashlib
import re
import select
import socket
import socketserver
import threading
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import pytest

from stack import jars
from stack.errors import JarsUnavailable, StateUnusable
from stack.settings import HOST, Settings


@pytest.fixture(scope="module")
def small() -> jars.Jar:
    """The smallest jar of the lock file: quick to fetch."""
    return next(jar for jar in jars.locked() if jar.artifact == "jspecify")


def test_every_line_of_the_lock_is_a_jar_with_a_checksum() -> None:
    locked = jars.locked()
    assert len(locked) == len({jar.filename for jar in locked}) > 40
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in locked)
    assert {jar.service for jar in locked} == {"kafka", "hdfs", "metastore", "spark", "directory"}


def test_a_damaged_jar_is_fetched_again(tmp_path: Path, small: jars.Jar) -> None:
    path = tmp_path / "jars" / small.filename
    path.parent.mkdir()
    path.write_bytes(b"damaged")
    assert not small.is_intact(path.parent)
    said: list[str] = []
    jars.ensure(tmp_path, [small], said.append)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == small.sha256
    assert said == ["fetched 1 of 1 jars"]
    assert [p.name for p in tmp_path.iterdir()] == ["jars"], "the temporary folder was not deleted"
    jars.ensure(tmp_path, [small], said.append)
    assert len(said) == 1, "an intact jar was fetched again"


class Proxy(socketserver.StreamRequestHandler):
    """An HTTP proxy that asks for a password and opens tunnels."""

    password = "p@ss word"
    tunnels: ClassVar[list[str]] = []

    def handle(self) -> None:
        method, target, _ = self.rfile.readline().decode().split()
        head = b"".join(iter(self.rfile.readline, b"\r\n")).decode()
        wanted = base64.b64encode(f"joe:{self.password}".encode()).decode()
        if f"proxy-authorization: basic {wanted}".lower() not in head.lower():
            self.wfile.write(b"HTTP/1.1 407 Who are you?\r\nProxy-Authenticate: Basic realm=x\r\n")
            self.wfile.write(b"Content-Length: 0\r\n\r\n")
            return
        assert method == "CONNECT"
        self.tunnels.append(target)
        host, port = target.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as server:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = {self.connection: server, server: self.connection}
            while True:
                for ready in select.select(list(ends), [], [], 30)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    ends[ready].sendall(data)


def test_a_jar_is_fetched_through_a_proxy_with_a_password(
    tmp_path: Path, small: jars.Jar, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socketserver.ThreadingTCPServer((HOST, 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"joe:{quote(Proxy.password, safe='')}@{HOST}:{server.server_address[1]}"
        monkeypatch.setenv("https_proxy", f"http://{address}")
        monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx1m")
        try:
            jars.ensure(tmp_path, [small])
        finally:
            server.shutdown()
    assert small.is_intact(tmp_path / "jars")
    assert Proxy.tunnels and all(target.endswith(":443") for target in Proxy.tunnels)


def test_a_jar_with_another_checksum_is_refused(tmp_path: Path, small: jars.Jar) -> None:
    other = jars.Jar(small.service, small.group, small.artifact, small.version, "0" * 64)
    with pytest.raises(JarsUnavailable, match=r"jspecify-.* checksum"):
        jars.ensure(tmp_path, [other])
    assert not list((tmp_path / "jars").iterdir()), "a refused jar was kept"


def test_a_jar_that_cannot_be_fetched_is_named(tmp_path: Path) -> None:
    missing = jars.Jar("kafka", "org.jspecify", "jspecify", "0.0.0", "0" * 64)
    with pytest.raises(JarsUnavailable, match="could not fetch 1 jars"):
        jars.ensure(tmp_path, [missing])


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, small: jars.Jar) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateUnusable, match="cannot write"):
        jars.ensure(tmp_path / "file", [small])


def test_the_cache_of_this_checkout_is_intact() -> None:
    cache = Settings().cache
    jars.ensure(cache, jars.locked())
    assert all(jar.is_intact(cache / "jars") for jar in jars.locked())
