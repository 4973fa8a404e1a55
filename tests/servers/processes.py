"""Watching processes that are not our children: alive or gone, and waiting for that with a deadline."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def wait_until(condition: Callable[[], object], what: str, seconds: float = 15.0) -> None:
    """Poll `condition` until it holds; fail the test, naming `what`, when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.005)


def alive(pid: int) -> bool:
    """Whether `pid` runs. A zombie does not: nobody may be there to reap an orphan."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    if not stat.parent.parent.joinpath("self").exists():
        return True  # no /proc on this system
    try:
        return stat.read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_gone(pids: Iterable[int], seconds: float = 15.0) -> None:
    """Wait until none of `pids` is alive."""
    for pid in pids:
        wait_until(lambda pid=pid: not alive(pid), f"end of process {pid}", seconds)


def marked(mark: str) -> list[int]:
    """Living processes whose environment holds the text `mark`, orphans included (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark.encode() in (entry / "environ").read_bytes() and alive(int(entry.name)):
                    found.append(int(entry.name))
    return found
