"""One run of the scanner: from the first pending definition to the last, a few under way at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final, Protocol, TypeVar

import msgspec

from mcpwatch.scan.mistral import Reviewer
from mcpwatch.scan.prompt import Subject
from mcpwatch.scan.verdict import Failure, LlmVerdict, Unscanned, record
from mcpwatch.store import scans
from mcpwatch.store.definitions import save_verdict
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Definition, Verdict
from mcpwatch.store.transaction import Transaction

T = TypeVar("T")

IN_HAND: Final = 8  # definitions under way; at most `mistral.SLOTS` of them are being asked about, others wait
WAITS_S: Final = (60, 240, 960, 3600, 21_600)  # before a definition that failed so many times is tried again
DEFINITIONS_A_DAY: Final = 300  # of one server: one that keeps renaming its tools does not run up the bill
FAULTS_IN_A_ROW: Final = 5  # of the model's server, not of a definition: then it is left alone for a while

_SERVER_FAULTS = frozenset(
    {Failure.RATE_LIMITED, Failure.SERVER_ERROR, Failure.TIMEOUT, Failure.UNREACHABLE, Failure.REJECTED}
)

Result = LlmVerdict | Unscanned


class Write(Protocol):
    """One write transaction, off the loop."""

    def __call__(self, work: Callable[[Transaction], T], /) -> Awaitable[T]: ...


class Run:
    """`number` is the run's; `still_ours()` is asked between any two steps, and False ends the run."""

    def __init__(
        self,
        ledger: Ledger,
        reviewer: Reviewer,
        *,
        owner: str,
        number: int,
        servers: Sequence[str] | None,
        write: Write,
        still_ours: Callable[[], Awaitable[bool]],
        today: Callable[[], date],
        poll_s: float,
    ) -> None:
        self.stopped_by: Unscanned | None = None
        """The failure that every further definition would have met."""
        self._ledger = ledger
        self._reviewer = reviewer
        self._owner = owner
        self._number = number
        self._servers = servers
        self._write = write
        self._still_ours = still_ours
        self._today = today
        self._poll_s = poll_s
        self._tasks: dict[asyncio.Task[Result], tuple[str, Definition]] = {}
        self._judged_today: dict[str, int] = {}
        self._spent_before = reviewer.budget.spent
        self._accounted = 0
        self._faults = 0
        self._in_hand = IN_HAND
        self._keeping: asyncio.Task[None] | None = None  # the newest result, being written down

    async def judge_all(self) -> str:
        """Until nothing is pending; how it ended: done, stopped or cancelled. All is written down at its end, also
        when the task is cancelled."""
        state = "cancelled"
        try:
            _, self._judged_today = await asyncio.to_thread(self._ledger.scan_spending, self._today().isoformat())
            state = await self._step_by_step()
        finally:
            await asyncio.shield(self._end(state))
        return state

    def cancel(self) -> None:
        """End every request now."""
        for task in self._tasks:
            task.cancel()

    async def _step_by_step(self) -> str:
        while await self._still_ours():
            await self._take_on()
            if not self._tasks:
                return "done"
            ended, _ = await asyncio.wait(self._tasks, timeout=self._poll_s, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                server, definition = self._tasks.pop(task)
                if task.cancelled():
                    return "cancelled"
                self._keeping = asyncio.create_task(self._keep(server, definition, task.result()))
                await asyncio.shield(self._keeping)
            if self.stopped_by is not None:
                return "stopped"
        return "cancelled"

    async def _end(self, state: str) -> None:
        self.cancel()
        keeping = [] if self._keeping is None else [self._keeping]
        await asyncio.gather(*self._tasks, *keeping, return_exceptions=True)
        for task, (server, definition) in self._tasks.items():  # an answer that was paid for is not thrown away
            if not task.cancelled() and task.exception() is None:
                await self._keep(server, definition, task.result())
        # Requests that were cut off may have cost all of their estimate.
        rest = self._reviewer.budget.spent - self._spent_before - self._accounted

        def end(tx: Transaction) -> None:
            if rest > 0:
                scans.spend(tx, self._today().isoformat(), "", definitions=0, tokens=rest)
            scans.end_run(tx, self._owner, state)

        await self._write(end)

    async def _take_on(self) -> None:
        """Begin with what is most urgent."""
        while len(self._tasks) < self._in_hand:
            version = self._reviewer.version
            todo = await asyncio.to_thread(self._ledger.pending, version, 2 * IN_HAND, self._servers)
            under_way = {(server, definition.fingerprint) for server, definition in self._tasks.values()}
            todo = [(s, definition) for s, definition in todo if (s, definition.fingerprint) not in under_way]
            inventory = await asyncio.to_thread(self._ledger.inventory) if todo else {}
            over: list[tuple[str, Definition]] = []
            for server, definition in todo:
                if self._judged_today.get(server, 0) >= DEFINITIONS_A_DAY:
                    over.append((server, definition))
                elif len(self._tasks) < self._in_hand:
                    subject = Subject(server, definition.kind, definition.name, definition.json)
                    task = asyncio.create_task(self._reviewer.judge(subject, inventory))
                    self._tasks[task] = (server, definition)
                    self._judged_today[server] = self._judged_today.get(server, 0) + 1
            if not over:
                return
            await self._write(partial(self._leave_out, over))

    async def _keep(self, server: str, definition: Definition, result: Result) -> None:
        """Write a result down."""
        self._accounted += result.tokens
        stops = isinstance(result, Unscanned) and result.stops
        self._judged_today[server] -= int(stops)

        def keep(tx: Transaction) -> None:
            scans.spend(tx, self._today().isoformat(), server, definitions=0 if stops else 1, tokens=result.tokens)
            if stops or not scans.holds(tx, self._owner):
                return
            key = (server, definition.fingerprint)
            version = self._reviewer.version
            save_verdict(tx, record(result, fingerprint=key[1], server=server, version=version, utc=tx.utc))
            if isinstance(result, LlmVerdict):
                scans.succeeded(tx, *key, self._number)
            else:
                scans.failed(tx, *key, WAITS_S, result.retry_s or 0.0)

        await self._write(keep)
        if not isinstance(result, Unscanned):
            self._faults = 0
            return
        if result.failure is Failure.BUDGET and self._tasks:
            # Those under way hold their estimates, which are higher than what they will have used.
            self._in_hand = 1
            return
        self._faults = self._faults + 1 if result.failure in _SERVER_FAULTS else 0
        if stops or self._faults >= FAULTS_IN_A_ROW:
            self.stopped_by = self.stopped_by or result

    def _leave_out(self, over: Sequence[tuple[str, Definition]], tx: Transaction) -> None:
        """Over a server's cap for the day: unscanned, and a finding. Due again tomorrow."""
        tomorrow = datetime.combine(self._today() + timedelta(days=1), datetime.min.time(), UTC)
        wait_s = max(60.0, tomorrow.timestamp() - tx.utc / 1e9)
        detail = f"was not shown to the model: its server has had {DEFINITIONS_A_DAY} definitions judged today"
        findings = json.dumps([msgspec.to_builtins(_TooMany(detail=detail))])
        for server, definition in over:
            error = f"over-cap: {detail}"
            verdict = Verdict(definition.fingerprint, server, "remote", "", None, findings=findings, error=error)
            save_verdict(tx, verdict)
            scans.failed(tx, server, definition.fingerprint, (wait_s,))


class _TooMany(msgspec.Struct, frozen=True):
    """A finding with the keys of the rules' findings."""

    detail: str
    rule: str = "llm.too-many"
    tier: str = "soft"
    category: str = "oversize"
    score: float = 40.0
    path: str = ""
    evidence: str = ""
    decoded: str = ""
    encoding: str = ""
