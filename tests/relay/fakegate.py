"""A gate that remembers what it was told and decides as the test says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcpwatch.guard.refusal import Refusal
from mcpwatch.protocol.tasks import Tasks
from mcpwatch.store.records import Call, Definition

LOCKED = Refusal(code="panic", text="mcpwatch refused x: locked")


class FakeGate:
    """Refuses the tools in `refuse`, hides the definitions in `hide`, holds the prompts and resources in `hold`."""

    kept = 1 << 30

    def __init__(self) -> None:
        self.refuse: set[str] = set()
        self.hide: set[str] = set()
        self.hold: set[str] = set()
        self.tasks = Tasks()
        self.log: list[tuple[str, str]] = []
        self.open: list[Call] = []
        self.done: list[Call] = []
        self.seen: list[tuple[str, list[Definition], bool, bool]] = []
        self.identity: dict[str, str] = {}

    def began(self, call: Call) -> None:
        self.log.append(("began", call.method))
        self.open.append(call)

    def admitted(self, tool: str, arguments: bytes) -> Call | None:
        """Decides about each."""

    def admit(self, call: Call) -> Refusal | None:
        call.protected = True
        if call.tool in self.refuse:
            self.log.append(("refused", call.tool))
            return LOCKED
        self.log.append(("admitted", call.tool))
        self.open.append(call)
        return None

    def brings(self, call: Call) -> Refusal | None:
        call.protected = True
        if call.tool not in self.refuse:
            self.log.append(("brought", call.tool))
            return None
        self.open = [one for one in self.open if one is not call]
        self.log.append(("refused", call.tool))
        return LOCKED

    def ended(self, call: Call) -> None:
        """Once for each."""
        self.open = [one for one in self.open if one is not call] if call in self.open else self._twice(call)
        self.done.append(call)
        self.log.append(("ended", str(call.outcome)))

    def succeeded(self, call: Call, result: bytes) -> None:
        call.result, call.result_bytes, call.outcome = result, len(result), "ok"
        self.ended(call)

    def _twice(self, call: Call) -> list[Call]:
        raise AssertionError(f"ended twice, or never begun: {call}")

    def late(self, call: Call, result: bytes) -> None:
        self.log.append(("late", result.decode()))

    def violation(self, note: str, frame: bytes, *, from_server: bool) -> None:
        self.log.append(("violation", note))

    def stray(self, line: bytes) -> None:
        self.log.append(("stray", line.decode(errors="replace")))

    def identify(self, **identity: str) -> None:
        self.identity = identity

    def held(self, kind: str, name: str) -> Refusal | None:
        return LOCKED if name in self.hold else None

    def definitions(self, kind: str, found: Sequence[Definition], *, first: bool, last: bool) -> set[int]:
        self.seen.append((kind, list(found), first, last))
        return {n for n, one in enumerate(found) if one.name in self.hide}

    def events(self, *kinds: str) -> list[tuple[str, Any]]:
        return [entry for entry in self.log if entry[0] in kinds]
