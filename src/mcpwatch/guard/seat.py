"""One client's session at a gate that many share: its own row among the sessions, and the lists it has seen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from mcpwatch.guard.gate import Gate
from mcpwatch.guard.refusal import Refusal
from mcpwatch.guard.review import Review
from mcpwatch.protocol.tasks import Tasks
from mcpwatch.store.entry import SessionEntry
from mcpwatch.store.records import Call, Definition


class Seat:
    """Does for one session what the gate does, with the gate's threads, state and policy. Never raises."""

    def __init__(self, gate: Gate, server: str, transport: str, command: str) -> None:
        self._gate = gate
        self._entry = SessionEntry(server, transport, os.getpid(), command)
        self._review, self._recorder = gate.share(partial(Review, server))

    @property
    def kept(self) -> int:
        """See `Gate`."""
        return self._gate.kept

    @property
    def tasks(self) -> Tasks:
        """See `Gate`."""
        return self._gate.tasks

    def began(self, call: Call) -> None:
        """See `Gate.began`."""
        call.session = self._entry
        self._gate.began(call)

    def admit(self, call: Call) -> Refusal | None:
        """See `Gate.admit`."""
        call.session = self._entry
        return self._gate.admit(call, self._review)

    def admitted(self, tool: str, arguments: bytes) -> Call | None:
        """See `Gate.admitted`."""
        return self._gate.admitted(tool, arguments, self._review, self._entry)

    def succeeded(self, call: Call, result: bytes) -> None:
        """See `Gate.succeeded`."""
        self._gate.succeeded(call, result)

    def brings(self, call: Call) -> Refusal | None:
        """See `Gate.brings`."""
        return self._gate.brings(call, self._review)

    def ended(self, call: Call) -> None:
        """See `Gate.ended`."""
        self._gate.ended(call)

    def late(self, call: Call, result: bytes) -> None:
        """See `Gate.late`."""
        self._gate.late(call, result)

    def violation(self, note: str, frame: bytes, *, from_server: bool) -> None:
        """See `Gate.violation`."""
        self._gate.violation(note, frame, from_server=from_server, session=self._entry)

    def stray(self, line: bytes) -> None:
        """See `Gate.stray`."""
        self._gate.stray(line, self._entry)

    def identify(self, *, client_name: str = "", client_version: str = "", protocol: str = "") -> None:
        """See `Gate.identify`."""
        known = {"client_name": client_name, "client_version": client_version, "protocol": protocol}
        self._recorder.identify(self._entry, **known)

    def held(self, kind: str, name: str | None) -> Refusal | None:
        """See `Gate.held`."""
        return self._gate.held(kind, name, self._review)

    def definitions(self, kind: str, found: Sequence[Definition], *, first: bool, last: bool) -> set[int]:
        """See `Gate.definitions`."""
        return self._gate.definitions(kind, found, first=first, last=last, review=self._review)

    def close(self) -> None:
        """The session is over."""
        self._recorder.end(self._entry)
