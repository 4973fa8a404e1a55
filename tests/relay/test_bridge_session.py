"""While a thread looks at a frame, nobody else touches the session."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from mcpwatch.relay.bridge_session import Conversation
from relay.fakegate import LOCKED, FakeGate
from relay.test_exchange import call


class SlowGate(FakeGate):
    """Decides in the worker thread, where a test says when it is done."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()

    def waits(self) -> bool:
        return True


def conversation() -> tuple[SlowGate, Conversation]:
    gate = SlowGate()
    return gate, Conversation(gate)


async def held_up(gate: SlowGate, session: Conversation, line: bytes) -> asyncio.Task:
    """A look at this line of the client's; its thread has read it, and does not come back before `gate.go`."""

    def way(data: bytes) -> bytes | None:
        out = session.from_client(data)
        gate.begun.set()
        assert gate.go.wait(20)
        return out

    looking = asyncio.ensure_future(session.look(way, line))
    await asyncio.to_thread(gate.begun.wait, 20)
    return looking


async def passed() -> None:
    """All that could have gone on has."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_may_be_seen_waits_for_the_look():
    """Failed once: it took what the look had found, and the answer to that request was never read."""
    gate, session = conversation()
    looking = await held_up(gate, session, call(1))
    showing = asyncio.ensure_future(session.shown({"tool"}))
    await passed()
    gate.go.set()
    looked, _ = await looking
    assert [question.method for question in looked.asked] == ["tools/call"]
    assert looked.said == []
    (said,) = (await showing).said
    assert json.loads(said[1])["method"] == "notifications/tools/list_changed"


async def test_a_look_that_is_given_up_is_over_before_the_next():
    """Failed once: another frame was looked at while the thread was still at this one."""
    gate, session = conversation()
    looking = await held_up(gate, session, call(1))
    for _ in range(2):
        looking.cancel()
        await passed()
    locking = asyncio.ensure_future(session.locked(LOCKED))
    await passed()
    assert session.turn.locked()
    assert not locking.done()
    gate.go.set()
    with pytest.raises(asyncio.CancelledError):
        await looking
    said = (await locking).said
    assert [json.loads(frame)["id"] for _, frame in said] == [1]
    looked, _ = await session.look(session.from_client, call(2))
    assert [question.id for question in looked.asked] == [b"2"]
