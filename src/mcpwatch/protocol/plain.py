"""The two frames nearly all traffic consists of, read in one pass: a compact `tools/call`, and its compact result.

The frame is decoded into structs that keep two levels (the last of repeated keys, no unknown ones) and then
*weighed*. A compact object is `{` and, for each member, `"key":value` and `,` or `}`. If the members found weigh
exactly what the frame does, there is no room for a second `name`, an unknown key, an escape in a key or a blank.
A frame that weighs more may be just as innocent, but it is for `message.Parser` to find that out.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Raw

from mcpwatch.protocol.lenient import is_utf8
from mcpwatch.protocol.message import MAX_NAME, MOST_COUNTED, NONE

_LARGE: Final = MAX_NAME  # from here on a pass over the frame costs more than a look at its start
_LF: Final = 10
_CR: Final = 13


Number = Annotated[int, msgspec.Meta(ge=0, lt=MOST_COUNTED)]
"""An id as nearly every client counts them."""

_LEAST: Final = (0, 0, *(10**digits for digits in range(1, 19)))
"""The least number of 1, 2, … digits, at 1, 2, …"""


class CallParams(msgspec.Struct, gc=False, rename={"meta": "_meta"}):
    name: str
    arguments: Raw
    meta: Raw = NONE


class PlainCall(msgspec.Struct, gc=False):
    """`{"jsonrpc":"2.0","id":…,"method":"tools/call","params":{"name":…,"arguments":…[,"_meta":…]}}`"""

    jsonrpc: Literal["2.0"]
    id: Number
    method: Literal["tools/call"]
    params: CallParams


class CallResult(msgspec.Struct, gc=False, rename={"meta": "_meta"}):
    content: Raw
    isError: bool | None = None
    structuredContent: Raw = NONE
    resultType: str | None = None
    meta: Raw = NONE


class PlainResult(msgspec.Struct, gc=False):
    """`{"jsonrpc":"2.0","id":…,"result":{…}}` with the members of a tool's result."""

    jsonrpc: Literal["2.0"]
    id: Number
    result: CallResult


_decode_call = msgspec.json.Decoder(PlainCall).decode
_decode_result = msgspec.json.Decoder(PlainResult).decode

_CALL_FRAME: Final = len('{"jsonrpc":"2.0","id":,"method":"tools/call","params":{"name":"","arguments":}}')
_META: Final = len(',"_meta":')
_RESULT: Final = b'"result":'
_RESULT_LENGTH: Final = len(_RESULT)
_RESULT_FRAME: Final = len('{"jsonrpc":"2.0","id":,"result":}')


def plain_call(line: bytes) -> tuple[int, CallParams] | None:
    """(id, params) of the call in this frame; None when it is another frame, or one for the long way."""
    size = len(line)
    if size > _LARGE and line.find(b'"tools/call"', 0, 256) < 0:
        return None
    try:
        call = _decode_call(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    id, params = call.id, call.params
    digits = size - _CALL_FRAME - len(params.name) - len(params.arguments)  # what is left is to be the id
    if params.meta is not NONE:
        digits -= _META + len(params.meta)
    if line[-1] == _LF:
        digits -= 1
    if not 0 < digits < 19 or not _LEAST[digits] <= id < _LEAST[digits + 1] or _CR in line:
        return None
    if size > _LARGE and len(params.name) > MAX_NAME:
        return None
    return (id, params) if line.isascii() or is_utf8(line) else None


def plain_result(line: bytes) -> tuple[int, CallResult, bytes | memoryview] | None:
    """(id, result, the result as it came, uncopied when large) of a tool's result; None for another frame, or one for
    the long way."""
    size = len(line)
    if size > _LARGE and line.find(b'"content":', 0, 256) < 0:
        return None
    try:
        answer = _decode_result(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    id, result = answer.id, answer.result
    inner = 12 + len(result.content)  # each member brings its comma or brace; one brace more
    if (flag := result.isError) is not None:
        inner += 15 if flag else 16
    if (kind := result.resultType) is not None:
        inner += 16 + len(kind)
    if result.structuredContent is not NONE:
        inner += 21 + len(result.structuredContent)
    if result.meta is not NONE:
        inner += 9 + len(result.meta)
    digits = size - _RESULT_FRAME - inner
    if line[-1] == _LF:
        digits -= 1
    if not 0 < digits < 19 or not _LEAST[digits] <= id < _LEAST[digits + 1] or _CR in line:
        return None
    if not (line.isascii() or is_utf8(line)):
        return None
    # Only the version and the id can come before, and neither holds this text unescaped.
    body = line.find(_RESULT) + _RESULT_LENGTH
    end = body + inner
    return id, result, line[body:end] if size <= _LARGE else memoryview(line)[body:end]
