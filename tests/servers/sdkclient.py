"""The SDK's own client against a command, in one protocol era."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import anyio
import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

ERAS = ("2025-11-25", "2026-07-28")


def sdk_client(command: Sequence[str], era: str, *, env: Mapping[str, str], errlog: TextIO, **options: Any) -> Client:
    """A client that speaks `era` to `command`, or negotiates when `era` is `auto`; `options` are `Client`'s.

    `env` is added to the few variables the SDK passes on by itself; stderr goes to `errlog`.
    """
    mode = "legacy" if era == "2025-11-25" else "auto"
    parameters = StdioServerParameters(command=command[0], args=list(command[1:]), env=dict(env))
    return Client(stdio_client(parameters, errlog), mode=mode, **{"read_timeout_seconds": 30.0} | options)


class Inbox:
    """A message or logging handler that keeps what arrives and lets a test wait for it."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self._news = anyio.Event()

    async def __call__(self, message: Any) -> None:
        self.messages.append(message)
        self._news.set()
        self._news = anyio.Event()

    async def wait_for(self, *kinds: type, seconds: float = 15.0) -> None:
        """Wait until a message of each of `kinds` has arrived."""
        with anyio.fail_after(seconds):
            while not all(any(isinstance(message, kind) for message in self.messages) for kind in kinds):
                await self._news.wait()


def text_of(result: types.CallToolResult) -> str:
    """The text of a result's first content block."""
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    return block.text
