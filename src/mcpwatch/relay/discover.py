"""Asks a configured server itself for everything it would tell a model: by the SDK's client, in either era.

For `mcpwatch scan`; never on the path of a guard. The SDK is imported when the first server is asked. Every text
of a result was written by the server.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw

from mcpwatch.protocol.definitions import LIST_KEYS, MAX_ITEMS, read_page
from mcpwatch.protocol.message import Malformed
from mcpwatch.relay.launch import environment, launched
from mcpwatch.store.records import Definition

if TYPE_CHECKING:
    from mcp import Client

DEADLINE_S: Final = 30.0
MAX_PAGES: Final = 100
METHOD_NOT_FOUND: Final = -32601
_OURS: Final = ("MISTRAL_API_KEY",)  # of our environment, nothing a server needs
_HINT_MAX: Final = 4096  # bytes of a server's last words on stderr


class Target(msgspec.Struct, frozen=True):
    """A server as a client would connect to it: a command, or a URL (`transport` http or sse)."""

    name: str
    transport: str = "stdio"
    command: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str = ""
    headers: dict[str, str] = {}

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all that decides what is started."""
        what = [list(self.command), sorted(self.env.items()), self.cwd or str(Path.cwd())]
        return hashlib.sha256(json.dumps(what).encode("utf-8", "surrogatepass")).hexdigest()


class Found(msgspec.Struct):
    """What a server told. A kind in `complete` was listed to its last page; `problems` are sentences about the
    others, and about the whole connection."""

    target: Target
    protocol: str = ""
    definitions: dict[str, list[Definition]] = {}
    complete: set[str] = set()
    problems: list[str] = []


class _Refused(Exception):
    """An answer that is not used; `str()` says why."""


async def discover(target: Target, deadline_s: float = DEADLINE_S) -> Found:
    """Connect, list everything, hang up. Never raises but for cancellation."""
    import anyio
    import mcp  # noqa: F401 - half a second that is not the server's

    _silence()
    found = Found(target, definitions={}, complete=set(), problems=[])
    with tempfile.TemporaryFile() as stderr:
        try:
            with anyio.fail_after(deadline_s):
                async with _connected(target, stderr, deadline_s) as client:
                    found.protocol = client.protocol_version
                    await _list_all(client, found)
        except TimeoutError:
            found.problems.append(f"did not answer within {deadline_s:g} s")
        # Whatever a stranger's server makes the SDK raise is a server that was not scanned.
        except Exception as error:  # noqa: BLE001
            found.problems.append(_said(error, stderr))
    return found


@asynccontextmanager
async def _connected(target: Target, stderr: IO[bytes], deadline_s: float) -> AsyncIterator[Client]:
    import httpx2
    from mcp import Client
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client

    options: dict[str, Any] = {"read_timeout_seconds": deadline_s, "cache": None}
    if target.transport == "stdio":
        env = environment(target.env, _OURS)
        transport = launched(target.command, env=env, cwd=target.cwd, stderr=stderr)
        async with Client(transport, **options) as client:
            yield client
    elif target.transport == "sse":
        async with Client(sse_client(target.url, headers=target.headers), **options) as client:
            yield client
    else:
        timeout = httpx2.Timeout(deadline_s)
        async with (
            httpx2.AsyncClient(headers=target.headers, timeout=timeout) as http,
            Client(streamable_http_client(target.url, http_client=http), **options) as client,
        ):
            yield client


async def _list_all(client: Client, found: Found) -> None:
    can = client.server_capabilities
    asked = {"tool": True, "prompt": can.prompts is not None}
    asked["resource"] = asked["template"] = can.resources is not None
    if client.instructions:
        _read_into(found, "instructions", {"instructions": client.instructions})
    found.complete.add("instructions")
    for kind, wanted in asked.items():
        if not wanted:
            found.complete.add(kind)
            continue
        try:
            await _list(client, kind, found)
            found.complete.add(kind)
        except _Refused as error:
            found.problems.append(f"{_METHODS[kind]}: {error}")


_METHODS: Final = {
    "tool": "tools/list",
    "prompt": "prompts/list",
    "resource": "resources/list",
    "template": "resources/templates/list",
}


async def _list(client: Client, kind: str, found: Found) -> None:
    """Every page of one list. Raises _Refused."""
    import mcp_types as types
    from mcp import MCPError
    from pydantic import TypeAdapter, ValidationError

    requests: dict[str, Any] = {
        "tool": types.ListToolsRequest,
        "prompt": types.ListPromptsRequest,
        "resource": types.ListResourcesRequest,
        "template": types.ListResourceTemplatesRequest,
    }
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        request = requests[kind](params=types.PaginatedRequestParams(cursor=cursor))
        try:
            # As a plain object: the SDK's models drop what they do not know, and a fingerprint is of everything.
            answer: Any = TypeAdapter(dict[str, Any])
            result: dict[str, Any] = await client.session.send_request(request, answer)
        except MCPError as error:
            if error.code == METHOD_NOT_FOUND and cursor is None:
                return
            raise _Refused(f"error {error.code}: {error.message}") from error
        except ValidationError as error:
            raise _Refused("the answer does not follow the protocol") from error
        _read_into(found, kind, result)
        following = result.get("nextCursor")
        if following is None:
            return
        if following == cursor or not isinstance(following, str):
            raise _Refused("its pages go round in a circle")
        cursor = following
    raise _Refused(f"more than {MAX_PAGES} pages")


def _read_into(found: Found, kind: str, result: Mapping[str, Any]) -> None:
    kept = found.definitions.setdefault(kind, [])
    try:
        page = read_page(kind, Raw(json.dumps(result).encode()))
    except Malformed as error:
        raise _Refused(str(error)) from error
    if page is None:
        if kind in LIST_KEYS:
            raise _Refused("the answer has no list")
        return
    kept.extend(Definition(kind, x.name, x.fingerprint, x.json) for x in page.found)
    if len(kept) > MAX_ITEMS:
        raise _Refused(f"more than {MAX_ITEMS} definitions")


def _said(error: BaseException, stderr: IO[bytes]) -> str:
    """What went wrong, from the innermost error, with the server's last words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = str(error) or type(error).__name__
    stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, stderr.tell() - _HINT_MAX))
    words = [line.strip() for line in stderr.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return f"{text} (it said: {words[-1]})" if words else text


def _silence() -> None:
    """The SDK logs what servers send, and a logger without a handler prints to the terminal."""
    for name in ("mcp", "client", "httpx2"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
