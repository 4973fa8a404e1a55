"""Chunks in, whole frames out, however they were cut; a frame beyond the limit is skipped in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

EDGE = 4096
"""Bytes kept of either end of a frame that is skipped."""

_SMALL = 1 << 20  # nothing below this can be too large, so the limit is not asked for


_MANY = 1024  # parts; a peer that writes byte by byte does not get a list of bytes


class Oversize(msgspec.Struct, frozen=True):
    """A frame that was skipped: its first and last bytes, its size, and the limit it passed."""

    head: bytes
    tail: bytes
    size: int
    limit: int


class Frames:
    """Cuts one stream at its line feeds.

    `limit()` gives the most bytes a frame may have; it is first asked when a frame passes 1 MiB, since the answer is
    in a file. `skipped(oversize)` is called for each frame that was left out.
    """

    def __init__(self, limit: Callable[[], int], skipped: Callable[[Oversize], None]) -> None:
        self._limit = limit
        self._skipped = skipped
        self._start = bytearray()  # of the frame that goes on, when it came in very many parts
        self._parts: list[bytes] = []
        self.held = 0  # bytes of a frame that goes on
        self._most = _SMALL
        self._head: bytes | None = None  # of the frame being skipped
        self._dropped = 0  # bytes of it

    def feed(self, chunk: bytes) -> bytes:
        """The bytes up to the last line feed so far: nothing, or one or more whole frames."""
        end = chunk.rfind(b"\n") + 1
        if not end:
            self.keep(chunk)
            return b""
        if not self.held:
            if end == len(chunk):
                return chunk
            self.keep(chunk[end:])
            return chunk[:end]
        first = chunk.find(b"\n") + 1
        self.keep(chunk[:first])
        block = self._taken()
        if end > first:
            block += chunk[first:end]
        if end < len(chunk):
            self.keep(chunk[end:])
        return block

    def rest(self) -> bytes:
        """What came after the last line feed, at the end of the stream."""
        return self._taken()

    def keep(self, part: bytes) -> None:
        """Take part of a frame, without a line feed but at its end."""
        self._parts.append(part)
        self.held += len(part)
        if self.held > self._most:
            if self._head is None:
                self._most = max(self._limit(), _SMALL)
                if self.held <= self._most:
                    return
            self._drop()
        elif len(self._parts) >= _MANY:
            self._start += b"".join(self._parts)
            self._parts.clear()

    def _drop(self) -> None:
        """Keep only the edges of what is held."""
        if self._head is None:
            self._head = bytes(self._start[:EDGE])
            for part in self._parts:
                self._head += part[: EDGE - len(self._head)]
        tail = bytes(self._start[-EDGE:]) + b"".join(self._parts[-EDGE:])[-EDGE:]
        self._dropped += self.held
        self._start.clear()
        self._parts = [tail[-EDGE:]]
        self.held = len(self._parts[0])
        self._dropped -= self.held
        self._most = _SMALL

    def _taken(self) -> bytes:
        """The frame that was held; nothing when it was too large."""
        frame = b"".join([self._start, *self._parts]) if self._start else b"".join(self._parts)
        self._start.clear()
        self._parts.clear()
        if self._head is not None:
            limit = max(self._limit(), _SMALL)
            self._skipped(Oversize(self._head, frame[-EDGE:], self._dropped + len(frame), limit))
            frame, self._head, self._dropped = b"", None, 0
        self.held, self._most = 0, _SMALL
        return frame
