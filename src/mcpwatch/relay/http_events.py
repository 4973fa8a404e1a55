"""A server-sent event stream cut into its events: chunks in, whole events out, the bytes of each kept.

What we read and what the client reads must be the same message. So an event whose lines end in bare carriage returns,
which some readers take for text, goes out with line feeds; a byte order mark is dropped; and what a reader which
splits at more characters than the standard (those of Python's `str.splitlines`) would read as further events is
`smuggled`, and must not pass.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

_BOM: Final = b"\xef\xbb\xbf"
_SEPARATORS: Final = (b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xc2\x85")  # JSON has no others unescaped
_ESCAPES: Final = (rb"\u2028", rb"\u2029", rb"\u0085")
_SEPARATED: Final = re.compile(rb"(?:\xe2\x80[\xa8\xa9]|\xc2\x85)\s*data")
_ODD: Final = re.compile(rb"[\x0b\x0c\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf")
"""Line ends of some readers, and the mark that all drop at the beginning of what they get."""

_COMMENT: Final = re.compile(rb":[^\r\n]*\r?\n")
_EDGE: Final = 3  # bytes of a chunk that may be the beginning of a blank line
_MESSAGE: Final = (b"", b"message")
_PLAIN: Final = ((b"event: message\r\ndata: ", b"\r\n\r\n", 3), (b"event: message\ndata: ", b"\n\n", 0))
"""How SDKs write an event without an id: its begin, its end, its carriage returns. Three lines."""


class TooLarge(Exception):
    """An event of more bytes than a frame may have."""


class Event(msgspec.Struct, gc=False):
    """One event. `data` is None when it has none; `raw` is what to forward, its blank line included."""

    raw: bytes
    data: bytes | None = None
    id: bytes | None = None
    kind: bytes = b""
    hidden: bool = False  # a line that is not data has what some readers take for the end of it

    @property
    def is_message(self) -> bool:
        """Whether clients take its data for a frame."""
        return self.kind in _MESSAGE

    @property
    def smuggled(self) -> bool:
        """Whether a reader that splits lines at more characters than the standard finds other data in it."""
        data = self.data
        if self.hidden or data is None:
            return self.hidden
        if not self.is_message:
            return _ODD.search(data) is not None  # it need not be JSON, which has no control characters
        return (
            not data.isascii()
            and any(separator in data for separator in _SEPARATORS)
            and _SEPARATED.search(data) is not None
        )

    def with_data(self, data: bytes) -> bytes:
        """The event with other data; everything else stays."""
        kept = [line for line in _lines(self.raw) if line and _name(line) != b"data"]
        return b"\n".join([*kept, *(b"data: " + line for line in _plainly(data).split(b"\n")), b"", b""])

    def without_data(self) -> bytes:
        """What stays of an event that must not pass: its id, so that the stream can still be resumed after it."""
        return b"" if self.id is None or self.hidden else b"id: %s\n\n" % self.id


def message_event(frame: bytes) -> bytes:
    """A frame of ours as an event."""
    return b"event: message\ndata: %s\n\n" % _plainly(frame)


class Events:
    """Cuts one stream. An event may have up to `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []  # of the event that goes on
        self._size = 0
        self._edge = b""
        self._fresh = True

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that end in this chunk. Raises `TooLarge`."""
        if self._fresh:
            chunk = self._begin(chunk)
        if not self._parts:
            if (event := _plain(chunk)) is not None:
                return [event]
            if _is_one(chunk):
                return [_read(chunk)]
            if _COMMENT.fullmatch(chunk):
                return [Event(chunk, hidden=_ODD.search(chunk) is not None)]  # a sign of life, for whoever waits
        if not _blank(self._edge + chunk, 0):
            self._keep(chunk)
            return []
        self._parts.append(chunk)
        block = b"".join(self._parts)
        searched = max(0, self._size - len(self._edge))
        self._parts, self._size, self._edge = [], 0, b""
        events = []
        start = 0
        while end := _blank(block, searched):
            events.append(_read(block[start:end]))
            start = searched = end
        self._keep(block[start:])
        return events

    def rest(self) -> Event | None:
        """What came after the last blank line, at the end of the stream: some readers take it for an event."""
        block, self._parts = b"".join(self._parts), []
        return _read(block) if block else None

    def _begin(self, chunk: bytes) -> bytes:
        """The first bytes without a byte order mark, once there are enough to tell."""
        self._parts.append(chunk)
        chunk = b"".join(self._parts)
        self._parts = []
        if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
            self._parts = [chunk]
            return b""
        self._fresh = False
        return chunk.removeprefix(_BOM)

    def _keep(self, chunk: bytes) -> None:
        if not chunk:
            return
        self._parts.append(chunk)
        self._size += len(chunk)
        self._edge = (self._edge + chunk)[-_EDGE:]
        if self._size > self._limit:
            raise TooLarge(f"an event of more than {self._limit:,} bytes")


def _plain(chunk: bytes) -> Event | None:
    """The one event this is, when it is written as most are: what `_read` makes of it, for less."""
    for begin, end, returns in _PLAIN:
        if chunk.startswith(begin) and chunk.endswith(end):
            if chunk.count(b"\n") != 3 or chunk.count(b"\r") != returns:
                return None
            return Event(chunk, chunk[len(begin) : -len(end)], None, b"message")
    return None


def _is_one(chunk: bytes) -> bool:
    """Whether this is one whole event with line ends of one kind, line feeds or CRLF: what nearly all are."""
    if chunk.endswith(b"\n\n"):
        return chunk.find(b"\n\n") == len(chunk) - 2 and b"\r" not in chunk
    if not chunk.endswith(b"\r\n\r\n") or chunk.find(b"\r\n\r\n") != len(chunk) - 4:
        return False
    pairs = chunk.count(b"\r\n")
    return chunk.count(b"\r") == pairs == chunk.count(b"\n")


def _plainly(frame: bytes) -> bytes:
    """JSON that we put together, with the separators escaped that its strings may have unescaped."""
    if not frame.isascii():
        for separator, escape in zip(_SEPARATORS, _ESCAPES, strict=True):
            frame = frame.replace(separator, escape)
    return frame.strip()


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0]


def _blank(block: bytes, start: int) -> int:
    """Where the first blank line from `start` on ends; 0 when there is none."""
    if block.find(b"\r", start) < 0:
        at = block.find(b"\n\n", start)
        return at + 2 if at >= 0 else 0
    found = [at for pair in (b"\n\n", b"\n\r", b"\r\r") if (at := block.find(pair, start)) >= 0]
    if not found:
        return 0
    end = min(found) + 2
    if block[end - 1] == 13 and block[end - 2] == 10 and end == len(block):
        return 0  # the line feed is on its way
    return end + 1 if block[end - 1] == 13 and block[end : end + 1] == b"\n" else end


def _lines(raw: bytes) -> list[bytes]:
    return (raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in raw else raw).split(b"\n")


def _read(raw: bytes) -> Event:
    if raw.count(b"\r") != raw.count(b"\r\n"):
        raw = b"\n".join(_lines(raw))
    event = Event(raw)
    data: list[bytes] = []
    for line in _lines(raw):
        if line.startswith(b"data: "):
            data.append(line[6:])
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
            continue
        if line and _ODD.search(line) is not None:
            event.hidden = True
        if name == b"event":
            event.kind = value
        elif name == b"id" and b"\0" not in value:
            event.id = value
    if data:
        event.data = data[0] if len(data) == 1 else b"\n".join(data)
    return event
