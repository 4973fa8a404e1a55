"""The frames we write ourselves, one line each, line feed included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

REFUSED: Final = -32010
"""JSON-RPC code of a request the guard refused."""

DROPPED: Final = -32011
"""JSON-RPC code for a request whose answer could not be passed on."""

META: Final = "mcpwatch/refusal"


def _frame(members: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", **members}) + b"\n"


def hello(name: str) -> bytes:
    """A client's first message, from a part of ours that only wants to see how a server takes it."""
    client = {"name": name, "version": "1"}
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    return _frame({"id": 0, "method": "initialize", "params": params})


def refused_call(id: bytes, text: str, meta: Mapping[str, Any], *, modern: bool) -> bytes:
    """A refusal a model understands: a result with `isError`. `modern`: results carry a `resultType` (2026-07-28)."""
    result: dict[str, Any] = {"content": [{"type": "text", "text": text}], "isError": True, "_meta": {META: meta}}
    if modern:
        result["resultType"] = "complete"
    return _frame({"id": Raw(id), "result": result})


def refused_request(id: bytes, text: str, meta: Mapping[str, Any]) -> bytes:
    """A refusal of any other request."""
    return error(id, REFUSED, text, {META: meta})


def error(id: bytes, code: int, message: str, data: Mapping[str, Any] | None = None) -> bytes:
    """A JSON-RPC error for the raw id `id`."""
    body: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        body["data"] = data
    return _frame({"id": Raw(id), "error": body})


def cancelled(id: bytes, reason: str) -> bytes:
    """Tell the other side that the request `id` is no longer wanted."""
    return _frame({"method": "notifications/cancelled", "params": {"requestId": Raw(id), "reason": reason}})


def list_changed(what: str, subscription: bytes | None = None) -> bytes:
    """Tell a client to ask for its `what` (tools, prompts, resources) again, within a subscription if it has one."""
    members: dict[str, Any] = {"method": f"notifications/{what}/list_changed"}
    if subscription is not None:
        members["params"] = {"_meta": {"io.modelcontextprotocol/subscriptionId": Raw(subscription)}}
    return _frame(members)


def with_members(members: Mapping[str, Raw], key: str = "", value: bytes = b"") -> bytes:
    """An object put together again from its raw members, with the value of one replaced."""
    return b"{%s}" % b",".join(
        b"%s:%s" % (msgspec.json.encode(str(name)), value if key and name == key else bytes(raw))
        for name, raw in members.items()
    )
