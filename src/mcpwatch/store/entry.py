"""The sessions row of one conversation, written by a recorder as it becomes known."""

from __future__ import annotations

from mcpwatch.store.database import storable
from mcpwatch.store.health import runs
from mcpwatch.store.mask import masked, masked_name
from mcpwatch.store.records import Outcome
from mcpwatch.store.transaction import Transaction

_READ = 1280  # characters of a name, so that a secret across the cut is still recognised
_COLUMNS = ("client_name", "client_version", "protocol")


class SessionEntry:
    """What is known of one session. Any thread may add to it; only the recorder's writes it."""

    def __init__(self, server: str, transport: str, pid: int, command: str) -> None:
        self._opening = (storable(server), transport, pid, storable(masked(command)[:1024]))
        self._identity: dict[str, str] = {}
        self._written: dict[str, str] = {}
        self._ended = False
        self._ended_written = False
        self._exit_code: int | None = None
        self._id: int | None = None
        self._file: object = None  # of which the id is one

    def identify(self, identity: dict[str, str]) -> None:
        """Client name, client version, protocol revision, as they become known."""
        known = {key: storable(masked_name(value[:_READ])[:256]) for key, value in identity.items() if value}
        self._identity = self._identity | known

    @property
    def known(self) -> bool:
        """Whether there is anything to say about it."""
        return self._id is not None or bool(self._identity)

    def end(self, exit_code: int | None) -> None:
        """The session is over."""
        self._exit_code, self._ended = exit_code, True

    def write(self, tx: Transaction, file: object) -> int:
        """Bring the row up to date and return its id. `file` is another object for another state file."""
        before = (self._id, self._file, self._written, self._ended_written)

        def restore() -> None:
            self._id, self._file, self._written, self._ended_written = before

        if self._id is None or self._file is not file:
            tx.on_rollback.append(restore)
            end_dead(tx)
            self._id = tx.db.execute(
                "INSERT INTO sessions (server, transport, pid, command, started_utc) VALUES (?, ?, ?, ?, ?)",
                (*self._opening, tx.utc),
            ).lastrowid
            self._file, self._written, self._ended_written = file, {}, False
        assert self._id is not None
        if self._identity is not self._written:
            tx.on_rollback.append(restore)
            identity = self._identity
            if identity != self._written:
                tx.db.execute(
                    "UPDATE sessions SET client_name = ?, client_version = ?, protocol = ? WHERE id = ?",
                    (*(identity.get(key, "") for key in _COLUMNS), self._id),
                )
            self._written = identity
        if self._ended and not self._ended_written:
            tx.on_rollback.append(restore)
            tx.db.execute(
                "UPDATE sessions SET ended_utc = ?, exit_code = ? WHERE id = ?", (tx.utc, self._exit_code, self._id)
            )
            self._ended_written = True
        return self._id


def end_dead(tx: Transaction) -> None:
    """End the sessions whose guard was killed, and their calls that nobody will answer."""
    for session, pid in tx.db.execute("SELECT id, pid FROM sessions WHERE ended_utc IS NULL").fetchall():
        if runs(pid):
            continue
        tx.db.execute("UPDATE sessions SET ended_utc = ? WHERE id = ?", (tx.utc, session))
        pending = tx.db.execute(
            "SELECT id FROM calls WHERE id BETWEEN ? AND ? AND outcome = ?",
            (session << 32, (session << 32) + 0xFFFF_FFFF, Outcome.PENDING),
        ).fetchall()
        for (call,) in pending:
            rev = tx.db.execute("UPDATE state SET rev = rev + 1 RETURNING rev").fetchone()[0]
            tx.db.execute(
                "UPDATE calls SET outcome = ?, note = ?, rev = ? WHERE id = ?",
                (Outcome.TIMED_OUT, "the guard was killed before an answer came", rev, call),
            )
