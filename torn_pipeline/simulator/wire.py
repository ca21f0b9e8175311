"""HTTP: the threads, the connections, the headers. Says nothing about what is answered."""

from __future__ import annotations

import re
import socket
import socketserver
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from torn_pipeline.simulator.faults import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LOOPBACK", "Handler", "Server", "Site"]

LOOPBACK = "127.0.0.1"
HERE = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
JOIN_SECONDS = 5.0
MOST_POSTED = 65_536
PAGE_HEADERS = (
    "Cache-Control: no-store",
    "Content-Security-Policy: default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:",
    "Referrer-Policy: no-referrer",
    "X-Content-Type-Options: nosniff",
    "X-Frame-Options: DENY",
)


class Site(Protocol):
    """What stands behind the server: the API, and the controls at its root."""

    def answer(self, target: str, key: str, host: str | None, address: str) -> Answer:
        """The API's answer to a GET of ``target`` (path and query) with the key of its header, from this address."""

    def shown(self, path: str) -> Answer | None:
        """What the controls show at this path; None when the path is the API's."""

    def changed(self, path: str, body: bytes) -> Answer | None:
        """What the controls say to a POST of this body; None when the path is none of theirs."""


class Server(socketserver.ThreadingTCPServer):
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


class Handler(BaseHTTPRequestHandler):
    """Reads a request, asks the site, writes the answer with one call.

    A page elsewhere must not read this server or change its world: a request whose Host is not loopback, as after a
    rebinding of DNS, is refused, and so is a POST that comes from another origin or could come from a form.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, site: Site, *args: Any) -> None:  # noqa: ANN401 - as the base class has it
        self._site = site
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer a GET; methods other than this and POST are refused by the base class."""
        host = self.headers.get("Host")
        if not _is_here(host):
            self._send(_refusal(403, "this simulator answers to loopback names alone, such as 127.0.0.1"))
            return
        shown = self._site.shown(urlsplit(self.path).path)
        if shown is not None:
            self._send(shown, *PAGE_HEADERS)
            return
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        self._send(self._site.answer(self.path, key.strip() if scheme.lower() == "apikey" else "", host, self.client_address[0]))

    def do_POST(self) -> None:
        """Let the controls answer a POST; the API has none."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > MOST_POSTED:
            self.close_connection = True  # nobody knows where the next request begins
            self._send(_refusal(501 if not length else 413, f"a POST has a Content-Length of at most {MOST_POSTED}"))
            return
        body = self.rfile.read(int(length))
        answer = self._why_not(body) or self._site.changed(urlsplit(self.path).path, body)
        self._send(answer or _refusal(501, "the API is read with GET alone"), *PAGE_HEADERS)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as the base class has it
        """Write no log: a request line may hold a key."""

    def _why_not(self, body: bytes) -> Answer | None:
        """Why a POST is refused, None when it is not."""
        host, origin = self.headers.get("Host"), self.headers.get("Origin")
        if not _is_here(host) or (origin is not None and origin != f"http://{host}"):
            return _refusal(403, "only the simulator's own page may change its world")
        if body and self.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            return _refusal(415, "a POST has the Content-Type application/json")
        return None

    def _send(self, answer: Answer, *headers: str) -> None:
        self.close_connection = self.close_connection or answer.dropped or answer.sent is not None
        if not answer.dropped:
            self.wfile.write(_head(answer, headers) + answer.body[: answer.sent])


def _is_here(host: str | None) -> bool:
    # Browsers always send a Host; a client of HTTP/1.0 need not.
    return host is None or HERE.fullmatch(host) is not None


def _refusal(status: int, sentence: str) -> Answer:
    return Answer(url="", status=status, content_type="text/plain; charset=utf-8", body=f"{sentence}\n".encode())


def _head(answer: Answer, headers: tuple[str, ...]) -> bytes:
    # A proxy also sends statuses that no standard knows, such as 520.
    phrase = BaseHTTPRequestHandler.responses.get(answer.status, ("",))[0]
    lines = [
        f"HTTP/1.1 {answer.status} {phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        *headers,
    ]
    if answer.retry_after is not None:
        lines.append(f"Retry-After: {answer.retry_after}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
