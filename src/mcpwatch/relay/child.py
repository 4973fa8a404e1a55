"""The server's process: started first, signalled as a group, and never left behind.

It leads a session of its own, so that a signal reaches all that it started. A watchdog (a shell that waits for us to
go) ends the whole group should we be killed outright; nothing else survives a `kill -9` of the guard on every POSIX
system. It is there before the server is, and the server's process tells it the group before it becomes the server, so
that there is no moment at which we could be killed and leave it behind. This module imports next to nothing: the
server starts before the rest of mcpwatch is read from disk.
"""

from __future__ import annotations

import errno
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

# Reads the group from a pipe, then to its end: only the guard holds it open. Then ends the group, giving it $1 tenths
# of a second.
_WATCHDOG = """\
trap "" HUP INT TERM
read -r group || exit 0
read -r _
kill -TERM "-$group"
while kill -0 "-$group" && [ "$1" -gt 0 ]; do sleep 0.1 || exec kill -KILL "-$group"; set -- $(($1 - 1)); done
kill -KILL "-$group"
"""


class NotStarted(Exception):
    """The command cannot be run: one line that says what to do, and the exit code a shell would use."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Watchdog:
    """The shell that outlives us. `pipe` is what it waits on: the server's group is written to it, once."""

    def __init__(self, pid: int, pipe: int) -> None:
        self._pid = pid
        self.pipe = pipe

    @classmethod
    def start(cls) -> Watchdog | None:
        """None where there is no shell: the closed pipes are then what the server notices."""
        ours, theirs = _pipe()
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [(os.POSIX_SPAWN_DUP2, theirs, 0)]
        # Not ours to hold open: the client waits for their end.
        actions += [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
        shell = ["/bin/sh", "-c", _WATCHDOG, "mcpwatch-watchdog", str(int(TERM_GRACE_S * 10))]
        try:
            return cls(os.posix_spawn(shell[0], shell, {"PATH": os.defpath}, file_actions=actions, setsid=True), ours)
        except OSError:
            os.close(ours)
            return None
        finally:
            os.close(theirs)

    def stop(self) -> None:
        """Nothing is left to watch."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self.pipe)


class Child:
    """A running server. `stdin` and `stdout` are descriptors of our ends of its pipes."""

    def __init__(self, pid: int, stdin: int, stdout: int, watchdog: Watchdog | None = None) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self._watchdog = watchdog

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

    def unwatch(self) -> None:
        """Stop the watchdog, once the group is gone."""
        if self._watchdog is not None:
            self._watchdog.stop()
            self._watchdog = None

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
    words = [os.fsencode(word) for word in command]
    if any(b"\0" in word for word in words):
        raise ValueError("embedded null byte")
    watchdog = Watchdog.start()
    stdin, their_stdin = _pipe()
    stdout, their_stdout = os.pipe()
    failure, report = os.pipe()
    pid = os.fork()  # not posix_spawn: what is to become the server has something to do before
    if not pid:
        _become(words, their_stdin, their_stdout, watchdog.pipe if watchdog else -1, report)
    for fd in (their_stdin, their_stdout, report):
        os.close(fd)
    number = os.read(failure, 32)  # ends when the server runs
    os.close(failure)
    if not number:
        return Child(pid, stdin, stdout, watchdog)
    os.waitpid(pid, 0)
    for fd in (stdin, stdout):
        os.close(fd)
    if watchdog is not None:
        watchdog.stop()
    raise OSError(int(number), os.strerror(int(number)))


def _become(words: list[bytes], stdin: int, stdout: int, watch: int, report: int) -> None:
    """In the new process: turn into the server, or report why not. Never returns."""
    try:
        os.setsid()
        if watch >= 0:
            os.write(watch, b"%d\n" % os.getpid())
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        # Python ignores SIGPIPE; servers expect the default. A hangup ignored by nohup stays ignored.
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(words[0], words)
    except OSError as error:
        os.write(report, b"%d" % (error.errno or errno.EIO))
    finally:
        os._exit(127)


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

    def group_gone(self) -> bool:
        return self._process.poll() is not None


def _popen(command: Sequence[str]) -> Child:
    return _Process(command)


def fault_of(error: Exception) -> str:
    """An unexpected error in a few words, and where it was raised."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    at = f"{where.tb_frame.f_code.co_name}:{where.tb_lineno}" if where is not None else "?"
    return f"{type(error).__name__}: {error} ({at})"


def complain(text: str) -> None:
    """One line on stderr, if that is there."""
    try:
        sys.stderr.write(f"mcpwatch: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass  # closed; there is no other place to say it
