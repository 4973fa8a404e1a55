"""An event stream of a server on its way to a client, event by event, each the moment it arrives."""

from __future__ import annotations

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from mcpwatch.protocol import replies
from mcpwatch.protocol.events import Question
from mcpwatch.protocol.methods import LISTS
from mcpwatch.relay.http_events import Event, Events, TooLarge, message_event
from mcpwatch.relay.http_headers import to_client
from mcpwatch.relay.http_relay import HttpServer
from mcpwatch.relay.http_session import HttpSession, Stream
from mcpwatch.relay.http_types import EVENTS, judged_as
from mcpwatch.relay.http_upstream import joined, left_over, same_origin
from mcpwatch.relay.http_whole import whole
from mcpwatch.store.records import Outcome


class _Together(web.StreamResponse):
    """Its head goes out with the first bytes of its body: one packet for an answer that is there already."""

    _send_headers_immediately = False


class Pump:
    """Passes one stream on until either side ends it; `greets`: it may be one of HTTP+SSE (2024-11-05).

    Afterwards `outcome` and `lost` say what became of questions that are still open.
    """

    def __init__(
        self,
        server: HttpServer,
        request: web.BaseRequest,
        session: HttpSession,
        stream: Stream,
        upstream: aiohttp.ClientResponse,
        *,
        greets: bool,
    ) -> None:
        self.outcome, self.lost = Outcome.TIMED_OUT, "the server ended the stream without an answer"
        self._server = server
        self._request = request
        self._session = session
        self._stream = stream
        self._upstream = upstream
        self._greets = greets
        self._lists = any(question.method in LISTS for question in stream.questions)

    async def run(self) -> web.StreamResponse:
        """The answer to the client, as far as it came. Raises ConnectionError when the client has left."""
        self._session.pumped += 1
        try:
            return await self._run()
        finally:
            self._session.pumped -= 1

    async def _run(self) -> web.StreamResponse:
        content = self._upstream.content
        events = Events(self._server.limit)
        out, looked = b"", False
        try:
            while not content.at_eof():
                # What is there already may wait for its head; nothing else waits for what is to come.
                if looked or not content.total_bytes:
                    await self._write(out)
                out, looked = b"", True
                out = await self._through(events.feed(await content.readany()))
            if (rest := events.rest()) is not None:
                out += await self._through([rest])
        except TooLarge as error:
            self.outcome, self.lost = Outcome.VIOLATION, str(error)
            self._session.seat.violation(str(error), b"", from_server=True)
            for question in self._unanswered():
                told = replies.error(question.id, replies.DROPPED, f"mcpwatch dropped the answer: {error}")
                out += message_event(told)
        except (aiohttp.ClientPayloadError, aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            if isinstance(error, aiohttp.ClientConnectionResetError):
                raise  # of the client, by `_write`
            self.lost = "the server broke off in the middle of the stream"
            response = await self._write(out + await self._through(events.feed(left_over(content))))
            if self._request.transport is not None:
                self._request.transport.abort()  # what is not whole must not look whole
            return response
        begun = self._stream.response
        if begun is None:
            out = b"".join([*map(message_event, self._stream.verdict), out])
            return whole(self._request, self._upstream.status, self._headers(), out, chunked=True)
        await begun.write_eof(out)
        return begun

    def _unanswered(self) -> list[Question]:
        """The open questions whose answers were to come on this stream."""
        streams = self._session.streams
        asked = self._session.session.asked_by_client.values()
        return [question for question in asked if streams.get(question.key) is self._stream]

    async def _write(self, out: bytes) -> web.StreamResponse:
        response = self._stream.response
        if response is None:
            response = await self._begin(_Together if out else web.StreamResponse)
        if out:
            await response.write(out)
        return response

    async def _begin(self, kind: type[web.StreamResponse]) -> web.StreamResponse:
        response = kind(status=self._upstream.status, headers=self._headers())
        await response.prepare(self._request)
        if self._stream.verdict:
            await response.write(b"".join(map(message_event, self._stream.verdict)))
            self._stream.verdict = []
        self._stream.response = response
        return response

    def _headers(self) -> CIMultiDict[str]:
        came = self._upstream.headers
        return judged_as(EVENTS, came, to_client(came))

    async def _through(self, events: list[Event]) -> bytes:
        outs = []
        for event in events:
            if event.id is not None:
                self._stream.resumable = True
            outs.append(await self._event(event, event.data or b"") if event.data or event.hidden else event.raw)
        return outs[0] if len(outs) == 1 else b"".join(outs)

    async def _event(self, event: Event, data: bytes) -> bytes:
        """One event as it may pass."""
        session, server = self._session, self._server
        if event.smuggled:
            session.seat.violation("a frame within a frame, behind a line separator", event.raw, from_server=True)
            return event.without_data()
        if event.kind == b"endpoint" and self._greets:
            return self._endpoint(event, data)
        if not event.is_message and data.lstrip()[:1] not in (b"{", b"["):
            return event.raw
        if self._stream.resumes and (repeated := session.repeated(data, self._stream.number)) is not None:
            return event.raw if repeated is data else event.with_data(repeated)
        looked = await server.look(session, session.from_server, data, slow=self._lists)
        if looked.line is None:
            passes = event.without_data()
        else:
            if session.session.asked_by_server:
                server.is_open(session)  # for a lock to find it
            passes = event.raw if looked.line is data else event.with_data(looked.line)
            if event.id is not None:
                session.may_repeat(data, looked.answered, self._stream.number)
        if looked.told:
            server.tell(session, looked.told)
        if looked.said:
            mine = await server.route(session, looked.said, self._stream)
            passes += b"".join(map(message_event, mine))
        return passes

    def _endpoint(self, event: Event, data: bytes) -> bytes:
        """Where the client of an HTTP+SSE stream is to POST: here, not there. One place a stream: each is kept."""
        server = self._server
        if self._session.endpoint is not None:
            self._session.seat.violation("a second endpoint on one stream", data, from_server=True)
            return b""
        try:
            url = joined(server.url, data.decode())
        except ValueError:  # no URL, or no text
            url = URL()
        if not same_origin(server.url, url):
            self._session.seat.violation("an endpoint on another server", data, from_server=True)
            return b""
        self._session.endpoint = url
        return event.with_data(server.endpoint(self._session, url).encode())
