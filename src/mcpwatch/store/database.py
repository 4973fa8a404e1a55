"""Opening the state file: folder and file modes, WAL, schema version, and write transactions that wait well."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

SCHEMA_VERSION = 1
BUSY_DEADLINE_S = 5.0  # a writer that cannot get its turn in this time has failed
_SCHEMA = Path(__file__).with_name("schema.sql")
_SMALLEST = 512  # bytes in the smallest page
_APPLICATION_ID = 0x6D637077  # "mcpw"

# Writers of one process take turns here, so that they never spin on SQLite's own lock against each other.
WRITE_TURN = threading.RLock()
_MAKING = threading.Lock()


def turn_is_free() -> bool:
    """Whether no other thread of this process is writing just now."""
    if not WRITE_TURN.acquire(blocking=False):
        return False
    WRITE_TURN.release()
    return True


class StateError(Exception):
    """The state file cannot be read, written or trusted. The text is one line and says what to do."""


def describe(error: sqlite3.Error, path: Path) -> StateError:
    """What a SQLite error means to the person whose state file it is."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        hint = "it is damaged; move it away (`mcpwatch doctor` shows how) and start again"
    elif code == sqlite3.SQLITE_FULL:
        hint = "the disk is full; free some space"
    elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        hint = "it cannot be opened for writing; check its owner and mode"
    elif code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        hint = "another program holds it; close what else has it open"
    else:
        hint = "run `mcpwatch doctor`"
    return StateError(f"state file {path}: {error}; {hint}")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """StateError for whatever the state file at `path` does not give or take."""
    try:
        yield
    except sqlite3.Error as error:
        raise describe(error, path) from error
    except OSError as error:
        raise StateError(f"state file {path}: {error.strerror or error}; check its folder") from error
    except (TypeError, IndexError, ValueError, OverflowError) as error:  # a row that is not there, or not of its type
        raise StateError(f"state file {path}: it does not hold what it should ({error})") from error


def connect(path: Path) -> sqlite3.Connection:
    """Open the state file for a guard, making and migrating it if need be. Raises StateError."""
    with translated(path):
        _make_private(path)
        db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            patiently(lambda: _prepare(db, path))
        except BaseException:
            db.close()
            raise
    return db


def _make_private(path: Path) -> None:
    """A 0700 folder and a 0600 file, made before SQLite would make them readable to others.

    A file that is there is not opened to look at it: closing any descriptor of it would drop the POSIX locks of all
    this process's connections (https://sqlite.org/howtocorrupt.html, 2.2), and the next process to close would
    delete the log under them.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _MAKING, contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise StateError(f"state file {path} is not a regular file; move it away")
    if 0 < status.st_size < _SMALLEST:  # SQLite would take it for an empty one and begin anew
        raise StateError(f"state file {path} is damaged: it was cut short; move it away and start again")
    if os.name == "posix":
        if status.st_uid != os.geteuid() and os.geteuid() != 0:
            raise StateError(f"state file {path} belongs to another user; set MCPWATCH_STATE elsewhere")
        if status.st_mode & 0o077:
            path.chmod(0o600)


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    # One statement, one snapshot: between two, another process may have made the schema.
    version, tables, application = db.execute(
        "SELECT user_version, (SELECT count(*) FROM sqlite_master), application_id"
        " FROM pragma_user_version, pragma_application_id"
    ).fetchone()
    if (tables or version) and application != _APPLICATION_ID:
        raise StateError(f"state file {path} is a database of another program; set MCPWATCH_STATE elsewhere")
    if version > SCHEMA_VERSION:
        raise StateError(f"state file {path} was written by a newer mcpwatch; upgrade this one")
    if version < SCHEMA_VERSION:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        _migrate(db)
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA cache_size = -2000")
    db.execute("PRAGMA temp_store = MEMORY")


def _migrate(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        if db.execute("PRAGMA user_version").fetchone()[0] < 1:
            for statement in _statements(_SCHEMA.read_text("utf-8")):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: executescript would end our transaction."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def storable(text: str) -> str:
    """The text as SQLite can keep it: a lone surrogate (bytes of a command line that are no UTF-8) becomes `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _busy(error: sqlite3.OperationalError) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def patiently(work: Callable[[], T], busy: Callable[[], None] | None = None) -> T:
    """`work()`, tried again while another process holds the file, in short steps up to the deadline
    (SQLite's own busy handler sleeps at least 1 ms). `busy()` is told each time."""
    deadline = 0.0
    pause = 0.00005
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            now = time.monotonic()
            deadline = deadline or now + BUSY_DEADLINE_S
            if not _busy(error) or now > deadline:
                raise
        if busy is not None:
            busy()
        time.sleep(pause)
        pause = min(pause * 1.5, 0.005)


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """A write transaction, alone in this process and on this file."""
    with WRITE_TURN:
        patiently(lambda: db.execute("BEGIN IMMEDIATE"))
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
