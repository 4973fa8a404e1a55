"""One request of a client on its way to a server, and the answer on its way back.

An answer that is an event stream passes event by event, the moment each arrives; any other is read whole first. The
task that makes an answer is cancelled when its client leaves, or when a lock takes the answer away (`Stream.cut`).
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
from aiohttp import web

from mcpwatch.protocol import replies
from mcpwatch.protocol.events import Question
from mcpwatch.protocol.message import INVALID_REQUEST
from mcpwatch.protocol.methods import LISTS
from mcpwatch.relay.http_body import read_body
from mcpwatch.relay.http_events import TooLarge, message_event
from mcpwatch.relay.http_headers import (
    LAST_EVENT,
    METHOD,
    NAME,
    SESSION,
    disagreement,
    repeated,
    to_client,
    to_server,
)
from mcpwatch.relay.http_made import as_json, failure, is_result, ours, several, unasked
from mcpwatch.relay.http_pump import Pump
from mcpwatch.relay.http_relay import HttpServer
from mcpwatch.relay.http_session import HttpSession, Stream, answers
from mcpwatch.relay.http_types import EVENTS, JSON, TYPE, Foreign, check_request, judged_as, media_type
from mcpwatch.relay.http_upstream import Unreachable, ask, not_again, with_query
from mcpwatch.relay.http_whole import whole
from mcpwatch.store.records import Outcome

UNREACHABLE: Final = -32012
"""JSON-RPC code of a request that got no answer from the server."""

_BODILESS: Final = frozenset({"DELETE", "OPTIONS", "HEAD"})


async def handle(server: HttpServer, request: web.BaseRequest, rest: str, kept: frozenset[str]) -> web.StreamResponse:
    """Answer a request for this server; `rest` is its path after the server's name, `kept` are headers that were for
    us."""
    flow = Flow(server, request, kept)
    server.begin()
    try:
        if request.method == "POST":
            if rest.startswith("messages/"):
                return await flow.post_to_endpoint(rest.removeprefix("messages/"))
            return await flow.post()
        if request.method == "GET":
            return await flow.get()
        return await flow.other()
    finally:
        server.finish()


class Flow:
    """One request and its answer."""

    def __init__(self, server: HttpServer, request: web.BaseRequest, kept: frozenset[str]) -> None:
        self._server = server
        self._request = request
        try:
            self._url = with_query(server.url, request.rel_url.raw_query_string)
        except ValueError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        if name := repeated(request.headers):
            raise web.HTTPBadRequest(text=f"more than one {name}")
        own = server.own_headers(request.headers, kept)
        self._headers = to_server(request.headers.items(), request.headers.get("Connection", ""), own, kept)
        if request.method == "POST":
            check_request(request.headers)
            self._headers[TYPE] = JSON
        self._word = request.headers.get(SESSION) or None
        self._upstream: aiohttp.ClientResponse | None = None
        self._opened = False  # the server has said hello and given no word for a session
        self._lost = "the client closed the stream"  # why open questions will stay without an answer
        self._outcome = Outcome.CANCELLED

    # -- POST --------------------------------------------------------------------------------------------

    async def post(self) -> web.StreamResponse:
        """A frame of the client's. Its session ends with it if nobody keeps that."""
        body = await read_body(self._request, self._server.limit)
        session = self._server.session_of(self._request, body)
        session.requests += 1
        try:
            return await self._post(session, body)
        finally:
            session.requests -= 1
            if self._opened:
                self._server.introduce(self._request, session)
            elif not (session.requests or session.fleeting):
                self._server.arrived(self._word, session)

    async def _post(self, session: HttpSession, body: bytes) -> web.StreamResponse:
        server = self._server
        looked = await server.look(session, session.from_client, body)
        if looked.asked:
            self._compare(session, looked.asked[0], body)
        line, asked, ended = session.left(looked)
        if line is None or (looked.asked and not asked):
            return ours(looked, ended)
        if not session.modern:
            session.reached(self._url, self._headers)
        stream = Stream(asked)
        for question in asked:
            session.streams[question.key] = stream
        server.is_open(session)
        server.opened(session, live=True)
        try:
            stream.verdict += [*ended, *await server.route(session, looked.said, stream)]
            return await self._answer(session, stream, line)
        except ConnectionError:
            return stream.response or web.Response()  # to nobody
        except asyncio.CancelledError:
            if not stream.cut:
                raise
            if stream.task is not None:
                stream.task.uncancel()
            return await self._cut(stream)
        finally:
            self._leave(session, stream)

    async def _answer(self, session: HttpSession, stream: Stream, line: bytes) -> web.StreamResponse:
        try:
            upstream = self._upstream = await ask(self._server.http, "POST", self._url, self._headers, line)
            self._keep(session, upstream, opening=True)
            if _is_stream(upstream):
                return await self._pump(session, stream, upstream)
            data = await self._read(upstream)
        except Unreachable as error:
            self._outcome, self._lost = Outcome.ERROR, str(error)
            return failure(stream, UNREACHABLE, f"mcpwatch: {error}")
        except (TooLarge, Foreign) as error:
            self._outcome, self._lost = Outcome.VIOLATION, str(error)
            session.seat.violation(str(error), b"", from_server=True)
            return failure(stream, replies.DROPPED, f"mcpwatch dropped the answer: {error}")
        return await self._body(session, stream, upstream, data)

    async def _body(
        self, session: HttpSession, stream: Stream, upstream: aiohttp.ClientResponse, data: bytes
    ) -> web.StreamResponse:
        """An answer that came whole."""
        status = upstream.status
        self._outcome, self._lost = Outcome.ERROR, f"the server answered with HTTP status {status}"
        asked = stream.questions
        if not asked or not data.strip():
            if stream.verdict and status < 300:
                return as_json(several(stream.verdict), 200)
            return unasked(upstream, data)
        if status >= 400 and not is_result(data):
            if answers(data, asked):
                await self._server.look(session, session.from_server, data)
            return unasked(upstream, data)
        slow = any(question.method in LISTS for question in asked)
        looked = await self._server.look(session, session.from_server, data, slow=slow)
        said = [*stream.verdict, *await self._server.route(session, looked.said, stream)]
        self._server.tell(session, looked.told)
        if looked.line is not None and not said:
            headers = judged_as(JSON, upstream.headers, to_client(upstream.headers))
            return whole(self._request, status, headers, looked.line)
        if looked.line is not None:
            return as_json(several([*said, looked.line]), status)
        if said:
            return as_json(several(said), 200)
        self._outcome, self._lost = Outcome.VIOLATION, "the server's answer could not be passed on"
        return failure(stream, replies.DROPPED, f"mcpwatch: {self._lost}")

    async def _cut(self, stream: Stream) -> web.StreamResponse:
        """A lock has answered in place of the server."""
        if stream.response is None:
            return as_json(several(stream.verdict), 200)
        await stream.response.write(b"".join(map(message_event, stream.verdict)))
        await stream.response.write_eof()
        return stream.response

    def _compare(self, session: HttpSession, question: Question, body: bytes) -> None:
        headers = self._request.headers
        if METHOD in headers or NAME in headers:
            note = disagreement(headers, question.method, question.name)
            if note:
                session.seat.violation(f"{note}; the body was judged", body, from_server=False)

    async def _pump(
        self, session: HttpSession, stream: Stream, upstream: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        pump = Pump(self._server, self._request, session, stream, upstream, greets=stream.lasting and not self._word)
        response = await pump.run()
        self._outcome, self._lost = pump.outcome, pump.lost
        return response

    def _leave(self, session: HttpSession, stream: Stream) -> None:
        """The stream is over. What it was to answer stays open only if it can be resumed."""
        if self._upstream is not None:
            self._upstream.close() if not self._upstream.content.is_eof() else self._upstream.release()
        for question in stream.questions:
            if session.streams.get(question.key) is stream:
                del session.streams[question.key]
            if session.modern or not stream.resumable or self._word is None:
                failed = session.fail(question, self._outcome, self._lost, self._code())
                if failed and self._upstream is not None and self._upstream.status < 300:
                    not_again(self._upstream)
        if session.listening is stream:
            session.listening = None
        if session.resumed is stream:
            session.resumed = None
        if session.fleeting:
            session.over()
        self._server.is_open(session)
        self._server.opened(session, live=bool(session.streams or session.listening))
        if self._word is not None:
            session.gone = session.gone or (self._upstream is not None and self._upstream.status == 404)
            if session.gone and not session.streams:
                self._server.drop(self._word)

    def _code(self) -> str:
        upstream = self._upstream
        return f"http {upstream.status}" if upstream is not None and upstream.status >= 400 else ""

    # -- GET, DELETE and the rest ------------------------------------------------------------------------

    async def get(self) -> web.StreamResponse:
        """The stream on which a server speaks by itself, or one that is resumed."""
        server = self._server
        try:
            upstream = self._upstream = await ask(server.http, "GET", self._url, self._headers)
            session = server.session_of_stream(self._request)
            self._keep(session, upstream)
            if not _is_stream(upstream):
                data = await self._read(upstream)
                if upstream.status < 300 and data.strip():
                    said = upstream.headers.get(TYPE, "")
                    raise Foreign(f"an answer to GET that is no event stream but {said[:80]!r}")
                return unasked(upstream, data)
        except Foreign as error:
            return self._no_stream(session, str(error))
        except (Unreachable, TooLarge) as error:
            return as_json(replies.error(b"null", UNREACHABLE, f"mcpwatch: {error}"), 502)
        stream = Stream([], lasting=True, resumes=LAST_EVENT in self._request.headers)
        if not stream.resumes or session.listening is None:
            session.listening = stream
        if stream.resumes:
            session.resumed = stream
            stream.verdict, session.unsent = [*session.unsent.values()], {}
        session.reached(self._url, self._headers)
        server.opened(session, live=True)
        try:
            return await self._pump(session, stream, upstream)
        except ConnectionError:
            return stream.response or web.Response()  # to nobody
        finally:
            self._leave(session, stream)
            if self._word is None:
                server.forget(session)

    def _no_stream(self, session: HttpSession, why: str) -> web.Response:
        """In place of what came for an event stream, and which some clients would read as one."""
        session.seat.violation(why, b"", from_server=True)
        if self._upstream is not None:
            self._upstream.close()
        if self._word is None:
            self._server.forget(session)
        return as_json(replies.error(b"null", replies.DROPPED, f"mcpwatch dropped the answer: {why}"), 502)

    async def post_to_endpoint(self, word: str) -> web.StreamResponse:
        """A frame of the client of an HTTP+SSE stream; its answer comes on that stream."""
        server = self._server
        body = await read_body(self._request, server.limit)
        session, url = server.endpoints.get(word, (None, None))
        if session is None or url is None or session.listening is None:
            return as_json(replies.error(b"null", INVALID_REQUEST, "mcpwatch: this stream has ended"), 404)
        url = with_query(url, self._request.rel_url.raw_query_string)
        stream = session.listening
        session.headers = self._headers
        looked = await server.look(session, session.from_client, body)
        for frame in await server.route(session, looked.said, stream):
            await stream.say(frame)
        line, asked, ended = session.left(looked)  # its client may have been slow to take that
        for question in asked:
            session.streams[question.key] = stream
        server.is_open(session)
        for frame in ended:
            await stream.say(frame)
        if line is None or (looked.asked and not asked):
            return web.Response(status=202)
        try:
            upstream = self._upstream = await ask(server.http, "POST", url, self._headers, line)
            data = await self._read(upstream)
        except (Unreachable, TooLarge) as error:
            for question in asked:
                session.fail(question, Outcome.ERROR, str(error))
            return as_json(replies.error(b"null", UNREACHABLE, f"mcpwatch: {error}"), 502)
        if upstream.status >= 300:
            for question in asked:
                session.fail(question, Outcome.ERROR, f"HTTP status {upstream.status}", self._code())
        return unasked(upstream, data)

    async def other(self) -> web.StreamResponse:
        """DELETE ends a session; OPTIONS means nothing to us. Neither carries a body, which nobody would judge; no
        other method is MCP's, and a server that took one for a POST would be called past the gate."""
        server = self._server
        if self._request.method not in _BODILESS:
            refused = replies.error(b"null", INVALID_REQUEST, "mcpwatch: MCP is POST, GET and DELETE")
            return as_json(refused, 405)
        try:
            upstream = self._upstream = await ask(server.http, self._request.method, self._url, self._headers, None)
            data = await self._read(upstream)
        except (Unreachable, TooLarge) as error:
            return as_json(replies.error(b"null", UNREACHABLE, f"mcpwatch: {error}"), 502)
        over = upstream.status < 300 if self._request.method == "DELETE" else False
        if self._word is not None and (over or upstream.status == 404):
            server.drop(self._word)
        return unasked(upstream, data)

    # -- small parts -------------------------------------------------------------------------------------

    def _keep(self, session: HttpSession, upstream: aiohttp.ClientResponse, *, opening: bool = False) -> None:
        """Know the session under the word the server gave it; forget it when the server has."""
        if self._word is not None:
            if upstream.status < 300:
                self._server.keep(self._word, session)
            elif upstream.status == 404 and not opening:
                self._server.drop(self._word)
        elif opening and upstream.status < 300 and (word := upstream.headers.get(SESSION)):
            self._word = word
            self._server.keep(word, session)
        elif opening and upstream.status < 300 and session.asked_hello:
            self._opened = True

    async def _read(self, upstream: aiohttp.ClientResponse) -> bytes:
        """The whole body of an answer. Raises `TooLarge` or `Unreachable`."""
        limit = self._server.limit
        content = upstream.content
        if content.is_eof() and content.exception() is None and content.total_bytes <= limit:
            return content.read_nowait(-1)  # it came with its head
        parts: list[bytes] = []
        size = 0
        try:
            async for chunk in content.iter_any():
                parts.append(chunk)
                size += len(chunk)
                if size > limit:
                    upstream.close()
                    raise TooLarge(f"an answer of more than {limit:,} bytes")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"{self._server.url.origin()} broke off in the middle of its answer") from error
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _is_stream(upstream: aiohttp.ClientResponse) -> bool:
    """Whether this is to pass event by event. Raises `Foreign` where nobody could judge what is to pass."""
    return upstream.status < 300 and media_type(upstream.headers) == EVENTS
