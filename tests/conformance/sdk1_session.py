"""One session of a client made with the Python SDK 1.x, told as JSON: what it asked, and everything that came of it.

`python sdk1_session.py stdio COMMAND [ARG ...]` or `python sdk1_session.py http URL`, with an interpreter that has
`mcp` 1.x; against the server `everything`. See sdk1.py.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp import ClientSession, McpError, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

SECONDS = 15.0  # for everything that is waited for

Story = dict[str, Any]


class Heard:
    """What the server said by itself."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self._news = anyio.Event()

    async def __call__(self, message: Any) -> None:
        if isinstance(message, types.ServerNotification):
            self.frames.append(plain(message.root))
        elif isinstance(message, Exception):
            self.frames.append({"exception": type(message).__name__})
        self._news.set()
        self._news = anyio.Event()

    async def take(self, count: int) -> list[Any]:
        """The next frames, once there are so many; on streams of their own, they have no order."""
        with anyio.move_on_after(SECONDS):
            while len(self.frames) < count:
                await self._news.wait()
        taken, self.frames = self.frames, []
        return sorted(taken, key=json.dumps)


def plain(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


async def outcome(work: Awaitable[Any]) -> Any:
    """A result as it is in JSON, or the error that came for it."""
    try:
        return plain(await work)
    except McpError as error:
        return {"error": plain(error.error)}


async def sampled(context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    text = types.TextContent(type="text", text=f"of {len(params.messages)} messages")
    return types.CreateMessageResult(role="assistant", content=text, model="a-model", stopReason="endTurn")


async def elicited(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"value": params.message})


async def rooted(context: Any) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root.model_validate({"uri": "file:///home/someone"})])


async def converse(read: Any, write: Any) -> Story:
    """Everything a session does but its end."""
    told: Story = {}
    heard = Heard()
    steps: list[Any] = []

    async def progressed(done: float, total: float | None, message: str | None) -> None:
        steps.append([done, total, message])

    callbacks = {"sampling_callback": sampled, "elicitation_callback": elicited, "list_roots_callback": rooted}
    async with ClientSession(read, write, message_handler=heard, **callbacks) as session:
        told["hello"] = plain(await session.initialize())
        pages = [await session.list_tools()]
        while pages[-1].nextCursor:
            pages.append(await session.list_tools(cursor=pages[-1].nextCursor))
        told["tools"] = [plain(page) for page in pages]
        told["prompts"] = plain(await session.list_prompts())
        told["resources"] = plain(await session.list_resources())
        told["templates"] = plain(await session.list_resource_templates())
        told["prompt"] = await outcome(session.get_prompt("greet", {"who": "you"}))
        told["memo"] = await outcome(session.read_resource(types.AnyUrl("memo://one")))
        told["no resource"] = await outcome(session.read_resource(types.AnyUrl("other://one")))
        for name, arguments in (
            ("echo", {"text": "Grüße, 世界 🌍"}),
            ("add", {"a": 1, "b": 2.5}),
            ("media", {}),
            ("fail", {}),
            ("reject", {}),
            ("no such tool", {}),
            ("big", {"mib": 2}),
            ("length", {"text": "x" * (1 << 20)}),
            ("sample", {"prompt": "say"}),
            ("elicit", {"question": "why"}),
            ("roots", {}),
        ):
            told[f"call {name}"] = await outcome(session.call_tool(name, arguments))
        told["call progress"] = await outcome(
            session.call_tool("progress", {"steps": 20}, progress_callback=progressed)
        )
        told["progress"] = steps
        told["progress heard"] = await heard.take(len(steps))  # none where answers are JSON
        told["log"] = await outcome(session.call_tool("log", {"level": "warning", "message": "said"}))
        told["log heard"] = await heard.take(1)
        told["subscribe"] = await outcome(session.subscribe_resource(types.AnyUrl("memo://one")))
        told["touch"] = await outcome(session.call_tool("touch", {"uri": "memo://one"}))
        told["touch heard"] = await heard.take(1)
        told["change"] = await outcome(session.call_tool("change", {}))
        told["change heard"] = await heard.take(3)
        told["ping"] = await outcome(session.send_ping())
        together: list[Any] = []

        async def gather(label: str) -> None:
            call = session.call_tool("gather", {"parties": 3, "label": label})
            together.append([label, await outcome(call)])

        async with anyio.create_task_group() as group:
            for label in "abc":
                group.start_soon(gather, label)
        told["together"] = sorted(together)
        told["heard besides"] = await heard.take(0)
    return told


@asynccontextmanager
async def over_http(url: str, told: Story) -> Any:
    async with streamablehttp_client(url) as (read, write, session_id):
        yield read, write
        word = session_id()
    told["after the end"] = ping(url, word)  # the client has said DELETE


def ping(url: str, word: str | None) -> int:
    """The HTTP status of one more request in the session `word`."""
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    headers |= {"MCP-Protocol-Version": "2025-11-25", "Mcp-Session-Id": word or ""}
    request = urllib.request.Request(url, b'{"jsonrpc":"2.0","id":99,"method":"ping"}', headers)
    try:
        return urllib.request.urlopen(request, timeout=SECONDS).status
    except urllib.error.HTTPError as error:
        return error.code


async def main(kind: str, *target: str) -> None:
    told: Story = {}
    with anyio.fail_after(60):
        if kind == "http":
            async with over_http(target[0], told) as (read, write):
                told |= await converse(read, write)
        else:
            parameters = StdioServerParameters(command=target[0], args=list(target[1:]))
            async with stdio_client(parameters) as (read, write):
                told |= await converse(read, write)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
