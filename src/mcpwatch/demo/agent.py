"""The demo's agent: a real MCP client that follows a script instead of a model, faster and faster.

It does what a careless agent does: it calls what it was told about, obeys what a definition asks for, and
carries on after a refusal. Through which command it reaches a server is the caller's choice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol

from mcpwatch import __version__

if TYPE_CHECKING:
    from mcp import Client

EventKind = Literal["connected", "listed", "called", "refused", "failed", "changed", "stopped"]

REFUSAL = "mcpwatch/refusal"
"""The `_meta` key of a result that is a guard's refusal."""

CALL_SECONDS = 10.0
"""How long one request may take before it counts as failed."""


@dataclass(frozen=True)
class AgentEvent:
    """Something the agent did or learned.

    `text` is the answer's text, the refusal, the error, or for `listed` the tools' names; it comes from a
    server and is hostile. `seconds` is how long a call took.
    """

    kind: EventKind
    server: str
    tool: str = ""
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Pace:
    """Seconds between two calls: from `first` to `last`, shrinking evenly by factors over `ramp` seconds."""

    first: float = 2.0
    last: float = 0.2
    ramp: float = 20.0
    after_refusal: float = 1.5

    def interval(self, elapsed: float) -> float:
        """The pause `elapsed` seconds after the start."""
        done = min(1.0, elapsed / self.ramp) if self.ramp > 0 else 1.0
        return float(self.first * (self.last / self.first) ** done)


class Stop(Protocol):
    """What ends the agent: an `asyncio.Event`, or an `anyio.Event`."""

    async def wait(self) -> object: ...


QUERIES = ("train Lisbon Porto", "small hotel Porto May", "Porto weather May", "francesinha", "Serralves hours")
URLS = (
    "https://trains.example/lisbon-porto",
    "https://hotels.example/porto/ribeira",
    "https://food.example/porto/francesinha",
    "https://maps.example/porto/walks",
)
DAYS = ("Friday", "Saturday", "Sunday")


def script() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Server, tool and arguments of each call, without an end: planning a weekend in Porto."""
    for n in count():
        query, url, day = QUERIES[n % len(QUERIES)], URLS[n % len(URLS)], DAYS[n % len(DAYS)]
        yield "websearch", "search", {"query": query}
        yield "websearch", "fetch_page", {"url": url}
        yield "notes", "add_note", {"title": query, "text": f"See {url}"}
        yield "calendar", "list_events", {"day": day}
        yield "websearch", "search", {"query": f"{query} {day}"}
        yield "notes", "search_notes", {"query": "Porto"}
        yield "calendar", "add_event", {"title": f"Porto, part {n + 1}", "when": day}
        yield "notes", "list_notes", {}


async def run_agent(
    servers: Mapping[str, Sequence[str]],
    *,
    on_event: Callable[[AgentEvent], None],
    stop: Stop,
    pace: Pace | None = None,
    env: Mapping[str, str] | None = None,
    era: str = "auto",
) -> None:
    """Connect to each server (name to command), then call tools by the script until `stop` is set.

    Servers the script does not name are connected and listed only; calls to servers that are missing are left
    out. `env` replaces the whole environment of the commands (default: ours). `era` is the SDK client's mode:
    `legacy` for `initialize`, `auto` to ask `server/discover` first. The commands' stderr is thrown away.
    Returns when stopped or when no server is left; cancelling it ends the commands as well.
    """
    import anyio

    pace = pace or Pace()
    with open(os.devnull, "w") as errlog:
        async with AsyncExitStack() as stack:
            agent = _Agent(on_event, pace)
            for name, command in servers.items():
                await agent.connect(stack, name, command, os.environ if env is None else env, era, errlog)
            async with anyio.create_task_group() as group:

                async def wait_for_stop() -> None:
                    await stop.wait()
                    group.cancel_scope.cancel()

                group.start_soon(wait_for_stop)
                for name in agent.clients:
                    group.start_soon(agent.follow_changes, name)
                await agent.work()
                group.cancel_scope.cancel()
    on_event(AgentEvent("stopped", ""))


class _Agent:
    """The connections, what their servers listed, and which lists are out of date."""

    def __init__(self, on_event: Callable[[AgentEvent], None], pace: Pace) -> None:
        self.clients: dict[str, Client] = {}
        self._on_event = on_event
        self._pace = pace
        self._listed: dict[str, dict[str, Any]] = {}
        self._stale: set[str] = set()

    async def connect(
        self,
        stack: AsyncExitStack,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        era: str,
        errlog: IO[str],
    ) -> None:
        """Start one server and list its tools; a server that does not come up is reported and left out."""
        import mcp_types as types
        from mcp import Client, MCPError, StdioServerParameters
        from mcp.client.stdio import stdio_client

        async def on_message(message: Any) -> None:
            if isinstance(message, types.ToolListChangedNotification):
                self._stale.add(name)

        parameters = StdioServerParameters(command=command[0], args=list(command[1:]), env=dict(env))
        client = Client(
            stdio_client(parameters, errlog),  # type: ignore[arg-type]
            mode=era,
            client_info=types.Implementation(name="demo-agent", version=__version__),
            message_handler=on_message,
            read_timeout_seconds=CALL_SECONDS,
        )
        try:
            await stack.enter_async_context(client)
        except (OSError, MCPError, ExceptionGroup) as error:
            self._on_event(AgentEvent("failed", name, text=str(error)))
            return
        self.clients[name] = client
        self._on_event(AgentEvent("connected", name, text=client.protocol_version))
        await self._list(name)

    async def _list(self, name: str) -> None:
        from mcp import MCPError

        self._stale.discard(name)
        tools: dict[str, Any] = {}
        cursor = None
        try:
            while True:
                page = await self.clients[name].list_tools(cursor=cursor, cache_mode="refresh")
                tools |= {tool.name: tool for tool in page.tools}
                if (cursor := page.next_cursor) is None:
                    break
        except (MCPError, ValueError) as error:
            self._on_event(AgentEvent("failed", name, text=str(error)))
            return
        self._listed[name] = tools
        self._on_event(AgentEvent("listed", name, text=", ".join(tools)))

    async def follow_changes(self, name: str) -> None:
        """Mark a list as out of date when its subscription says so; in a session, `on_message` does."""
        from mcp import MCPError
        from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost

        try:
            async with self.clients[name].listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self._stale.add(name)
        except ListenNotSupportedError:
            return
        except (MCPError, SubscriptionLost, TimeoutError) as error:
            self._on_event(AgentEvent("failed", name, text=f"subscription: {error}"))

    async def work(self) -> None:
        """Follow the script until cancelled, or until no server is left."""
        import anyio

        begun = monotonic()
        for server, tool, arguments in script():
            if not self.clients:
                return
            if server not in self.clients:
                continue
            for name in sorted(self._stale & set(self.clients)):
                self._on_event(AgentEvent("changed", name))
                await self._list(name)
            passed = await self._call(server, tool, arguments)
            interval = self._pace.interval(monotonic() - begun)
            await anyio.sleep(interval if passed else max(interval, self._pace.after_refusal))

    async def _call(self, server: str, tool: str, arguments: dict[str, str]) -> bool:
        """Call, report; whether it was let through."""
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED, TextContent

        started = monotonic()
        try:
            result = await self.clients[server].call_tool(tool, self._obey(server, tool, arguments))
        except MCPError as error:
            self._on_event(AgentEvent("failed", server, tool, str(error), monotonic() - started))
            if error.error.code == CONNECTION_CLOSED:
                del self.clients[server]
            return False
        except (RuntimeError, ValueError) as error:  # an answer that breaks its schema or the protocol
            self._on_event(AgentEvent("failed", server, tool, str(error), monotonic() - started))
            return True
        text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
        refused = REFUSAL in (result.meta or {})
        kind: EventKind = "refused" if refused else "failed" if result.is_error else "called"
        self._on_event(AgentEvent(kind, server, tool, text, monotonic() - started))
        return not refused

    def _obey(self, server: str, tool: str, arguments: dict[str, str]) -> dict[str, str]:
        """Fill in what the listed definition requires beyond the script, as a gullible model would."""
        definition = self._listed.get(server, {}).get(tool)
        required = definition.input_schema.get("required", ()) if definition else ()
        return arguments | {name: f"({name}, as the tool asked)" for name in required if name not in arguments}
