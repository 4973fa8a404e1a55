"""A client that can only start commands, and a server over HTTP: the stdio guard's scenarios through the bridge."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger
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
    test_progress,
    test_subscriptions_listen,
)
from scenarios.test_sdk_questions import (  # noqa: F401
    test_a_client_that_cannot_answer,
    test_many_rounds,
    test_prompts_and_resources_ask_too,
    test_sampling_elicitation_roots,
)
from scenarios.test_sdk_sizes import test_many_calls_in_flight, test_result_of_20_mib  # noqa: F401
from servers import MCPWATCH, guard_env
from servers.gateways import http_server
from servers.processes import wait_until
from servers.rawclient import RawClient
from servers.sdkclient import ERAS, sdk_client, text_of


def bridge_command(url: str, *more: str) -> list[str]:
    return [MCPWATCH, "run", "--name", "srv", "--url", url, *more]


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def connect(era, tmp_path) -> Iterator[Callable[..., Client]]:
    with ExitStack() as ends:
        port = ends.enter_context(http_server("http_everything"))
        errlog = ends.enter_context((tmp_path / "stderr.txt").open("w"))

        def make(**options: Any) -> Client:
            command = bridge_command(f"http://127.0.0.1:{port}/mcp")
            return sdk_client(command, era, env=guard_env(tmp_path), errlog=errlog, **options)

        yield make


async def test_a_server_of_2024(tmp_path):
    """HTTP+SSE, found out by the refusal of the first POST."""
    with http_server("http_everything", "--sse") as port, (tmp_path / "stderr.txt").open("w") as errlog:
        command = bridge_command(f"http://127.0.0.1:{port}/sse")
        async with sdk_client(command, ERAS[0], env=guard_env(tmp_path), errlog=errlog) as client:
            assert text_of(await client.call_tool("echo", {"text": "hi"})) == "hi"
            assert text_of(await client.call_tool("progress", {"steps": 3})) == "done"


@pytest.fixture
def rogue() -> Iterator[int]:
    with http_server("http_rogue") as port:
        yield port


@pytest.fixture
def client(rogue, tmp_path) -> Iterator[RawClient]:
    command = bridge_command(f"http://127.0.0.1:{rogue}/mcp", "--header", "X-Unknown: ${SOME_VALUE}")
    with RawClient(command, env=guard_env(tmp_path) | {"SOME_VALUE": "42"}) as client:
        client.initialize()
        yield client


def seen(rogue: int) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{rogue}/seen") as answer:
        return json.load(answer)


def test_headers_and_the_end_of_the_session(rogue, client):
    assert client.call("plain")["result"]["content"][0]["text"] == "ok"
    assert seen(rogue)["seen"][-1]["headers"]["x-unknown"] == "42"
    assert seen(rogue)["sessions"] == 1
    client.drain()
    assert client.wait() == 0
    assert seen(rogue)["sessions"] == 0, "the session is given back"


def test_headers_of_the_configuration_go_to_its_url_only(rogue, tmp_path):
    env = guard_env(tmp_path) | {"SOME_VALUE": "from the environment"}
    url = f"http://127.0.0.1:{rogue}/mcp"

    def sent(configured: str, *more: str) -> dict[str, str]:
        headers = '{ x-unknown = "${SOME_VALUE}", Authorization = "Bearer s3cret" }'
        Path(env["MCPWATCH_CONFIG"]).write_text(f'[servers.srv]\nurl = "{configured}"\nheaders = {headers}\n')
        with RawClient(bridge_command(url, *more), env=env) as client:
            assert "result" in client.call("plain")
        return seen(rogue)["seen"][-1]["headers"]

    headers = sent(url)
    assert (headers["x-unknown"], headers["authorization"]) == ("from the environment", "Bearer s3cret")
    headers = sent(url, "--header", "X-Unknown: given")
    assert (headers["x-unknown"], headers["authorization"]) == ("given", "Bearer s3cret")
    assert not {"x-unknown", "authorization"} & sent(f"http://127.0.0.1:{rogue}/other").keys()


@pytest.mark.parametrize(
    "name", ["garbage", "html", "stranger", "half", "unanswered", "busy", "unauthorized", "elsewhere"]
)
def test_every_call_gets_an_answer(client, name):
    assert "error" in client.call(name)
    assert client.call("plain")["result"]["content"][0]["text"] == "ok"


def test_an_answer_before_the_break(client):
    assert client.call("sloppy")["result"]["content"][0]["text"] == "ok"


def test_a_broken_stream_is_taken_up_again(client):
    client.send(
        json.dumps({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "resumable"}}).encode()
    )
    while "result" not in (frame := json.loads(client.recv())):
        assert frame["method"] == "notifications/progress"
    assert frame["id"] == 5
    assert frame["result"]["content"][0]["text"] == "resumed"


def test_a14_panic_reaches_a_call_on_its_way(rogue, client, tmp_path):
    client.send(json.dumps({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "stall"}}).encode())
    assert json.loads(client.recv())["method"] == "notifications/progress"
    ledger = Ledger.open(tmp_path / "state" / "state.db")
    lock.lock(ledger, by="test")
    refused = json.loads(client.recv())
    assert refused["id"] == 5
    assert refused["result"]["_meta"]["mcpwatch/refusal"]["code"] == "panic"
    wait_until(lambda: "stall" in seen(rogue)["left"], "the server noticing")
    ledger.close()


def test_a_server_that_is_down(tmp_path):
    with RawClient(bridge_command("http://127.0.0.1:9/mcp"), env=guard_env(tmp_path)) as client:
        answer = client.request("initialize")
        assert "cannot be reached" in answer["error"]["message"]


def test_a_signal_ends_it(client):
    client.process.send_signal(signal.SIGTERM)
    assert client.wait() == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "ftp://x"], "no http or https URL"),
        (["--url", "http://x", "--", "command"], "there is no --"),
        (["--url", "http://x", "--header", "nothing"], "NAME: VALUE"),
        (["--url", "http://x", "--header", "A: ${NOT_SET_ANYWHERE}"], "NOT_SET_ANYWHERE"),
        (["--url"], "needs a value"),
    ],
)
def test_mistakes_on_the_command_line(tmp_path: Path, arguments, said):
    env = os.environ | guard_env(tmp_path)
    ended = subprocess.run(
        [MCPWATCH, "run", *arguments], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert ended.returncode == 2
    assert said in ended.stderr
