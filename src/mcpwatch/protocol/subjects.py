"""Which definitions a request of the client's is about, where it is no tools/call."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from mcpwatch.protocol.message import NONE, Malformed, Parser, text
from mcpwatch.protocol.methods import LISTEN

ABOUT: Final = {
    "prompts/get": "prompt",
    "resources/read": "resource",
    "resources/subscribe": "resource",
    "completion/complete": "template",
    LISTEN: "resource",
}
"""method → kind of what it is about; a completion's `ref` may also name a prompt."""

_NOTHING: Final = Raw(b"null")
_KEYS: Final = frozenset({"uri", "ref", "notifications", "resourceSubscriptions", "type", "name"})

Subject = tuple[str, str | None]
"""(kind, name); None for a name that cannot be read: it may be any."""


def subjects(method: str, params: Raw) -> list[Subject]:
    """What a request of one of these methods is about, from its raw params. Never raises."""
    kind = ABOUT[method]
    try:
        members = _members(params)
        if method == LISTEN:
            wanted = _members(members.get("notifications", NONE)).get("resourceSubscriptions", _NOTHING)
            return [(kind, uri) for uri in msgspec.json.decode(wanted, type=list[str] | None) or ()]
        if method != "completion/complete":
            return [(kind, text(members, "name" if kind == "prompt" else "uri"))]
        ref = _members(members.get("ref", NONE))
        # By what it holds, not by its `type`: a server may go by either.
        found = {"name": "prompt", "uri": kind}
        return [(what, text(ref, key)) for key, what in found.items() if key in ref]
    except (Malformed, msgspec.MsgspecError, UnicodeError, RecursionError):
        return [(kind, None), ("prompt", None)] if method == "completion/complete" else [(kind, None)]


def _members(raw: Raw) -> dict[str, Raw]:
    return Parser().members(raw, _KEYS) if len(raw) and bytes(raw) != b"null" else {}
