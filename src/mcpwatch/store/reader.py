"""The state file as screens read it: asynchronous, read-only, never in a writer's way."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import aiosqlite

from mcpwatch.store import charges, queries, scans
from mcpwatch.store.clock import LedgerClock
from mcpwatch.store.database import translated
from mcpwatch.store.definitions import texts, verdicts
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.paths import state_file
from mcpwatch.store.records import AuditRow, CallRow, Limit, Policy, SeenText, Session, ToolRow, Usage, Verdict
from mcpwatch.store.tools import read_tools
from mcpwatch.store.transaction import read_policy

BUSY_TIMEOUT_S = 2.0


class Reader:
    """Every method raises StateError when the file cannot be read."""

    def __init__(self, db: aiosqlite.Connection, path: Path, clock: LedgerClock) -> None:
        self.path = path
        self._db = db
        self._clock = clock
        self._version: int | None = None

    @classmethod
    async def open(cls, path: Path | None = None) -> Reader:
        """Open for reading; the file is made first when there is none. Raises StateError."""
        path = path or state_file()
        clock = await asyncio.to_thread(_made, path)
        with translated(path):
            db = aiosqlite.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            # It only reads: a program that ends while this opens, or without close(), must not wait for its thread.
            db._thread.daemon = True
            await db
            await db.execute("PRAGMA query_only = 1")
        return cls(db, path, clock)

    async def close(self) -> None:
        """Close the connection."""
        await self._db.close()

    async def changed(self) -> bool:
        """Whether anything was committed since the last call; True the first time."""
        version = (await self._rows("PRAGMA data_version"))[0][0]
        changed: bool = version != self._version
        self._version = version
        return changed

    async def policy(self) -> Policy:
        """The whole policy, one consistent read."""
        policy: Policy = await self._snapshot(read_policy)
        return policy

    async def usages(self) -> tuple[Usage, ...]:
        """Every limit with what its window holds."""

        def read(db: sqlite3.Connection) -> tuple[Usage, ...]:
            policy, now = read_policy(db), self._clock.now()
            return tuple(Usage(x, charges.used(db, x, now, policy.epoch_at)) for x in policy.limits)

        usages: tuple[Usage, ...] = await self._snapshot(read)
        return usages

    async def history(self, limit: Limit, buckets: int) -> list[int]:
        """Use in each of `buckets` equal steps of the limit's window, oldest first, whatever the epoch."""

        def read(db: sqlite3.Connection) -> list[int]:
            now, window = self._clock.now(), limit.window_s * charges.SECOND_NS
            moments = [now - window + window * i // buckets for i in range(buckets + 1)]
            return charges.steps([charges.totals_at(db, limit.scope, m) for m in moments], limit.dimension)

        steps: list[int] = await self._snapshot(read)
        return steps

    async def throttle(self) -> tuple[int, int]:
        """(failed attempts in a row, nanoseconds until the next attempt is taken)."""
        rows = await self._rows("SELECT failures, blocked_until_at FROM state")
        with translated(self.path):
            failures, until = rows[0]
            return failures, max(0, until - self._clock.now())

    async def calls_since(self, rev: int, limit: int = 500) -> list[CallRow]:
        """Calls written after `rev`, oldest first."""
        return await self._calls(queries.CALLS_SINCE, rev=rev, limit=limit, server=None, tool=None)

    async def latest_calls(self, limit: int) -> list[CallRow]:
        """The newest calls, oldest first."""
        return (await self._calls(queries.LATEST_CALLS, limit=limit, server=None, tool=None))[::-1]

    async def call(self, call_id: int) -> CallRow | None:
        """One call, or None."""
        rows = await self._rows(queries.CALL, (call_id,))
        return queries.to_call(rows[0]) if rows else None

    async def sessions(self, *, live: bool = False) -> list[Session]:
        """Sessions, oldest first; only those not ended when `live`."""
        return [queries.to_session(row) for row in await self._rows(queries.SESSIONS, {"live": int(live)})]

    async def tools(self) -> list[ToolRow]:
        """Every tool that was listed or called."""
        tools: list[ToolRow] = await self._snapshot(read_tools)
        return tools

    async def verdicts(self, server: str, fingerprint: str) -> list[Verdict]:
        """All verdicts on one text, local first."""
        found: list[Verdict] = await self._snapshot(lambda db: verdicts(db, server, fingerprint))
        return found

    async def texts(self, server: str, kind: str, name: str) -> list[SeenText]:
        """Every text seen under a name, oldest first."""
        found: list[SeenText] = await self._snapshot(lambda db: texts(db, server, kind, name))
        return found

    async def scanner(self) -> scans.ScannerStatus:
        """The LLM scanner as it is now."""
        status: scans.ScannerStatus = await self._snapshot(lambda db: scans.read_status(db, self._clock.now()))
        return status

    async def scan_progress(self) -> list[scans.ScanProgress]:
        """How far the LLM scanner is with each server."""
        found: list[scans.ScanProgress] = await self._snapshot(lambda db: scans.read_progress(db, self._clock.now()))
        return found

    async def judged(self, server: str | None = None, *, gone: bool = False) -> list[scans.Judged]:
        """Everything listed (`gone`: or once listed) with each verdict on it, the worst text first."""
        found: list[scans.Judged] = await self._snapshot(lambda db: scans.read_judged(db, server, gone=gone))
        return found

    async def audit_since(self, seq: int, limit: int = 500) -> list[AuditRow]:
        """What was done to the protection after `seq`, oldest first."""
        return [queries.to_audit(row) for row in await self._rows(queries.AUDIT_SINCE, (seq, limit))]

    async def _calls(self, query: str, **parameters: object) -> list[CallRow]:
        return [queries.to_call(row) for row in await self._rows(query, parameters)]

    async def _rows(self, query: str, parameters: Any = ()) -> list[Any]:
        with translated(self.path):
            return list(await self._db.execute_fetchall(query, parameters))

    async def _snapshot(self, work: Any) -> Any:
        """`work(connection)` in the database's own thread, as one consistent read."""

        def read() -> Any:
            db = self._db._conn
            db.execute("BEGIN")
            try:
                return work(db)
            finally:
                if db.in_transaction:  # some failures end it
                    db.execute("COMMIT")

        # One hop to the thread instead of one a statement; aiosqlite has no public name for it.
        execute: Any = self._db._execute
        with translated(self.path):
            return await execute(read)


def _made(path: Path) -> LedgerClock:
    """Make the file if there is none; the ledger's clock."""
    ledger = Ledger.open(path)
    ledger.close()
    return ledger.clock
