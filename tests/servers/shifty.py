"""An MCP server that lists what a file says at that moment, in both protocol eras.

Run as `python tests/servers/shifty.py FILE` (stdio). FILE is a JSON object: `tools` (a list of pages, each a list of
definitions), `prompts`, `resources`, `templates` (lists of definitions), `instructions` (read once, at the start).
Every tool answers `called NAME`, listed or not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

FILE = Path(sys.argv[1])


def now(key: str) -> Any:
    return json.loads(FILE.read_text("utf-8")).get(key, [])


async def list_tools(ctx: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    pages = now("tools")
    page = int(params.cursor) if params and params.cursor else 0
    following = str(page + 1) if page + 1 < len(pages) else None
    tools = pages[page] if pages else []
    return types.ListToolsResult.model_validate({"tools": tools, "nextCursor": following, "ttlMs": 0})


async def list_prompts(ctx: Any, params: Any) -> types.ListPromptsResult:
    return types.ListPromptsResult.model_validate({"prompts": now("prompts")})


async def list_resources(ctx: Any, params: Any) -> types.ListResourcesResult:
    return types.ListResourcesResult.model_validate({"resources": now("resources")})


async def list_templates(ctx: Any, params: Any) -> types.ListResourceTemplatesResult:
    return types.ListResourceTemplatesResult.model_validate({"resourceTemplates": now("templates")})


async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=f"called {params.name}")])


async def get_prompt(ctx: Any, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    message = types.PromptMessage(role="user", content=types.TextContent(text=f"prompt {params.name}"))
    return types.GetPromptResult(messages=[message])


async def read_resource(ctx: Any, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    contents = types.TextResourceContents(uri=str(params.uri), text=f"read {params.uri}")
    return types.ReadResourceResult(contents=[contents])


server: Server[Any] = Server(
    "shifty",
    version="1.0",
    instructions=now("instructions") or None,
    on_list_tools=list_tools,
    on_call_tool=call_tool,
    on_list_prompts=list_prompts,
    on_get_prompt=get_prompt,
    on_list_resources=list_resources,
    on_list_resource_templates=list_templates,
    on_read_resource=read_resource,
    on_subscriptions_listen=ListenHandler(InMemorySubscriptionBus()),
)


async def main() -> None:
    changed = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options(changed))


if __name__ == "__main__":
    anyio.run(main)
