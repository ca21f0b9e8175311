"""A web server on loopback that says exactly what a test wants, down to the byte, and remembers what it was asked."""

from __future__ import annotations

import json
import socketserver
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PREFIX = "/v2"
OURS = {"comment": "torn_pipeline"}  # what every call is asked with besides


@dataclass(frozen=True)
class Request:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    peer: int

    @property
    def key(self) -> str:
        return self.headers["authorization"].removeprefix("ApiKey ")


@dataclass(frozen=True)
class Reply:
    """Bytes to send; then the connection closes, or with ``keep`` stays open, or with ``hold`` stays open and silent."""

    data: bytes
    keep: bool = False
    hold: bool = False
    drip: bytes = b""


def raw(content: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None, keep: bool = False) -> Reply:
    fields = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return Reply(head.encode() + b"\r\n" + content, keep=keep)


def reply(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return raw(json.dumps(body).encode(), status=status, headers=headers, keep=True)


def refusal(code: object, text: str = "as the API says it", *, status: int = 200) -> Reply:
    return reply({"error": {"code": code, "error": text}}, status=status)


def key_info(*, owner: int = 1, level: int = 4, kind: str = "Full Access", faction: Sequence[str] = ()) -> Reply:
    access = {"level": level, "type": kind, "faction": True, "company": False}
    user = {"id": owner, "faction_id": 7, "company_id": None}
    return reply({"info": {"selections": {"faction": list(faction)}, "access": access, "user": user}})


@dataclass
class Loopback:
    """Answers each request with ``answer``, or with the next of ``replies``, the last one again and again.

    What is asked about keys is answered with ``about_key`` and listed apart, in ``asked_about``.
    """

    replies: list[Reply] = field(default_factory=list)
    answer: Callable[[Request], Reply] | None = None
    requests: list[Request] = field(default_factory=list)
    about_key: Callable[[Request], Reply] = field(default=lambda _: key_info())
    asked_about: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return self.origin + PREFIX

    def next_reply(self, request: Request) -> Reply:
        if request.path == "/key/info":
            self.asked_about.append(request)
            return self.about_key(request)
        self.requests.append(request)
        if self.answer is not None:
            return self.answer(request)
        return self.replies[min(len(self.requests), len(self.replies)) - 1]


@contextmanager
def serving() -> Iterator[Loopback]:
    api = Loopback()

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with suppress(ConnectionError, TimeoutError):
                while (request := self.read()) and self.write(api.next_reply(request)):
                    pass

        def read(self) -> Request | None:
            line = self.rfile.readline().decode()
            if not line:
                return None
            url = urlsplit(line.split(" ")[1])
            headers = {}
            while text := self.rfile.readline().decode().strip():
                name, _, value = text.partition(":")
                headers[name.lower()] = value.strip()
            path = url.path.removeprefix(PREFIX)
            return Request(path, dict(parse_qsl(url.query)), headers, self.client_address[1])

        def write(self, answer: Reply) -> bool:
            self.wfile.write(answer.data)
            while answer.drip and not api.over.wait(0.02):
                self.wfile.write(answer.drip)
            if answer.hold:
                api.over.wait(30)
            return answer.keep

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        api.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            api.over.set()
            server.shutdown()
            thread.join()
