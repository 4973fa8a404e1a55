"""Frames, and what a session makes of them."""

from __future__ import annotations

import json
from typing import Any

from mcpwatch.protocol.events import Answer, Event, Question, Rejected
from mcpwatch.protocol.session import Session

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
}


def frame(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}, separators=(",", ":")).encode() + b"\n"


def call(id: Any = 1, name: str = "t", **params: Any) -> bytes:
    return frame(id=id, method="tools/call", params={"name": name, "arguments": {"x": 1}, **params})


def ask(session: Session, line: bytes) -> Question:
    event = session.client(line)
    assert isinstance(event, Question)
    assert session.asked(event)
    return event


def answered(session: Session, line: bytes) -> Answer:
    event = session.server(line)
    assert isinstance(event, Answer)
    return event


def rejected(event: Event) -> Rejected:
    assert isinstance(event, Rejected)
    return event
