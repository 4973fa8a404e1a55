"""Messages nobody waits for, both ways: progress, cancellation, logging, changes, subscriptions."""

from __future__ import annotations

import anyio
import mcp_types as types
import pytest
from mcp.client.subscriptions import (
    ListenNotSupportedError,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)

from servers.sdkclient import Inbox

pytestmark = pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")


async def observed(client) -> dict[str, int]:
    return (await client.call_tool("observed")).structured_content


async def observe(client, key: str) -> None:
    """Wait until the server has seen `key` once."""
    with anyio.fail_after(15):
        while not (await observed(client)).get(key):
            pass


async def test_progress(connect):
    steps = []

    async def on_progress(progress, total, message):
        steps.append((progress, total, message))

    async with connect() as client:
        await client.call_tool("progress", {"steps": 50}, progress_callback=on_progress)
        assert steps == [(n, 50, f"step {n}") for n in range(1, 51)]


async def test_cancellation(connect):
    async with connect() as client:
        waiting = anyio.Event()

        async def on_progress(progress, total, message):
            waiting.set()

        async def call():
            await client.call_tool("wait", progress_callback=on_progress)

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            with anyio.fail_after(15):
                await waiting.wait()
            assert "cancelled" not in await observed(client)
            group.cancel_scope.cancel()
        await observe(client, "cancelled")


async def test_time_out_cancels(connect):
    async with connect() as client:
        with pytest.raises(Exception, match="timed out"):
            await client.call_tool("wait", read_timeout_seconds=0.05)
        await observe(client, "cancelled")


async def test_logging(connect, era):
    logged = Inbox()
    async with connect(logging_callback=logged, log_level="info") as client:
        if era == "2025-11-25":
            await client.set_logging_level("info")
            await observe(client, "level:info")
        await client.call_tool("log", {"level": "warning", "message": "mind the gap"})
        await logged.wait_for(types.LoggingMessageNotificationParams)
        assert [(m.level, m.data, m.logger) for m in logged.messages] == [
            ("warning", {"said": "mind the gap"}, "everything")
        ]


@pytest.mark.parametrize("era", ["2025-11-25"])
async def test_client_notifications(connect):
    async with connect() as client:
        await client.send_roots_list_changed()
        await observe(client, "roots_changed")
        await client.send_progress_notification("token-é", 0.5)
        await observe(client, "progress:token-é")
        await client.send_ping()


@pytest.mark.parametrize("era", ["2025-11-25"])
async def test_changes_in_a_session(connect):
    inbox = Inbox()
    async with connect(message_handler=inbox) as client:
        with pytest.raises(ListenNotSupportedError):
            async with client.listen(tools_list_changed=True):
                pass
        await client.call_tool("change")
        await inbox.wait_for(
            types.ToolListChangedNotification,
            types.PromptListChangedNotification,
            types.ResourceListChangedNotification,
        )
        assert "added" in [tool.name for tool in (await client.list_tools(cursor="20")).tools]

        await client.subscribe_resource("memo://one")
        await client.call_tool("touch", {"uri": "memo://two"})
        await client.call_tool("touch", {"uri": "memo://one"})
        await inbox.wait_for(types.ResourceUpdatedNotification)
        await client.unsubscribe_resource("memo://one")
        await client.call_tool("touch", {"uri": "memo://one"})
        updates = [m for m in inbox.messages if isinstance(m, types.ResourceUpdatedNotification)]
        assert [str(update.params.uri) for update in updates] == ["memo://one"]


@pytest.mark.parametrize("era", ["2026-07-28"])
async def test_subscriptions_listen(connect):
    async with connect() as client:
        async with (
            client.listen(tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True) as changes,
            client.listen(resource_subscriptions=["memo://one"]) as updates,
        ):
            assert changes.honored.tools_list_changed
            assert updates.honored.resource_subscriptions == ["memo://one"]
            await client.call_tool("change")
            await client.call_tool("touch", {"uri": "memo://two"})
            await client.call_tool("touch", {"uri": "memo://one"})
            with anyio.fail_after(15):
                assert [await anext(changes) for _ in range(3)] == [
                    ToolsListChanged(),
                    PromptsListChanged(),
                    ResourcesListChanged(),
                ]
                assert await anext(updates) == ResourceUpdated("memo://one")
            assert "added" in [tool.name for tool in (await client.list_tools(cursor="20")).tools]

            await client.call_tool("hang_up")
            with anyio.fail_after(15):
                assert [event async for event in changes] == []
                assert [event async for event in updates] == []

        # A stream the client ends itself is a cancelled request; the connection lives on.
        async with client.listen(tools_list_changed=True):
            pass
        await client.call_tool("observed")
