"""An MCP server that uses every server feature of the SDK, in both protocol eras.

Run as `python tests/servers/everything.py` (stdio). The client's first request decides the era:
the same tools ask the client by server-to-client requests on 2025-11-25 and by `input_required`
results on 2026-07-28.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import mcp_types as types
from mcp import MCPDeprecationWarning
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

# Sampling, roots and logging are deprecated in 2026-07-28; clients that use them are what we test.
warnings.simplefilter("ignore", MCPDeprecationWarning)

PAGE = 5
"""Tools in one page of `tools/list`."""

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FORM: dict[str, Any] = {
    "type": "object",
    "properties": {"value": {"type": "string"}},
    "required": ["value"],
}

Context = Any
Outcome = types.CallToolResult | types.InputRequiredResult
Call = types.CallToolRequestParams
Handler = Callable[[Context, Call], Awaitable[Outcome]]

observed: Counter[str] = Counter()
"""What reached this server and has no answer of its own: notifications, cancellations."""
bus = InMemorySubscriptionBus()
listener = ListenHandler(bus)
subscribed: set[str] = set()
gathered: list[anyio.Event] = []
definitions: dict[str, types.Tool] = {}
handlers: dict[str, Handler] = {}


def modern(ctx: Context) -> bool:
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


def text(value: str, **more: Any) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=value)], **more)


def tool(description: str, output: dict[str, Any] | None = None, **properties: str) -> Callable[[Handler], Handler]:
    """Register a handler as a tool whose arguments are `properties` (name to JSON type)."""

    def register(handler: Handler) -> Handler:
        name = handler.__name__.removeprefix("tool_")
        schema = {
            "type": "object",
            "properties": {key: {"type": kind} for key, kind in properties.items()},
            "required": list(properties),
        }
        definitions[name] = types.Tool(name=name, description=description, input_schema=schema, output_schema=output)
        handlers[name] = handler
        return handler

    return register


@tool("Return the text unchanged.", text="string")
async def tool_echo(ctx: Context, params: Call) -> Outcome:
    return text(params.arguments["text"])


@tool(
    "Add two numbers.",
    {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]},
    a="number",
    b="number",
)
async def tool_add(ctx: Context, params: Call) -> Outcome:
    total = params.arguments["a"] + params.arguments["b"]
    return text(str(total), structured_content={"sum": total})


@tool("Return a tool error.")
async def tool_fail(ctx: Context, params: Call) -> Outcome:
    return text("the disk is on fire", is_error=True)


@tool("Return a JSON-RPC error.")
async def tool_reject(ctx: Context, params: Call) -> Outcome:
    raise MCPError(code=-32050, message="rejected", data={"nested": [1, {"deep": None}]})


@tool("Return one content block of each kind, and _meta.")
async def tool_media(ctx: Context, params: Call) -> Outcome:
    embedded = types.TextResourceContents(uri="memo://embedded", text="embedded text", mime_type="text/plain")
    return types.CallToolResult(
        content=[
            types.TextContent(text="Grüße, 世界 🌍", annotations=types.Annotations(priority=0.5)),
            types.ImageContent(data=PNG, mime_type="image/png"),
            types.AudioContent(data="UklGRg==", mime_type="audio/wav"),
            types.ResourceLink(name="one", uri="memo://one"),
            types.EmbeddedResource(resource=embedded),
        ],
        _meta={"example.com/trace": {"id": 7}},
    )


@tool("Return the _meta this call came with.")
async def tool_meta(ctx: Context, params: Call) -> Outcome:
    meta = dict(ctx.meta or {})
    return text(str(sorted(meta)), structured_content={"meta": meta}, _meta={"example.com/back": meta})


@tool("Report progress a number of times.", steps="integer")
async def tool_progress(ctx: Context, params: Call) -> Outcome:
    steps = params.arguments["steps"]
    for step in range(1, steps + 1):
        await ctx.session.report_progress(step, steps, f"step {step}")
    return text("done")


@tool("Report progress once, then wait until cancelled.")
async def tool_wait(ctx: Context, params: Call) -> Outcome:
    await ctx.session.report_progress(0, None, "waiting")
    try:
        await anyio.sleep_forever()
    finally:
        observed["cancelled"] += 1


@tool("Return when a number of these calls are in flight together.", parties="integer", label="string")
async def tool_gather(ctx: Context, params: Call) -> Outcome:
    mine = anyio.Event()
    gathered.append(mine)
    if len(gathered) == params.arguments["parties"]:
        for event in gathered:
            event.set()
        gathered.clear()
    await mine.wait()
    return text(params.arguments["label"])


@tool("Return a text of a number of MiB.", mib="integer")
async def tool_big(ctx: Context, params: Call) -> Outcome:
    return text("0123456789abcdef" * 65536 * params.arguments["mib"])


@tool("Return the length of the text.", text="string")
async def tool_length(ctx: Context, params: Call) -> Outcome:
    return text(str(len(params.arguments["text"])))


@tool("Send a log message.", level="string", message="string")
async def tool_log(ctx: Context, params: Call) -> Outcome:
    await ctx.session.send_log_message(params.arguments["level"], {"said": params.arguments["message"]}, "everything")
    return text("logged")


@tool("Add a tool and say that the lists changed.")
async def tool_change(ctx: Context, params: Call) -> Outcome:
    definitions["added"] = types.Tool(name="added", description="Added.", input_schema={"type": "object"})
    for event in (ToolsListChanged(), PromptsListChanged(), ResourcesListChanged()):
        await bus.publish(event)
    await ctx.session.send_tool_list_changed()
    await ctx.session.send_prompt_list_changed()
    await ctx.session.send_resource_list_changed()
    return text("changed")


@tool("Say that a resource was updated.", uri="string")
async def tool_touch(ctx: Context, params: Call) -> Outcome:
    uri = params.arguments["uri"]
    await bus.publish(ResourceUpdated(uri=uri))
    if uri in subscribed:
        await ctx.session.send_resource_updated(uri)
    return text("touched")


@tool("End every subscription stream.")
async def tool_hang_up(ctx: Context, params: Call) -> Outcome:
    listener.close()
    return text("closed")


@tool("Return what notifications and cancellations were seen.")
async def tool_observed(ctx: Context, params: Call) -> Outcome:
    return text("observed", structured_content=dict(observed))


def ask_model(prompt: str) -> types.CreateMessageRequest:
    message = types.SamplingMessage(role="user", content=types.TextContent(text=prompt))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[message], max_tokens=50))


def ask_user(question: str) -> types.ElicitRequest:
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=question, requested_schema=FORM))


def answer_of(response: Any) -> str:
    """One line for what a client answered to a sampling, elicitation or roots request."""
    if isinstance(response, types.ElicitResult):
        return f"{response.action}:{(response.content or {}).get('value')}"
    if isinstance(response, types.ListRootsResult):
        return ",".join(str(root.uri) for root in response.roots)
    return f"{response.model}:{response.content.text}"


async def ask(ctx: Context, params: Any, request: Any, result_type: Any) -> Any:
    """The client's response, or an `input_required` result to return where the era has no back-channel."""
    if not modern(ctx):
        # On the stream of the request it is about: a client's own stream may not stand yet when it asks.
        related = ServerMessageMetadata(related_request_id=ctx.request_id)
        return await ctx.session.send_request(request, result_type, metadata=related)
    if params.input_responses:
        return params.input_responses["it"]
    return types.InputRequiredResult(input_requests={"it": request}, request_state="opaque/é/1")


async def asking(ctx: Context, params: Any, request: Any, result_type: Any) -> Outcome:
    response = await ask(ctx, params, request, result_type)
    return response if isinstance(response, types.InputRequiredResult) else text(answer_of(response))


@tool("Ask the client's model.", prompt="string")
async def tool_sample(ctx: Context, params: Call) -> Outcome:
    return await asking(ctx, params, ask_model(params.arguments["prompt"]), types.CreateMessageResult)


@tool("Ask the user.", question="string")
async def tool_elicit(ctx: Context, params: Call) -> Outcome:
    return await asking(ctx, params, ask_user(params.arguments["question"]), types.ElicitResult)


@tool("Ask for the client's roots.")
async def tool_roots(ctx: Context, params: Call) -> Outcome:
    return await asking(ctx, params, types.ListRootsRequest(), types.ListRootsResult)


@tool("Two rounds of questions, then one that carries only state (2026-07-28).")
async def tool_interview(ctx: Context, params: Call) -> Outcome:
    answers = {key: answer_of(value) for key, value in (params.input_responses or {}).items()}
    observed["rounds"] += 1
    match params.request_state:
        case None:
            asked = {"name": ask_user("Name?"), "model": ask_model("A fitting job?")}
            return types.InputRequiredResult(input_requests=asked, request_state="1")
        case "1":
            state = f"2;{answers['name']};{answers['model']}"
            return types.InputRequiredResult(input_requests={"city": ask_user("City?")}, request_state=state)
        case state if state.startswith("2;"):
            return types.InputRequiredResult(request_state=f"3{state[1:]};{answers['city']}")
        case state:
            return text(state)


async def list_tools(ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    start = int(params.cursor) if params and params.cursor else 0
    tools = list(definitions.values())
    after = start + PAGE
    return types.ListToolsResult(
        tools=tools[start:after], next_cursor=str(after) if after < len(tools) else None, ttl_ms=0
    )


async def call_tool(ctx: Context, params: Call) -> Outcome:
    if params.name not in handlers:
        raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {params.name}")
    return await handlers[params.name](ctx, params)


async def list_resources(ctx: Context, params: Any) -> types.ListResourcesResult:
    return types.ListResourcesResult(
        resources=[
            types.Resource(name="one", uri="memo://one", mime_type="text/plain", description="The first memo."),
            types.Resource(name="pixel", uri="memo://pixel", mime_type="image/png", size=70),
        ]
    )


async def list_templates(ctx: Context, params: Any) -> types.ListResourceTemplatesResult:
    template = types.ResourceTemplate(name="memo", uri_template="memo://{name}", description="Any memo.")
    return types.ListResourceTemplatesResult(resource_templates=[template])


async def read_resource(ctx: Context, params: types.ReadResourceRequestParams) -> Any:
    uri = str(params.uri)
    if uri == "memo://pixel":
        blob = types.BlobResourceContents(uri=uri, blob=PNG, mime_type="image/png")
        return types.ReadResourceResult(contents=[blob])
    if not uri.startswith("memo://"):
        raise MCPError(code=types.INVALID_PARAMS, message="Resource not found", data={"uri": uri})
    memo = f"the memo {uri[7:]}"
    if uri == "memo://ask":
        response = await ask(ctx, params, ask_user("May I?"), types.ElicitResult)
        if isinstance(response, types.InputRequiredResult):
            return response
        memo = answer_of(response)
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, text=memo)])


async def subscribe(ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
    subscribed.add(str(params.uri))
    return types.EmptyResult()


async def unsubscribe(ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
    subscribed.discard(str(params.uri))
    return types.EmptyResult()


async def list_prompts(ctx: Context, params: Any) -> types.ListPromptsResult:
    argument = types.PromptArgument(name="who", description="Whom to greet.", required=True)
    return types.ListPromptsResult(
        prompts=[
            types.Prompt(name="greet", description="A greeting.", arguments=[argument]),
            types.Prompt(name="ask", description="A prompt that asks first."),
        ]
    )


async def get_prompt(ctx: Context, params: types.GetPromptRequestParams) -> Any:
    who = (params.arguments or {}).get("who", "nobody")
    if params.name == "ask":
        response = await ask(ctx, params, ask_user("Who?"), types.ElicitResult)
        if isinstance(response, types.InputRequiredResult):
            return response
        who = answer_of(response)
    message = types.PromptMessage(role="user", content=types.TextContent(text=f"Hello {who}"))
    return types.GetPromptResult(description="A greeting.", messages=[message])


async def complete(ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    names = [name for name in ("alice", "alan", "bob") if name.startswith(params.argument.value)]
    return types.CompleteResult(completion=types.Completion(values=names, total=len(names), has_more=False))


async def set_level(ctx: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
    observed[f"level:{params.level}"] += 1
    return types.EmptyResult()


async def on_roots_changed(ctx: Context, params: Any) -> None:
    observed["roots_changed"] += 1


async def on_progress(ctx: Context, params: types.ProgressNotificationParams) -> None:
    observed[f"progress:{params.progress_token}"] += 1


server: Server[Any] = Server(
    "everything",
    version="1.0",
    instructions="Everything, for tests.",
    on_list_tools=list_tools,
    on_call_tool=call_tool,
    on_list_resources=list_resources,
    on_list_resource_templates=list_templates,
    on_read_resource=read_resource,
    on_subscribe_resource=subscribe,
    on_unsubscribe_resource=unsubscribe,
    on_subscriptions_listen=listener,
    on_list_prompts=list_prompts,
    on_get_prompt=get_prompt,
    on_completion=complete,
    on_set_logging_level=set_level,
    on_roots_list_changed=on_roots_changed,
    on_progress=on_progress,
)


async def main() -> None:
    changed = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options(changed))


if __name__ == "__main__":
    anyio.run(main)
