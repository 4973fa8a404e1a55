"""A real client gets through the gateway what it gets from the server, in both eras.

The scenarios are those of the stdio guard, where they are run without a guard too; here `connect` goes over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from scenarios.conftest import Route
from scenarios.test_sdk_client import (  # noqa: F401 - collected here too
    test_every_kind_of_content,
    test_meta_both_ways,
    test_pagination,
    test_prompts_and_completions,
    test_resources,
    test_tools,
)
from scenarios.test_sdk_notifications import (  # noqa: F401
    test_cancellation,
    test_client_notifications,
    test_logging,
    test_progress,
    test_subscriptions_listen,
    test_time_out_cancels,
)
from scenarios.test_sdk_questions import (  # noqa: F401
    test_a_client_that_cannot_answer,
    test_many_rounds,
    test_prompts_and_resources_ask_too,
    test_rounds_by_hand,
    test_sampling_elicitation_roots,
)
from scenarios.test_sdk_sizes import (  # noqa: F401
    test_argument_of_20_mib,
    test_many_calls_in_flight,
    test_result_of_20_mib,
)
from servers.gateways import gateway, http_server
from servers.sdkclient import text_of


@pytest.fixture
def route(tmp_path) -> Route:
    return Route(True, tmp_path)


@pytest.fixture
def form() -> str:
    return "events"


@contextmanager
def serving(directory: Path, *args: str, path: str = "mcp") -> Iterator[str]:
    """The URL of the server `everything` behind a gateway."""
    with (
        http_server("http_everything", *args) as port,
        gateway(directory, {"srv": f"http://127.0.0.1:{port}/{path}"}) as running,
    ):
        yield running.url(path=path)


@pytest.fixture
def connect(era, form, tmp_path) -> Iterator[Callable[..., Client]]:
    with serving(tmp_path, *(["--json"] if form == "json" else [])) as url:

        def make(**options: Any) -> Client:
            mode = "legacy" if era == "2025-11-25" else "auto"
            transport = streamable_http_client(url, max_sse_event_size=None)
            return Client(transport, mode=mode, **{"read_timeout_seconds": 30.0} | options)

        yield make


@pytest.mark.parametrize("form", ["json"])
async def test_answers_as_json(connect):
    await test_tools(connect)
    await test_pagination(connect)
    await test_prompts_and_completions(connect)
    await test_result_of_20_mib(connect)


async def test_http_sse_of_2024(tmp_path):
    with serving(tmp_path, "--sse", path="sse") as url:
        async with Client(sse_client(url), mode="legacy", read_timeout_seconds=30) as client:
            assert text_of(await client.call_tool("echo", {"text": "hi"})) == "hi"
            assert len((await client.list_tools()).tools) == 5
            assert text_of(await client.call_tool("progress", {"steps": 3})) == "done"
