"""The state file as guards and commands use it: synchronous, one connection, safe to share between threads."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from mcpwatch.store import charges, queries, scans
from mcpwatch.store.clock import SYSTEM_TIME, LedgerClock, TimeSource
from mcpwatch.store.database import WRITE_TURN, StateError, connect, describe, patiently, translated, writing
from mcpwatch.store.definitions import read_definitions, texts, verdicts
from mcpwatch.store.mask import masked_name
from mcpwatch.store.news import News, follows
from mcpwatch.store.paths import state_file
from mcpwatch.store.records import (
    AuditRow,
    CallRow,
    Definition,
    Policy,
    SeenText,
    ServerDefinitions,
    Session,
    ToolRow,
    Usage,
    Verdict,
)
from mcpwatch.store.tools import read_tools
from mcpwatch.store.transaction import Known, Transaction, read_policy

T = TypeVar("T")


class Ledger:
    """Every method raises StateError when the file cannot be read or written."""

    def __init__(self, db: sqlite3.Connection, path: Path, clock: LedgerClock) -> None:
        self.path = path
        self.clock = clock
        self._db = db
        self._mutex = threading.RLock()
        self._inodes = self._here()
        self._news = News(db, path)
        self._begin = partial(db.execute, "BEGIN IMMEDIATE")
        # What our last commit left, and the header it left it under: while that stands, nothing need be read again.
        self._ours: tuple[bytes, Known] | None = None
        self.busy_at = 0.0  # time.monotonic() when another process was last found writing

    @classmethod
    def open(cls, path: Path | None = None, *, time_source: TimeSource = SYSTEM_TIME) -> Ledger:
        """Open the state file, making it if need be. Raises StateError."""
        path = path or state_file()
        db = connect(path)
        clock = LedgerClock(time_source)
        try:
            with translated(path):
                with writing(db):
                    clock.join(db)
                return cls(db, path, clock)
        except StateError:
            db.close()
            raise

    def close(self) -> None:
        """Close the connection. Safe to call twice."""
        with self._mutex:
            self._news.close()
            self._db.close()

    def replaced(self) -> bool:
        """Whether the path now names another file or log, or none: this one is no longer what others see."""
        try:
            return self._here() != self._inodes
        except OSError:
            return True

    def _here(self) -> tuple[int, int]:
        """Of the file and its log: both stay while anyone has them open."""
        return self.path.stat().st_ino, self.path.with_name(self.path.name + "-wal").stat().st_ino

    def _found_busy(self) -> None:
        self.busy_at = time.monotonic()

    def transaction(self) -> _Writing:
        """`with ledger.transaction() as tx:` one write transaction; rolled back when the block raises."""
        return _Writing(self)

    def give_back(self, most: int) -> bool:
        """Return up to `most` free pages to the file system, outside any transaction; True when some are left."""

        def read(db: sqlite3.Connection) -> bool:
            db.executescript(f"PRAGMA incremental_vacuum({most})")  # execute() would stop after the first page
            free: int = db.execute("PRAGMA freelist_count").fetchone()[0]
            return free > 0

        return self._read(read)

    def news(self) -> bytes | int:
        """Differs from its last value when any connection has committed (0.2 µs, takes no lock)."""
        try:
            return self._news.read()
        except ValueError as error:  # closed by another thread
            raise StateError(f"state file {self.path}: closed") from error
        except sqlite3.Error as error:
            raise describe(error, self.path) from error

    def policy_version(self) -> int:
        """Changes with every change of the policy."""
        version: int = self._read(lambda db: db.execute(queries.POLICY_VERSION).fetchone()[0])
        return version

    def data_version(self) -> int:
        """Changes when another connection has committed anything (4 µs)."""
        version: int = self._read(lambda db: db.execute("PRAGMA data_version").fetchone()[0])
        return version

    def policy(self) -> Policy:
        """The whole policy, one consistent read."""
        return self._snapshot(read_policy)

    def usages(self) -> tuple[Usage, ...]:
        """Every limit with what its window holds, in the order in which they are checked."""

        def read(db: sqlite3.Connection) -> tuple[Usage, ...]:
            policy, now = read_policy(db), self.clock.now()
            return tuple(Usage(x, charges.used(db, x, now, policy.epoch_at)) for x in policy.limits)

        return self._snapshot(read)

    def throttle(self) -> tuple[int, int]:
        """(failed attempts in a row, nanoseconds until the next attempt is taken)."""

        def read(db: sqlite3.Connection) -> tuple[int, int]:
            failures, until = db.execute("SELECT failures, blocked_until_at FROM state").fetchone()
            return failures, max(0, until - self.clock.now())

        return self._read(read)

    def calls_since(
        self, rev: int, limit: int = 500, *, server: str | None = None, tool: str | None = None
    ) -> list[CallRow]:
        """Calls written after `rev`, oldest first."""
        return self._calls(queries.CALLS_SINCE, rev=rev, limit=limit, server=server, tool=tool and masked_name(tool))

    def latest_calls(self, limit: int, *, server: str | None = None, tool: str | None = None) -> list[CallRow]:
        """The newest calls, oldest first."""
        return self._calls(queries.LATEST_CALLS, limit=limit, server=server, tool=tool and masked_name(tool))[::-1]

    def call(self, call_id: int) -> CallRow | None:
        """One call, or None."""
        row = self._read(lambda db: db.execute(queries.CALL, (call_id,)).fetchone())
        return queries.to_call(row) if row else None

    def sessions(self, *, live: bool = False) -> list[Session]:
        """Sessions, oldest first; only those not ended when `live`."""
        rows = self._read(lambda db: db.execute(queries.SESSIONS, {"live": int(live)}).fetchall())
        return [queries.to_session(row) for row in rows]

    def audit_since(self, seq: int, limit: int = 500) -> list[AuditRow]:
        """What was done to the protection after `seq`, oldest first."""
        rows = self._read(lambda db: db.execute(queries.AUDIT_SINCE, (seq, limit)).fetchall())
        return [queries.to_audit(row) for row in rows]

    def definitions(self, server: str) -> ServerDefinitions:
        """What is known about a server's definitions."""
        return self._snapshot(lambda db: read_definitions(db, server))

    def verdicts(self, server: str, fingerprint: str) -> list[Verdict]:
        """All verdicts on one text, local first."""
        return self._read(lambda db: verdicts(db, server, fingerprint))

    def texts(self, server: str, kind: str, name: str) -> list[SeenText]:
        """Every text seen under a name, oldest first."""
        return self._read(lambda db: texts(db, server, kind, name))

    def scanner(self) -> scans.ScannerStatus:
        """The LLM scanner as it is now."""
        return self._snapshot(lambda db: scans.read_status(db, self.clock.now()))

    def scan_progress(self) -> list[scans.ScanProgress]:
        """How far the LLM scanner is with each server."""
        return self._snapshot(lambda db: scans.read_progress(db, self.clock.now()))

    def pending(self, version: str, limit: int, servers: Sequence[str] | None = None) -> list[tuple[str, Definition]]:
        """(server, definition) of what this version of the LLM scanner is to judge now, the most urgent first."""
        return self._read(lambda db: scans.read_pending(db, version, self.clock.now(), limit, servers))

    def scan_spending(self, day: str) -> tuple[int, dict[str, int]]:
        """(tokens the LLM scanner used on a UTC day, server → definitions judged that day)."""
        return self._read(lambda db: scans.read_spending(db, day))

    def inventory(self) -> dict[str, tuple[str, ...]]:
        """server → names of the tools it lists now."""
        return self._read(scans.read_inventory)

    def judged(self, server: str | None = None, *, gone: bool = False) -> list[scans.Judged]:
        """Everything listed (`gone`: or once listed) with each verdict on it, the worst text first."""
        return self._read(lambda db: scans.read_judged(db, server, gone=gone))

    def knows_command(self, fingerprint: str) -> bool:
        """Whether the user let exactly this command be started before."""
        return self._read(lambda db: scans.knows_command(db, fingerprint))

    def tools(self) -> list[ToolRow]:
        """Every definition that was listed, and every tool that was called."""
        return self._snapshot(read_tools)

    def _calls(self, query: str, **parameters: object) -> list[CallRow]:
        return [queries.to_call(row) for row in self._read(lambda db: db.execute(query, parameters).fetchall())]

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._mutex, translated(self.path):
            return patiently(lambda: work(self._db))

    def _snapshot(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def read() -> T:
            self._db.execute("BEGIN")
            try:
                return work(self._db)
            finally:
                if self._db.in_transaction:  # some failures end it
                    self._db.execute("COMMIT")

        with self._mutex, translated(self.path):
            return patiently(read)


class _Writing:
    """A write transaction, alone in this process and on the file. Plain methods: three nested generators would cost
    an armed call 5 µs."""

    __slots__ = ("_header", "_ledger", "_tx")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __enter__(self) -> Transaction:
        ledger = self._ledger
        ledger._mutex.acquire()
        WRITE_TURN.acquire()
        try:
            patiently(ledger._begin, ledger._found_busy)
            self._header = header = ledger._news.header()
            ours, ledger._ours = ledger._ours, None  # what it holds is added to, and wrong if this is rolled back
            known = ours[1] if ours is not None and ours[0] == header else None
            self._tx = Transaction(ledger._db, ledger.clock, known)
        except BaseException as error:  # noqa: BLE001 - raised again, as a StateError where it is one
            self._leave()
            self._raise(error)
        return self._tx

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            try:
                self._tx.finish()
                self._ledger._db.execute("COMMIT")
            except BaseException as failed:  # noqa: BLE001 - raised again below
                error = failed
            else:
                try:
                    self._remember()
                finally:
                    WRITE_TURN.release()
                    self._ledger._mutex.release()
                return
        self._leave(undo=True)
        self._raise(error)

    def _remember(self) -> None:
        """What the commit just made left in the file, unless somebody else has committed already."""
        known, earlier = self._tx.known, self._header
        if known is not None and earlier is not None:
            header = self._ledger._news.header()
            if header is not None and follows(header, earlier):
                self._ledger._ours = header, known

    def _leave(self, *, undo: bool = False) -> None:
        """Give the turn back, with nothing kept of a transaction that failed."""
        ledger = self._ledger
        try:
            try:
                with translated(ledger.path):
                    if ledger._db.in_transaction:
                        ledger._db.execute("ROLLBACK")
            finally:
                for step in reversed(self._tx.on_rollback) if undo else ():
                    step()
        finally:
            WRITE_TURN.release()
            ledger._mutex.release()

    def _raise(self, error: BaseException) -> None:
        with translated(self._ledger.path):
            raise error
