"""One JSON-RPC frame: bytes in, a small typed view out. The bytes themselves are never changed.

What we read and what the frame's consumer reads must be the same message, whatever JSON library it uses. So at
every level we read, a key may occur once, and no other key may equal it but for case (Go and .NET match names
that way). A compact frame is weighed (see `plain`), any other is read key by key. The raw values (`msgspec.Raw`)
borrow the frame's memory; they copy nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw

from mcpwatch.protocol.lenient import SURROGATE_MARK, is_utf8, patched, splits

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

NONE: Final = Raw()
"""A member that is not there. Its length is 0; no JSON value is that short."""

MAX_KEYS: Final = 4096
"""Members of one object at a level we read. Real frames have ten; a million would fill the memory."""

MAX_BATCH: Final = 1024
"""Members of one batch, for the same reason."""

MAX_ID: Final = 1024
"""Bytes of an id: it is kept while the request is open."""


MOST_COUNTED: Final = 10**18
"""Ids below are what nearly every client counts in, and held as numbers."""

_DIGITS: Final = len(str(MOST_COUNTED))

MAX_NAME: Final = 1 << 14
"""Characters of a tool's or a prompt's name: it, too, is kept."""


class Malformed(Exception):
    """A frame that must not pass.

    `code` is the JSON-RPC error its sender may be answered with and `id` the raw id for it: empty when it asked
    nothing, None when the frame was not read far enough to know. `json` is False when the line is no JSON object
    (a stray print).
    """

    def __init__(self, note: str, code: int = INVALID_REQUEST, *, id: bytes | None = None, json: bool = True) -> None:
        super().__init__(note)
        self.note = note
        self.code = code
        self.id = id
        self.json = json


class NotAnObject(Malformed):
    """A value of another type where an object is read."""


class Params(msgspec.Struct, gc=False):
    """The members of `params` that decide something (tools/call, prompts/get, resources/read)."""

    name: str | None = None
    arguments: Raw = NONE
    meta: Raw = NONE
    requestState: Raw = NONE
    inputResponses: Raw = NONE


class Result(msgspec.Struct, gc=False):
    """The members of a `result` that decide something."""

    isError: bool = False
    resultType: str | None = None
    requestState: Raw = NONE
    inputRequests: Raw = NONE
    task: Raw = NONE
    taskId: Raw = NONE


class Message(msgspec.Struct, gc=False):
    """The top level of a frame. Values are raw JSON; an absent member is `NONE`, an absent method is None."""

    jsonrpc: str | None = None
    id: Raw = NONE
    method: str | None = None
    params: Raw = NONE
    result: Raw = NONE
    error: Raw = NONE


TOP_KEYS: Final = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
PARAMS_KEYS: Final = frozenset({"name", "arguments", "_meta", "requestState", "inputResponses"}) | {
    *("uri", "cursor", "requestId", "clientInfo", "protocolVersion", "taskId")
}
RESULT_KEYS: Final = frozenset({"content", "isError", "structuredContent", "_meta", "resultType"}) | {
    *("requestState", "inputRequests", "tools", "prompts", "resources", "resourceTemplates"),
    *("nextCursor", "instructions", "protocolVersion", "serverInfo", "task", "taskId"),
}

NO_KEYS: Final[frozenset[str]] = frozenset()


@functools.cache
def _folded(keys: frozenset[str]) -> frozenset[str]:
    return frozenset(form for key in keys for form in (key.casefold(), key.upper()))


_message = msgspec.json.Decoder(Message).decode
_string = msgspec.json.Decoder(str).decode


class _Key(str):
    """A key of the slow path. msgspec calls the hook for every key of a custom type, repeated ones too."""

    __slots__ = ()


class _Keys:
    """Counts the keys msgspec meets while it decodes one object."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, kind: type, key: str) -> _Key:
        self.count += 1
        if self.count > MAX_KEYS:
            raise ValueError("too many keys")
        return _Key(key)


class Parser:
    """Reads the frames of one direction. One thread at a time: the slow path counts keys here."""

    __slots__ = ("_keys", "_members")

    def __init__(self) -> None:
        self._keys = _Keys()
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(dict[_Key, Raw], dec_hook=self._keys)
        self._members: Callable[[Raw | bytes], dict[str, Raw]] = decoder.decode

    # ------------------------------------------------------------------ the top level
    def message(self, line: bytes) -> Message:
        """View of one frame, with or without its line ending. Raises `Malformed`."""
        size = len(line)
        if size and line[-1] == 10:
            size -= 1
        if b"\r" in line:
            if line.find(b"\r", 0, size - 1) >= 0 and splits(line):
                raise Malformed("a frame within a frame, between carriage returns", PARSE_ERROR)
            size -= 1
        if not line.isascii() and not is_utf8(line):
            raise Malformed("invalid UTF-8", PARSE_ERROR, json=False)
        try:
            m = _message(line)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return self._slow_message(line)
        method = m.method
        if method is None:
            part = len(m.result)
            weight = 33 + part if part else 32 + len(m.error)
            exact = (part or weight > 32) and size == weight + len(m.id)
        else:
            part = len(m.params)
            weight = len(m.id)
            exact = size == (((45 if weight else 39) + part if part else 35 if weight else 29) + weight + len(method))
        if exact and m.jsonrpc == "2.0":
            return m
        return self._slow_message(line)

    def _slow_message(self, line: bytes) -> Message:
        if not line.strip():
            raise Malformed("an empty line", PARSE_ERROR, json=False)
        members = self._object(line, TOP_KEYS)
        method = text(members, "method")
        m = Message(
            None,
            members.get("id", NONE),
            method,
            members.get("params", NONE),
            members.get("result", NONE),
            members.get("error", NONE),
        )
        # A null error beside a result (and the reverse) is JSON-RPC 1.0 manners, and says nothing more.
        if bytes(m.error) == b"null" and (method is not None or len(m.result)):
            m.error = NONE
        if bytes(m.result) == b"null" and (method is not None or len(m.error)):
            m.result = NONE
        return m

    # ------------------------------------------------------------------ the levels below
    def params(self, raw: Raw) -> Params:
        """View of a `params` object. Raises `Malformed`."""
        members = self._object(raw, PARAMS_KEYS)
        return Params(
            text(members, "name"),
            members.get("arguments", NONE),
            members.get("_meta", NONE),
            members.get("requestState", NONE),
            members.get("inputResponses", NONE),
        )

    def result(self, raw: Raw, keys: frozenset[str] = RESULT_KEYS) -> Result:
        """View of a `result`; of one that is no object, too. Raises `Malformed`."""
        try:
            members = self._object(raw, keys)
        except NotAnObject:
            return Result()
        flag = bytes(members.get("isError", NONE))
        return Result(
            # Whatever a consumer might take for true counts as true.
            flag not in (b"", b"null", b"false"),
            text(members, "resultType"),
            members.get("requestState", NONE),
            members.get("inputRequests", NONE),
            members.get("task", NONE),
            members.get("taskId", NONE),
        )

    def members(self, raw: Raw | bytes, keys: frozenset[str] = PARAMS_KEYS) -> dict[str, Raw]:
        """Every member of an object we read. Raises `Malformed` for repeated or look-alike keys."""
        return self._object(raw, keys)

    def batch(self, line: bytes) -> list[Raw] | None:
        """The members of a JSON array; None when the line is none. Raises `Malformed`."""
        if not line.lstrip().startswith(b"["):
            return None
        try:
            members = msgspec.structs.astuple(_batch_decoder()(line))
        except (msgspec.ValidationError, RecursionError):
            raise Malformed(f"a batch nested too deeply, or of more than {MAX_BATCH}") from None
        except (msgspec.MsgspecError, UnicodeError) as error:
            if (copy := patched(line)) is None:
                raise Malformed("not JSON", PARSE_ERROR, json=False) from error
            return self.batch(copy)
        return [raw for raw in members if len(raw)]

    def _object(self, raw: Raw | bytes, known: frozenset[str]) -> dict[str, Raw]:
        """The members of an object, proven to be the same for every reader."""
        found = self._decoded(raw)
        _check_keys(found, self._keys.count, known)
        return found

    def _decoded(self, raw: Raw | bytes) -> dict[str, Raw]:
        """The members of an object, the last one where a key is repeated; `_keys.count` says if one was."""
        keys = self._keys
        keys.count = 0
        try:
            return self._members(raw)
        except msgspec.ValidationError:
            if keys.count > MAX_KEYS:
                raise Malformed(f"more than {MAX_KEYS} keys in one object") from None
            raise NotAnObject("not an object", json=False) from None
        except RecursionError:
            raise Malformed("nested too deeply", PARSE_ERROR) from None
        except (msgspec.MsgspecError, UnicodeError):
            if (copy := patched(bytes(raw))) is None:
                raise Malformed("not JSON", PARSE_ERROR, json=False) from None
        return self._decoded(copy)


@functools.cache
def _batch_decoder() -> Callable[[bytes], msgspec.Struct]:
    """Decodes an array of up to MAX_BATCH raw members and stops reading at the next; a list would grow first."""
    fields: list[tuple[str, type, Any]] = [(f"m{i}", Raw, NONE) for i in range(MAX_BATCH)]
    shape = msgspec.defstruct("Batch", fields, array_like=True, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(shape).decode


def _check_keys(found: dict[str, Raw], count: int, known: frozenset[str]) -> None:
    """Raise `Malformed` when a key was repeated or looks like one we read."""
    if len(found) != count:
        raise Malformed("a repeated key")
    folded = _folded(known)
    for key in found:
        if key not in known and (key.casefold() in folded or key.upper() in folded):
            raise Malformed("a key that differs from a known one only by case")


def text(members: dict[str, Raw], key: str) -> str | None:
    """A string member we act on. Raises `Malformed` for any other type and for text UTF-8 cannot hold."""
    raw = members.get(key)
    if raw is None:
        return None
    if SURROGATE_MARK in (data := bytes(raw)):
        raise Malformed(f"a lone surrogate in {key}")
    if data == b"null":
        return None
    try:
        return _string(data)
    except msgspec.MsgspecError:
        raise Malformed(f"{key} is not a string") from None


# ---------------------------------------------------------------------- ids
Key = int | bytes
"""An id for pairing: equal exactly when type and value are."""


def id_key(raw: Raw) -> Key:
    """The key of an id: a number without sign and fraction, below `MOST_COUNTED`, as such, any other in one spelling.
    Raises `Malformed`.

    Integers and strings are what MCP allows; a fraction is passed through, since JSON-RPC allows it. Objects,
    lists, booleans and null cannot be paired.
    """
    key = bytes(raw)
    if len(key) > MAX_ID:
        raise Malformed("an id that is too long")
    if key.isdigit():
        counted = len(key) < _DIGITS and (key[:1] != b"0" or key == b"0")
        return int(key) if counted else key
    first = key[:1]
    if first == b'"':
        if b"\\" not in key:
            return key
        if SURROGATE_MARK in key:
            raise Malformed("a lone surrogate in an id")
        try:
            return msgspec.json.encode(_string(key))
        except msgspec.MsgspecError:
            raise Malformed("an id that is not JSON") from None
    if not first or first not in b"-0123456789" or b"e" in key or b"E" in key:
        raise Malformed("an id that is neither a string nor a plain number")
    if key == b"-0":
        return 0
    return str(float(key) if b"." in key else int(key)).encode()


def any_value(raw: Raw | bytes) -> Any:
    """The value of a small raw member for display; None when it cannot be read."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
