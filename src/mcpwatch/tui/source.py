"""Where the screen gets its data from, and where what a person decided goes: the seam to the state file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from mcpwatch.guard import approval, lock
from mcpwatch.store import scans
from mcpwatch.store.database import StateError
from mcpwatch.store.health import runs
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.paths import state_file
from mcpwatch.store.reader import Reader
from mcpwatch.store.records import AuditRow, CallRow, Limit, Policy, SeenText, Session, ToolRow, Usage, Verdict
from mcpwatch.store.scans import Judged, ScannerStatus, ScanProgress

BY = "screen"
T = TypeVar("T")

Text = tuple[str, str, str, str]
"""server, kind, name, fingerprint: one exact text a model would read."""


def _close_late(opening: asyncio.Future[Ledger]) -> None:
    if opening.exception() is None:
        opening.result().close()


class DataSource(Protocol):
    """Reads raise StateError; changes raise StateError or guard.lock.Denied. Nothing here blocks the loop."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def replaced(self) -> bool: ...

    async def changed(self) -> bool: ...
    async def policy(self) -> Policy: ...
    async def usages(self) -> tuple[Usage, ...]: ...
    async def history(self, limit: Limit, buckets: int) -> list[int]: ...
    async def throttle(self) -> tuple[int, float]: ...
    async def calls_since(self, rev: int, limit: int) -> list[CallRow]: ...
    async def latest_calls(self, limit: int) -> list[CallRow]: ...
    async def call(self, call: int) -> CallRow | None: ...
    async def sessions(self) -> list[Session]: ...
    async def tools(self) -> list[ToolRow]: ...
    async def texts(self, server: str, kind: str, name: str) -> list[SeenText]: ...
    async def verdicts(self, server: str, fingerprint: str) -> list[Verdict]: ...
    async def judged(self, server: str | None = None) -> list[Judged]: ...
    async def audit_since(self, seq: int, limit: int) -> list[AuditRow]: ...
    async def scanner(self) -> ScannerStatus: ...
    async def scan_progress(self) -> list[ScanProgress]: ...

    async def lock(self, reason: str) -> None: ...
    async def unlock(self, secret: str, keep_window: bool) -> None: ...
    async def set_password(self, new: str, again: str, current: str | None) -> None: ...
    async def arm(self) -> None: ...
    async def observe(self, secret: str | None) -> None: ...
    async def set_limits(self, limits: Sequence[Limit], secret: str | None) -> None: ...
    async def set_strict(self, on: bool, secret: str | None) -> None: ...
    async def approve(self, texts: Sequence[Text], secret: str | None) -> None: ...
    async def block(self, text: Text) -> None: ...
    async def take_back(self, text: Text, secret: str | None) -> None: ...
    async def rescan(self, server: str, fingerprints: Sequence[str] | None) -> tuple[int, float]: ...
    async def consent(self, answer: str, destination: str) -> None: ...


class StateSource:
    """The state file: reads through `Reader`, changes through `guard`, each in a thread (bcrypt: 0.25 s)."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._ledger: Ledger | None = None
        self._reader: Reader | None = None
        self._turn = asyncio.Lock()  # opening and closing never overlap
        self._had = False  # the file was open once: from then on it is not made anew in silence

    async def open(self) -> None:
        if self._reader is not None and self._ledger is not None:
            return
        async with self._turn:
            if self._ledger is None:
                self._ledger = await self._open_ledger(make=not self._had)
            if self._reader is None:
                self._reader = await Reader.open(self._path)
            self._had = True

    async def _open_ledger(self, *, make: bool) -> Ledger:
        path = self._path or state_file()

        def opened() -> Ledger:
            if not make and not path.exists():
                raise StateError(
                    f"state file {path}: gone while this screen was open; put it back, or start mcpwatch again for a"
                    " new one without password, limits of yours and history"
                )
            return Ledger.open(path)

        opening = asyncio.ensure_future(asyncio.to_thread(opened))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:  # the thread goes on: what it opens is closed
            opening.add_done_callback(_close_late)
            raise

    async def close(self) -> None:
        async with self._turn:
            reader, self._reader = self._reader, None
            ledger, self._ledger = self._ledger, None
            if reader is not None:
                await reader.close()
            if ledger is not None:
                await asyncio.to_thread(ledger.close)

    async def replaced(self) -> bool:
        return self._ledger is not None and await asyncio.to_thread(self._ledger.replaced)

    @property
    def _read(self) -> Reader:
        if self._reader is None:
            raise StateError("the state file is not open")
        return self._reader

    # --- reads ---

    async def changed(self) -> bool:
        return await self._read.changed()

    async def policy(self) -> Policy:
        return await self._read.policy()

    async def usages(self) -> tuple[Usage, ...]:
        return await self._read.usages()

    async def history(self, limit: Limit, buckets: int) -> list[int]:
        return await self._read.history(limit, buckets)

    async def throttle(self) -> tuple[int, float]:
        failures, wait_ns = await self._read.throttle()
        return failures, wait_ns / 1e9

    async def calls_since(self, rev: int, limit: int) -> list[CallRow]:
        return await self._read.calls_since(rev, limit)

    async def latest_calls(self, limit: int) -> list[CallRow]:
        return await self._read.latest_calls(limit)

    async def call(self, call: int) -> CallRow | None:
        return await self._read.call(call)

    async def sessions(self) -> list[Session]:
        """Those whose guard is alive: one that was killed could not say that its session ended."""
        return [session for session in await self._read.sessions(live=True) if runs(session.pid)]

    async def tools(self) -> list[ToolRow]:
        return await self._read.tools()

    async def texts(self, server: str, kind: str, name: str) -> list[SeenText]:
        return await self._read.texts(server, kind, name)

    async def verdicts(self, server: str, fingerprint: str) -> list[Verdict]:
        return await self._read.verdicts(server, fingerprint)

    async def judged(self, server: str | None = None) -> list[Judged]:
        return await self._read.judged(server)

    async def audit_since(self, seq: int, limit: int) -> list[AuditRow]:
        return await self._read.audit_since(seq, limit)

    async def scanner(self) -> ScannerStatus:
        return await self._read.scanner()

    async def scan_progress(self) -> list[ScanProgress]:
        return await self._read.scan_progress()

    # --- changes ---

    async def _change(self, work: Callable[[Ledger], T], *, make: bool = False) -> T:
        if self._ledger is None:
            async with self._turn:
                if self._ledger is None:
                    self._ledger = await self._open_ledger(make=make or not self._had)
        return await asyncio.to_thread(work, self._ledger)

    async def lock(self, reason: str) -> None:
        """Panic makes the file anew if it must: a guard that finds it is locked."""
        await self._change(lambda ledger: lock.lock(ledger, reason, by=BY), make=True)

    async def unlock(self, secret: str, keep_window: bool) -> None:
        await self._change(lambda ledger: lock.unlock(ledger, secret, by=BY, keep_window=keep_window))

    async def set_password(self, new: str, again: str, current: str | None) -> None:
        await self._change(lambda ledger: lock.set_password(ledger, new, again, current, by=BY))

    async def arm(self) -> None:
        await self._change(lambda ledger: lock.arm(ledger, by=BY))

    async def observe(self, secret: str | None) -> None:
        await self._change(lambda ledger: lock.observe(ledger, secret, by=BY))

    async def set_limits(self, limits: Sequence[Limit], secret: str | None) -> None:
        await self._change(lambda ledger: lock.set_limits(ledger, limits, secret, by=BY))

    async def set_strict(self, on: bool, secret: str | None) -> None:
        await self._change(lambda ledger: lock.set_strict(ledger, on, secret, by=BY))

    async def approve(self, texts: Sequence[Text], secret: str | None) -> None:
        """Each text, in order; the secret is tried only for those that are held."""

        def work(ledger: Ledger) -> None:
            for text in texts:
                try:
                    approval.approve(ledger, *text, None, by=BY)
                except lock.Denied as denied:
                    if denied.code != "password-required" or not secret:
                        raise
                    approval.approve(ledger, *text, secret, by=BY)

        await self._change(work)

    async def block(self, text: Text) -> None:
        await self._change(lambda ledger: approval.block(ledger, *text, by=BY))

    async def take_back(self, text: Text, secret: str | None) -> None:
        await self._change(lambda ledger: approval.take_back(ledger, *text, secret, by=BY))

    async def rescan(self, server: str, fingerprints: Sequence[str] | None) -> tuple[int, float]:
        """(texts the model is to look at again, seconds until those looked at too recently may be)."""

        def work(ledger: Ledger) -> tuple[int, float]:
            with ledger.transaction() as tx:
                return scans.request_scan(tx, server, fingerprints, by=BY)

        return await self._change(work)

    async def consent(self, answer: str, destination: str) -> None:
        def work(ledger: Ledger) -> None:
            with ledger.transaction() as tx:
                scans.set_consent(tx, answer, destination, by=BY)

        await self._change(work)
