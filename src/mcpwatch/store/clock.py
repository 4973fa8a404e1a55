"""The ledger's clock: nanoseconds that only grow, shared by every process of a boot, carried across boots.

Within a boot it advances with CLOCK_BOOTTIME (suspend counts, a step of the wall clock does not), which all
processes of the machine share. Across boots it advances by what the wall clock says was missed, never
backwards: a clock set back while the machine was off stands still and frees nothing.
Where the system has no boot identity (not Linux), a monotonic clock below the last one seen means a new boot.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mcpwatch.store import charges

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")


def _boottime_ns() -> int:
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return time.monotonic_ns()


def _boot_id() -> str:
    try:
        return _BOOT_ID_FILE.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True)
class TimeSource:
    """The machine's clocks; tests step them."""

    boottime_ns: Callable[[], int] = _boottime_ns
    wall_ns: Callable[[], int] = time.time_ns
    boot_id: Callable[[], str] = _boot_id


SYSTEM_TIME = TimeSource()


class LedgerClock:
    """`now()` in ledger nanoseconds. `join` must run inside a write transaction."""

    def __init__(self, source: TimeSource = SYSTEM_TIME) -> None:
        self._source = source
        self._boot_id = source.boot_id()
        self._offset = 0

    def now(self) -> int:
        """The present moment on the ledger's clock, in nanoseconds."""
        return self._source.boottime_ns() + self._offset

    def utc(self) -> int:
        """UTC nanoseconds, for display only."""
        return self._source.wall_ns()

    def join(self, db: sqlite3.Connection) -> None:
        """Take this boot's offset from the file, or make it if this is the boot's first process."""
        boottime, wall = self._source.boottime_ns(), self._source.wall_ns()
        row = db.execute(
            "SELECT offset_ns, last_boottime_ns FROM clock WHERE boot_id = ?", (self._boot_id,)
        ).fetchone()
        if row is not None and (self._boot_id or boottime >= row[1]):
            self._offset = row[0]
            self.mark(db)  # also the proof, at every opening, that the file can be written
            return
        last = db.execute("SELECT max(last_boottime_ns + offset_ns), max(last_wall_ns) FROM clock").fetchone()
        start = wall if last[0] is None else last[0] + max(0, wall - last[1])
        self._offset = max(start, charges.newest(db)) - boottime
        if last[0] is None:
            charges.begin(db, charges.ALL, self.now())
        db.execute("DELETE FROM clock WHERE boot_id <> ?", (self._boot_id,))
        self.mark(db)

    def mark(self, db: sqlite3.Connection) -> None:
        """Remember where both clocks stand, for the next boot."""
        db.execute(
            "INSERT OR REPLACE INTO clock VALUES (?, ?, ?, ?)",
            (self._boot_id, self._offset, self._source.boottime_ns(), self._source.wall_ns()),
        )
