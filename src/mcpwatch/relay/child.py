"""The server's process: started first, signalled as a group, and never left behind.

It leads a session of its own, so that a signal reaches all that it started. A watchdog (a shell that waits for us to
go) kills the whole group should we be killed outright; nothing else survives a `kill -9` of the guard on every POSIX
system. This module imports next to nothing: the server starts before the rest of mcpwatch is read from disk.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence

EOF_GRACE_S = 3.0
"""A server has this long to leave after its stdin was closed, before it gets SIGTERM."""

TERM_GRACE_S = 1.5
"""… and this long after a signal, before SIGKILL. The SDKs' clients kill us 2 s after their SIGTERM."""

POSIX = os.name == "posix"

# Reads to the end of a pipe only the guard holds open, then ends the group $1, giving it $2 tenths of a second.
_WATCHDOG = """\
trap "" HUP INT TERM
read -r _
kill -TERM "-$1"
while kill -0 "-$1" && [ "$2" -gt 0 ]; do sleep 0.1 || exec kill -KILL "-$1"; set -- "$1" $(($2 - 1)); done
kill -KILL "-$1"
"""


class NotStarted(Exception):
    """The command cannot be run: one line that says what to do, and the exit code a shell would use."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Child:
    """A running server. `stdin` and `stdout` are descriptors of our ends of its pipes."""

    def __init__(self, pid: int, stdin: int, stdout: int) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self._watchdog: tuple[int, int] | None = None

    @classmethod
    def start(cls, command: Sequence[str]) -> Child:
        """Start `command` with our environment, folder and stderr. Raises `NotStarted`."""
        try:
            return _spawn(command) if POSIX else _popen(command)
        except FileNotFoundError:
            raise NotStarted(
                f"cannot find the command {command[0]!r}: check its spelling, or give its full path", 127
            ) from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise NotStarted(f"cannot start {command[0]!r}: {reason}; check that it can be executed", 126) from None

    def wait(self) -> int:
        """Block until it ends. Returns its exit code, 128 + n when signal n ended it."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return code if code >= 0 else 128 - code

    def signal(self, number: int) -> None:
        """Send a signal to its whole group."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # all gone, or (macOS) only zombies

    def kill(self) -> None:
        """End what is left of the group, at once."""
        self.signal(signal.SIGKILL)

    def watch(self) -> None:
        """Start the watchdog."""
        try:
            ours, theirs = _pipe()
            actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [(os.POSIX_SPAWN_DUP2, theirs, 0)]
            # Not ours to hold open: the client waits for their end.
            actions += [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
            shell = ["/bin/sh", "-c", _WATCHDOG, "mcpwatch-watchdog", str(self.pid), str(int(TERM_GRACE_S * 10))]
            pid = os.posix_spawn(shell[0], shell, {"PATH": os.defpath}, file_actions=actions, setsid=True)
        except OSError:
            return  # no shell here: the closed pipes are what the server notices
        os.close(theirs)
        self._watchdog = (pid, ours)

    def unwatch(self) -> None:
        """Stop the watchdog, once the group is gone."""
        if self._watchdog is not None:
            pid, pipe = self._watchdog
            self._watchdog = None
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(pipe)

    def group_gone(self) -> bool:
        """Whether nothing is left of the group."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def finish(self, seconds: float) -> None:
        """End what the server left behind: SIGTERM, then SIGKILL after `seconds`."""
        if self.group_gone():
            return
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while not self.group_gone():
            if time.monotonic() > deadline:
                self.kill()
                return
            time.sleep(0.005)


def _pipe() -> tuple[int, int]:
    """(ours, theirs): we write, they read."""
    theirs, ours = os.pipe()
    return ours, theirs


def _spawn(command: Sequence[str]) -> Child:
    stdin, their_stdin = _pipe()
    stdout, their_stdout = os.pipe()
    try:
        # Python ignores SIGPIPE; servers expect the default. A hangup ignored by nohup stays ignored.
        pid = os.posix_spawnp(
            command[0],
            list(command),
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, their_stdin, 0), (os.POSIX_SPAWN_DUP2, their_stdout, 1)],
            setsid=True,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
    except BaseException:
        os.close(stdin)
        os.close(stdout)
        raise
    finally:
        os.close(their_stdin)
        os.close(their_stdout)
    return Child(pid, stdin, stdout)


class _Process(Child):
    """Where there is no posix_spawn. Groups and watchdogs are POSIX; a closed stdin is what ends the server."""

    def __init__(self, command: Sequence[str]) -> None:
        import subprocess

        flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, creationflags=flags
        )
        assert self._process.stdin and self._process.stdout
        super().__init__(self._process.pid, os.dup(self._process.stdin.fileno()), self._process.stdout.fileno())
        self._process.stdin.close()

    def wait(self) -> int:
        return self._process.wait()

    def signal(self, number: int) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def watch(self) -> None:
        """No watchdog here."""

    def group_gone(self) -> bool:
        return self._process.poll() is not None


def _popen(command: Sequence[str]) -> Child:
    return _Process(command)


def complain(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"mcpwatch: {text}\n")
    sys.stderr.flush()
