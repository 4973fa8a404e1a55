"""Which headers cross a gateway: all of them, but those that are about one connection, or about a body, which goes on
as we read it."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable, Mapping
from typing import Final

from multidict import CIMultiDict, MultiMapping

from mcpwatch.relay.http_types import ENCODING, TYPE

SESSION: Final = "Mcp-Session-Id"
VERSION: Final = "MCP-Protocol-Version"
METHOD: Final = "Mcp-Method"
NAME: Final = "Mcp-Name"
LAST_EVENT: Final = "Last-Event-ID"
OUR_TOKEN: Final = "Mcpwatch-Token"

# RFC 9110, 7.6.1; and what the HTTP library writes itself.
_ONE_CONNECTION: Final = frozenset(
    ("connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer")
) | {"transfer-encoding", "upgrade", "content-length", "expect"}
_OF_BODIES: Final = {"accept-encoding", "content-encoding", "content-type"}
_NOT_SENT: Final = _ONE_CONNECTION | _OF_BODIES | {"host", OUR_TOKEN.lower()}
_ONCE: Final = (SESSION, VERSION, LAST_EVENT, TYPE, ENCODING)
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SENTINEL: Final = re.compile(r"=\?base64\?(.*)\?=", re.DOTALL)


class Unset(Exception):
    """A header of the configuration names an environment variable that is not set."""


def repeated(headers: MultiMapping[str]) -> str:
    """The name of a header that may come once and came more often, "" when none did: which of them the server goes by
    is anyone's guess."""
    return next((name for name in _ONCE if name in headers and len(headers.getall(name)) > 1), "")


def to_server(
    sent: Iterable[tuple[str, str]], named: str, own: Mapping[str, str], kept: frozenset[str] = frozenset()
) -> CIMultiDict[str]:
    """Headers of a request as they go on, without those of its body. `named` is the client's Connection header, `own`
    are the configuration's, which replace the client's, and `kept` (lower case) were for us."""
    dropped = _NOT_SENT | _named(named) | kept if named or kept else _NOT_SENT
    headers = CIMultiDict([pair for pair in sent if pair[0].lower() not in dropped])
    headers["Accept-Encoding"] = "identity"  # what is compressed cannot be inspected in passing
    for name, value in own.items():
        headers[name] = value
    return headers


def to_client(came: Mapping[str, str]) -> CIMultiDict[str]:
    """Headers of an answer as they go on. A Content-Encoding is gone with the encoding."""
    named = came.get("Connection", "")
    dropped = _ONE_CONNECTION | _named(named) if named else _ONE_CONNECTION
    pairs = [pair for pair in came.items() if pair[0].lower() not in dropped]
    headers = CIMultiDict(pairs)
    headers.popall("Content-Encoding", None)
    return headers


def _named(connection: str) -> frozenset[str]:
    """Headers that the Connection header says are about this connection; never those that MCP reads."""
    names = {name.strip().lower() for name in connection.split(",")}
    return frozenset(name for name in names if not name.startswith("mcp-") and name != "authorization")


def expanded(headers: Mapping[str, str]) -> dict[str, str]:
    """The configuration's headers with `${NAME}` replaced by the environment's. Raises `Unset`."""

    def value_of(match: re.Match[str]) -> str:
        value = os.environ.get(match.group(1))
        if value is None:
            raise Unset(f"the environment variable {match.group(1)} is not set")
        return value

    return {name: _VARIABLE.sub(value_of, value) for name, value in headers.items()}


def decoded(value: str) -> str | None:
    """A header value as MCP spells it (2026-07-28): as it is, or in base64 within `=?base64?…?=`. None: neither."""
    match = SENTINEL.fullmatch(value)
    if match is None:
        return value
    try:
        return base64.b64decode(match.group(1), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None


def disagreement(headers: Mapping[str, str], method: str, name: str) -> str:
    """What the routing headers say otherwise than the body, "" when nothing. The body is what counts."""
    for header, value in headers.items():  # each: which of two counts is anyone's guess
        spelled, said = header.lower(), value.strip()
        if spelled == METHOD.lower() and said != method:
            return f"the header {METHOD} says {said[:80]!r}, the body {method[:80]!r}"
        if spelled == NAME.lower() and name and decoded(said) != name:
            return f"the header {NAME} says {said[:80]!r}, the body {name[:80]!r}"
    return ""
