"""The scanner worker: has the model judge what is listed and not judged yet, a few definitions at a time.

One worker a machine has the scanner (`store/scans.py`); the others watch. What the model said, what failed and
what it cost is in the state file, so a restart goes on where the last worker stopped.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from mcpwatch.scan.mistral import Reviewer
from mcpwatch.scan.readiness import Readiness, look
from mcpwatch.scan.run import Run
from mcpwatch.scan.verdict import Failure
from mcpwatch.store import scans
from mcpwatch.store.database import StateError
from mcpwatch.store.health import runs as process_runs
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.transaction import Transaction

T = TypeVar("T")

POLL_S: Final = 1.0
BEAT_S: Final = 5.0  # between signs of life
PAUSES_S: Final = (60, 300, 1800)  # after the model's server failed so many times in a row

_STATES = {Failure.BUDGET: "budget", Failure.BAD_KEY: "bad-key"}


def utc_today() -> date:
    return datetime.now(UTC).date()


class Scanner:
    """An async task: `await run()` until it is cancelled, or `await once()`. Belongs to one event loop.

    `readiness(status)` says how the model may be asked, `make_reviewer(readiness, tokens spent today)` who asks;
    the first runs in a thread, as everything does that reads or writes a file.
    """

    name = "scanner"

    def __init__(
        self,
        state: Path | None = None,
        *,
        host: str = "screen",
        readiness: Callable[[scans.ScannerStatus], Readiness] = look,
        make_reviewer: Callable[[Readiness, int], Reviewer] | None = None,
        today: Callable[[], date] = utc_today,
        poll_s: float = POLL_S,
    ) -> None:
        self.status = "off"
        """The state in one word (see `ScannerStatus`), or "elsewhere" when another process has the scanner."""
        self.detail = ""
        self._path = state
        self._host = host
        self._look = readiness
        self._make = make_reviewer or (lambda ready, spent: ready.reviewer(spent, today))
        self._today = today
        self._poll_s = poll_s
        self._owner = secrets.token_hex(8)
        self._ledger: Ledger | None = None
        self._reviewer: Reviewer | None = None
        self._ready = Readiness()
        self._run: Run | None = None
        self._cancelled = False
        self._poked = asyncio.Event()
        self._said: tuple[object, ...] = ()
        self._said_at = -1e9
        self._held = False
        self._used_up: tuple[object, ...] = ()  # the day and the budget that did not reach
        self._trouble = ""
        self._resume_at = -1e9
        self._pauses = 0

    # -- for the host ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Judge whatever comes, until cancelled. A state file that fails is tried again."""
        try:
            while True:
                try:
                    await self._turn(None)
                except StateError as error:
                    self.status, self.detail = "failing", str(error)
                    await self._drop_ledger()
                self._poked.clear()
                try:
                    await asyncio.wait_for(self._poked.wait(), self._poll_s)
                except TimeoutError:
                    continue
        finally:
            await asyncio.shield(self._close())

    async def once(self, servers: Sequence[str] | None = None) -> str:
        """Judge what is pending now (of these servers) and end. The status it ended with: "idle" when all of it was
        tried. Raises StateError."""
        try:
            while await self._turn(servers) == "cancelled" and not self._cancelled:
                continue  # a changed configuration, or another process, ended the run: look again
            return self.status
        finally:
            await asyncio.shield(self._close())

    def cancel(self) -> None:
        """End the run at once; nothing more is asked until `resume`."""
        self._cancelled = True
        if self._run is not None:
            self._run.cancel()
        self._poked.set()

    def resume(self) -> None:
        """Go on after `cancel` or a pause."""
        self._cancelled = False
        self._resume_at = -1e9
        self._poked.set()

    # -- one look --------------------------------------------------------------------------------------

    async def _turn(self, servers: Sequence[str] | None) -> str:
        """Look, and judge what is pending. How the run ended; "" when there was none."""
        ledger = await self._opened()
        await self._refresh(ledger)
        state, detail = self._hindrance()
        if state or self._reviewer is None:
            await self._report(state, detail)
            return ""
        reviewer = self._reviewer
        if not await asyncio.to_thread(ledger.pending, reviewer.version, 1, servers):
            await self._report("idle")
            return ""
        if not await self._report("running"):
            return ""
        spent, _ = await asyncio.to_thread(ledger.scan_spending, self._today().isoformat())
        reviewer.budget = self._ready.token_budget(spent, self._today)
        number = await self._write(lambda tx: scans.begin_run(tx, self._owner))
        if not number:
            return ""
        self._run = Run(
            ledger,
            reviewer,
            owner=self._owner,
            number=number,
            servers=servers,
            write=self._write,
            still_ours=partial(self._still_ours, ledger),
            today=self._today,
            poll_s=self._poll_s,
        )
        try:
            ended = await self._run.judge_all()
            self._conclude(self._run)
        finally:
            self._run = None
            self._said = ()
        state, detail = self._hindrance()
        await self._report(state or "idle", detail)
        return ended

    async def _refresh(self, ledger: Ledger) -> None:
        """Take over a changed configuration, key or consent."""
        ready = await asyncio.to_thread(lambda: self._look(ledger.scanner()))
        if ready.identity != self._ready.identity or (self._reviewer is None and not ready.state):
            spent, _ = await asyncio.to_thread(ledger.scan_spending, self._today().isoformat())
            await self._drop_reviewer()
            self._reviewer = None if ready.state else self._make(ready, spent)
            self._resume_at = -1e9
        self._ready = ready

    def _hindrance(self) -> tuple[str, str]:
        """(state, sentence) of what keeps us from asking now; ("", "") when nothing does."""
        if self._ready.state or self._reviewer is None:
            return self._ready.state, self._ready.detail
        off = self._reviewer.off()
        if off is not None:
            return _STATES.get(off.failure, str(off.failure)), off.detail
        if self._cancelled:
            return "cancelled", "The scan was cancelled; a rescan goes on with it."
        budget = self._reviewer.budget
        if budget.left <= 0 or self._used_up == (self._today(), self._ready.budget):
            return "budget", f"Today's budget does not reach: {budget.spent} of {budget.per_day} tokens are spent."
        if time.monotonic() < self._resume_at:
            return "failing", self._trouble
        return "", ""

    def _conclude(self, run: Run) -> None:
        stop = run.stopped_by
        if stop is None:
            self._pauses = 0
        elif stop.failure is Failure.BUDGET:
            self._used_up = (self._today(), self._ready.budget)
        elif not stop.stops:
            self._trouble = stop.detail
            self._resume_at = time.monotonic() + PAUSES_S[min(self._pauses, len(PAUSES_S) - 1)]
            self._pauses += 1

    async def _still_ours(self, ledger: Ledger) -> bool:
        """During a run: the scanner is ours, and nothing changed that the run began with."""
        if self._cancelled or not await self._report("running"):
            return False
        ready = await asyncio.to_thread(lambda: self._look(ledger.scanner()))
        return ready.identity == self._ready.identity

    async def _report(self, state: str, detail: str = "") -> bool:
        """Say in the state file how things are, when it is news or time for a sign of life. Whether we have the
        scanner."""
        able = state in ("running", "idle")
        version = self._reviewer.version if self._reviewer else ""
        said = (state, detail, version, self._ready.budget)
        passed = time.monotonic() - self._said_at
        if (said != self._said and (self._held or not self._said)) or passed >= BEAT_S:
            self._said, self._said_at = said, time.monotonic()
            report = partial(
                scans.report,
                owner=self._owner,
                pid=os.getpid(),
                host=self._host,
                able=able,
                state=state,
                detail=detail,
                version=version,
                budget=self._ready.budget,
                alive=process_runs,
            )
            self._held = await self._write(report)
        self.status, self.detail = (state, detail) if self._held or not able else ("elsewhere", "")
        return self._held

    # -- the state file and the connection -------------------------------------------------------------

    async def _opened(self) -> Ledger:
        if self._ledger is not None and await asyncio.to_thread(self._ledger.replaced):
            await self._drop_ledger()
        if self._ledger is None:
            self._ledger = await asyncio.to_thread(Ledger.open, self._path)
        return self._ledger

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        """One write transaction, in a thread."""
        ledger = self._ledger
        if ledger is None:
            raise StateError("the state file is not open")

        def write() -> T:
            with ledger.transaction() as tx:
                return work(tx)

        return await asyncio.to_thread(write)

    async def _drop_reviewer(self) -> None:
        reviewer, self._reviewer = self._reviewer, None
        if reviewer is not None:
            await reviewer.aclose()

    async def _drop_ledger(self) -> None:
        ledger, self._ledger = self._ledger, None
        self._said, self._held = (), False
        if ledger is not None:
            await asyncio.to_thread(ledger.close)

    async def _close(self) -> None:
        await self._drop_reviewer()
        if self._ledger is not None:
            try:
                await self._write(lambda tx: scans.release(tx, self._owner))
            except StateError as error:
                self.detail = str(error)
        await self._drop_ledger()
