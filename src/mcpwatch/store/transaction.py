"""What can be changed in the state file, inside one write transaction. No rules here: guard/ decides."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import NamedTuple

from mcpwatch.store import charges, past, queries
from mcpwatch.store.clock import LedgerClock
from mcpwatch.store.database import storable
from mcpwatch.store.records import Limit, Policy

# An armed call asks for both: one look-up saves it 3 µs.
_VERSION_AND_NEWEST = (
    "SELECT policy_version, at, calls, tokens, cost FROM state LEFT JOIN"
    f" (SELECT at, calls, tokens, cost FROM charges WHERE scope = '{charges.ALL}' ORDER BY at DESC LIMIT 1)"
)


class Known(NamedTuple):
    """What a transaction that only charged left behind."""

    policy_version: int
    newest: dict[str, charges.Charge]  # by scope


class Transaction:
    """One `BEGIN IMMEDIATE` … `COMMIT`. Made by `Ledger.transaction()`, with what is `known` to stand in the file."""

    def __init__(self, db: sqlite3.Connection, clock: LedgerClock, known: Known | None = None) -> None:
        self.db = db  # for store/ only
        self.now = clock.now()  # ledger nanoseconds, read after the turn was won
        self.utc = clock.utc()
        self._book = charges.Book(db, self.now, known.newest if known is not None else None)
        self._found = known  # forgotten by whatever changes the policy
        self.known: Known | None = None  # what stands in the file once this is committed, if that is certain
        self.on_rollback: list[Callable[[], None]] = []  # run, newest first, when nothing of this was kept

    # -- reads that must be consistent with the writes --------------------------------------------------

    def policy_version(self) -> int:
        """Changes with every change of the policy."""
        if self._found is not None:
            return self._found.policy_version
        version, *newest = self.db.execute(_VERSION_AND_NEWEST).fetchone()
        self._book.knows(charges.ALL, newest)
        return int(version)

    def policy(self) -> Policy:
        """The whole policy."""
        return read_policy(self.db)

    def used(self, limit: Limit, epoch_at: int) -> int:
        """What the limit's window holds now."""
        return self._book.used(limit, epoch_at)

    def total(self, limit: Limit) -> int:
        """All that was ever used of the limit's scope. It never falls, so that its growth since a moment before a
        window's start is no less than what the window holds."""
        return self._book.total(limit)

    def password(self) -> tuple[str | None, int, int]:
        """(bcrypt hash or None, failures in a row, ledger moment before which no attempt is taken)."""
        row: tuple[str | None, int, int] = self.db.execute(
            "SELECT password_hash, failures, blocked_until_at FROM state"
        ).fetchone()
        return row

    # -- the ledger ------------------------------------------------------------------------------------

    def charge(self, scopes: Iterable[str], *, calls: int, tokens: int, cost: int) -> None:
        """Add to every scope's running totals. Raises ValueError for a negative amount."""
        self._book.charge(scopes, calls, tokens, cost)

    def only_charges(self, policy_version: int) -> None:
        """This transaction leaves the policy at the version it found: the next one need not read it again."""
        self.known = Known(policy_version, self._book.newest)

    def finish(self) -> None:
        """Write what was charged; called before the commit."""
        self._book.write()

    # -- the lock --------------------------------------------------------------------------------------

    def lock(self, code: str, reason: str, by: str, *, refused: int = 0) -> None:
        """Lock, unless a lock is there already: the first reason stays, but a panic replaces an automatic one."""
        self._found = None
        self.db.execute(
            "UPDATE state SET locked = 1, lock_code = ?1, lock_reason = ?2, lock_by = ?3, lock_utc = ?4,"
            " lock_refused = CASE locked WHEN 1 THEN lock_refused ELSE 0 END + ?5,"
            " policy_version = policy_version + 1"
            " WHERE locked = 0 OR (?1 = 'panic' AND lock_code <> 'panic')",
            (code, storable(reason), by, self.utc, refused),
        )

    def unlock(self, *, epoch_at: int | None) -> None:
        """Clear state, code, reason, time and count together; windows count from `epoch_at` if given, and from no
        earlier than the newest charge."""
        self._found = None
        if epoch_at is not None:
            self._book.write()
            epoch_at = max(epoch_at, charges.newest(self.db))
        self.db.execute(
            "UPDATE state SET locked = 0, lock_code = '', lock_reason = '', lock_by = '', lock_utc = 0,"
            " lock_refused = 0, epoch_at = coalesce(?, epoch_at), policy_version = policy_version + 1",
            (epoch_at,),
        )

    def count_refused(self, count: int, lock_utc: int) -> None:
        """Add to "refused since lock" of the lock made at `lock_utc`, if it still stands."""
        self.db.execute(
            "UPDATE state SET lock_refused = lock_refused + ? WHERE locked = 1 AND lock_utc = ?",
            (count, lock_utc),
        )

    # -- policy ----------------------------------------------------------------------------------------

    def set_flag(self, name: str, on: bool) -> None:
        """`armed` or `strict`."""
        if name not in ("armed", "strict"):
            raise ValueError(f"no such flag: {name}")
        self._found = None
        self.db.execute(f"UPDATE state SET {name} = ?, policy_version = policy_version + 1", (int(on),))

    def set_limit(self, limit: Limit) -> None:
        """Add or replace. What its scope used before is put in by `reach_back`."""
        self.db.execute(
            "INSERT OR REPLACE INTO limits (dimension, window_s, scope, maximum) VALUES (?, ?, ?, ?)",
            (str(limit.dimension), limit.window_s, limit.scope, limit.maximum),
        )
        self.changed()

    def remove_limit(self, limit: Limit) -> None:
        """Remove; no error when it is not there."""
        self.db.execute(
            "DELETE FROM limits WHERE dimension = ? AND window_s = ? AND scope = ?",
            (str(limit.dimension), limit.window_s, limit.scope),
        )
        # Nothing is charged to a scope without a limit: what it holds would be wrong when it gets one again.
        self.db.execute(
            "DELETE FROM charges WHERE scope = ?1 AND scope <> ?2 AND ?1 NOT IN (SELECT scope FROM limits)",
            (limit.scope, charges.ALL),
        )
        self.changed()

    def set_call_caps(self, tokens: int | None, cost: int | None) -> None:
        """The most one call may be; None for no cap."""
        self.db.execute("UPDATE state SET call_cap_tokens = ?, call_cap_cost = ?", (tokens, cost))
        self.changed()

    def add_pattern(self, pattern: str, action: str) -> None:
        """`action` is protect or exempt."""
        self.db.execute("INSERT OR IGNORE INTO patterns VALUES (?, ?)", (pattern, action))
        self.changed()

    def remove_pattern(self, pattern: str, action: str) -> None:
        """No error when it is not there."""
        self.db.execute("DELETE FROM patterns WHERE pattern = ? AND action = ?", (pattern, action))
        self.changed()

    def reach_back(self, scope: str, window_s: int) -> None:
        """The scope's totals hold all of the window: what the ledger does not hold comes from the recorded calls."""
        past.reach_back(self.db, scope, window_s, self.now, self.utc)

    def has_seen(self, server: str, kind: str, name: str, fingerprint: str) -> bool:
        """Whether this text was ever on the server's list under this name."""
        query = "SELECT 1 FROM listings WHERE server = ? AND kind = ? AND name = ? AND fingerprint = ?"
        return self.db.execute(query, (server, kind, name, fingerprint)).fetchone() is not None

    # -- password --------------------------------------------------------------------------------------

    def set_password_hash(self, password_hash: str) -> None:
        """Replace the hash and forget earlier failures."""
        self.db.execute("UPDATE state SET password_hash = ?, failures = 0, blocked_until_at = 0", (password_hash,))
        self.changed()

    def set_throttle(self, failures: int, blocked_until_at: int) -> None:
        """Failures in a row, and when the next attempt may be made."""
        self.db.execute("UPDATE state SET failures = ?, blocked_until_at = ?", (failures, blocked_until_at))

    # -- audit -----------------------------------------------------------------------------------------

    def audit(self, actor: str, action: str, detail: str = "") -> None:
        """Say who did what. Never holds a secret."""
        self.db.execute(
            "INSERT INTO audit (utc, actor, action, detail) VALUES (?, ?, ?, ?)",
            (self.utc, actor, action, storable(detail)),
        )

    def changed(self) -> None:
        """Guards are to read the policy and the reviews again."""
        self._found = None
        self.db.execute("UPDATE state SET policy_version = policy_version + 1")


def read_policy(db: sqlite3.Connection) -> Policy:
    """The policy, of one transaction the caller holds."""
    return queries.to_policy(
        db.execute(queries.STATE).fetchone(),
        db.execute(queries.LIMITS).fetchall(),
        db.execute(queries.PATTERNS).fetchall(),
    )
