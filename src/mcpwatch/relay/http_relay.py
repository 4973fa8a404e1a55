"""One HTTP server behind the gateway: its gate, its sessions, and what happens to them all.

The gate is one for all sessions of the server; each has a seat there. Everything here runs on the gateway's loop, but
what may wait for the disk or takes long, which runs in one worker thread, one frame of a session at a time.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from mcpwatch.guard.gate import Gate
from mcpwatch.guard.refusal import Refusal
from mcpwatch.guard.seat import Seat
from mcpwatch.protocol.events import Identity
from mcpwatch.relay.endings import MODERN
from mcpwatch.relay.http_headers import LAST_EVENT, METHOD, NAME, SESSION, VERSION
from mcpwatch.relay.http_session import LARGE, HttpSession, Looked, Said, Strangers, Stream, to_its_end
from mcpwatch.relay.http_types import EVENTS, JSON, TYPE
from mcpwatch.relay.http_upstream import Unreachable, ask, shown
from mcpwatch.relay.oauth_tokens import Fresh
from mcpwatch.store.records import Outcome

IDLE_S: Final = 3600.0
"""A session nobody has used for so long is forgotten; should its client come back, it is one again."""

SESSIONS_MOST: Final = 10_000  # of 5 KiB each, and their ids
WORD: Final = re.compile(r"[!-~]{0,4096}")
"""A session's id: visible ASCII (MCP 2025-03-26, Streamable HTTP), with room for a signed token."""

TELL_S: Final = 10.0  # for a notification of ours to the server

_ASKS: Final = b'"method"'
_INPUT: Final = b"input_required"
"""What is in a server's frame about which the gate has to decide: a request, or questions in place of a result. One
that is spelled in another way is decided all the same, but on the loop."""

_VERSION: Final = b'"io.modelcontextprotocol/protocolVersion"'
_SAYS_VERSION: Final = re.compile(_VERSION + rb'\s*:\s*"([^"\\]{1,40})"')
_SAYS_CLIENT: Final = re.compile(rb'"io\.modelcontextprotocol/clientInfo"\s*:\s*(\{[^{}]{0,2000}\})')


class HttpServer:
    """One server. `own_headers(sent, kept)` gives the headers we add to a request that came with these, of
    which those in `kept` were for us."""

    def __init__(
        self,
        name: str,
        url: URL,
        own_headers: Callable[[Mapping[str, str], frozenset[str]], Mapping[str, str]],
        tokens: Fresh,
        *,
        http: aiohttp.ClientSession,
        worker: Executor,
        limit: int,
        load_judge: Callable[[], Any],
    ) -> None:
        self.name = name
        self.url = url
        self.own_headers = own_headers
        self.tokens = tokens
        self.http = http
        self.limit = limit
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._shown = shown(url)
        self.sessions: dict[str, HttpSession] = {}
        self._arriving: dict[str, HttpSession] = {}  # under words we do not know, such as those of before a restart
        self.endpoints: dict[str, tuple[HttpSession, URL]] = {}  # of HTTP+SSE streams (2024-11-05), by a word of ours
        self._open: set[HttpSession] = set()  # with something unanswered
        self._live: set[HttpSession] = set()  # with a stream to their client
        self._strangers = Strangers(self._seat)
        self._tasks: set[asyncio.Task[None]] = set()
        self._locking = False
        self._under_way = 0  # requests
        self._retired = False
        self._closing = threading.Lock()
        self.gate = Gate(
            server=name,
            transport="http",
            command=self._shown,
            on_lock=self._from_thread(self._on_lock),
            on_visible=self._from_thread(self._on_visible),
            load_judge=load_judge,
            shared=True,
        )

    def _seat(self) -> Seat:
        return Seat(self.gate, self.name, "http", self._shown)

    # -- sessions ----------------------------------------------------------------------------------------

    def session_of(self, request: web.BaseRequest, body: bytes) -> HttpSession:
        """The session a POST belongs to."""
        word = request.headers.get(SESSION) or None
        if word is not None and (session := self.sessions.get(word)) is not None:
            session.used = self._loop.time()
            return session
        header = request.headers.get(VERSION, "")
        if word is None and (header >= MODERN or _VERSION in body):
            said = _SAYS_VERSION.search(body)
            client = _SAYS_CLIENT.search(body)
            key = client.group(1) if client else b"-"
            version = said.group(1).decode("utf-8", "replace") if said else header[:40]
            return self._strangers.session(version.encode() + key, _identity(key, version))
        if word is not None:
            if word not in self._arriving:
                self._arriving[word] = self.new_session()
            return self._arriving[word]
        if b'"initialize"' in body:
            return self.new_session()
        return self._strangers.session(_agent(request), Identity("", "", header[:40]))

    def session_of_stream(self, request: web.BaseRequest) -> HttpSession:
        """The session a GET belongs to."""
        word = request.headers.get(SESSION)
        if word:
            return self.sessions.get(word) or self._arriving.get(word) or self.new_session()
        return self._strangers.greeted(_agent(request)) or self.new_session()

    def introduce(self, request: web.BaseRequest, session: HttpSession) -> None:
        """The server keeps no sessions: what comes from this program is of the client that said hello."""
        self._strangers.introduce(_agent(request), session)

    def arrived(self, word: str | None, session: HttpSession) -> None:
        """The last request under way of a session has its end, and with it the session, if the server keeps none."""
        if word is not None and self._arriving.get(word) is session:
            del self._arriving[word]
        if not session.kept:
            session.end()
            self.is_open(session)

    def new_session(self) -> HttpSession:
        """A session with a row of its own, of which the server has not said that it is one."""
        return HttpSession(self._seat())

    def keep(self, word: str, session: HttpSession) -> None:
        """The server takes this word for the session."""
        if self.sessions.get(word) is session or WORD.fullmatch(word) is None:
            return
        if len(self.sessions) >= SESSIONS_MOST:
            self.sweep(0.0, most=SESSIONS_MOST // 100)
        session.used, session.kept = self._loop.time(), True
        self.sessions[word] = session

    def drop(self, word: str) -> None:
        """The session is over."""
        session = self.sessions.pop(word, None)
        if session is not None:
            session.end()
            self._open.discard(session)

    def forget(self, session: HttpSession) -> None:
        """A session without a word of the server's is over."""
        for word in [word for word, (of, _) in self.endpoints.items() if of is session]:
            del self.endpoints[word]
        if not session.fleeting:
            session.end()
        self._open.discard(session)
        self._live.discard(session)

    def sweep(self, idle_s: float = IDLE_S, *, most: int | None = None) -> None:
        """Forget sessions that nobody has used: first those that never said whose they are, whose words anybody can
        make up, and the longest unused."""
        before = self._loop.time() - idle_s
        idle = [w for w, s in self.sessions.items() if s.used <= before and not s.streams and s.listening is None]
        for word in sorted(idle, key=lambda word: self.sessions[word].worth)[:most]:
            self.drop(word)

    def is_open(self, session: HttpSession) -> None:
        """Something of the session is unanswered, or no more."""
        if session.busy:
            self._open.add(session)
        else:
            self._open.discard(session)

    def opened(self, session: HttpSession, *, live: bool) -> None:
        """The session has a stream, or its last one has ended."""
        (self._live.add if live else self._live.discard)(session)
        if not (live or session.busy or session.pumped):
            session.reached(None, None)  # they can be long

    def endpoint(self, session: HttpSession, url: URL) -> str:
        """A path at which the client of an HTTP+SSE stream may POST for this session."""
        word = secrets.token_urlsafe(24)
        self.endpoints[word] = session, url
        return f"/{self.name}/messages/{word}"

    # -- looking at frames -------------------------------------------------------------------------------

    async def look(
        self, session: HttpSession, way: Callable[[bytes], bytes | None], data: bytes, *, slow: bool = False
    ) -> Looked:
        """`way(data)`, `from_client` or `from_server` of this session, with what it said on the side."""
        decides = _ASKS in data or _INPUT in data or way == session.from_client
        slow = slow or len(data) > LARGE or (decides and self.gate.waits())
        if not slow and not session.turn.locked():
            return session.take(way(data))
        async with session.turn:
            try:
                return session.take(await to_its_end(self._worker, way, data) if slow else way(data))
            except asyncio.CancelledError:
                self._unheard(session)
                raise

    def _unheard(self, session: HttpSession) -> None:
        """Who had a frame looked at has left meanwhile: what came of it is not for whoever looks next."""
        looked = session.take(None)
        for question in looked.asked:
            session.fail(question, Outcome.CANCELLED, "the client left before it was sent")
        self.tell(session, looked.told)
        said = [one for one in looked.said if one[0] is not None and one[0].key in session.streams]
        for stream, frame in self._placed(session, said, None)[1]:
            self._spawn(stream.say(frame))

    # -- our own frames ----------------------------------------------------------------------------------

    async def route(self, session: HttpSession, said: list[Said], here: Stream | None) -> list[bytes]:
        """Send our frames to the streams their questions wait on. Returns those for `here`."""
        mine, others = self._placed(session, said, here)
        for stream, frame in others:
            await stream.say(frame)
        return mine

    def _placed(
        self, session: HttpSession, said: list[Said], here: Stream | None
    ) -> tuple[list[bytes], list[tuple[Stream, bytes]]]:
        """Our frames for `here`, and those to be said on other streams; what ends a stream has ended it."""
        mine: list[bytes] = []
        others: list[tuple[Stream, bytes]] = []
        for question, frame in said:
            if question is None:
                stream = here or session.listening
            else:  # one that is refused has none yet; one whose stream broke is answered on what resumes that
                stream = session.streams.pop(question.key, here or session.resumed)
            if stream is None:
                if question is not None:
                    session.unsent[question.key] = frame
            elif stream is here:
                mine.append(frame)
            elif (
                question is None
                or stream.lasting
                or not stream.refuse([*filter(session.is_open, stream.questions)], frame)
            ):
                others.append((stream, frame))
        return mine, others

    def tell(self, session: HttpSession, frames: list[bytes]) -> None:
        """Send our frames to the server; by closing the stream where there is no session (2026-07-28)."""
        if session.modern or session.headers is None:
            return
        for frame in frames:
            self._spawn(self._tell(session.endpoint or session.url or self.url, session.headers, frame))

    async def _tell(self, url: URL, headers: CIMultiDict[str], frame: bytes) -> None:
        headers = CIMultiDict(headers)
        headers[TYPE], headers["Accept"] = JSON, f"{JSON}, {EVENTS}"  # they may be those of a GET
        for name in (METHOD, NAME, LAST_EVENT):
            headers.popall(name, None)
        try:
            async with asyncio.timeout(TELL_S):
                (await ask(self.http, "POST", url, headers, frame.strip())).close()
        except (Unreachable, TimeoutError):
            pass  # it does not matter to a server that is gone

    # -- what the gate says ------------------------------------------------------------------------------

    def _from_thread(self, work: Callable[[Any], Any]) -> Callable[[Any], None]:
        def called(argument: Any) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(work, argument)

        return called

    def _on_lock(self, refusal: Refusal) -> None:
        if not self._locking:
            self._locking = True
            self._spawn(self._end_open(refusal))

    async def _end_open(self, refusal: Refusal) -> None:
        try:
            for session in [*self._open, *self._strangers.waiting()]:
                async with session.turn:
                    session.on_lock(refusal)
                    looked = session.take(None)
                self.tell(session, looked.told)
                _, others = self._placed(session, looked.said, None)
                for stream, frame in others:
                    self._spawn(stream.say(frame))  # its client may not read, and others wait for their lock
                self.is_open(session)
        finally:
            self._locking = False

    def _on_visible(self, kinds: set[str]) -> None:
        for session in list(self._live):
            for stream, frame in session.changed(kinds):
                self._spawn(stream.say(frame))

    # -- life --------------------------------------------------------------------------------------------

    def _spawn(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def begin(self) -> None:
        """A request is under way."""
        self._under_way += 1

    def finish(self) -> None:
        """It has its end."""
        self._under_way -= 1
        if self._retired and not self._under_way:
            self._worker.submit(self.close)

    @property
    def closed(self) -> bool:
        """Whether it has closed, or is about to."""
        return self._closing.locked()

    def retire(self) -> None:
        """No further requests come: it closes when those under way have their end, which a lock can still bring."""
        self._retired = True
        self.begin()
        self.finish()

    def close(self) -> None:
        """Write what is left, once. Blocks while the state file is written."""
        if not self._closing.acquire(blocking=False):
            return
        for word in list(self.sessions):
            self.drop(word)
        self._strangers.close()
        self.gate.close(None)


def _agent(request: web.BaseRequest) -> bytes:
    return b"agent " + request.headers.get("User-Agent", "")[:100].encode("utf-8", "replace")


def _identity(client: bytes, version: str) -> Identity:
    name = of = ""
    try:
        info = msgspec.json.decode(client)
        if isinstance(info, dict):
            name, of = str(info.get("name") or ""), str(info.get("version") or "")
    except msgspec.MsgspecError:
        pass
    return Identity(name[:256], of[:256], version)
