"""Old calls leave the state file: by age, then by size, a few hundred rows at a time, by one process an hour."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from mcpwatch.store import charges
from mcpwatch.store.forgetting import forget_excess, listing_servers
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.mask import PREVIEW_BYTES
from mcpwatch.store.usage import fold_excess

STEP_ROWS = 500
STEP_PAGES = 500
KEPT_CALLS = 10_000  # of the last day, whatever the size
EVERY_NS = 3600 * charges.SECOND_NS
_DAY_NS = 24 * EVERY_NS
_MIB = 1 << 20


@dataclass
class Retention:
    """Keep calls for `days`, and the file under `megabytes`, but always KEPT_CALLS; charges as long as any limit's
    window needs them."""

    days: int = 30
    megabytes: int = 500
    _crowded: list[str] = field(default_factory=list, repr=False)  # servers whose texts are to be counted yet

    def due(self, ledger: Ledger) -> bool:
        """Whether an hour has passed since any process pruned; claims the turn if so."""
        with ledger.transaction() as tx:
            now = ledger.clock.utc()
            claimed = tx.db.execute(
                "UPDATE state SET pruned_utc = ?1 WHERE ?1 - pruned_utc > ?2 OR pruned_utc > ?1",
                (now, EVERY_NS),
            )
            self._crowded = listing_servers(tx.db)
            return claimed.rowcount > 0

    def step(self, ledger: Ledger) -> bool:
        """Delete up to STEP_ROWS rows, or give back the room of earlier ones; True while there is more to do."""
        with ledger.transaction() as tx:
            db = tx.db
            horizon = ledger.clock.utc() - self.days * _DAY_NS
            gone = db.execute(
                # Only at the end where the old ones are: looking through all of them would hold up every guard.
                "DELETE FROM calls WHERE id IN (SELECT id FROM"
                " (SELECT id, started_utc FROM calls ORDER BY rev LIMIT ?) WHERE started_utc < ?)",
                (STEP_ROWS, horizon),
            ).rowcount
            if gone == 0:
                gone = fold_excess(db, STEP_ROWS) or self._forget_texts(db)
            if gone == 0 and self._size(db) > self.megabytes * _MIB:
                gone = self._make_room(db, ledger.clock.utc() - _DAY_NS)
            if gone == 0:
                longest = db.execute("SELECT coalesce(max(window_s), 3600) FROM limits").fetchone()[0]
                gone = charges.forget_before(db, ledger.clock.now() - 2 * longest * charges.SECOND_NS, STEP_ROWS)
                db.execute("DELETE FROM audit WHERE utc < ?", (horizon,))
                db.execute(
                    "DELETE FROM sessions WHERE ended_utc < ? AND NOT EXISTS"
                    " (SELECT 1 FROM calls c WHERE c.id >= sessions.id << 32 AND c.id < (sessions.id + 1) << 32)",
                    (horizon,),
                )
        return gone > 0 or ledger.give_back(STEP_PAGES)

    def _forget_texts(self, db: sqlite3.Connection) -> int:
        """One server a step, in a file of before: what is listed now is counted when it is."""
        return forget_excess(db, self._crowded.pop()) or 1 if self._crowded else 0

    @staticmethod
    def _make_room(db: sqlite3.Connection, day: int) -> int:
        """Delete the oldest calls; of those of the last day the youngest KEPT_CALLS only lose what is beyond a
        preview. Whatever else fills the file, nobody can push them out of it."""
        kept = db.execute("SELECT rev FROM calls ORDER BY rev DESC LIMIT 1 OFFSET ?", (KEPT_CALLS,)).fetchone()
        gone = db.execute(
            "DELETE FROM calls WHERE id IN (SELECT id FROM"
            " (SELECT id, rev, started_utc FROM calls ORDER BY rev LIMIT ?) WHERE rev <= ? OR started_utc < ?)",
            (STEP_ROWS, kept[0] if kept else 0, day),
        ).rowcount
        if gone == 0:
            gone = db.execute(
                "UPDATE calls SET arguments = substr(arguments, 1, ?1), result = substr(result, 1, ?1) WHERE id IN"
                " (SELECT id FROM calls WHERE length(arguments) > ?1 OR length(result) > ?1 ORDER BY rev LIMIT ?2)",
                (PREVIEW_BYTES + 1, STEP_ROWS),
            ).rowcount
        return gone

    @staticmethod
    def _size(db: sqlite3.Connection) -> int:
        pages, free, size = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        used: int = (pages - free) * size
        return used
