"""Tools, resources, prompts and completions: a real client gets the same through a guard as without one."""

from __future__ import annotations

import mcp_types as types
import pytest
from mcp import MCPError

from servers import server_command
from servers.sdkclient import sdk_client, text_of


async def test_handshake(connect, era):
    async with connect() as client:
        assert client.protocol_version == era
        assert client.server_info.name == "everything"
        assert client.instructions == "Everything, for tests."
        capabilities = client.server_capabilities
        assert capabilities.tools.list_changed
        assert capabilities.resources.subscribe
        assert capabilities.completions is not None


async def test_tools(connect):
    async with connect() as client:
        assert text_of(await client.call_tool("echo", {"text": "Grüße, 世界 🌍"})) == "Grüße, 世界 🌍"

        added = await client.call_tool("add", {"a": 2, "b": 0.5})
        assert added.structured_content == {"sum": 2.5}

        failed = await client.call_tool("fail")
        assert failed.is_error
        assert text_of(failed) == "the disk is on fire"

        with pytest.raises(MCPError) as rejected:
            await client.call_tool("reject")
        assert rejected.value.error.code == -32050
        assert rejected.value.error.data == {"nested": [1, {"deep": None}]}

        with pytest.raises(MCPError, match="Unknown tool: nothing"):
            await client.call_tool("nothing")


async def test_every_kind_of_content(connect):
    async with connect() as client:
        media = await client.call_tool("media")
        assert [block.type for block in media.content] == [
            "text",
            "image",
            "audio",
            "resource_link",
            "resource",
        ]
        assert media.content[0].annotations.priority == 0.5
        assert media.content[1].data.startswith("iVBORw0KGgo")
        assert media.content[4].resource.text == "embedded text"
        assert media.meta["example.com/trace"] == {"id": 7}


async def test_meta_both_ways(connect):
    sent = {
        "example.com/tag": {"list": [1, None, "x"]},
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-01",
    }
    async with connect() as client:
        result = await client.call_tool("meta", meta=sent)
        assert result.structured_content["meta"].items() >= sent.items()
        assert result.meta["example.com/back"] == result.structured_content["meta"]


async def test_pagination(connect):
    async with connect() as client:
        names, pages, cursor = [], 0, None
        while pages == 0 or cursor is not None:
            page = await client.list_tools(cursor=cursor)
            names += [tool.name for tool in page.tools]
            cursor = page.next_cursor
            pages += 1
        assert pages == 4
        assert len(names) == len(set(names)) == 20
        assert {"echo", "big", "interview"} <= set(names)


async def test_resources(connect):
    async with connect() as client:
        listed = await client.list_resources()
        assert [str(resource.uri) for resource in listed.resources] == ["memo://one", "memo://pixel"]
        templates = await client.list_resource_templates()
        assert templates.resource_templates[0].uri_template == "memo://{name}"

        memo = await client.read_resource("memo://anything at all")
        assert memo.contents[0].text == "the memo anything at all"
        pixel = await client.read_resource("memo://pixel")
        assert isinstance(pixel.contents[0], types.BlobResourceContents)
        assert pixel.contents[0].mime_type == "image/png"

        with pytest.raises(MCPError) as missing:
            await client.read_resource("file:///etc/passwd")
        assert missing.value.error.data == {"uri": "file:///etc/passwd"}


async def test_prompts_and_completions(connect):
    async with connect() as client:
        listed = await client.list_prompts()
        assert [prompt.name for prompt in listed.prompts] == ["greet", "ask"]
        greeting = await client.get_prompt("greet", {"who": "Ada"})
        assert greeting.messages[0].content.text == "Hello Ada"

        of_prompt = await client.complete(types.PromptReference(name="greet"), {"name": "who", "value": "al"})
        assert of_prompt.completion.values == ["alice", "alan"]
        template = types.ResourceTemplateReference(uri="memo://{name}")
        of_template = await client.complete(template, {"name": "name", "value": "b"})
        assert of_template.completion.values == ["bob"]


@pytest.mark.parametrize("legacy_only", [False, True])
async def test_negotiation(route, tmp_path, legacy_only):
    """A client that does not know the era asks `server/discover` first, and falls back on `initialize`."""
    server = server_command("rogue", "proper", *(["--legacy-only"] if legacy_only else []))
    with (tmp_path / "stderr.txt").open("w") as errlog:
        async with sdk_client(route.command(server), "auto", env=route.env, errlog=errlog) as client:
            assert client.protocol_version == ("2025-11-25" if legacy_only else "2026-07-28")
            assert (client.session.discover_result is None) == legacy_only
            assert text_of(await client.call_tool("echo", {"text": "hi"})) == "hi"
