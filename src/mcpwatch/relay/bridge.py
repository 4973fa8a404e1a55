"""A stdio client and an HTTP server: `mcpwatch run --name NAME --url URL`, for clients that can only start commands.

Lines in, requests out, in whichever era the client speaks; the same session and gate as every relay. What HTTP says
beside the frames (session ids, versions, resumption, routing headers) is said here in the client's place.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import re
import signal
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import aiohttp
from yarl import URL

from mcpwatch.guard.gate import Gate
from mcpwatch.guard.refusal import Refusal
from mcpwatch.protocol import replies
from mcpwatch.protocol.events import Question
from mcpwatch.protocol.message import Key
from mcpwatch.relay.bridge_headers import ToolHeaders, error_in, one_line, result_of
from mcpwatch.relay.bridge_output import Output
from mcpwatch.relay.bridge_server import BridgedServer, body_of
from mcpwatch.relay.bridge_session import Conversation
from mcpwatch.relay.child import complain, fault_of
from mcpwatch.relay.framing import Frames, Oversize
from mcpwatch.relay.http_events import Events, TooLarge
from mcpwatch.relay.http_headers import SESSION
from mcpwatch.relay.http_session import LISTEN, Looked, answers, numbers
from mcpwatch.relay.http_upstream import Unreachable, arriving
from mcpwatch.relay.stdio import FAULT, Closed, frame_limit
from mcpwatch.store.records import Outcome

READ: Final = 1 << 16
LAST_S: Final = 5.0  # for the answers still to come when the client sends no more
ORDER_S: Final = 1.0  # for the server to take a frame without an answer, before what follows is sent
POST_S: Final = 60.0  # … until we let it go
RESUMES: Final = 5  # tries to take up a broken stream, each of them after a break of
RETRY_S: Final = 1.0  # unless the server says otherwise
UNREACHABLE: Final = -32012
_NOT_HERE: Final = (400, 404, 405)  # of a server that speaks HTTP+SSE (2024-11-05) only


class Bridge:
    """One client on stdin and stdout."""

    def __init__(self, name: str, url: URL, headers: Mapping[str, str]) -> None:
        self._target = name, url, headers
        self._out = Output()
        self._tools = ToolHeaders()
        self._asking: dict[Key, asyncio.Task[None]] = {}  # id of a question → who waits for its answer
        self._untaken: set[asyncio.Task[None]] = set()  # frames without an answer of their own, on their way
        self._tasks: set[asyncio.Task[Any]] = set()
        self._streams: set[asyncio.Task[Any]] = set()  # that never end by themselves

    # -- life --------------------------------------------------------------------------------------------

    def run(self, make_gate: Callable[..., Gate]) -> int:
        """Relay until the client leaves or a signal comes. Returns the exit code."""
        return asyncio.run(self._run(make_gate))

    async def _run(self, make_gate: Callable[..., Gate]) -> int:
        self._loop = loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = loop.create_future()
        self._hurried: asyncio.Future[int] = loop.create_future()  # while the last answers are waited for
        self._heard = asyncio.Event()  # something that may have been an answer
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            if (number := getattr(signal, name, None)) is not None:
                loop.add_signal_handler(number, self._end, 128 + number)
        self._gate = gate = make_gate(
            on_lock=self._from_thread(self._on_lock), on_visible=self._from_thread(self._on_visible)
        )
        self._session = Conversation(gate)
        self._server = BridgedServer(*self._target, lambda: self._session.session.identity.protocol)
        threading.Thread(target=self._read, name="mcpwatch-stdin", daemon=True).start()
        code = await self._ended
        if code == 0:
            code = await self._last()
        for task in [*self._tasks, *self._streams]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._streams, return_exceptions=True)
        self._session.close()
        await self._server.close()
        await asyncio.to_thread(gate.close, code)
        return code

    def _end(self, code: int) -> None:
        ended = self._hurried if self._ended.done() else self._ended
        if not ended.done():
            ended.set_result(code)

    async def _last(self) -> int:
        """The client sends no more: what it waits for may still come, unless something else ends it. Returns the exit
        code."""
        answers = asyncio.ensure_future(self._last_answers())
        either: list[asyncio.Future[Any]] = [answers, self._hurried]
        await asyncio.wait(either, timeout=LAST_S, return_when=asyncio.FIRST_COMPLETED)
        answers.cancel()
        return self._hurried.result() if self._hurried.done() else 0

    async def _last_answers(self) -> None:
        waiting = True
        while waiting:
            self._heard.clear()
            async with self._session.turn:
                asked = self._session.session.asked_by_client.values()
                waiting = any(question.method != LISTEN for question in asked)
            if waiting:
                await self._heard.wait()
        await self._write(b"")  # when all before is written

    # -- the client's side -------------------------------------------------------------------------------

    def _read(self) -> None:
        """In a thread: what the client sends, to its end. A fault of ours ends the session: nobody would read on."""
        code = 0
        try:
            self._frames()
        except Exception as error:  # noqa: BLE001 - whatever it is
            if self._ended.done():
                return  # and with it the loop
            complain(f"internal error, the session ends: {fault_of(error)}")
            code = FAULT
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._end, code)

    def _frames(self) -> None:
        """Frames from stdin, one block at a time."""
        frames = Frames(frame_limit, self._oversize)
        while True:
            try:
                chunk = os.read(0, READ)
            except OSError:
                chunk = b""
            block = frames.feed(chunk) if chunk else frames.rest()
            if block:
                asyncio.run_coroutine_threadsafe(self._block(block), self._loop).result()
            if not chunk:
                return

    def _oversize(self, skipped: Oversize) -> None:
        def refuse(_: bytes) -> None:
            self._session.oversize(skipped.head, skipped.tail, skipped.size, skipped.limit, from_server=False)

        async def told() -> None:
            await self._say((await self._session.look(refuse, b"")).looked.said)

        asyncio.run_coroutine_threadsafe(told(), self._loop).result()

    async def _block(self, block: bytes) -> None:
        for line in block.split(b"\n"):
            if line.strip():
                await self._line(line)

    async def _line(self, line: bytes) -> None:
        looked, given_up = await self._session.look(self._session.from_client, line)
        if looked.said:
            await self._say(looked.said)
            wanted, asked, _ = self._session.left(looked)  # a lock says it to the client itself
            looked = looked._replace(line=wanted, asked=asked)
        for question in given_up:
            self._stop_asking(question)
        if looked.line is None:
            return
        if not looked.asked:
            if given_up and self._session.modern:
                return  # the end of its stream has told the server
            await self._pass_on(looked.line)
            return
        extra = self._tools.beside(looked.line, looked.asked[0])
        task = self._spawn(self._ask(looked.line, looked.asked, extra))
        for question in looked.asked:
            self._asking[question.key] = task
            task.add_done_callback(functools.partial(self._asked, question.key))

    async def _pass_on(self, line: bytes) -> None:
        """POST what has no answer of its own. What follows waits for the server to take it, but not for long: the
        less, the more it has not taken."""
        post = self._spawn(self._post(line))
        self._untaken.add(post)
        post.add_done_callback(self._untaken.discard)
        await asyncio.wait([post], timeout=ORDER_S / len(self._untaken))

    def _asked(self, key: Key, task: asyncio.Task[None]) -> None:
        if self._asking.get(key) is task:
            del self._asking[key]

    def _stop_asking(self, question: Question) -> None:
        """Close the stream an answer is expected on; that cancels the request where there is no session."""
        task = self._asking.pop(question.key, None)
        if task is not None and task not in self._asking.values():  # of a batch others may be open
            task.cancel()

    async def _write(self, frame: bytes) -> None:
        try:
            await self._out.write(frame)
        except Closed:
            self._end(0)

    async def _say(self, said: list[tuple[Question | None, bytes]]) -> None:
        for _, frame in said:
            await self._write(frame)

    # -- the server's side -------------------------------------------------------------------------------

    async def _ask(self, line: bytes, asked: list[Question], extra: Mapping[str, str]) -> None:
        """POST a request and bring its answer."""
        hello = asked[0].method == "initialize"
        try:
            response = await self._server.post(line, extra)
            try:
                if hello and response.status in _NOT_HERE and await self._over_sse():
                    response.close()
                    response = await self._server.post(line, extra)
                if hello and response.status < 300:
                    self._server.word = response.headers.get(SESSION)
                await self._answer(response, asked)
            finally:
                response.close()
        except (Unreachable, TooLarge) as error:
            self._noted(error)
            await self._fail(asked, str(error))
            return
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            await self._fail(asked, f"the server broke off: {error or type(error).__name__}")
            return
        if hello and not any(map(self._session.is_open, asked)) and self._server.word is not None:
            self._stream(self._listen())

    async def _answer(self, response: aiohttp.ClientResponse, asked: list[Question]) -> None:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if response.status < 300 and kind == "text/event-stream":
            mark, retry_s = await self._events(response)
            for _ in range(RESUMES):
                if mark is None or self._session.modern or not any(map(self._session.is_open, asked)):
                    break
                await asyncio.sleep(retry_s)
                resumed = await self._server.listen(mark)
                try:
                    if resumed.status >= 300:
                        break
                    newer, retry_s = await self._events(resumed, resumed=True)
                    mark = newer or mark
                finally:
                    resumed.close()
            await self._fail(asked, "the server ended the stream without an answer")
            return
        body = await body_of(response, frame_limit())
        if self._server.endpoint is not None and response.status < 300:
            return  # the answer comes on the stream
        if response.status < 300 or answers(body, asked):
            await self._frame(body)
        await self._fail(asked, f"HTTP status {response.status}", response.status, body)

    async def _events(self, response: aiohttp.ClientResponse, *, resumed: bool = False) -> tuple[str | None, float]:
        """Pass on what a stream brings. Returns the id to resume it after, and when."""
        mark: str | None = None
        retry_s, number = RETRY_S, next(numbers)
        events = Events(frame_limit())
        with contextlib.suppress(aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, TimeoutError):
            async for chunk in arriving(response.content):
                for event in events.feed(chunk):
                    if event.id is not None:
                        mark = event.id.decode("utf-8", "replace")
                    if (retry := re.search(rb"(?m)^retry: ?(\d{1,6})\r?$", event.raw[:200])) is not None:
                        retry_s = int(retry.group(1)) / 1000
                    if event.kind == b"endpoint":
                        self._server.met(event.data or b"")
                    elif event.smuggled:
                        self._gate.violation("a frame behind a line separator", event.data or b"", from_server=True)
                    elif event.data and event.is_message:
                        if resumed and self._session.repeated(event.data, number) is not None:
                            continue  # the client has it
                        passed = await self._frame(event.data)
                        if event.id is not None:
                            self._session.may_repeat(event.data, passed.answered, number)
        return mark, retry_s

    async def _frame(self, data: bytes) -> Looked:
        """One frame of the server's to the client."""
        looked, ended = await self._session.look(self._session.from_server, data)
        for question in looked.answered:
            if question.method == "tools/list" and looked.line is not None and self._session.modern:
                self._tools.listed(result_of(data))
        if looked.line is not None:
            await self._write(one_line(looked.line))
        await self._say(looked.said)
        self._tell(looked.told)
        self._heard.set()
        if self._session.modern:
            for question in ended:
                self._stop_asking(question)
        return looked

    async def _fail(self, asked: list[Question], note: str, status: int = 0, body: bytes = b"") -> None:
        """What is still open gets an error: with the server's own words where it had some."""
        for question in asked:
            code, message = error_in(body) or (UNREACHABLE, f"mcpwatch: {note}")
            if self._session.fail(question, Outcome.ERROR, note, f"http {status}" if status else ""):
                await self._write(replies.error(question.id, code, message))
        self._heard.set()

    async def _listen(self) -> None:
        """The stream on which the server speaks by itself, for as long as the session lasts."""
        mark: str | None = None
        while True:
            retry_s = RETRY_S
            with contextlib.suppress(Unreachable, aiohttp.ClientError):
                response = await self._server.listen(mark)
                try:
                    if response.status >= 300:
                        return
                    newer, retry_s = await self._events(response, resumed=mark is not None)
                    mark = newer or mark
                except TooLarge as error:
                    self._noted(error)
                    mark = None  # or it came again
                finally:
                    response.close()
            await asyncio.sleep(max(retry_s, 0.05))

    async def _over_sse(self) -> bool:
        """Whether the server speaks HTTP+SSE; its stream is open then."""
        response = await self._server.greets()
        if response is not None:
            self._stream(self._over_stream(response))
        return response is not None

    async def _over_stream(self, response: aiohttp.ClientResponse) -> None:
        """All that an HTTP+SSE server says comes here: with it ends the session, whatever ends it."""
        note = "the server ended its stream"
        try:
            await self._events(response)
        except TooLarge as error:
            self._noted(error)
            note = f"the server sent {error}: the session ends"
        except (aiohttp.ClientError, ConnectionError) as error:
            note = f"the server broke off: {error or type(error).__name__}"
        finally:
            response.close()
            self._server.hung_up()
        await self._fail(list(self._session.session.asked_by_client.values()), note)
        self._end(1)

    def _noted(self, error: Exception) -> None:
        if isinstance(error, TooLarge):
            self._gate.violation(str(error), b"", from_server=True)

    # -- small parts -------------------------------------------------------------------------------------

    def _tell(self, frames: list[bytes]) -> None:
        if not self._session.modern:
            for frame in frames:
                self._spawn(self._post(frame))

    async def _post(self, frame: bytes) -> None:
        with contextlib.suppress(Unreachable, TimeoutError):
            async with asyncio.timeout(POST_S):
                (await self._server.post(frame, {})).release()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _stream(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)

    def _from_thread(self, work: Callable[[Any], None]) -> Callable[[Any], None]:
        def called(argument: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(work, argument)

        return called

    def _on_lock(self, refusal: Refusal) -> None:
        self._spawn(self._locked(refusal))

    async def _locked(self, refusal: Refusal) -> None:
        looked = await self._session.locked(refusal)
        for question, _ in looked.said:
            if question is not None:
                self._stop_asking(question)
        self._tell(looked.told)
        await self._say(looked.said)  # last: a client may not read
        self._heard.set()

    def _on_visible(self, kinds: set[str]) -> None:
        self._spawn(self._shown(kinds))

    async def _shown(self, kinds: set[str]) -> None:
        await self._say((await self._session.shown(kinds)).said)
