"""What a model reads of a JSON-RPC fragment: media as items, and characters in place of their escapes."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

ITEM_TOKENS = 1600
"""One image, audio clip or binary resource. Anthropic's vision guide: tokens = width * height / 750, so 1 590 for
1092x1092, the largest square it takes unscaled. OpenAI's: at most 1 536 patches for GPT-4.1, 765 tokens for
1024x1024 with GPT-4o."""

# What a hostile server can make us spend. Media beyond these bounds count as text.
_PARSED_BYTES = 256 * 1024  # of JSON around the base64: 13 ms at worst
_NODES = 10_000  # objects and arrays looked into: 3 ms
_MEMBERS = 1000  # `data` and `blob` members

# In a large fragment only base64 of more than two windows is looked for: less costs no more as text than as an item.
_LARGE = 32 * 1024
_WINDOW = 1024

# JSON that reaches the model as text, or does not reach it: no content block begins below these.
_NOT_CONTENT = frozenset({"arguments", "structuredContent", "_meta"})

_KEY = 64  # bytes before a payload in which its key is looked for
_PAYLOAD_KEY = re.compile(rb'"(?:data|blob)"[ \t\r\n]*:[ \t\r\n]*\Z')
_MEMBER_VALUE = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*"')
_ESCAPES = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+")

_Span = tuple[int, int]


def split(raw: bytes) -> tuple[bytes, int]:
    """`raw` (all of a `params` or `result`) without the base64 of its media items, and how many items there are.

    An item is an object `{"type": "image"|"audio", "data": …}` or `{"uri": …, "blob": …}` where MCP may have a
    content block or resource contents. What is not JSON has none.
    """
    if len(raw) > _LARGE:
        if not _may_hold_base64(raw):
            return raw, 0
    elif not is_named(raw):
        return raw, 0
    strings = _strings(raw)
    items = _items(raw, strings) if strings else []
    return (_replace(raw, items, b""), len(items)) if items else (raw, 0)


def is_named(raw: bytes) -> bool:
    """Whether a small fragment may hold media: it names what media have."""
    return raw.rfind(b"mimeType") >= 0 or raw.rfind(b'"blob"') >= 0  # backwards is four times quicker


def unescape(raw: bytes) -> bytes:
    """`raw` with every JSON `\\uXXXX` as UTF-8; half a surrogate pair becomes U+FFFD."""
    return _ESCAPES.sub(_decode_escapes, raw) if b"\\" in raw and b"\\u" in raw else raw


def _decode_escapes(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[0].replace(b"\\u", b"").decode()).decode("utf-16-be", "replace").encode()


def _may_hold_base64(raw: bytes) -> bool:
    """Whether a string of more than two windows is the value of a `data` or `blob` member.

    From window to window while each holds a quote, over a long string in one leap: 0.2 ms a MiB, 0.6 at worst, where
    looking for the members' names takes twice that, in a text that is one string too.
    """
    find = raw.find
    at, last = 0, len(raw) - _WINDOW
    while at < last:
        if find(b'"', at, at + _WINDOW) >= 0:
            at += _WINDOW
            continue
        begin = raw.rfind(b'"', max(0, at - _WINDOW), at)
        if begin >= 0 and _PAYLOAD_KEY.search(raw, max(0, begin - _KEY), begin):
            return True
        at = find(b'"', at) + 1
        if not at:
            return False
    return False


def _strings(raw: bytes) -> list[_Span]:
    """Where the string values of `data` and `blob` members begin and end, with their quotes, if they are base64."""
    spans: list[_Span] = []
    at = data = 0
    for _ in range(_MEMBERS):
        if 0 <= data < at or not at:
            data = raw.find(b'"data"', at)
        blob = raw.find(b'"blob"', at, data if data >= 0 else len(raw))
        key = blob if blob >= 0 else data
        if key < 0:
            break
        at = key + len(b'"data"')
        value = _MEMBER_VALUE.match(raw, at)
        end = raw.find(b'"', value.end()) + 1 if value else 0
        if value and end:
            spans.append((value.end() - 1, end))
            at = end
    return spans


def _items(raw: bytes, strings: list[_Span]) -> list[_Span]:
    """Those of `strings` that are the payload of a media item.

    The fragment is parsed with NaN, which JSON does not have, in the place of each string: that costs nothing for
    the megabytes of base64, and tells which string ended up in which object.
    """
    import json

    skeleton = _replace(raw, strings, b"NaN")
    if len(skeleton) > _PARSED_BYTES:
        return []
    span = iter(strings)
    try:
        root = json.loads(skeleton, parse_constant=lambda _: next(span, None))
    except (ValueError, RecursionError):
        return []
    items: list[_Span] = []
    todo: list[Any] = [root]
    for node in islice(todo, _NODES):  # grows while it is read: what is near the root comes first
        if isinstance(node, list):
            todo += [value for value in node if isinstance(value, (dict, list))]
        elif isinstance(node, dict):
            payload = node.get("data") if node.get("type") in ("image", "audio") else None
            if payload is None and "uri" in node:
                payload = node.get("blob")
            if isinstance(payload, tuple):
                items.append(payload)
            todo += [
                value for name, value in node.items() if isinstance(value, (dict, list)) and name not in _NOT_CONTENT
            ]
    return sorted(items)


def _replace(raw: bytes, spans: list[_Span], by: bytes) -> bytes:
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(raw)]
    return by.join([raw[begin:end] for begin, end in zip(ends, starts, strict=True)])
