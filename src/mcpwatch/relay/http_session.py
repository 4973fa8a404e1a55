"""One client's session with an HTTP server: the exchange of a stdio relay, and which stream each answer belongs to.

The session's streams are the answers to its POSTs and the GET stream. A question is paired with its answer whichever
of them brings it: a stream that broke may be resumed on another, and then repeat what was on it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final, NamedTuple

from aiohttp import web
from msgspec import Raw

from mcpwatch.guard.refusal import Refusal
from mcpwatch.guard.seat import Seat
from mcpwatch.protocol import replies
from mcpwatch.protocol.events import Answer, Identity, Question, Waiting
from mcpwatch.protocol.message import NONE, Key, Malformed, Parser, any_value, id_key
from mcpwatch.protocol.methods import LISTS
from mcpwatch.relay.endings import MODERN
from mcpwatch.relay.exchange import Exchange
from mcpwatch.relay.http_events import message_event
from mcpwatch.store.records import Outcome

numbers: Final = itertools.count(1)
"""Of streams, in the order they were opened."""

LARGE: Final = 1 << 18  # bytes of a frame that is looked at in a worker thread

REPEATABLE: Final = 64
"""Answers and questions of resumable streams that may be repeated."""

Said = tuple[Question | None, bytes]
LISTEN: Final = "subscriptions/listen"
_LISTED_UNDER: Final = {"tool": "tools", "prompt": "prompts", "resource": "resources", "template": "resources"}


class Looked(NamedTuple):
    """What came of looking at one frame: what goes on, and our own frames, for the client and for the server."""

    line: bytes | None
    said: list[Said]
    told: list[bytes]
    asked: list[Question]
    answered: list[Question]


class Stream:
    """One answer to a client while it is being made. `task` is who makes it."""

    def __init__(self, questions: list[Question], *, lasting: bool = False, resumes: bool = False) -> None:
        self.questions = questions  # it was opened to answer
        self.lasting = lasting  # a GET stream: it does not end with its questions
        self.resumes = resumes  # it may bring what another one has brought already
        self.number = next(numbers)
        self.response: web.StreamResponse | None = None  # once it is an event stream
        self.task = asyncio.current_task()
        self.resumable = False
        self.verdict: list[bytes] = []  # what to say in place of answers that a lock took away
        self.cut = False

    async def say(self, frame: bytes) -> None:
        """A frame of ours to the client."""
        if self.response is None:
            self.verdict.append(frame)
            return
        try:
            await self.response.write(message_event(frame))
        except (ConnectionError, RuntimeError):
            pass  # it has left, or the stream has ended

    def refuse(self, left: list[Question], frame: bytes) -> bool:
        """One of its questions has got this for an answer, and these are left open: the stream ends with the last.
        False: it goes on, has begun, and the frame is to be said on it."""
        self.questions = left
        if left and self.response is not None:
            return False
        self.verdict.append(frame)
        if not left and self.task is not None and not self.cut:
            self.cut = True
            self.task.cancel()
        return True


class HttpSession(Exchange):
    """`said` and `told` collect our own frames, for the client and the server, while one frame is looked at."""

    def __init__(self, seat: Seat, identity: Identity | None = None, *, fleeting: bool = False) -> None:
        super().__init__(seat, self._say, self._tell)
        self.seat = seat
        self.said: list[Said] = []
        self.told: list[bytes] = []
        self.asked: list[Question] = []
        self.answered: list[Question] = []
        self.unsent: dict[Key, bytes] = {}  # answers a lock gave to questions without a stream
        self.streams: dict[Key, Stream] = {}  # id of a client's question → the stream it waits on
        self.listening: Stream | None = None  # the GET stream
        self.resumed: Stream | None = None  # the last GET stream that goes on with a broken one
        self.headers: Any = None  # of the last request, for what we send ourselves
        self.url: Any = None  # where that went, with the client's query
        self.endpoint: Any = None  # where the client of an HTTP+SSE stream POSTs
        self.fleeting = fleeting  # it is one request of a client whose seat outlives it
        self.asked_here: list[Question] = []  # by the server; of a fleeting one, others of its client answer them
        self.kept = False  # the server has a word for it
        self.requests = 0  # POSTs that are under way
        self.gone = False  # the server has said that it is over: it is, once what is open has its own end
        self.used = 0.0  # when it was last heard of, on the loop's clock
        self.pumped = 0  # event streams of the server that are being passed on
        self.turn = asyncio.Lock()
        self._wants: dict[Key, set[str]] = {}
        self._answers: dict[Key, tuple[int, Question]] = {}
        self._questions: dict[Key, tuple[int, int]] = {}
        if identity is not None:
            self.session.identity = self._identity = identity

    # -- what the exchange does, with the question it is about --------------------------------------------

    def _say(self, frame: bytes) -> None:
        self.said.append((None, frame))

    def _tell(self, frame: bytes) -> None:
        self.told.append(frame)

    def _ask(self, question: Question, line: bytes) -> bool:
        wants = _wanted(question) if question.method == LISTEN else None
        passes = super()._ask(question, line)
        if passes:
            self.asked.append(question)
            if wants is not None:
                self._wants[question.key] = wants
        return passes

    def _server_asks(self, question: Question) -> bool:
        passes = super()._server_asks(question)
        if passes and self.fleeting:
            self.asked_here.append(question)
        return passes

    def over(self) -> None:
        """The request that this fleeting session was is over, and with it what the server asked meanwhile."""
        for question in self.asked_here:
            if self.session.withdraw(question):
                call = question.call
                call.outcome, call.note = Outcome.TIMED_OUT, "its stream ended before an answer came"
                self._gate.ended(call)

    def _refuse(self, question: Question, refusal: Refusal) -> None:
        super()._refuse(question, refusal)
        self.said[-1] = (question, self.said[-1][1])

    def _answered(self, answer: Answer, line: bytes) -> None:
        super()._answered(answer, line)
        if not answer.question.from_server:
            self._closed(answer.question)

    def _succeeded(self, question: Question, result: bytes) -> None:
        super()._succeeded(question, result)
        self._closed(question)

    def _cancelled(self, question: Question) -> None:
        super()._cancelled(question)
        if not question.from_server:
            self.streams.pop(question.key, None)

    def _broken(self, question: Question, note: str, result: Raw | bytes | memoryview = NONE) -> None:
        super()._broken(question, note, result)
        if not question.from_server:
            self.streams.pop(question.key, None)

    def _closed(self, question: Question) -> None:
        self.answered.append(question)
        self.streams.pop(question.key, None)
        self._wants.pop(question.key, None)

    def left(self, looked: Looked) -> tuple[bytes | None, list[Question], list[bytes]]:
        """What of a frame of the client's is still to go out, its questions that are open, and what a lock has said
        to the others since they were let through."""
        asked = [question for question in looked.asked if self.is_open(question)]
        if len(asked) == len(looked.asked):
            return looked.line, asked, []
        ended = [self.unsent.pop(q.key) for q in looked.asked if q.key in self.unsent]
        return looked.line and self.still_wanted(looked.line), asked, ended

    def take(self, line: bytes | None) -> Looked:
        """What has been said, told, asked and answered since the last time, with what goes on."""
        taken = Looked(line, self.said, self.told, self.asked, self.answered)
        self.said, self.told, self.asked, self.answered = [], [], [], []
        return taken

    def reached(self, url: Any, headers: Any) -> None:
        """A request of the client's went to this URL with these headers; what we send ourselves does, too."""
        self.url, self.headers = url, headers

    # -- endings -----------------------------------------------------------------------------------------

    @property
    def modern(self) -> bool:
        """Whether there is no session but the request (2026-07-28)."""
        return self.session.identity.protocol >= MODERN

    @property
    def busy(self) -> bool:
        """Whether anything is unanswered."""
        session = self.session
        if self.fleeting:
            return bool(session.asked_by_client or any(map(session.is_asked, self.asked_here)))
        return bool(session.asked_by_client or session.asked_by_server or session.waiting)

    @property
    def worth(self) -> tuple[bool, float]:
        """What is least is forgotten first."""
        return bool(self.session.identity.client_name), self.used

    @property
    def asked_hello(self) -> bool:
        """Whether an `initialize` waits for its answer."""
        return any(question.method == "initialize" for question in self.session.asked_by_client.values())

    def is_open(self, question: Question) -> bool:
        """Whether the question has no answer yet."""
        return self.session.is_asked(question)

    def fail(self, question: Question, outcome: Outcome, note: str, code: str = "") -> bool:
        """The question will not be answered. False: it was."""
        self._wants.pop(question.key, None)
        if not self.session.withdraw(question):
            return False
        self.streams.pop(question.key, None)
        call = question.call
        call.outcome, call.note, call.code = outcome, note, code
        self._gate.ended(call)
        return True

    def end(self) -> None:
        """The session is over."""
        self.close()
        self.seat.close()

    # -- list_changed ------------------------------------------------------------------------------------

    def changed(self, kinds: set[str]) -> list[tuple[Stream, bytes]]:
        """What to tell the client, and where, when definitions of these kinds appeared or vanished for it."""
        told: list[tuple[Stream, bytes]] = []
        for what in sorted({_LISTED_UNDER[kind] for kind in kinds if kind in _LISTED_UNDER}):
            if not self.modern and self.listening is not None:
                told.append((self.listening, replies.list_changed(what)))
            for key, wanted in self._wants.items():
                question, stream = self.session.asked_by_client.get(key), self.streams.get(key)
                if question is not None and stream is not None and f"{what}ListChanged" in wanted:
                    told.append((stream, replies.list_changed(what, question.id)))
        return told

    # -- repetition --------------------------------------------------------------------------------------

    def may_repeat(self, data: bytes, answered: list[Question], stream: int) -> None:
        """An event with an id has passed on the stream of this number: a resumed one may bring it again."""
        mark = hash(data)
        for question in answered:
            self._answers[question.key] = mark, question
            if len(self._answers) > REPEATABLE:
                del self._answers[next(iter(self._answers))]
        if not answered and b'"method"' in data and (key := _asks(data)) is not None:
            self._questions[key] = mark, stream
            if len(self._questions) > REPEATABLE:
                del self._questions[next(iter(self._questions))]

    def repeated(self, data: bytes, stream: int) -> bytes | None:
        """The frame of the resumed stream of this number, as it may pass, when it is one that has passed before.

        A question passes once on each, and on none that is older than the last it passed on: a client acts on every
        one, and it is charged once.
        """
        try:
            m = Parser().message(data)
            key: Key = id_key(m.id) if len(m.id) else b""
        except Malformed:
            return None
        if m.method is not None:
            mark, last = self._questions.get(key, (0, 0))
            if key not in self.session.asked_by_server or mark != hash(data) or stream <= last:
                return None
            self._questions[key] = mark, stream
            return data
        mark, question = self._answers.get(key, (0, None))
        if question is None or mark != hash(data) or key in self.session.asked_by_client:
            return None
        if question.method in LISTS and len(m.result):
            try:
                return self._listed(Answer(question, m.result), data)
            except Malformed:
                return None
        return data


class Strangers:
    """Sessions of requests that belong to none (2026-07-28, and servers that give no session ids): a seat for each
    client that says another name, and what its operations wait for."""

    MOST: Final = 200

    def __init__(self, make: Callable[[], Seat]) -> None:
        self._make = make
        self._known: dict[bytes, tuple[Seat, Identity, dict[bytes, Waiting], dict[Key, Question]]] = {}

    def session(self, key: bytes, identity: Identity) -> HttpSession:
        """A session for one request of the client known by this key."""
        if key not in self._known:
            if len(self._known) >= self.MOST:
                self._forget(next(iter(self._known)))
            seat = self._make()
            self._known[key] = seat, identity, {}, {}
            seat.identify(
                client_name=identity.client_name,
                client_version=identity.client_version,
                protocol=identity.protocol,
            )
        return self._session(key)

    def introduce(self, key: bytes, session: HttpSession) -> None:
        """The requests that follow under this key are of the client that opened this session."""
        if key in self._known:
            self._forget(key)
        of = session.session
        self._known[key] = session.seat, of.identity, of.waiting, of.asked_by_server

    def greeted(self, key: bytes) -> HttpSession | None:
        """A session for a stream of the client that opened a session under this key, if one did."""
        return self._session(key) if key in self._known and self._known[key][1].client_name else None

    def waiting(self) -> list[HttpSession]:
        """A session for each client with operations between two rounds, for a lock to end them."""
        return [self._session(key) for key, (_, _, waiting, _) in self._known.items() if waiting]

    def close(self) -> None:
        """The gateway ends."""
        for key in list(self._known):
            self._forget(key)

    def _session(self, key: bytes) -> HttpSession:
        seat, identity, waiting, asked = self._known[key]
        session = HttpSession(seat, identity, fleeting=True)
        session.session.waiting, session.session.asked_by_server = waiting, asked
        return session

    def _forget(self, key: bytes) -> None:
        session = self._session(key)
        del self._known[key]
        session.end()


async def to_its_end(worker: Executor, way: Callable[[bytes], bytes | None], data: bytes) -> bytes | None:
    """`way(data)` in the worker thread, never left while that is at it: one frame of a session at a time."""
    work = asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(worker, way, data))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                continue
        raise


def answers(data: bytes, asked: list[Question]) -> bool:
    """Whether this is a frame with an answer to one of these questions."""
    try:
        m = Parser().message(data)
        key: Key = id_key(m.id) if m.method is None and len(m.id) else b""
    except Malformed:
        return False
    return any(question.key == key for question in asked)


def _asks(data: bytes) -> Key | None:
    try:
        m = Parser().message(data)
        return id_key(m.id) if m.method is not None and len(m.id) else None
    except Malformed:
        return None


def _wanted(question: Question) -> set[str]:
    params = any_value(question.params) if len(question.params) < 1 << 16 else None
    wanted = params.get("notifications") if isinstance(params, dict) else None
    return {name for name, on in wanted.items() if on} if isinstance(wanted, dict) else set()
