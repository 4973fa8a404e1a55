"""Where the screen gets its data from, and where what a person decided goes: the seam to the state file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from mcpwatch.guard import lock
from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.reader import Reader
from mcpwatch.store.records import CallRow, Limit, Policy, Session, ToolRow, Usage

BY = "screen"
T = TypeVar("T")


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

    async def lock(self, reason: str) -> None: ...
    async def unlock(self, secret: str, keep_window: bool) -> None: ...
    async def set_password(self, new: str, again: str, current: str | None) -> None: ...
    async def arm(self) -> None: ...
    async def observe(self, secret: str | None) -> None: ...
    async def set_limits(self, limits: Sequence[Limit], secret: str | None) -> None: ...


class StateSource:
    """The state file: reads through `Reader`, changes through `guard.lock`, each in a thread (bcrypt: 0.25 s)."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._ledger: Ledger | None = None
        self._reader: Reader | None = None

    async def open(self) -> None:
        if self._ledger is None:
            self._ledger = await asyncio.to_thread(Ledger.open, self._path)
        if self._reader is None:
            self._reader = await Reader.open(self._path)

    async def close(self) -> None:
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
        return await self._read.sessions(live=True)

    async def tools(self) -> list[ToolRow]:
        return await self._read.tools()

    async def _change(self, work: Callable[[Ledger], T]) -> T:
        if self._ledger is None:
            self._ledger = await asyncio.to_thread(Ledger.open, self._path)
        return await asyncio.to_thread(work, self._ledger)

    async def lock(self, reason: str) -> None:
        await self._change(lambda ledger: lock.lock(ledger, reason, by=BY))

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
