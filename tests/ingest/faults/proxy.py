"""A TCP proxy between ingest and a broker: it cuts connections, and holds or delays responses."""

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

from stack.settings import HOST

CHUNK_BYTES = 64 * 1024
HELD_SECONDS = 120.0


class Proxy:
    """Listens on `port` and forwards to the port `target`, both on this machine.

    Only responses of the broker are held or delayed; requests pass.
    """

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._sockets: set[socket.socket] = set()
        self._change = threading.Condition()
        self._left: float = float("inf")  # bytes that may still pass
        self._waiting = 0
        self._delay_seconds = 0.0
        self._listener = socket.create_server((HOST, port), reuse_port=False)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.release()
        self.cut()

    def hold(self, after_bytes: int = 0) -> None:
        """Let so many bytes of responses pass, then none until `release`."""
        with self._change:
            self._left = after_bytes

    def await_held(self) -> None:
        """Wait until a response is held."""
        with self._change:
            assert self._change.wait_for(lambda: self._waiting > 0, HELD_SECONDS), "nothing is read"

    def release(self) -> None:
        """Let everything pass, without delay."""
        with self._change:
            self._left, self._delay_seconds = float("inf"), 0.0
            self._change.notify_all()
            self._change.wait_for(lambda: self._waiting == 0, HELD_SECONDS)

    def delay(self, seconds: float) -> None:
        """Delay each chunk of at most 64 KiB."""
        self._delay_seconds = seconds

    def cut(self) -> int:
        """Reset all connections, and return how many there were."""
        with self._change:
            sockets, self._sockets = self._sockets, set()
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        return len(sockets) // 2

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((HOST, self._target), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._change:
                self._sockets |= {client, server}
            for ends, is_response in (((client, server), False), ((server, client), True)):
                threading.Thread(
                    target=self._pass_on, args=(*ends, is_response), daemon=True
                ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_response: bool) -> None:
        try:
            while chunk := source.recv(CHUNK_BYTES):
                if is_response:
                    self._await_permission(len(chunk))
                sink.sendall(chunk)
        except OSError:
            pass
        finally:
            for one in (source, sink):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            source.close()
            with self._change:
                self._sockets.discard(source)

    def _await_permission(self, size: int) -> None:
        time.sleep(self._delay_seconds)
        with self._change:
            if self._left < size:
                self._waiting += 1
                self._change.notify_all()
                self._change.wait_for(lambda: self._left >= size)
                self._waiting -= 1
                self._change.notify_all()
            self._left -= size
