"""Frames that strict JSON forbids and real peers send, frames nobody can read, and what both still tell us."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_CHUNK: Final = 1 << 16


def is_utf8(data: bytes) -> bool:
    """Whether `data` is UTF-8. Looks at it in pieces, since a decoded 64 MiB frame can take 256 MiB."""
    try:
        if len(data) <= 4 * _CHUNK:
            data.decode()
            return True
        start = 0
        view = memoryview(data)
        while start < len(data):
            end = min(start + _CHUNK, len(data))
            while end < len(data) and end > start and data[end] & 0xC0 == 0x80:
                end -= 1  # never cut a sequence; a run of 64 Ki continuation bytes is refused below
            str(view[start : end if end > start else start + _CHUNK], "utf-8")
            start = end if end > start else start + _CHUNK
    except UnicodeDecodeError:
        return False
    return True


SURROGATE_MARK: Final = b"\\uFfFd"
# One that does not end runs to the end: else the search would begin again at each quote escaped in it.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|.)")


def patched(data: bytes) -> bytes | None:
    """`data` with each lone surrogate escape replaced in place, or None when there is none.

    Such escapes are legal JSON text, and peers send them when they cut content in the middle of an emoji; strict
    readers stop at them. The frame passes as it came; this copy is only for reading, and its mark, spelled as
    nobody spells U+FFFD, is refused in every name we act on.
    """
    if b"\\ud" not in data and b"\\uD" not in data:
        return None
    patches = list(_surrogates(data))
    if not patches:
        return None
    copy = bytearray(data)
    for start in patches:
        copy[start : start + 6] = SURROGATE_MARK
    return bytes(copy)


def _surrogates(data: bytes) -> Iterator[int]:
    """Where the lone surrogate escapes are."""
    for token in _STRING.finditer(data):
        start, end = token.span()
        if data.find(b"\\u", start, end) < 0:
            continue
        high = -1  # where a high surrogate began that still waits for its low one
        for escape in _ESCAPE.finditer(data, start, end):
            code = int(escape.group(1) or b"0", 16)
            at = escape.start()
            if high >= 0 and 0xDC00 <= code < 0xE000 and at == high + 6:
                high = -1
                continue
            if high >= 0:
                yield high
            high = at if 0xD800 <= code < 0xDC00 else -1
            if 0xDC00 <= code < 0xE000:
                yield at
        if high >= 0:
            yield high


def splits(line: bytes) -> bool:
    """Whether a reader in text mode, which ends a line at a bare CR too, could find a frame within this one."""
    if line.count(b"\r") > 100:
        return True
    return any(
        piece.lstrip()[:1] in (b"{", b"[") and piece.rstrip()[-1:] in (b"}", b"]")
        for piece in line.rstrip(b"\r\n").split(b"\r")
    )


_ID: Final = rb'(-?+(?:0|[1-9]\d{0,1022}+)|"[^"\\\x00-\x1f]{0,1022}+")'  # up to `message.MAX_ID` bytes
_HEAD: Final = re.compile(rb'\s*+\{\s*+(?:"jsonrpc"\s*+:\s*+"2\.0"\s*+,\s*+)?+"id"\s*+:\s*+%s\s*+,' % _ID)
_TAIL: Final = re.compile(rb'[,{]\s*+"id"\s*+:\s*+%s\s*+(?:,\s*+"jsonrpc"\s*+:\s*+"2\.0"\s*+)?+\}\s*+$' % _ID)


def find_id(head: bytes, tail: bytes) -> bytes | None:
    """The raw id of a frame too large to read, from its first and last bytes; None when it is elsewhere, or none.

    Only for answering "too large": nothing is passed on the strength of it.
    """
    match = _HEAD.match(head) or _TAIL.search(tail)
    return match.group(1) if match and is_utf8(match.group(1)) else None
