"""The stdio relay: two blocking threads move frames, the main thread waits for an end.

Frames that are not changed leave as the bytes they came in, all of one read in one write. Nothing of ours is written
to stdout but JSON-RPC frames.
"""

from __future__ import annotations

import functools
import operator
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mcpwatch.guard.refusal import Refusal
from mcpwatch.relay.child import EOF_GRACE_S, TERM_GRACE_S, Child, complain, fault_of
from mcpwatch.relay.exchange import Exchange
from mcpwatch.relay.framing import Frames, Oversize
from mcpwatch.relay.gates import Guard

READ = 1 << 12
"""Bytes read at a time while frames come one by one. To find room for more takes 0.7 µs a round trip."""

READ_MORE = 1 << 16
"""After a read that brought more than a frame, or less: a pipe's capacity. From 128 KiB on, glibc maps and unmaps
memory for each read."""

PARENT_S = 0.5
"""How often we look whether our parent is still there."""

DRAIN_S = 1.0
"""How long the server's last words may take to reach the client once the server has ended."""

LEAVE = "leave"  # the client's end of input, or nobody reads our output
ENDED = "ended"  # the server, with its exit code
SIGNAL = "signal"
FAILED = "failed"  # one of our threads, by a fault of ours

FAULT = 70
"""The exit code after a fault of ours; sysexits.h calls it EX_SOFTWARE."""


class Closed(Exception):
    """The other end of a pipe is gone."""


class Writer:
    """The writing end of a pipe that several threads use: whole frames, never mixed."""

    def __init__(self, fd: int) -> None:
        self.lock = threading.Lock()
        self._fd = fd

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises `Closed`."""
        self.lock.acquire()  # `with` takes twice as long
        try:
            if (done := os.write(self._fd, data)) < len(data):
                self._write_rest(data, done)
        except OSError:
            raise Closed from None
        finally:
            self.lock.release()

    def write_locked(self, data: bytes) -> None:
        """The same, for the one who holds the lock."""
        try:
            if (done := os.write(self._fd, data)) < len(data):
                self._write_rest(data, done)
        except OSError:
            raise Closed from None

    def _write_rest(self, data: bytes, done: int) -> None:
        view = memoryview(data)
        while done < len(data):
            done += os.write(self._fd, view[done:])

    def end(self) -> None:
        """The reader sees the end; what is written from now on goes nowhere. The descriptor's number stays taken."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with self.lock:
            if self._fd >= 0:
                os.dup2(nowhere, self._fd)
        os.close(nowhere)

    def close(self, wait_s: float) -> None:
        """Close the pipe unless somebody is still writing after this long."""
        if self.lock.acquire(timeout=wait_s):
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
            self.lock.release()


class Replies:
    """Our own frames to the client: those about members of one batch as one array (JSON-RPC 2.0, 6)."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._batch: list[bytes] | None = None
        self._reader = 0  # the thread that takes the batch apart; a lock answers from another one

    def __call__(self, frame: bytes) -> None:
        batch = self._batch
        if batch is not None and threading.get_ident() == self._reader:
            batch.append(frame.rstrip())
        else:
            self._write(frame)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Surrounds what is replied to the members of one batch."""
        self._reader, self._batch = threading.get_ident(), []
        try:
            yield
        finally:
            said, self._batch = self._batch, None
            if said:
                self._write(b"[" + b",".join(said) + b"]\n")


class Relay:
    """One guarded server behind stdin and stdout."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._to_client = Writer(1)
        self._to_server = Writer(child.stdin)
        self._exchange: Exchange | None = None
        self._ending: threading.Thread | None = None
        self._turn = threading.Lock()
        self._changed: set[str] = set()  # kinds of definitions, which the client is still to hear of
        self._showing = False  # somebody is telling it
        # Its put() may be called in a signal handler.
        self._news: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()

    def run(self, gate: Guard) -> int:
        """Relay until the server has ended. Returns its exit code; `FAULT` where we failed, unless it has one."""
        parent = os.getppid()
        replies = Replies(self._reply)
        self._exchange = exchange = Exchange(gate, replies, self._tell_server, replies.together)
        for number in _handled_signals():
            signal.signal(number, self._signalled)
        server = self._thread(self._pump_server, exchange)
        self._thread(self._pump_client, exchange)
        self._thread(self._wait)
        code = self._supervise(parent)
        self._child.finish(TERM_GRACE_S)
        server.join(DRAIN_S)
        exchange.close()
        return code

    # ------------------------------------------------------------------ called by the gate
    def on_lock(self, refusal: Refusal) -> None:
        """End open calls, and tell either side in a thread of its own: one that reads nothing would hold up the
        other, and the next look."""
        if self._exchange is not None and (self._ending is None or not self._ending.is_alive()):
            self._ending = self._thread(self._exchange.on_lock, refusal, self._thread)

    def on_visible(self, kinds: set[str]) -> None:
        """Tell the client that lists have changed, in a thread of its own, too. There is one at most: what changes
        while the client does not read is told when it does."""
        if self._exchange is None:
            return
        with self._turn:
            self._changed |= kinds
            if self._showing:
                return
            self._showing = True
        self._thread(self._show, self._exchange)

    def _show(self, exchange: Exchange) -> None:
        while True:
            with self._turn:
                kinds, self._changed = self._changed, set()
                self._showing = bool(kinds)
            if not kinds:
                return
            exchange.on_visible(kinds)

    # ------------------------------------------------------------------ the two directions
    def _pump_client(self, exchange: Exchange) -> None:
        skipped = functools.partial(_oversize, exchange, from_server=False)
        writer = self._to_server
        acquire, release, write = writer.lock.acquire, writer.lock.release, writer.write_locked
        ends = exchange.ends
        try:
            for out in _passed(0, Frames(frame_limit, skipped), exchange.from_client):
                acquire()
                try:
                    if exchange.ends != ends:  # a lock has ended calls, maybe of those that are not written yet
                        out = _through(out, exchange.still_wanted)
                        ends = exchange.ends
                    if out:
                        write(out)
                finally:
                    release()
                del out  # see `_passed`
            writer.close(0)
            self._news.put((LEAVE, 0))
        except Closed:
            # The server reads no more: let the client notice as it would without us.
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.close(nothing)

    def _pump_server(self, exchange: Exchange) -> None:
        skipped = functools.partial(_oversize, exchange, from_server=True)
        write = self._to_client.write
        try:
            for out in _passed(self._child.stdout, Frames(frame_limit, skipped), exchange.from_server):
                if out:
                    write(out)
                del out  # see `_passed`
            self._to_client.end()  # a server may close its output and live on: the client is to see that
        except Closed:
            self._news.put((LEAVE, 0))

    def _reply(self, frame: bytes) -> None:
        try:
            self._to_client.write(frame)
        except Closed:
            self._news.put((LEAVE, 0))

    def _tell_server(self, frame: bytes) -> None:
        try:
            self._to_server.write(frame)
        except Closed:
            pass  # it is leaving, and with it the question

    # ------------------------------------------------------------------ the end
    def _supervise(self, parent: int) -> int:
        """Wait for the server's end; bring it about when the client or our parent has gone, or a signal says so."""
        deadline = float("inf")
        leaving = False
        asked = 0  # signals sent so far
        fault = 0
        while True:
            what, value = self._next(deadline)
            if what == ENDED:
                return value or fault
            fault = fault or (value if what == FAILED else 0)
            if what == SIGNAL:
                self._child.signal(value)
                asked += 1
                deadline = time.monotonic() + TERM_GRACE_S if asked == 1 else 0.0
            elif not leaving and (what in (LEAVE, FAILED) or os.getppid() != parent):
                leaving = True
                self._to_server.close(0.1)
                deadline = min(deadline, time.monotonic() + EOF_GRACE_S)
            if time.monotonic() >= deadline:
                deadline = time.monotonic() + TERM_GRACE_S
                if asked:
                    self._child.kill()
                    if fault:
                        return fault  # who waits for its end may be the one that failed
                else:
                    self._child.signal(signal.SIGTERM)
                    asked = 1

    def _next(self, deadline: float) -> tuple[str, int]:
        try:
            return self._news.get(timeout=max(0.0, min(PARENT_S, deadline - time.monotonic())))
        except queue.Empty:
            return "", 0

    def _wait(self) -> None:
        self._news.put((ENDED, self._child.wait()))

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self._news.put((SIGNAL, number))

    def _thread(self, work: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=self._working, args=(work, *arguments), name="mcpwatch", daemon=True)
        thread.start()
        return thread

    def _working(self, work: Callable[..., None], *arguments: object) -> None:
        """No thread of ours dies alone: nothing would pass any more in its direction, and nobody would know why."""
        try:
            work(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, the session ends
            complain(f"internal error, the session ends: {fault_of(error)}")
            self._news.put((FAILED, FAULT))


def _passed(fd: int, frames: Frames, look: Callable[[bytes], bytes | None]) -> Iterator[bytes]:
    """What passes of all that can be read, whole frames at a time, and of a last one that was not ended."""
    read, feed, size = os.read, frames.feed, READ
    while True:
        try:
            chunk = read(fd, size)
        except OSError:
            chunk = b""
        if not chunk:
            break
        end = chunk.find(b"\n")
        if end == len(chunk) - 1 and not frames.held:
            size = READ
            out = look(chunk)
            yield out if out is chunk else _ended(out)
        elif end < 0:
            size = READ_MORE
            frames.keep(chunk)
        else:
            size = READ_MORE
            if block := feed(chunk):
                yield _through(block, look)
                del block  # or a large frame is held while the next comes, in other memory
    if rest := frames.rest():
        yield _through(rest, look)


def _ended(frame: bytes | None) -> bytes:
    return b"" if frame is None else frame if frame[-1:] == b"\n" else frame + b"\n"


def _through(block: bytes, look: Callable[[bytes], bytes | None]) -> bytes:
    """What is left of whole frames after `look` has seen each: the very same bytes when nothing changed."""
    if block.find(b"\n") == len(block) - 1:  # no copy of a large one
        out = look(block)
        return block if out is block else _ended(out)
    lines = block.split(b"\n")
    last = lines.pop()
    outs = [look(line) for line in lines]
    if last:
        lines.append(last)
        outs.append(look(last))
    if all(map(operator.is_, outs, lines)):
        return block
    return b"".join(map(_ended, outs))


def _oversize(exchange: Exchange, skipped: Oversize, *, from_server: bool) -> None:
    exchange.oversize(skipped.head, skipped.tail, skipped.size, skipped.limit, from_server=from_server)


@functools.cache
def frame_limit() -> int:
    """The most bytes of a frame."""
    from mcpwatch.store import config

    try:
        return config.load().max_frame_mb << 20
    except config.ConfigError as error:
        complain(str(error))
        return config.Config().max_frame_mb << 20


def _handled_signals() -> list[signal.Signals]:
    names = ("SIGTERM", "SIGINT", "SIGHUP")
    known = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]
