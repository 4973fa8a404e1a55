"""Servers that ask back: by their own requests on 2025-11-25, by `input_required` on 2026-07-28."""

from __future__ import annotations

import mcp_types as types
import pytest
from mcp import MCPError

from servers.sdkclient import text_of


async def sampling(context, params):
    prompt = params.messages[0].content.text
    return types.CreateMessageResult(
        role="assistant", content=types.TextContent(text=prompt.upper()), model="tiny", stop_reason="endTurn"
    )


async def elicitation(context, params):
    if params.message == "Refuse?":
        return types.ElicitResult(action="decline")
    return types.ElicitResult(action="accept", content={"value": f"<{params.message}>"})


async def roots(context):
    return types.ListRootsResult(roots=[types.Root(uri="file:///a"), types.Root(uri="file:///b", name="b")])


ALL = {
    "sampling_callback": sampling,
    "elicitation_callback": elicitation,
    "list_roots_callback": roots,
}


async def test_sampling_elicitation_roots(connect):
    async with connect(**ALL) as client:
        assert text_of(await client.call_tool("sample", {"prompt": "hello"})) == "tiny:HELLO"
        assert text_of(await client.call_tool("elicit", {"question": "Who?"})) == "accept:<Who?>"
        assert text_of(await client.call_tool("elicit", {"question": "Refuse?"})) == "decline:None"
        assert text_of(await client.call_tool("roots")) == "file:///a,file:///b"


async def test_prompts_and_resources_ask_too(connect):
    async with connect(**ALL) as client:
        prompt = await client.get_prompt("ask")
        assert prompt.messages[0].content.text == "Hello accept:<Who?>"
        memo = await client.read_resource("memo://ask")
        assert memo.contents[0].text == "accept:<May I?>"


async def test_a_client_that_cannot_answer(connect):
    async with connect() as client:
        with pytest.raises(MCPError, match="Sampling not supported"):
            await client.call_tool("sample", {"prompt": "hello"})
        assert text_of(await client.call_tool("echo", {"text": "still here"})) == "still here"


@pytest.mark.parametrize("era", ["2026-07-28"])
async def test_many_rounds(connect):
    async with connect(**ALL) as client:
        interview = await client.call_tool("interview")
        assert text_of(interview) == "3;accept:<Name?>;tiny:A FITTING JOB?;accept:<City?>"
        assert (await client.call_tool("observed")).structured_content["rounds"] == 4


@pytest.mark.parametrize("era", ["2026-07-28"])
async def test_rounds_by_hand(connect):
    """Two open exchanges, answered in the other order, and a retry that brings its state back unchanged."""
    async with connect(**ALL) as client:
        call = client.session.call_tool
        first = await call("elicit", {"question": "One?"}, allow_input_required=True)
        second = await call("elicit", {"question": "Two?"}, allow_input_required=True)
        assert isinstance(first, types.InputRequiredResult)
        assert first.request_state == "opaque/é/1"
        for exchange, question in ((second, "Two?"), (first, "One?")):
            assert exchange.input_requests["it"].params.message == question
            answer = types.ElicitResult(action="accept", content={"value": question})
            final = await call(
                "elicit",
                {"question": question},
                input_responses={"it": answer},
                request_state=exchange.request_state,
            )
            assert text_of(final) == f"accept:{question}"
