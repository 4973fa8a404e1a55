"""Other processes: how one was started, who listens on a port, ending one that no longer obeys."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from mcpwatch.store.health import runs

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"  # proc_pid_net(5): the state TCP_LISTEN
_ASK_S: Final = 3.0


def command_of(pid: int) -> str:
    """The command line of a process, "" when it cannot be known."""
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return _said("ps", "-o", "command=", "-p", str(pid))


def is_gateway(pid: int) -> bool:
    """Whether a process is a `mcpwatch serve`, by its command line; False when in doubt."""
    words = command_of(pid).split()
    return "serve" in words and any("mcpwatch" in word for word in words[: words.index("serve")])


def listener(port: int) -> int:
    """The process that listens on a TCP port of this machine; 0: none, or another user's."""
    inodes = _listening_inodes(port)
    if inodes is None:
        found = _said("lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-t").split()
        return int(found[0]) if found and found[0].isdigit() else 0
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in _PROC.iterdir() if wanted else ():
        if process.name.isdigit() and _has(process / "fd", wanted):
            return int(process.name)
    return 0


def kill(pid: int, wait_s: float = 5.0) -> bool:
    """End a process that does not end by itself, and wait until it has. False: it is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
    return ends(pid, wait_s)


def ends(pid: int, wait_s: float) -> bool:
    """Wait until a process has ended. False: it is still there."""
    deadline = time.monotonic() + wait_s
    while not ended(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_child(pid: int) -> bool:
    """Whether this process started that one, and it runs. One that has ended is no zombie afterwards."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except OSError:
        return False


def ended(pid: int) -> bool:
    """Whether a process has ended, its parent may have noticed or not. A child of ours is no zombie afterwards."""
    if not runs(pid) or (not is_child(pid) and not runs(pid)):
        return True
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text("ascii", "replace").rpartition(") ")[2][:1] in ("Z", "X")
    return _said("ps", "-o", "stat=", "-p", str(pid)).startswith("Z")


def _listening_inodes(port: int) -> set[str] | None:
    """None: this system has no such table."""
    tables = [table for name in ("tcp", "tcp6") if (table := _PROC / "net" / name).exists()]
    if not tables:
        return None
    found: set[str] = set()
    for table in tables:
        with contextlib.suppress(OSError):
            rows = [line.split() for line in table.read_text("ascii").splitlines()[1:]]
            found |= {row[9] for row in rows if row[3] == _LISTENING and row[1].endswith(f":{port:04X}")}
    return found


def _has(descriptors: Path, wanted: set[str]) -> bool:
    with contextlib.suppress(OSError):
        return any(_target(one) in wanted for one in descriptors.iterdir())
    return False


def _target(link: Path) -> str:
    with contextlib.suppress(OSError):
        return str(link.readlink())
    return ""


def _said(*command: str) -> str:
    """What a small program of the system prints, "" where there is none."""
    if shutil.which(command[0]) is None:
        return ""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(command, capture_output=True, text=True, timeout=_ASK_S).stdout.strip()
    return ""
