"""Asks a configured server itself for everything it would tell a model: by the SDK's client, in either era.

For `mcpwatch scan`; never on the path of a guard. The SDK is imported when the first server is asked. Every text
of a result was written by the server.
"""

from __future__ import annotations

import hashlib
import json
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
from mcpwatch.relay.discover_http import client as http_client
from mcpwatch.relay.launch import environment, launched
from mcpwatch.relay.sdk_logs import silence
from mcpwatch.store.records import Definition

if TYPE_CHECKING:
    from mcp import Client

DEADLINE_S: Final = 30.0
MAX_PAGES: Final = 100
METHOD_NOT_FOUND: Final = -32601
OURS: Final = ("MISTRAL_API_KEY",)  # of our environment, nothing a server needs
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
        what = [list(self.command), sorted(self.env.items()), str(Path(self.cwd or ".").absolute())]
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

    silence()
    found = Found(target, definitions={}, complete=set(), problems=[])
    with tempfile.TemporaryFile() as stderr:
        try:
            with anyio.fail_after(deadline_s):
                async with _connected(target, stderr, deadline_s) as (client, heard):
                    found.protocol = client.protocol_version
                    await _list_all(client, heard, found)
        except TimeoutError:
            found.problems.append(f"did not answer within {deadline_s:g} s")
        # Whatever a stranger's server makes the SDK raise is a server that was not scanned.
        except Exception as error:  # noqa: BLE001
            found.problems.append(_said(error, stderr))
    return found


class _Heard:
    """What a server sends, on its way to the SDK: `result` is that of its last answer, as it came.

    The SDK's models refuse a whole page for one definition they do not understand, and drop what they do not know.
    A server must not get out of being judged by either.
    """

    def __init__(self) -> None:
        self.result: Any = None
        self._stream: Any = None

    @asynccontextmanager
    async def on(self, transport: Any) -> AsyncIterator[tuple[Any, Any]]:
        """The transport, listened to."""
        async with transport as (self._stream, write):
            yield self, write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __aiter__(self) -> _Heard:
        return self

    async def __anext__(self) -> Any:
        return self._noted(await anext(self._stream))

    async def receive(self) -> Any:
        return self._noted(await self._stream.receive())

    def _noted(self, message: Any) -> Any:
        result = getattr(getattr(message, "message", None), "result", None)
        if result is not None:
            self.result = result
        return message

    async def __aenter__(self) -> _Heard:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        return await self._stream.__aexit__(*error)


@asynccontextmanager
async def _connected(target: Target, stderr: IO[bytes], deadline_s: float) -> AsyncIterator[tuple[Client, _Heard]]:
    import httpx2
    from mcp import Client
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client

    heard = _Heard()
    options: dict[str, Any] = {"read_timeout_seconds": deadline_s, "cache": None}
    if target.transport == "stdio":
        env = environment(target.env, OURS)
        transport = launched(target.command, env=env, cwd=target.cwd, stderr=stderr)
        async with Client(heard.on(transport), **options) as client:
            yield client, heard
    elif target.transport == "sse":
        async with Client(
            heard.on(sse_client(target.url, headers=target.headers, httpx_client_factory=http_client)), **options
        ) as client:
            yield client, heard
    else:
        timeout = httpx2.Timeout(deadline_s)
        async with (
            http_client(target.headers, timeout) as http,
            Client(heard.on(streamable_http_client(target.url, http_client=http)), **options) as client,
        ):
            yield client, heard


async def _list_all(client: Client, heard: _Heard, found: Found) -> None:
    if isinstance(heard.result, dict):  # of the greeting
        _read_into(found, "instructions", heard.result)
    can = client.server_capabilities
    asked = {"tool": True, "prompt": can.prompts is not None}
    asked["resource"] = asked["template"] = can.resources is not None
    found.complete.add("instructions")
    for kind, wanted in asked.items():
        if not wanted:
            found.complete.add(kind)
            continue
        try:
            await _list(client, heard, kind, found)
            found.complete.add(kind)
        except _Refused as error:
            found.problems.append(f"{_METHODS[kind]}: {error}")


_METHODS: Final = {
    "tool": "tools/list",
    "prompt": "prompts/list",
    "resource": "resources/list",
    "template": "resources/templates/list",
}


async def _list(client: Client, heard: _Heard, kind: str, found: Found) -> None:
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
            heard.result = None
            answer: Any = TypeAdapter(dict[str, Any])
            await client.session.send_request(request, answer)
        except MCPError as error:
            if error.code == METHOD_NOT_FOUND and cursor is None:
                return
            raise _Refused(f"error {error.code}: {error.message}") from error
        except ValidationError:
            pass  # what of it can be read, is
        result = heard.result
        if not isinstance(result, dict):
            raise _Refused("the answer does not follow the protocol")
        _read_into(found, kind, result)
        following = result.get("nextCursor")
        if following is None:
            return
        if following == cursor or not isinstance(following, str):
            raise _Refused("its pages go round in a circle")
        cursor = following
    raise _Refused(f"more than {MAX_PAGES} pages")


def _read_into(found: Found, kind: str, result: Mapping[str, Any]) -> None:
    """Takes in a page; where it cannot be read whole, every definition of it that can. Raises _Refused."""
    kept = found.definitions.setdefault(kind, [])
    try:
        page = _page(kind, result)
        if page is None:
            if kind in LIST_KEYS:
                raise _Refused("the answer has no list")
            return
        kept.extend(page)
    except Malformed as error:
        if kind not in LIST_KEYS or not isinstance(entries := result.get(LIST_KEYS[kind][0]), list):
            raise _Refused(str(error)) from error
        _read_singly(found, kind, entries)
    if len(kept) > MAX_ITEMS:
        raise _Refused(f"more than {MAX_ITEMS} definitions")


def _page(kind: str, result: Mapping[str, Any]) -> list[Definition] | None:
    page = read_page(kind, Raw(json.dumps(result).encode()))
    return None if page is None else [Definition(kind, x.name, x.fingerprint, x.json) for x in page.found]


def _read_singly(found: Found, kind: str, entries: list[Any]) -> None:
    """Every definition that can be read; of the others, one sentence."""
    unread = 0
    why = ""
    for entry in entries[: MAX_ITEMS + 1]:
        try:
            found.definitions[kind] += _page(kind, {LIST_KEYS[kind][0]: [entry]}) or []
        except Malformed as error:
            unread, why = unread + 1, str(error)
    found.problems.append(f"{_METHODS[kind]}: {unread} of {len(entries)} entries not scanned: {why}")


def _said(error: BaseException, stderr: IO[bytes]) -> str:
    """What went wrong, from the innermost error, with the server's last words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = str(error) or type(error).__name__
    if isinstance(error, FileNotFoundError):
        text = f"cannot find {error.filename!r}: check the command's spelling, or give its full path"
    stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, stderr.tell() - _HINT_MAX))
    words = [line.strip() for line in stderr.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return f"{text} (it said: {words[-1]})" if words else text
