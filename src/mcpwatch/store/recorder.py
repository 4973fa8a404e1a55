"""The thread that writes what a relay saw: in batches, off the relay's path, nothing lost and memory bounded.

One batch is one transaction: the sessions row, the charges still owed, one row a call (several rows to an INSERT:
each statement holds the interpreter lock only while it is bound), and the running figures of each tool.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from mcpwatch.store.database import StateError, storable
from mcpwatch.store.deferred import Deferred, Work
from mcpwatch.store.entry import SessionEntry
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.mask import masked, masked_name, preview
from mcpwatch.store.records import Call, Outcome, counted
from mcpwatch.store.retention import EVERY_NS, Retention
from mcpwatch.store.transaction import Transaction
from mcpwatch.store.usage import UsageBook

GATHER_S = 0.01  # a batch waits this long for company
QUEUE_MOST = 16_384  # begins and ends waiting to be written; beyond it a relay waits for the disk
BYTES_MOST = 6 << 20  # likewise, of their bodies
FLOOD = 4096  # with more than this waiting, bodies are no longer quoted: figures before previews
RETRY_S = 1.0  # between tries while the state file cannot be written
NOTE_MOST = 1024  # characters of a note, or of a code
CHUNK = 64  # rows to an INSERT
BATCH = 256  # rows to a transaction: an armed gate waits for at most one
_REFUSED = str(Outcome.REFUSED)
_COLUMNS = 22
_ROW = "(" + ",".join("?" * _COLUMNS) + ")"
_INSERT_CHUNK = "INSERT OR REPLACE INTO calls VALUES " + ",".join([_ROW] * CHUNK)
_INSERT_ONE = "INSERT OR REPLACE INTO calls VALUES " + _ROW


class Recorder:
    """Writes the calls of one session, or of many: a call with a `session` belongs to that one.

    `measure(calls)` fills in tokens and cost; `settle(transaction)` charges what is owed. Both run in this
    thread. `on_state(error)` is told when the state file fails (the error) and when it works again (None). `shared`:
    the sessions are those of the calls, and the recorder's own has a row only if a call is without one.
    """

    def __init__(
        self,
        *,
        server: str,
        transport: str,
        pid: int,
        command: str,
        measure: Callable[[Sequence[Call]], None],
        settle: Callable[[Transaction], None],
        on_state: Callable[[StateError | None], None],
        shared: bool = False,
    ) -> None:
        self._server = storable(server)
        self._usage = UsageBook(self._server)
        self._own = SessionEntry(server, transport, pid, command)
        self._shared = shared
        self._news: deque[SessionEntry] = deque()  # sessions of others about which something is to be written
        self._measure = measure
        self._settle = settle
        self._on_state = on_state
        self._record = "preview"
        self._queue: deque[tuple[Call, bool]] = deque()  # and whether it is done
        self._wake = threading.Event()
        self._room = threading.Event()
        self._room.set()
        self._awake = False
        self._stop = threading.Event()
        self._waiting_bytes = 0
        self.flooded = False  # more waits than can be recorded in full
        self._failing = False
        self._forgetting = threading.Lock()
        self._unwritten: dict[int, tuple[Call, bool]] = {}
        self._lost = 0
        self._deferred = Deferred()
        self._warnings: deque[str] = deque(maxlen=100)
        self._pruning = False
        self._prune_at = 0
        self._ledger: Ledger | None = None
        self._retention: Retention | None = None
        self._path: Path | None = None
        self._thread = threading.Thread(target=self._run, name="mcpwatch-recorder", daemon=True)

    # -- called by relay threads -------------------------------------------------------------------

    def put(self, call: Call, done: bool) -> None:
        """Hand over a call: when it begins, and once when it is done; again when something came after that."""
        self._queue.append((call, done))
        if not self._awake:
            self.nudge()
        if not done:
            return  # the end of each waits, and few can be open
        self._waiting_bytes += len(call.arguments) + len(call.result)
        if len(self._queue) > QUEUE_MOST or self._waiting_bytes > BYTES_MOST:
            self._room.clear()
            if self._failing:
                self._forget_excess()
            elif self._full():  # still: else nobody may be left to make room
                self._room.wait(RETRY_S)

    def _full(self) -> bool:
        return len(self._queue) > QUEUE_MOST or self._waiting_bytes > BYTES_MOST or self._deferred.full

    def nudge(self) -> None:
        """Something is to be written."""
        if not self._awake:
            self._awake = True
            self._wake.set()

    def identify(self, session: SessionEntry | None = None, **identity: str) -> None:
        """Client name, client version, protocol revision of a session (our own by default), as they become known."""
        (session or self._own).identify(identity)
        self._announce(session)

    def end(self, session: SessionEntry) -> None:
        """A session that shares this recorder is over. Its row stays unwritten if nothing was recorded of it."""
        session.end(None)
        if session.known:
            self._announce(session)

    def _announce(self, session: SessionEntry | None) -> None:
        if session is not None:
            self._news.append(session)
        self.nudge()

    def defer(self, work: Work, size: int) -> None:
        """Do this, which holds so many bytes, in one of the next transactions; again in another, should that fail."""
        self._deferred.put(work, size)
        self.nudge()
        if self._deferred.full:
            self._room.clear()
            if not self._failing and self._full():
                self._room.wait(RETRY_S)
            if self._deferred.full:
                self._deferred.drop_excess()

    def warn(self, text: str) -> None:
        """A row in the audit, for the screen and `mcpwatch doctor`."""
        self._warnings.append(text)
        self.nudge()

    # -- life --------------------------------------------------------------------------------------

    def start(self, *, record: str, retention: Retention, path: Path | None = None) -> None:
        """Begin writing to the state file at `path` (the user's by default)."""
        self._record, self._retention, self._path = record, retention, path
        self.nudge()
        self._thread.start()

    def close(self, exit_code: int | None, *, wait_s: float = 5.0) -> None:
        """Write all that is left, end the session's row, and stop."""
        self._own.end(exit_code)
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._wake.wait()
                self._stop.wait(GATHER_S)
                self._wake.clear()
                self._awake = False
                if self._flush():
                    self._prune()
                else:
                    self._stop.wait(RETRY_S)
                    self.nudge()
            self._flush()
        finally:
            if self._ledger is not None:
                self._ledger.close()

    def _flush(self) -> bool:
        """Write everything waiting. False, and nothing forgotten, when the state file cannot be written."""
        try:
            ledger = self._open()
            while True:
                # Once flooded until nearly all is written: at the brink, half the calls would cost a preview each.
                most = BATCH if self.flooded else FLOOD
                self.flooded = len(self._queue) > most or self._waiting_bytes > BYTES_MOST // 2
                self._take()
                self._write(ledger)
                self._unwritten.clear()
                if not self._queue:
                    self._waiting_bytes = 0  # two threads add to it: a lost sum is forgotten here
                if not self._full():
                    self._room.set()
                if not self._queue and not self._news and not self._deferred:
                    break
        except StateError as error:
            return self._failed(error)
        except Exception as error:  # noqa: BLE001 - what is not recorded is not charged: it must stop calls, not a thread
            return self._failed(StateError(f"the recorder failed: {type(error).__name__}: {error}"))
        self._failing = False
        self._on_state(None)
        return True

    def _take(self) -> None:
        """The next batch, off the queue. A call that has ended since it began waits for its end: it is queued too."""
        queue, unwritten = self._queue, self._unwritten
        epoch = time.time_ns() - time.monotonic_ns()
        while len(unwritten) < BATCH and queue:
            call, done = queue.popleft()
            if not call.started_utc:
                call.started_utc = epoch + call.started_ns
            if done:
                self._waiting_bytes -= len(call.arguments) + len(call.result)
                unwritten[call.n] = call, True
            elif call.n not in unwritten and (call.duration_ns is None or "late" in call.flags):
                unwritten[call.n] = call, False

    def _failed(self, error: StateError) -> bool:
        self._failing = True
        self._forget_excess()
        self._room.set()
        self._on_state(error)
        return False

    def _open(self) -> Ledger:
        if self._ledger is not None and not self._ledger.replaced():
            return self._ledger
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None
            self._on_state(StateError("the state file was replaced by another"))
        self._ledger = Ledger.open(self._path)
        self._usage.forget()
        return self._ledger

    def _forget_excess(self) -> None:
        """With no disk to write to, the oldest calls go: memory is bounded and the relay lives on."""
        with self._forgetting, contextlib.suppress(IndexError):  # empty: the recorder took them after all
            while len(self._queue) > QUEUE_MOST // 2 or self._waiting_bytes > BYTES_MOST // 2:
                call, done = self._queue.popleft()
                if done:
                    self._waiting_bytes -= len(call.arguments) + len(call.result)
                self._lost += 1
        if self._deferred.full:
            self._deferred.drop_excess()

    def _write(self, ledger: Ledger) -> None:
        batch = [call for call, _ in self._unwritten.values()]
        self._measure(batch)
        with ledger.transaction() as tx:
            db = tx.db
            if not self._shared:
                self._own.write(tx, ledger)
            self._settle(tx)
            for lock_utc in {call.lock_utc for call in batch if call.lock_utc}:
                tx.count_refused(sum(call.lock_utc == lock_utc for call in batch), lock_utc)
            self._deferred.run(tx)
            self._write_warnings(tx)
            ledger.clock.mark(db)
            own = self._own.write(tx, ledger) if any(call.session is None for call in batch) else 0
            sessions = [own if call.session is None else call.session.write(tx, ledger) for call in batch]
            self._write_sessions(tx, ledger)
            if not batch:
                return
            rev = db.execute("UPDATE state SET rev = rev + ? RETURNING rev", (len(batch),)).fetchone()[0]
            # Each row has a rev of its own, so that a reader may stop after any row and go on from there.
            rows = [self._row(call, sessions[i], rev - len(batch) + 1 + i) for i, call in enumerate(batch)]
            whole = len(rows) // CHUNK * CHUNK
            for start in range(0, whole, CHUNK):
                db.execute(_INSERT_CHUNK, list(chain.from_iterable(rows[start : start + CHUNK])))
            db.executemany(_INSERT_ONE, rows[whole:])
            self._usage.add(db, self._unwritten.values())
        self._usage.committed()

    def _write_warnings(self, tx: Transaction) -> None:
        lost, lists, warnings = self._lost, self._deferred.lost, list(self._warnings)
        for warning in warnings:
            tx.audit("mcpwatch", "warning", masked(warning))
        if lost:
            tx.audit("mcpwatch", "records-lost", f"{counted(lost, 'call')} could not be recorded")
        if lists:
            what = counted(lists, "list of definitions", "lists of definitions")
            tx.audit("mcpwatch", "records-lost", f"{what} could not be recorded")
        self._lost = 0
        self._deferred.lost -= lists
        self._warnings.clear()

        def restore() -> None:
            self._lost += lost
            self._deferred.lost += lists
            self._warnings.extendleft(reversed(warnings))

        tx.on_rollback.append(restore)

    def _write_sessions(self, tx: Transaction, ledger: Ledger) -> None:
        for _ in range(min(len(self._news), BATCH)):
            session = self._news.popleft()
            tx.on_rollback.append(partial(self._news.appendleft, session))
            session.write(tx, ledger)

    def _row(self, call: Call, session: int, rev: int) -> tuple[Any, ...]:
        arguments = result = ""
        flags = call.flags
        if self.flooded and self._record == "preview":
            flags = f"{flags},unquoted" if flags else "unquoted"
        elif self._record != "none":
            whole = self._record == "full"
            arguments, result = preview(call.arguments, whole=whole), preview(call.result, whole=whole)
        method = call.method if call.method == "tools/call" else masked_name(call.method)
        # Of what is no plain int or str, sqlite3 asks each time how it is to be bound: 0.3 µs, for a bool too.
        code, note = call.code and _masked_note(call.code), call.note and _masked_note(call.note)
        outcome = call.outcome
        cost = 0 if outcome == _REFUSED else call.cost  # what a limit or a cap compared was not spent
        return (
            session << 32 | call.n, rev, session, self._server, method, masked_name(call.tool), +call.from_server,
            +call.protected, call.started_utc, call.duration_ns, call.arguments_bytes, call.result_bytes,
            call.tokens_in, call.tokens_out, call.tokens_method, cost, outcome, code, note, flags,
            arguments, result,
        )  # fmt: skip

    def _prune(self) -> None:
        """Once an hour, while nothing else waits."""
        ledger, retention = self._ledger, self._retention
        if ledger is None or retention is None:
            return
        now = ledger.clock.now()
        if not self._pruning and now < self._prune_at:
            return
        try:
            if not self._pruning:
                self._prune_at = now + EVERY_NS
                self._pruning = retention.due(ledger)
            while self._pruning and not self._queue and not self._stop.is_set():
                self._pruning = retention.step(ledger)
        except StateError as error:
            self._on_state(error)


def _masked_note(text: str) -> str:
    # It may quote a name of any length, and a secret across the cut is still to be recognised.
    return masked(text[: 2 * NOTE_MOST])[:NOTE_MOST]
