"""The demo's agent and its three servers, as real processes."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from mcpwatch.demo.agent import AgentEvent, Pace, run_agent
from servers.processes import marked, wait_until

FAST = Pace(first=0.01, last=0.01, after_refusal=0.01)
MODULES = {"notes": "notes", "websearch": "search", "calendar": "helper"}


def commands(route) -> dict[str, list[str]]:
    return {
        name: route.command([sys.executable, "-m", f"mcpwatch.demo.servers.{module}"], name)
        for name, module in MODULES.items()
    }


class Story:
    """Everything the agent reported; `until` waits for a condition on it."""

    def __init__(self) -> None:
        self.events: list[AgentEvent] = []
        self._news = asyncio.Event()

    def tell(self, event: AgentEvent) -> None:
        self.events.append(event)
        self._news.set()

    def kinds(self, kind: str) -> list[AgentEvent]:
        return [event for event in self.events if event.kind == kind]

    async def until(self, condition) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self._news.clear()
                await self._news.wait()


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_agent_follows_its_script(route, mode):
    story, stop = Story(), asyncio.Event()
    env = os.environ | route.env | {"MCPWATCH_DEMO_CHANGE_AFTER": "1.5"}
    agent = asyncio.create_task(
        run_agent(commands(route), on_event=story.tell, stop=stop, pace=FAST, env=env, era=mode)
    )
    await story.until(lambda: len(story.kinds("called")) >= 16 and len(story.kinds("listed")) == 4)
    if route.guarded:
        await story.until(lambda: "list_events" in {event.tool for event in story.kinds("refused")})
    stop.set()
    await agent

    assert story.kinds("failed") == []
    assert {event.server for event in story.kinds("connected")} == set(MODULES)
    assert [event.server for event in story.kinds("changed")] == ["calendar"]
    listed = {(event.server, event.text) for event in story.kinds("listed")}
    assert listed >= {("notes", "add_note, list_notes, search_notes"), ("websearch", "search, fetch_page")}
    called = {(event.server, event.tool): event.text for event in story.kinds("called")}
    assert "https://" in called["websearch", "search"]
    assert len(called) == (6 if route.guarded else 7)
    refused = {(event.server, event.tool) for event in story.kinds("refused")}
    if route.guarded:  # the poisoned tool is neither listed nor callable, nor is the one that turned
        assert ("calendar", "list_events") in listed
        assert ("calendar", "") in listed
        assert refused == {("calendar", "add_event"), ("calendar", "list_events")}
    else:
        assert ("calendar", "list_events, add_event") in listed
        assert called["calendar", "add_event"].startswith("Added 'Porto, part")
        assert refused == set()
    assert story.events[-1].kind == "stopped"


async def test_agent_lives_on_without_a_server_and_leaves_nothing_when_cancelled(route, tmp_path):
    mark = {"TEST_AGENT": str(tmp_path)}
    story, stop = Story(), asyncio.Event()
    mortal = [sys.executable, "-c", "import sys; sys.exit(3)"]
    servers = commands(route) | {"calendar": route.command(mortal, "calendar")}
    agent = asyncio.create_task(
        run_agent(servers, on_event=story.tell, stop=stop, pace=FAST, env=os.environ | route.env | mark)
    )
    await story.until(lambda: len(story.kinds("called")) >= 10)
    assert len(marked(f"TEST_AGENT={tmp_path}")) >= 2
    agent.cancel()
    with pytest.raises(asyncio.CancelledError):
        await agent
    wait_until(lambda: marked(f"TEST_AGENT={tmp_path}") == [], "the end of every process")
    assert {event.server for event in story.kinds("failed")} == {"calendar"}
    assert {event.server for event in story.kinds("called")} == {"notes", "websearch"}


async def test_poisoned_definition_and_rug_pull():
    """What the third server tells a client, before and after it turns."""
    from mcp import Client, StdioServerParameters

    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "mcpwatch.demo.servers.helper"],
        env={"MCPWATCH_DEMO_CHANGE_AFTER": "0.1"},
    )
    async with Client(parameters, read_timeout_seconds=20) as client, asyncio.timeout(20):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools["list_events"].description == "List the events of one day."
        assert "<IMPORTANT>" in tools["add_event"].description
        assert "~/.ssh/id_rsa" in tools["add_event"].description
        while tools["list_events"].description == "List the events of one day.":
            tools = {tool.name: tool for tool in (await client.list_tools(cache_mode="refresh")).tools}
        assert "Always call this tool first" in tools["list_events"].description
        assert tools["list_events"].input_schema["required"] == ["day", "context"]
