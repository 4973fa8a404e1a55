"""The server the official conformance suite expects: its tools, prompts and resources by their names in the suite.

Prints its port on the first line. See tests/conformance/compare.py.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import warnings
from typing import Annotated, Any

import mcp_types as types
import uvicorn
from http_everything import Events
from mcp import MCPDeprecationWarning
from mcp.server.mcpserver import Context, MCPServer, RequestStateSecurity
from mcp.server.mcpserver.prompts.base import Prompt, UserMessage
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, Field

warnings.simplefilter("ignore", MCPDeprecationWarning)  # the suite asks for what 2026-07-28 deprecates

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
STATE_KEY = b"a fixed key of a test server, long enough"

server = MCPServer(
    "conformance",
    version="1.0",
    log_level="CRITICAL",
    request_state_security=RequestStateSecurity(keys=[STATE_KEY]),
)


def text(value: str) -> types.TextContent:
    return types.TextContent(text=value)


def image() -> types.ImageContent:
    return types.ImageContent(data=PNG, mime_type="image/png")


def embedded(uri: str, body: str, mime: str = "text/plain") -> types.EmbeddedResource:
    return types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, text=body, mime_type=mime))


def user(*blocks: Any) -> list[UserMessage]:
    return [UserMessage(role="user", content=block) for block in blocks]


# -- what tools return ------------------------------------------------------------------------------------


@server.tool()
def test_simple_text() -> str:
    """A text."""
    return "This is a simple text response for testing."


@server.tool()
def test_image_content() -> list[types.ImageContent]:
    """An image."""
    return [image()]


@server.tool()
def test_audio_content() -> list[types.AudioContent]:
    """A sound."""
    return [types.AudioContent(data=WAV, mime_type="audio/wav")]


@server.tool()
def test_embedded_resource() -> list[types.EmbeddedResource]:
    """A resource."""
    return [embedded("test://embedded-resource", "This is an embedded resource content.")]


@server.tool()
def test_multiple_content_types() -> list[types.TextContent | types.ImageContent | types.EmbeddedResource]:
    """Three kinds at once."""
    resource = embedded("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json")
    return [text("Multiple content types test:"), image(), resource]


@server.tool()
def test_error_handling() -> str:
    """An error."""
    raise RuntimeError("This tool intentionally returns an error for testing")


@server.tool()
def test_x_mcp_header(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "<none>",
) -> str:
    """An argument that is mirrored into a header."""
    return f"region={region}"


# -- what happens meanwhile -------------------------------------------------------------------------------


@server.tool()
async def test_tool_with_logging(ctx: Context) -> str:
    """Three log messages."""
    for message in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(message)
        await asyncio.sleep(0.05)
    return "logged"


@server.tool()
async def test_tool_with_progress(ctx: Context) -> str:
    """Three reports of progress."""
    for done in (0, 50, 100):
        await ctx.report_progress(progress=done, total=100, message=f"Completed step {done} of 100")
        await asyncio.sleep(0.05)
    return "done"


@server.tool()
async def test_reconnection(ctx: Context) -> str:
    """Closes its own stream before it answers."""
    await ctx.info("Before disconnect")
    await ctx.close_sse_stream()
    await asyncio.sleep(0.2)
    await ctx.info("After reconnect")
    return "reconnected"


def passing() -> str:
    """Comes and goes."""
    return ""


@server.tool()
async def test_trigger_tool_change(ctx: Context) -> str:
    """A tool comes and goes."""
    server.add_tool(passing, name="test_dynamic_tool")
    server.remove_tool("test_dynamic_tool")
    await ctx.notify_tools_changed()
    return "changed"


@server.tool()
async def test_trigger_prompt_change(ctx: Context) -> str:
    """A prompt comes and goes."""
    server.add_prompt(Prompt.from_function(passing, name="test_dynamic_prompt", description="passing"))
    server.remove_prompt("test_dynamic_prompt")
    await ctx.notify_prompts_changed()
    return "changed"


# -- questions to the client, as requests -----------------------------------------------------------------


def sampling(prompt: str) -> types.CreateMessageRequest:
    message = types.SamplingMessage(role="user", content=text(prompt))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[message], max_tokens=100))


@server.tool()
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Asks the client's model."""
    params = sampling(prompt).params
    try:
        answer = await ctx.session.create_message(
            messages=params.messages, max_tokens=params.max_tokens, related_request_id=ctx.request_id
        )
    except MCPError as error:
        return f"no sampling: {error}"
    return f"LLM response: {answer.content.text}"


async def elicited(ctx: Context, message: str, schema: type[BaseModel], say: str) -> str:
    try:
        answer = await ctx.elicit(message=message, schema=schema)
    except MCPError as error:
        return f"no elicitation: {error}"
    content = answer.data.model_dump_json() if answer.action == "accept" else "{}"
    return f"{say}: action={answer.action}, content={content}"


class Response(BaseModel):
    response: str = Field(description="User's response")


@server.tool()
async def test_elicitation(message: str, ctx: Context) -> str:
    """Asks the user."""
    return await elicited(ctx, message, Response, "User response")


class Defaults(BaseModel):
    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: str = Field("active", json_schema_extra={"enum": ["active", "inactive", "pending"]})
    verified: bool = True


@server.tool()
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Asks with a default of each type."""
    return await elicited(ctx, "Please provide user information", Defaults, "Elicitation result")


def titled(**titles: str) -> list[dict[str, str]]:
    return [{"const": const, "title": title} for const, title in titles.items()]


class Enums(BaseModel):
    untitledSingle: str = Field(json_schema_extra={"enum": ["active", "inactive", "pending"]})
    titledSingle: str = Field(json_schema_extra={"oneOf": titled(low="Low", medium="Medium", high="High")})
    untitledMulti: list[str] = Field(json_schema_extra={"items": {"type": "string", "enum": ["read", "write"]}})
    titledMulti: list[str] = Field(json_schema_extra={"items": {"anyOf": titled(bug="Bug", docs="Docs")}})
    legacyEnum: str = Field(json_schema_extra={"enum": ["small", "large"], "enumNames": ["Small", "Large"]})


@server.tool()
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Asks with an enumeration of each form."""
    return await elicited(ctx, "Please select", Enums, "Elicitation completed")


@server.tool()
def test_missing_capability(ctx: Context) -> str:
    """Wants a client that can sample."""
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        raise MCPError(
            code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool requires sampling",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return "it can"


# -- questions to the client, in results ------------------------------------------------------------------


def form(message: str, field: str, kind: str = "string") -> types.ElicitRequest:
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def said(answer: Any, field: str) -> Any:
    return (answer.content or {}).get(field) if isinstance(answer, types.ElicitResult) else None


Asked = types.InputRequiredResult


@server.tool()
def test_input_required_result_elicitation(ctx: Context) -> str | Asked:
    """One form."""
    if answers := ctx.input_responses:
        return f"Hello, {said(answers['user_name'], 'name')}!"
    return Asked(input_requests={"user_name": form("What is your name?", "name")})


@server.tool()
def test_input_required_result_sampling(ctx: Context) -> str | Asked:
    """One sampling."""
    if answers := ctx.input_responses:
        return f"Model said: {answers['capital_question'].content.text}"
    return Asked(input_requests={"capital_question": sampling("What is the capital of France?")})


@server.tool()
def test_input_required_result_list_roots(ctx: Context) -> str | Asked:
    """The roots."""
    if answers := ctx.input_responses:
        return f"Client exposed {len(answers['client_roots'].roots)} root(s)."
    return Asked(input_requests={"client_roots": types.ListRootsRequest()})


@server.tool()
def test_input_required_result_request_state(ctx: Context) -> str | Asked:
    """A form with a state."""
    if ctx.input_responses and ctx.request_state == "nonce":
        return "state-ok: confirmation received"
    return Asked(input_requests={"confirm": form("Please confirm", "ok", "boolean")}, request_state="nonce")


@server.tool()
def test_input_required_result_tampered_state(ctx: Context) -> str | Asked:
    """A form with a state that nobody may change."""
    if ctx.request_state is not None:
        return f"state-ok: {ctx.request_state}"
    return Asked(input_requests={"confirm": form("Please confirm", "ok", "boolean")}, request_state="round-1")


@server.tool()
def test_input_required_result_multiple_inputs(ctx: Context) -> str | Asked:
    """All three at once."""
    if ctx.input_responses and len(ctx.input_responses) == 3:
        return "All inputs received."
    asked = {
        "user_name": form("What is your name?", "name"),
        "greeting": sampling("Generate a greeting"),
        "client_roots": types.ListRootsRequest(),
    }
    return Asked(input_requests=asked, request_state="multiple")


@server.tool()
def test_input_required_result_multi_round(ctx: Context) -> str | Asked:
    """Two rounds, each with a state of its own."""
    state = json.loads(ctx.request_state or '{"round": 0}')
    answers = ctx.input_responses or {}
    if state["round"] == 1 and "step1" in answers:
        state = {"round": 2, "name": said(answers["step1"], "name")}
        asked = {"step2": form("Step 2: What is your favorite color?", "color")}
        return Asked(input_requests=asked, request_state=json.dumps(state))
    if state["round"] == 2 and "step2" in answers:
        return f"{state['name']} likes {said(answers['step2'], 'color')}."
    asked = {"step1": form("Step 1: What is your name?", "name")}
    return Asked(input_requests=asked, request_state='{"round": 1}')


@server.tool()
def test_input_required_result_capabilities(ctx: Context) -> Asked:
    """Only what the client can answer."""
    can = ctx.client_capabilities
    asked: dict[str, Any] = {}
    if can is None or can.sampling is not None:
        asked["sample"] = sampling("Say hello")
    if can is None or can.elicitation is not None:
        asked["ask"] = form("What is your name?", "name")
    return Asked(input_requests=asked, request_state="gated")


# -- schemas ----------------------------------------------------------------------------------------------

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {"street": {"type": "string"}}}},
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


@server.tool()
def json_schema_2020_12_tool() -> str:
    """A schema with every keyword."""
    return "ok"


server._tool_manager._tools["json_schema_2020_12_tool"].parameters = SCHEMA  # the SDK takes none as it is


# -- resources, prompts, the rest -------------------------------------------------------------------------


@server.resource("test://static-text")
def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


@server.resource("test://static-binary")
def static_binary() -> bytes:
    """An image."""
    return base64.b64decode(PNG)


@server.resource("test://template/{id}/data")
def template(id: str) -> str:
    """A template."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@server.resource("test://watched-resource")
def watched() -> str:
    """One to subscribe to."""
    return "Watched resource content"


@server.prompt()
def test_simple_prompt() -> list[UserMessage]:
    """A text."""
    return user(text("This is a simple prompt for testing."))


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
    """Two arguments."""
    return user(text(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))


@server.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
    """A resource."""
    body = "Embedded resource content for testing."
    return user(embedded(resourceUri, body), text("Please process the embedded resource above."))


@server.prompt()
def test_prompt_with_image() -> list[UserMessage]:
    """An image."""
    return user(image(), text("Please analyze the image above."))


@server.prompt()
def test_input_required_result_prompt(ctx: Context) -> list[UserMessage] | Asked:
    """A prompt that asks first."""
    if answers := ctx.input_responses:
        return user(text(f"Use the following context: {said(answers['user_context'], 'context')}"))
    return Asked(input_requests={"user_context": form("What context should the prompt use?", "context")})


async def nothing(ctx: Any, params: Any) -> types.EmptyResult:
    return types.EmptyResult()


for method, params in (
    ("logging/setLevel", types.SetLevelRequestParams),
    ("resources/subscribe", types.SubscribeRequestParams),
    ("resources/unsubscribe", types.UnsubscribeRequestParams),
):
    server._lowlevel_server.add_request_handler(method, params, nothing)

Reference = types.PromptReference | types.ResourceTemplateReference


@server.completion()
async def complete(
    ref: Reference, argument: types.CompletionArgument, context: types.CompletionContext | None
) -> types.Completion:
    return types.Completion(values=[], total=0, has_more=False)


def main() -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    app = server.streamable_http_app(event_store=Events(), retry_interval=100)
    uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=0)).run([listener])


if __name__ == "__main__":
    main()
