"""What `mcpwatch doctor` asks about the state file: is it whole, what belongs to it, who still uses it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from mcpwatch.store.database import StateError, describe
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import AuditRow

MOST_DAMAGES = 5


def damages(path: Path) -> list[str]:
    """What SQLite's `quick_check` finds wrong, a few lines at most; empty when the file is whole or not there yet.

    Reads the whole file, without writing to it. Raises StateError when it cannot be read at all.
    """
    try:
        if not path.stat().st_size:
            return []
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        try:
            rows = db.execute(f"PRAGMA quick_check({MOST_DAMAGES})").fetchall()
        finally:
            db.close()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StateError(f"state file {path}: {error.strerror or error}; check its folder") from error
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return [str(error)]
        raise describe(error, path) from error
    return [str(row[0]) for row in rows if row[0] != "ok"]


def files(path: Path) -> list[Path]:
    """The state file and what SQLite keeps beside it, as far as they exist. They belong together."""
    found = (path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm", "-journal"))
    return [file for file in found if os.path.lexists(file)]


def warnings_since(ledger: Ledger, utc_ns: int) -> list[AuditRow]:
    """What guards warned about since then: a configuration not used, records lost. Oldest first."""
    found: list[AuditRow] = []
    seq = 0
    while page := ledger.audit_since(seq):
        found += [row for row in page if row.action in ("warning", "records-lost") and row.utc >= utc_ns]
        seq = page[-1].seq
    return found


def runs(pid: int) -> bool:
    """Whether a process of that number runs. True where that cannot be asked without harm."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
