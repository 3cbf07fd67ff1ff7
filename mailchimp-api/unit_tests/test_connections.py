"""What only a real socket shows: connections kept, broken, silent, and bodies that end too early or too late."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from mailchimp_api import errors
from mailchimp_api.access import Access
from mailchimp_api.client import MailchimpClient, RetryPolicy, Timeouts
from mailchimp_api.members import subscriber_hash

BODY = b'{"members": [{"id": "b2"}], "total_items": 1}'
ROWS = {"members": [{"id": "b2"}], "total_items": 1}

Script = Callable[[socket.socket], bool]  # sends an answer; False: the connection is over


def answer(body: bytes = BODY, *headers: str, length: int | None = None) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def sends(data: bytes, *, then: str = "keep", after: float = 0.0) -> Script:
    """Send ``data``, then keep the connection, ``close`` it or ``reset`` it; or stay ``silent``."""

    def script(connection: socket.socket) -> bool:
        time.sleep(after)
        connection.sendall(data)
        if then == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if then == "silent":
            connection.recv(1)  # until the client leaves
        return then == "keep"

    return script


class Server:
    """Answers one request after the other by its scripts (the last one for all that follow), on loopback."""

    def __init__(self, *scripts: Script) -> None:
        self.requests: list[bytes] = []
        self.connections = self.most_at_once = 0
        self._scripts = list(scripts)
        self._lock = threading.Lock()
        self._at_work = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def stop(self) -> None:
        # An accept() that waits is not ended by closing alone.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):  # it may be gone already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            self._start(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            received = b""
            while True:
                try:
                    received += connection.recv(65536) or b"END"
                except OSError:
                    return
                if received.endswith(b"END"):
                    return
                if b"\r\n\r\n" in received:
                    request, _, received = received.partition(b"\r\n\r\n")
                    if not self._answer(connection, request):
                        return

    def _answer(self, connection: socket.socket, request: bytes) -> bool:
        with self._lock:
            self.requests.append(request)
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            self._at_work += 1
            self.most_at_once = max(self.most_at_once, self._at_work)
        try:
            return script(connection)
        except OSError:
            return False
        finally:
            with self._lock:
                self._at_work -= 1


@contextmanager
def serving(*scripts: Script) -> Iterator[Server]:
    server = Server(*scripts)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def client_of(
    url: str, *, attempts: int = 3, connections: int = 10, timeouts: Timeouts | None = None, cutoff: float = 0.0
) -> Iterator[MailchimpClient]:
    client = MailchimpClient(
        Access(f"{url}/3.0", "Basic a2V5"),
        max_connections=connections,
        retry=RetryPolicy(attempts=attempts, first_wait=0.0),
        timeouts=timeouts or Timeouts(connect=2, read=2),
        server_cutoff_seconds=cutoff,
    )
    try:
        yield client
    finally:
        client.close()


BROKEN: dict[str, tuple[Script, type[errors.TransientError]]] = {
    "closed before the answer": (sends(b"", then="close"), errors.ConnectionFault),
    "reset before the answer": (sends(b"", then="reset"), errors.ConnectionFault),
    "not HTTP at all": (sends(b"SSH-2.0-OpenSSH\r\n", then="close"), errors.ConnectionFault),
    "closed in the middle of the headers": (sends(b"HTTP/1.1 200 OK\r\nContent", then="close"), errors.TransientError),
    "closed in the middle of the body": (sends(answer(BODY, length=99), then="close"), errors.ConnectionFault),
    "reset in the middle of the body": (sends(answer(BODY[:9], length=99), then="reset"), errors.ConnectionFault),
    "closed in the middle of a chunk": (
        sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{", then="close"),
        errors.ConnectionFault,
    ),
    "a length that is too short": (sends(answer(BODY, length=20)), errors.UnreadableAnswer),
    "gzip that is none": (sends(answer(b"{}", "Content-Encoding: gzip")), errors.UnreadableAnswer),
    "gzip cut short": (sends(answer(gzip.compress(BODY)[:-12], "Content-Encoding: gzip")), errors.UnreadableAnswer),
    "silence instead of an answer": (sends(b"", then="silent"), errors.AnswerTimeout),
    "silence in the middle of the body": (sends(answer(BODY, length=99), then="silent"), errors.AnswerTimeout),
}


def patience(kind: type[errors.TransientError]) -> Timeouts:
    """Short only where silence is what the test waits for."""
    return Timeouts(connect=2, read=0.2 if kind is errors.AnswerTimeout else 5)


@pytest.mark.parametrize("script,kind", BROKEN.values(), ids=BROKEN)
class TestBrokenAnswers:
    def test_the_request_is_made_again_and_nothing_of_the_broken_answer_remains(
        self, script: Script, kind: type[errors.TransientError]
    ) -> None:
        with serving(script, sends(answer())) as server, client_of(server.url, timeouts=patience(kind)) as client:
            rows = [client.get("lists/a1/members", items="members") for _ in range(2)]

        assert rows == [ROWS, ROWS]
        assert len(server.requests) == 3

    def test_the_error_says_what_happened_and_shows_no_hash(
        self, script: Script, kind: type[errors.TransientError]
    ) -> None:
        marked = subscriber_hash("jane@example.com")
        with serving(script) as server, client_of(server.url, attempts=1, timeouts=patience(kind)) as client:
            with pytest.raises(kind, match=r"GET /lists/a1/members/\*\*\*") as caught:
                client.get(f"lists/a1/members/{marked}")
            held = client.limiter.in_flight

        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert marked not in "".join(traceback.format_exception(caught.value))
        assert held == 0


def drips(head: bytes, *, every: float = 0.02) -> Script:
    """Send ``head``, then a byte at a time, for ever."""

    def script(connection: socket.socket) -> bool:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(every)

    return script


def pours(head: bytes, piece: bytes) -> Script:
    """Send ``head``, then ``piece`` again and again, for ever."""

    def script(connection: socket.socket) -> bool:
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return script


def bomb(megabytes: int) -> bytes:
    """What unpacks to this many megabytes."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(megabytes)) + packer.flush()


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS: dict[str, tuple[Script, type[errors.TransientError]]] = {
    "a body that drips": (drips(OK + b"Content-Length: 9999\r\n\r\n"), errors.AnswerTimeout),
    "a huge body that drips": (drips(OK + b"Content-Length: 99999999\r\n\r\n"), errors.AnswerTimeout),
    "a body without a length that drips": (drips(OK + b"\r\n"), errors.AnswerTimeout),
    "headers that drip": (drips(OK + b"X-Odd: "), errors.AnswerTimeout),
    "a chunk that drips": (drips(CHUNKED + b"FFFFFF\r\n"), errors.AnswerTimeout),
    "a length of a chunk that drips": (drips(CHUNKED), errors.TransientError),
    "a body without end": (pours(OK + b"\r\n", b" " * 65536), errors.AnswerTooLarge),
    "chunks without end": (pours(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"), errors.AnswerTooLarge),
    "headers without end": (pours(OK, b"X-Odd: yes\r\n"), errors.TransientError),
    "a compressed bomb": (
        sends(answer(bomb(250), "Content-Encoding: gzip")),
        errors.AnswerTooLarge,
    ),
    "a bomb in a bomb": (
        sends(answer(gzip.compress(gzip.compress(bytes(2**20))), "Content-Encoding: gzip, gzip")),
        errors.UnreadableAnswer,
    ),
    "packed in a way nobody asked for": (sends(answer(BODY, "Content-Encoding: br")), errors.UnreadableAnswer),
}


@pytest.mark.parametrize("script,kind", ENDLESS.values(), ids=ENDLESS)
def test_an_answer_without_end_ends_within_its_time_and_in_little_memory(
    script: Script, kind: type[errors.TransientError]
) -> None:
    """No silence is longer than the time-out, and no page that Mailchimp makes is as large."""
    timeouts = Timeouts(connect=2, read=5, whole=5 if kind is errors.AnswerTooLarge else 0.5)
    with serving(script) as server, client_of(server.url, attempts=1, timeouts=timeouts) as client:
        begun = time.monotonic()
        tracemalloc.start()
        try:
            with pytest.raises(kind, match="GET /lists"):
                client.get("lists", items="lists")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert time.monotonic() - begun < 5
    assert peak < 220 * 2**20


def test_an_answer_that_takes_its_time_but_comes_is_taken() -> None:
    """Each piece within the time-out, all of them within the deadline."""

    def slowly(connection: socket.socket) -> bool:
        for byte in answer():
            connection.sendall(bytes([byte]))
            time.sleep(0.002)
        return True

    timeouts = Timeouts(connect=2, read=0.3, whole=5)
    with serving(slowly) as server, client_of(server.url, timeouts=timeouts, attempts=1) as client:
        assert [client.get("lists/a1/members", items="members") for _ in range(2)] == [ROWS, ROWS]


class TestUnreachable:
    def test_a_port_nobody_listens_on_is_refused_with_the_systems_word_for_it(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with (
            client_of(f"http://127.0.0.1:{port}", attempts=2) as client,
            pytest.raises(
                errors.ConnectionFault, match=r"GET /lists \(Connection refused\); given up after 2 attempts"
            ),
        ):
            client.get("lists")

    def test_a_host_that_takes_no_connection_in_time_is_no_time_out_of_an_answer(self) -> None:
        """Nothing was sent, so asking for less would not help, and no place is held."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:  # the queue of those who wait to be accepted is full after a few
                filler.settimeout(0)
                filler.connect_ex(listener.getsockname())
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            timeouts = Timeouts(connect=0.1, read=2)
            with client_of(url, attempts=1, timeouts=timeouts, cutoff=60) as client:
                with pytest.raises(errors.ConnectionFault, match=r"No connection for GET /lists within 0\.1 s"):
                    client.get("lists")
                assert client.limiter.in_flight == 0
            for filler in fillers:
                filler.close()


class TestConnections:
    def test_one_connection_serves_request_after_request(self) -> None:
        with serving(sends(answer())) as server, client_of(server.url) as client:
            for _ in range(5):
                client.get("lists")

        assert (len(server.requests), server.connections) == (5, 1)

    def test_it_is_kept_after_an_answer_without_a_body(self) -> None:
        empty = b"HTTP/1.1 204 No Content\r\n\r\n"
        with serving(sends(empty)) as server, client_of(server.url) as client:
            for _ in range(3):
                client.request("DELETE", "lists/a1/members/b2")

        assert (len(server.requests), server.connections) == (3, 1)

    def test_it_is_kept_after_an_error_answer_too(self) -> None:
        error = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
        with serving(sends(error), sends(answer())) as server, client_of(server.url) as client:
            client.get("lists")

        assert (len(server.requests), server.connections) == (2, 1)

    def test_threads_share_no_more_connections_than_allowed(self) -> None:
        with serving(sends(answer(), after=0.005)) as server, client_of(server.url, connections=3) as client:
            threads = [threading.Thread(target=lambda: [client.get("lists") for _ in range(4)]) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)

        assert len(server.requests) == 32
        assert server.most_at_once == 3
        assert server.connections == 3

    def test_a_request_that_timed_out_counts_while_the_server_may_be_at_work_on_it(self) -> None:
        """With one place, the retry waits for the server's cut-off instead of being one too many."""
        timeouts = Timeouts(connect=2, read=0.05)
        with (
            serving(sends(b"", then="silent"), sends(answer())) as server,
            client_of(server.url, connections=1, timeouts=timeouts, cutoff=0.2) as client,
        ):
            begun = time.monotonic()
            client.get("lists")
            took = time.monotonic() - begun

        assert 0.15 < took < 2
        assert len(server.requests) == 2

    def test_compressed_answers_are_unpacked(self) -> None:
        script = sends(answer(gzip.compress(BODY), "Content-Encoding: gzip"))
        with serving(script) as server, client_of(server.url) as client:
            assert client.get("lists/a1/members", items="members") == ROWS

        assert b"Accept-Encoding: gzip\r\n" in server.requests[0] + b"\r\n"

    def test_a_body_of_many_pieces_arrives_whole(self) -> None:
        body = b'{"members": [%s]}' % b",".join(b'{"id": "%06d"}' % number for number in range(20_000))
        with serving(sends(answer(body))) as server, client_of(server.url) as client:
            rows = client.get("lists/a1/members", items="members")["members"]

        assert [int(row["id"]) for row in rows] == list(range(20_000))

    def test_cookies_of_the_cdn_are_not_sent_back(self) -> None:
        script = sends(answer(BODY, "Set-Cookie: ak_bmsc=123; path=/", "Set-Cookie: bm_sv=4"))
        with serving(script) as server, client_of(server.url) as client:
            for _ in range(3):
                client.get("lists")

        assert len(server.requests) == 3
        assert [request for request in server.requests if re.search(b"(?i)cookie", request)] == []
