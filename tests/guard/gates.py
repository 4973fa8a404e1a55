"""Gates on a state file of the test's own, and calls as a relay makes them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from mcpwatch.guard.gate import Gate
from mcpwatch.guard.refusal import Refusal
from mcpwatch.guard.review import Judge
from mcpwatch.protocol.rounds import SMALL
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Call, CallRow
from servers.processes import wait_until


class Relay:
    """What a relay does with a gate, without moving bytes."""

    def __init__(
        self,
        path: Path,
        server: str = "github",
        *,
        command: str = "",
        on_lock: Callable[[Refusal], None] | None = None,
        load_judge: Callable[[], tuple[Judge, str]] | None = None,
    ) -> None:
        self.path = path
        self.locks: list[Refusal] = []
        self.told = threading.Event()
        self.gate = Gate(
            server=server,
            transport="stdio",
            command=command or f"{server} --serve",
            on_lock=on_lock or self._locked,
            load_judge=load_judge,
            state=path,
        )
        self.closed = False

    def _locked(self, refusal: Refusal) -> None:
        self.locks.append(refusal)
        self.told.set()

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.gate.close(0)

    def ask(self, tool: str = "search", arguments: bytes = b'{"q":"cats"}') -> tuple[Call, Refusal | None]:
        if len(arguments) < SMALL and (call := self.gate.admitted(tool, arguments)) is not None:
            return call, None
        call = Call(method="tools/call", tool=tool, arguments=arguments, arguments_bytes=len(arguments))
        return call, self.gate.admit(call)

    def answer(
        self, call: Call, result: bytes = b'{"content":[{"type":"text","text":"done"}]}', outcome: str = "ok"
    ) -> None:
        if len(result) < SMALL > call.arguments_bytes and outcome == "ok":
            self.gate.succeeded(call, result)
            return
        call.result, call.result_bytes, call.outcome = result, len(result), outcome
        self.gate.ended(call)

    def pass_through(
        self, tool: str = "search", arguments: bytes = b'{"q":"cats"}', result: bytes = b'{"a":"b"}'
    ) -> Call:
        call, refused = self.ask(tool, arguments)
        assert refused is None, refused
        self.answer(call, result)
        return call


def every_call(ledger: Ledger, page: int = 100) -> list[CallRow]:
    """All calls, read page by page as a screen reads them."""
    rows: dict[int, CallRow] = {}
    rev = 0
    while found := ledger.calls_since(rev, page):
        rows |= {row.id: row for row in found}
        rev = found[-1].rev
    return [rows[key] for key in sorted(rows)]


def written(ledger: Ledger, calls: int) -> list[CallRow]:
    """All calls, once there are so many."""
    wait_until(lambda: len(every_call(ledger)) >= calls, f"{calls} recorded calls")
    return every_call(ledger)
