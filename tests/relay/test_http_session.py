"""What of a frame goes out when a lock comes between the look at it and its sending."""

from __future__ import annotations

import json

from mcpwatch.relay.http_session import HttpSession
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
