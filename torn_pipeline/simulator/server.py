"""The HTTP server in front of a world: loopback only, keep-alive, one thread a connection."""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from torn_pipeline.simulator.api import CallLimit, Question, answer_body
from torn_pipeline.simulator.faults import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from torn_pipeline.simulator.faults import Fault
    from torn_pipeline.simulator.world import World

__all__ = ["Call", "Simulator"]

PREFIX = "/v2"
LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.01
JOIN_SECONDS = 5.0


class Call(NamedTuple):
    """A call as received: ``at`` by ``time.monotonic()``, ``path`` without ``/v2``, ``query`` without the key.

    ``owner`` is the user whose key was used, None for none or a wrong one.
    """

    at: float
    path: str
    query: Mapping[str, str]
    owner: int | None


class Simulator:
    """A Torn City API on loopback that shows a world; use it as a context manager, or ``serve_forever``.

    ``port`` 0 takes a free one. At most ``calls_per_window`` calls of one key owner are answered in any ``window`` seconds.

    ``url`` is what to set ``TORN_API_URL`` to. ``calls`` lists what was asked, oldest first. ``faults`` is a list to be filled: the
    first one that takes a call is applied to its answer, and leaves the list when its ``times`` are used up; the call counts
    against the limit all the same. ``before_call`` is called with the number of each call (from 1) and its path before it is
    answered, in a thread of the server; the call is already in ``calls``.

    Raises:
        OSError: when the port is taken.
    """

    def __init__(self, world: World, *, port: int = 0, calls_per_window: int = 100, window: float = 60.0) -> None:
        self.world = world
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.before_call: Callable[[int, str], None] | None = None
        self._limit = CallLimit(calls_per_window, window)
        self._sent: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._serving = False
        self._server = _Server((LOOPBACK, port), partial(_Handler, self))

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return self.origin + PREFIX

    def __enter__(self) -> Self:
        """Start to serve in a thread."""
        self._serving = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), name="simulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Stop, and close every connection."""
        self.close()

    def serve_forever(self) -> None:
        """Serve in this thread until it is interrupted (``KeyboardInterrupt`` goes through) or closed, then close."""
        self._serving = True
        try:
            self._server.serve_forever(POLL_SECONDS)
        finally:
            self._serving = False
            self.close()

    def close(self) -> None:
        """Stop serving, end every connection and wait for its thread; harmless the second time."""
        self._closing.set()
        if self._serving:
            self._server.shutdown()
            self._serving = False
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def answer(self, target: str, key: str, host: str | None) -> Answer:
        """The answer to a GET of ``target`` (path and query) with the key of its header; waits as long as a fault says."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        key = key or query.get("key", "")
        query.pop("key", None)
        path = parts.path.removeprefix(PREFIX)
        at, number = self._record(path, query, key)
        if self.before_call is not None:
            self.before_call(number, path)
        base = f"http://{host or urlsplit(self.origin).netloc}{parts.path}"
        fault = self._fault(number, path, key)
        if fault is not None:
            fault.prepare(self.world, key)
        body = answer_body(self.world, Question(key=key, path=path, query=query, url=base), partial(self._allowed, at=at))
        answer = Answer(url=f"{base}?{urlencode(query)}" if query else base, body=body, before=self._sent.get(path))
        if fault is not None:
            answer = fault.apply(answer)
        self._sent[path] = answer.body
        if answer.wait:
            self._closing.wait(answer.wait)
        return answer

    def _record(self, path: str, query: Mapping[str, str], key: str) -> tuple[float, int]:
        with self.world.lock:
            known = self.world.keys.get(key)
        with self._lock:
            at = time.monotonic()
            self.calls.append(Call(at, path, query, known.owner if known else None))
            return at, len(self.calls)

    def _allowed(self, owner: int, *, at: float) -> bool:
        with self._lock:
            return self._limit.take(owner, at)

    def _fault(self, number: int, path: str, key: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.takes(number, path, key):
                    fault.times -= 1
                    if fault.times < 1:
                        self.faults.remove(fault)
                    return fault
        return None


class _Server(socketserver.ThreadingTCPServer):
    """Serves each connection in a thread and knows them, so that closing ends also those that idle."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        self._open: dict[threading.Thread, socket.socket] = {}
        self._open_lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Start a thread for a new connection."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._open_lock:
            self._open[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Serve one connection until either side ends it."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                del self._open[threading.current_thread()]

    def server_close(self) -> None:
        """Close the door, end every connection and wait for the threads."""
        super().server_close()
        with self._open_lock:
            still_open = list(self._open.items())
        for thread, request in still_open:
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
            thread.join(JOIN_SECONDS)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the base class has it
        """Say nothing when a client went away; anything else is a fault of ours and is shown on stderr."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, asks the simulator, writes the answer with one call."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, simulator: Simulator, *args: Any) -> None:  # noqa: ANN401 - as the base class has it
        self._simulator = simulator
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer a GET; other methods are refused by the base class."""
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        answer = self._simulator.answer(self.path, key.strip() if scheme.lower() == "apikey" else "", self.headers.get("Host"))
        self.close_connection = self.close_connection or answer.dropped or answer.sent is not None
        if not answer.dropped:
            self.wfile.write(_head(answer) + answer.body[: answer.sent])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as the base class has it
        """Write no log: a request line may hold a key."""


def _head(answer: Answer) -> bytes:
    # A proxy also sends statuses that no standard knows, such as 520.
    phrase = BaseHTTPRequestHandler.responses.get(answer.status, ("",))[0]
    lines = [
        f"HTTP/1.1 {answer.status} {phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
    ]
    if answer.retry_after is not None:
        lines.append(f"Retry-After: {answer.retry_after}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
