"""Replacing a file whole or not at all: never half, never over someone else's change, never without a copy."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

KEPT_BACKUPS = 5
_MARK = ".mcpwatch-"
_ENDING = ".bak"
_CHANGED = "it was changed by another program meanwhile; look at it again"


class NotWritten(Exception):
    """The file was left as it is. One line that says why."""


def replace_file(path: Path, before: bytes, after: bytes, copies: Path | None = None) -> Path:
    """Let the file say `after`, provided it still says `before`. Returns the copy of it that was put beside it, or
    into the folder `copies`, which is made, and where it is nobody else's to read.

    Links are followed: what they point at is replaced. Mode, owner and extended attributes stay. Raises NotWritten.
    """
    try:
        target = path.resolve(strict=True)
        found = target.stat()
        _check(target, found)
        if target.read_bytes() != before:
            raise NotWritten(_CHANGED)
        backup = _back_up(path, target, before, found, copies)
        try:
            _exchange(path, target, before, _temporary(target, after, found))
        except BaseException:
            backup.unlink(missing_ok=True)
            raise
    except FileNotFoundError:
        raise NotWritten("it is no longer there") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself
        raise NotWritten(f"cannot be written: {getattr(error, 'strerror', None) or error}") from error
    _forget(backup.parent, path.name)
    return backup


def _exchange(path: Path, target: Path, before: bytes, temporary: Path) -> None:
    try:
        if target.read_bytes() != before or path.resolve(strict=True) != target:
            raise NotWritten(_CHANGED)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def replaced(path: Path, data: bytes, mode: int) -> None:
    """Write a file of our own, whole or not at all. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock file, for as long as another mcpwatch must not change files. Raises NotWritten when one does."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            _lock(handle)
        except OSError:
            raise NotWritten("another mcpwatch is changing configuration files; try again when it is done") from None
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _check(target: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotWritten("it is not a regular file")
    if not found.st_mode & 0o222 or not os.access(target, os.W_OK):
        raise NotWritten("it is read-only")
    if found.st_nlink > 1:
        raise NotWritten("it has a second name (a hard link), which replacing it would cut off")
    if os.name == "posix" and not os.access(target.parent, os.W_OK):
        raise NotWritten("its folder is read-only")


def _back_up(path: Path, target: Path, data: bytes, found: os.stat_result, copies: Path | None) -> Path:
    """A copy beside the file (beside the link, where it is one), as secret as the file; or in a folder of ours."""
    if copies is not None:
        copies.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for extra in ("", *(f"-{n}" for n in range(1, 1000))):
        backup = (copies or path.parent) / f"{path.name}{_MARK}{stamp}{extra}{_ENDING}"
        try:
            handle = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if copies is None:
            _like(backup, target, found)
        return backup
    raise NotWritten("no name is left for its copy")


def _temporary(target: Path, data: bytes, found: os.stat_result) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _like(path, target, found)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _like(path: Path, target: Path, found: os.stat_result) -> None:
    """Give it the target's owner, mode and attributes; its time is now."""
    if os.name == "posix":
        own = path.stat()
        if (own.st_uid, own.st_gid) != (found.st_uid, found.st_gid):
            try:
                os.chown(path, found.st_uid, found.st_gid)
            except PermissionError:
                raise NotWritten("it belongs to another user or group") from None
    shutil.copystat(target, path)
    os.utime(path)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _forget(folder: Path, name: str) -> None:
    """Keep the latest copies only. One that cannot be deleted stays."""
    with contextlib.suppress(OSError):
        copies = [
            copy
            for copy in folder.iterdir()
            if copy.name.startswith(f"{name}{_MARK}") and copy.name.endswith(_ENDING)
        ]
        for copy in sorted(copies, key=lambda copy: copy.stat().st_mtime_ns)[:-KEPT_BACKUPS]:
            copy.unlink()
