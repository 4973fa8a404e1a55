"""Whether anything was committed since the last look, for a fraction of a microsecond.

In WAL mode every commit rewrites the header of the wal-index, the first 48 bytes of the `-shm` file, which every
connection maps (https://sqlite.org/walformat.html, "The WAL-Index Header"). `PRAGMA data_version` compares the
same bytes at 4 µs a look; a map of our own compares them at 0.2 µs. Where the file cannot be mapped, the PRAGMA
is asked.

SQLite's locks are POSIX locks on that file, and closing any descriptor of a file drops all the locks a process has
on it (https://sqlite.org/howtocorrupt.html, 2.2). So a map, once made, is kept until its file is deleted.
"""

from __future__ import annotations

import mmap
import os
import sqlite3
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

_HEADER = 48


@dataclass
class _Map:
    descriptor: int
    view: mmap.mmap
    users: int = 0


_MAPS: dict[tuple[int, int], _Map] = {}  # (device, inode) of a -shm file → this process's map of it
_TURN = threading.Lock()


def _mapped(path: Path) -> _Map:
    """This process's map of the file, shared by all who look at it. Raises OSError or ValueError."""
    with _TURN:
        for key, kept in list(_MAPS.items()):
            if not kept.users and not os.fstat(kept.descriptor).st_nlink:  # no connection has a deleted file open
                kept.view.close()
                os.close(kept.descriptor)
                del _MAPS[key]
        status = path.stat()
        key = (status.st_dev, status.st_ino)
        if key not in _MAPS:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            _MAPS[key] = _Map(descriptor, mmap.mmap(descriptor, _HEADER, access=mmap.ACCESS_READ))
        _MAPS[key].users += 1
        return _MAPS[key]


def follows(later: bytes, earlier: bytes) -> bool:
    """Whether the commit that left the later header was the next after the earlier one (`iChange`, at 8)."""
    return _commits(later) == (_commits(earlier) + 1) & 0xFFFF_FFFF


def _commits(header: bytes) -> int:
    return int.from_bytes(header[8:12], sys.byteorder)


class News:
    """`read()` gives a value that differs from the last one when some connection, our own too, has committed."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._map: _Map | None = None
        self._view: mmap.mmap | None = None
        if os.name != "posix":
            return
        try:
            self._map = _mapped(path.with_name(path.name + "-shm"))
            self._view = self._map.view
        except (OSError, ValueError):
            self._map = None

    def header(self) -> bytes | None:
        """The header, where it can be had. Between `BEGIN IMMEDIATE` and `COMMIT` it stands still."""
        view = self._view
        return None if view is None else view[:_HEADER]

    def read(self) -> bytes | int:
        """The header, or the data version."""
        header = self.header()
        if header is not None:
            return header
        version: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        return version

    def close(self) -> None:
        """Let go of the map."""
        self._view = None
        if self._map is not None:
            with _TURN:
                self._map.users -= 1
            self._map = None
