"""The simulator: a world, its clock, the API that shows it and the controls, behind a server on loopback."""

from __future__ import annotations

import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from torn_pipeline.simulator.api import Api
from torn_pipeline.simulator.asking import Question
from torn_pipeline.simulator.clock import Clock
from torn_pipeline.simulator.controls import Controls
from torn_pipeline.simulator.faults import Answer
from torn_pipeline.simulator.shapes import DEFAULT_SHAPE
from torn_pipeline.simulator.wire import LOOPBACK, Handler, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from torn_pipeline.simulator.chaos import Chaos
    from torn_pipeline.simulator.faults import Fault
    from torn_pipeline.simulator.world import World

__all__ = ["Answered", "Call", "Simulator"]

PREFIX = "/v2"
POLL_SECONDS = 0.01
CALLS_KEPT = 20_000
ANSWERS_KEPT = 50


class Call(NamedTuple):
    """A call as received: ``at`` by ``time.monotonic()``, ``path`` without ``/v2``, ``query`` without the key.

    ``owner`` is the user whose key was used, None for none or a wrong one.
    """

    at: float
    path: str
    query: Mapping[str, str]
    owner: int | None


class Answered(NamedTuple):
    """What was answered to the call with this number, in a few words; ``at`` and ``world`` are Unix seconds, real and simulated."""

    number: int
    at: float
    world: int
    call: Call
    words: str


class Simulator:
    """A Torn City API on loopback that shows a world; use it as a context manager, or ``serve_forever``.

    ``port`` 0 takes a free one. At most ``calls_per_window`` calls of one key owner, and ten times as many of one address, are
    answered in any ``window`` seconds. ``speed`` is how many seconds the world lives in each real one; 0 stands still.
    ``cache_seconds`` of the world's time long an answer is handed out again; 0 makes every answer a fresh one, so that what
    has been changed shows at once, which a test wants, while a client must live with 30. ``shape`` is the version of the API.

    ``url`` is what to set ``TORN_API_URL`` to. ``calls`` lists what was asked, oldest first (at least the last 10,000). ``faults``
    is a list to be filled: the first one that takes a call is applied to its answer, and leaves the list when its ``times`` are
    used up; the call counts against the limit all the same. ``chaos``, where it is set, is asked about the calls that no fault
    takes. ``before_call`` is called with the number of each call (from 1) and its path before it is answered, in a thread of the
    server; the call is already in ``calls``. Hold ``lock`` while going through ``calls``, ``answered`` (the last 50 answers) or
    ``faults`` as calls come in.

    Raises:
        OSError: when the port is taken.
        ValueError: for a speed or a shape that cannot be.
    """

    def __init__(
        self,
        world: World,
        *,
        port: int = 0,
        calls_per_window: int = 100,
        window: float = 60.0,
        speed: float = 0.0,
        cache_seconds: int = 0,
        shape: str = DEFAULT_SHAPE,
    ) -> None:
        self.world = world
        self.clock = Clock(world, speed)
        self.api = Api(world, calls=calls_per_window, seconds=window, cache_seconds=cache_seconds)
        self.api.shape = shape
        self.calls: list[Call] = []
        self.answered: deque[Answered] = deque(maxlen=ANSWERS_KEPT)
        self.faults: list[Fault] = []
        self.chaos: Chaos | None = None
        self.before_call: Callable[[int, str], None] | None = None
        self.lock = threading.Lock()
        self.data_dir: Path | None = None  # where the controls say that data from here belongs
        self._controls = Controls(self)
        self._received = 0
        self._sent: dict[str, bytes] = {}
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._serving = False
        self._server = Server((LOOPBACK, port), partial(Handler, self))

    @property
    def origin(self) -> str:
        """Scheme, host and port, where the page of controls is."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return self.origin + PREFIX

    @property
    def shape(self) -> str:
        """The version of the API whose shape the answers have; can be set."""
        return self.api.shape

    @shape.setter
    def shape(self, shape: str) -> None:
        self.api.shape = shape

    @property
    def received(self) -> int:
        """How many calls there have been; the next one's number is one more."""
        return self._received

    def set_speed(self, speed: float) -> None:
        """Let the world live so many seconds in each real one from now on.

        Raises:
            ValueError: for a speed that cannot be.
        """
        self.clock.speed = speed

    def advance(self, seconds: int) -> int:
        """Let so many seconds of the world pass at once, and say when it is then (Unix seconds).

        Raises:
            ValueError: for less than none, or more than five weeks.
        """
        return self.clock.advance(seconds)

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

    # --- what the server asks ------------------------------------------------------------------------------------

    def answer(self, target: str, key: str, host: str | None, address: str = LOOPBACK) -> Answer:
        """The answer to a GET of ``target`` (path and query) with the key of its header; waits as long as a fault says."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        key = key or query.get("key", "")
        query.pop("key", None)
        path = parts.path.removeprefix(PREFIX)
        number, call = self._record(path, query, key)
        if self.before_call is not None:
            self.before_call(number, path)
        base = f"http://{host or urlsplit(self.origin).netloc}{parts.path}"
        fault = self._fault(number, path, key)
        if fault is not None:
            fault.prepare(self.world, key)
        world = self.clock.tick()
        reply = self.api.answer(Question(key=key, path=path, query=query, url=base, address=address, at=call.at))
        answer = Answer(url=f"{base}?{urlencode(query)}" if query else base, body=reply.body, before=self._sent.get(path))
        if fault is not None:
            answer = fault.apply(answer)
        self._sent[path] = answer.body
        words = reply.words if fault is None else f"{type(fault).__name__} instead of {reply.words}"
        with self.lock:
            self.answered.append(Answered(number, time.time(), world, call, words))
        if answer.wait:
            self._closing.wait(answer.wait)
        return answer

    def shown(self, path: str) -> Answer | None:
        """What the controls show at this path, None when it is the API's."""
        return self._controls.shown(path)

    def changed(self, path: str, body: bytes) -> Answer | None:
        """What the controls say to a POST, None when the path is none of theirs."""
        return self._controls.changed(path, body)

    def _record(self, path: str, query: Mapping[str, str], key: str) -> tuple[int, Call]:
        with self.world.lock:
            known = self.world.keys.get(key)
        with self.lock:
            call = Call(time.monotonic(), path, query, known.owner if known else None)
            self.calls.append(call)
            if len(self.calls) > CALLS_KEPT:
                del self.calls[: CALLS_KEPT // 2]
            self._received += 1
            return self._received, call

    def _fault(self, number: int, path: str, key: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.takes(number, path, key):
                    fault.times -= 1
                    if fault.times < 1:
                        self.faults.remove(fault)
                    return fault
            return self.chaos.fault() if self.chaos else None
