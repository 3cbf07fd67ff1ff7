"""A deadline for the whole of an answer: a time-out only bounds each silence, and a byte a second is none."""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class _Request(threading.local):
    """When the request of this thread must have ended, by ``time.monotonic``."""

    ends = float("inf")


_request = _Request()


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """What a ``DeadlineAdapter`` reads in this block must have come within ``seconds``: TimeoutError otherwise."""
    _request.ends = time.monotonic() + seconds
    try:
        yield
    finally:
        _request.ends = float("inf")


class _TimedReader(io.RawIOBase):
    """Reads a socket, and waits for more of it no longer than the deadline of this thread's request."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._patience = sock.gettimeout()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill ``buffer`` with what has come. Raises TimeoutError."""
        left = _request.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        if left != float("inf"):
            self._sock.settimeout(left if self._patience is None else min(self._patience, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        # What socket.makefile makes: a buffer around the socket's own raw reader.
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class DeadlineAdapter(HTTPAdapter):
    """Keeps to the ``deadline`` of the block that it is used in, from the answer's first byte to its last.

    Through a SOCKS proxy it does not: those connections are made another way.
    """

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **options)
        self._equip(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Make the pools of connections through ``proxy``."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            self._equip(manager)
        return manager

    @staticmethod
    def _equip(manager: Any) -> None:
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
