"""What a server tells the model about itself, as canonical definitions with fingerprints.

A definition is read whole, so it is read strictly: a repeated key at any depth, or a second spelling of the key it
is known by, and the page is `Malformed`. A list from which something was taken is put together again from
the raw bytes of what stays; nothing else of the result changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from typing import Any, Final

import msgspec
from msgspec import Raw

from mcpwatch.protocol.lenient import SURROGATE_MARK
from mcpwatch.protocol.message import RESULT_KEYS, Malformed, NotAnObject, Parser
from mcpwatch.protocol.replies import with_members

MAX_ITEMS: Final = 20_000
"""Definitions of one page; more is not a list anybody meant."""

LIST_KEYS: Final = {
    "tool": ("tools", "name"),
    "prompt": ("prompts", "name"),
    "resource": ("resources", "uri"),
    "template": ("resourceTemplates", "uriTemplate"),
}
"""kind → the member of the result that holds the list, and the member of a definition that is its name."""


INSTRUCTIONS: Final = "instructions"
_INFO: Final = "serverInfo"
_INFO_META: Final = "io.modelcontextprotocol/serverInfo"  # where the result's `_meta` has it (2026-07-28)
_INFO_TEXTS: Final = ("title", "description")
_INFO_KEYS: Final = frozenset({"name", "version", *_INFO_TEXTS})
_PLAIN_NAME: Final = 64  # characters of a server's name that is no text


class Found(msgspec.Struct, gc=False):
    """One definition: what it is known by ("" for instructions), its canonical JSON and the SHA-256 of that."""

    name: str
    json: str
    fingerprint: str


class Page(msgspec.Struct):
    """The definitions of one result. `last`: no page follows."""

    found: list[Found]
    last: bool
    members: dict[str, Raw]  # of the result
    items: list[Raw]  # of its list
    key: str  # where the list (or the instructions) is in the result
    patched: bool  # lone surrogates were replaced in what we read, so it must go out as we read it

    def without(self, hidden: set[int]) -> bytes:
        """The result with the definitions at these positions taken out, everything else as it came."""
        if self.key == INSTRUCTIONS:
            return with_members(_silenced(self.members) if hidden else self.members)
        kept = [bytes(item) for n, item in enumerate(self.items) if n not in hidden]
        return with_members(self.members, self.key, b"[" + b",".join(kept) + b"]")


def canonical(value: Any) -> str:
    """JSON with sorted keys, no blanks, and no escapes but the necessary ones and those of lone surrogates."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()


def fingerprint(text: str, kind: str = "tool") -> str:
    """SHA-256 of canonical JSON, in hex; of anything but a tool, with its kind in front: rules judge by kind, and a
    verdict on a resource is none on a tool of the same text."""
    return hashlib.sha256((text if kind == "tool" else f"{kind}\n{text}").encode()).hexdigest()


def read_page(kind: str, result: Raw | bytes) -> Page | None:
    """The definitions in the result of a list, `initialize` or `server/discover`; None when there are none.

    `kind` is tool, prompt, resource, template or instructions. Raises `Malformed`.
    """
    try:
        members = Parser().members(result, RESULT_KEYS)
    except NotAnObject:
        return None
    if kind not in LIST_KEYS:
        said = _introduction(members)
        if not said and bytes(members.get(INSTRUCTIONS, b"null")) == b"null":
            return None
        found = [_found(kind, "", said)] if said else []
        return Page(found, True, members, [], INSTRUCTIONS, SURROGATE_MARK in bytes(result))
    key, name_key = LIST_KEYS[kind]
    value = members.get(key)
    if value is None or bytes(value) == b"null":
        return None
    last = bytes(members.get("nextCursor", b"null")) == b"null"
    try:
        items = _list(value) if len(value) < 1 << 20 or _countable(value) else []
    except msgspec.ValidationError:
        raise Malformed(f"{key} is not a list") from None
    if len(items) > MAX_ITEMS:
        raise Malformed(_TOO_MANY)
    found = [_found(kind, *_definition(item, name_key)) for item in items]
    return Page(found, last, members, items, key, SURROGATE_MARK in bytes(result))


_TOO_MANY: Final = f"more than {MAX_ITEMS} definitions in one page"

_list = msgspec.json.Decoder(list[Raw]).decode


class _Item:
    """Stands for an item that is only counted."""


def _countable(value: Raw) -> bool:
    """Whether a big list has few enough items to be taken apart. Raises `Malformed` at the first one too many."""
    count = 0

    def item(kind: type, value: Any) -> _Item:
        nonlocal count
        count += 1
        if count > MAX_ITEMS:
            raise ValueError
        return _Item()

    try:
        msgspec.json.Decoder(list[_Item], dec_hook=item).decode(value)
    except msgspec.ValidationError:
        if count > MAX_ITEMS:
            raise Malformed(_TOO_MANY) from None
        raise
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Malformed("a definition that cannot be read") from error
    return True


def _introduction(members: dict[str, Raw]) -> dict[str, Any]:
    """What a server says of itself when it is greeted: its instructions, and the texts of its `serverInfo`. A name
    that is none, but a sentence, is such a text."""
    said: dict[str, Any] = {}
    text = _strict(members[INSTRUCTIONS]) if INSTRUCTIONS in members else None
    if text not in (None, ""):
        said[INSTRUCTIONS] = text
    for where, raw in _infos(members):
        if texts := _info_texts(raw):
            said[where] = texts
    return said


def _info_texts(raw: Raw) -> Any:
    """What of a `serverInfo` is text; of one that is no object, the whole of it."""
    info = _strict(raw)
    if not isinstance(info, dict):
        return info
    Parser().members(raw, _INFO_KEYS)  # no second spelling of what is read
    texts = {key: info[key] for key in _INFO_TEXTS if info.get(key) not in (None, "")}
    if "name" in info and not _is_plain(info["name"]):
        texts["name"] = info["name"]
    return texts


def _infos(members: dict[str, Raw]) -> list[tuple[str, Raw]]:
    found = [(_INFO, members[_INFO])] if _INFO in members else []
    if "_meta" in members:
        with contextlib.suppress(NotAnObject):
            meta = Parser().members(members["_meta"], frozenset({_INFO_META}))
            found += [(_INFO_META, meta[_INFO_META])] if _INFO_META in meta else []
    return found


def _is_plain(name: Any) -> bool:
    return isinstance(name, str) and len(name) <= _PLAIN_NAME and len(name.split()) <= 4


def _silenced(members: dict[str, Raw]) -> dict[str, Raw]:
    """The members of a greeting without what the server says of itself."""
    kept = {key: value for key, value in members.items() if key != INSTRUCTIONS}
    for where, raw in _infos(members):
        if not _info_texts(raw):
            continue
        info = _strict(raw)
        name, version = (info.get("name"), info.get("version")) if isinstance(info, dict) else (None, None)
        plain = {"name": name if _is_plain(name) else "server", "version": version if _is_plain(version) else "0"}
        silent = Raw(json.dumps(plain).encode())
        if where == _INFO:
            kept[where] = silent
        else:
            meta = Parser().members(members["_meta"], frozenset({_INFO_META}))
            kept["_meta"] = Raw(with_members({**meta, where: silent}))
    return kept


def _found(kind: str, name: str, value: Any) -> Found:
    text = canonical(value)
    return Found(name, text, fingerprint(text, kind))


def _definition(item: Raw, name_key: str) -> tuple[str, Any]:
    value = _strict(item)
    if not isinstance(value, dict):
        raise Malformed("a definition that is not an object")
    name = value.get(name_key)
    if not isinstance(name, str):
        raise Malformed(f"a definition without a {name_key}")
    folded = name_key.casefold()
    if any(key != name_key and folded in (key.casefold(), key.upper().casefold()) for key in value):
        raise Malformed(f"a definition with {name_key} in two spellings")
    return name, value


def _strict(raw: Raw) -> Any:
    """The value of raw JSON without repeated keys. Raises `Malformed`.

    Text that comes out of decoding and encoding unchanged had none; the slow way looks at every object.
    """
    data = bytes(raw)
    with contextlib.suppress(msgspec.MsgspecError, RecursionError):
        value = msgspec.json.decode(data)
        if msgspec.json.encode(value) == data:
            return value
    try:
        return json.loads(data, object_pairs_hook=_unique, parse_float=_float, parse_constant=_float)
    except (ValueError, RecursionError) as error:
        raise Malformed("a definition that cannot be read") from error


def _float(text: str) -> float | str:
    """A number; as its own text when a float cannot hold it, so that it stays JSON and differs from others."""
    value = float(text)
    return value if math.isfinite(value) else text


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a repeated key in a definition")
    return found
