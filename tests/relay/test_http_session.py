"""What of a frame goes out when a lock comes between the look at it and its sending."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mcpwatch.relay.http_relay import HttpServer
from mcpwatch.relay.http_session import HttpSession, Stream
from mcpwatch.store.records import Outcome
from relay.fakegate import LOCKED, FakeGate
from relay.test_exchange import call, frame


def ended(session: HttpSession) -> None:
    """As the gateway does it: what a lock says of questions that are not sent yet is kept for who sends them."""
    session.on_lock(LOCKED)
    for question, said in session.take(None).said:
        assert question is not None
        session.unsent[question.key] = said


def test_a15_a_call_that_a_lock_ended_first_does_not_go_out() -> None:
    session = HttpSession(FakeGate())  # type: ignore[arg-type]
    looked = session.take(session.from_client(call(1)))
    ended(session)
    line, asked, said = session.left(looked)
    assert (line, asked) == (None, [])
    assert [json.loads(one)["id"] for one in said] == [1]
    assert session.unsent == {}


def test_a15_nor_does_one_in_a_batch_whose_rest_goes_on() -> None:
    """Failed once: the whole batch went out, and nobody heard of the call that had been ended."""
    session = HttpSession(FakeGate())  # type: ignore[arg-type]
    ping = frame(id=2, method="ping").strip()
    looked = session.take(session.from_client(b"[" + call(1).strip() + b"," + ping + b"]"))
    assert len(looked.asked) == 2
    ended(session)
    line, asked, said = session.left(looked)
    assert line == b"[" + ping + b"]"
    assert [question.method for question in asked] == ["ping"]
    assert [json.loads(one)["id"] for one in said] == [1]


async def test_what_came_of_a_frame_whose_client_left_is_not_for_the_next() -> None:
    """Failed once: a refusal, or a call that never went out, was taken for part of the next request's answer."""
    gate = FakeGate()
    gate.refuse = {"no"}
    session = HttpSession(gate)  # type: ignore[arg-type]
    begun, go_on = threading.Event(), threading.Event()

    def look(line: bytes) -> bytes | None:
        begun.set()
        go_on.wait(10)
        return session.from_client(line)

    server: Any = object.__new__(HttpServer)
    server.gate, server._loop = gate, asyncio.get_running_loop()
    gate.waits = lambda: False  # type: ignore[attr-defined]
    with ThreadPoolExecutor(1) as server._worker:
        batch = b"[" + call(1, "no").strip() + b"," + call(2, "yes").strip() + b"]"
        looking = asyncio.ensure_future(server.look(session, look, batch, slow=True))
        await asyncio.to_thread(begun.wait, 10)
        looking.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await looking
    assert session.take(None) == (None, [], [], [], [])
    assert [(one.tool, one.outcome, one.note) for one in gate.done] == [
        ("yes", "cancelled", "the client left before it was sent")
    ]


async def test_a_stream_that_lasts_does_not_keep_what_has_ended() -> None:
    """Failed once: over HTTP+SSE each question that ended in another way than by its answer stayed on it."""
    session = HttpSession(FakeGate())  # type: ignore[arg-type]
    lasting = Stream([], lasting=True)
    for id in (1, 2, 3):
        for question in session.take(session.from_client(call(id))).asked:
            session.streams[question.key] = lasting
    (first, *_) = session.session.open()
    assert session.fail(first, Outcome.ERROR, "HTTP status 500")
    session.from_client(frame(method="notifications/cancelled", params={"requestId": 2}))
    session.from_server(frame(id=3, result={}, error={}))
    assert (session.session.open(), session.streams) == ([], {})
