"""What the state file says after real traffic, and what a lock made elsewhere does to it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import mcp_types as types
import pytest

from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import CallRow, Dimension, Limit
from servers import server_command
from servers.processes import wait_until
from servers.rawclient import RawClient
from servers.sdkclient import sdk_client, text_of

PASSWORD = "correct horse battery"
PLENTY = [Limit(Dimension.CALLS, 10**6, 60), Limit(Dimension.TOKENS, 10**9, 3600), Limit(Dimension.COST, 10**9, 3600)]


@contextmanager
def ledger_of(route) -> Iterator[Ledger]:
    ledger = Ledger.open(Path(route.env["MCPWATCH_STATE"]) / "state.db")
    try:
        yield ledger
    finally:
        ledger.close()


def arm(ledger: Ledger, *limits: Limit) -> None:
    lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
    lock.set_limits(ledger, PLENTY, PASSWORD, by="test")
    lock.set_limits(ledger, limits, PASSWORD, by="test")
    lock.arm(ledger, by="test")


def calls_used(ledger: Ledger) -> int:
    return next(u.used for u in ledger.usages() if u.limit.dimension == Dimension.CALLS)


def rows(ledger: Ledger, method: str) -> list[CallRow]:
    return [row for row in ledger.latest_calls(10_000) if row.method == method]


async def answer_sampling(context, params):
    return types.CreateMessageResult(role="assistant", content=types.TextContent(text="yes"), model="tiny")


async def answer_elicitation(context, params):
    return types.ElicitResult(action="accept", content={"value": "x"})


async def test_every_call_is_recorded_once(guarded, era, tmp_path):
    with (tmp_path / "stderr.txt").open("w") as errlog:
        command = guarded.command(server_command("everything"), "books")
        async with sdk_client(command, era, env=guarded.env, errlog=errlog) as client:
            for n in range(10):
                await client.call_tool("echo", {"text": f"text {n}"})
            await client.call_tool("fail")
            await client.call_tool("big", {"mib": 1})
    with ledger_of(guarded) as ledger:
        calls = rows(ledger, "tools/call")
        assert [row.tool for row in calls] == ["echo"] * 10 + ["fail", "big"]
        assert [row.outcome for row in calls] == ["ok"] * 10 + ["error", "ok"]
        assert {row.server for row in calls} == {"books"}
        assert {row.protocol for row in calls} == {era}
        assert {row.client_name for row in calls} == {"mcp"}
        assert calls[-1].result_bytes > 1 << 20
        assert len(calls[-1].result) < 4096
        assert all(row.duration_ns and row.tokens_in for row in calls if row.tool == "echo")
        assert calls_used(ledger) == 12
        (session,) = ledger.sessions()
        assert session.exit_code is not None


async def test_many_rounds_are_charged_once(guarded, tmp_path):
    """Four rounds under four ids are one call; the sampling asked for inside is a call of its own (A29)."""
    options = {"sampling_callback": answer_sampling, "elicitation_callback": answer_elicitation}
    with (tmp_path / "stderr.txt").open("w") as errlog:
        command = guarded.command(server_command("everything"))
        async with sdk_client(command, "2026-07-28", env=guarded.env, errlog=errlog, **options) as client:
            assert text_of(await client.call_tool("interview")).startswith("3;")
    with ledger_of(guarded) as ledger:
        rounds = [("retry" in row.flags, row.outcome) for row in rows(ledger, "tools/call")]
        assert rounds == [(False, "ok"), (True, "ok"), (True, "ok"), (True, "ok")]
        assert calls_used(ledger) == 2
        assert {tool.name: tool.calls for tool in ledger.tools() if tool.calls} == {"interview": 1, "@sampling": 1}


async def test_a29_sampling_of_a_session_is_charged(guarded, tmp_path):
    with (tmp_path / "stderr.txt").open("w") as errlog:
        command = guarded.command(server_command("everything"))
        async with sdk_client(
            command, "2025-11-25", env=guarded.env, errlog=errlog, sampling_callback=answer_sampling
        ) as client:
            assert text_of(await client.call_tool("sample", {"prompt": "?"})) == "tiny:yes"
    with ledger_of(guarded) as ledger:
        assert [row.tool for row in ledger.latest_calls(100) if row.from_server] == ["@sampling"]
        assert calls_used(ledger) == 2


async def test_a14_a15_a_lock_ends_calls_in_flight_and_refuses_the_next(guarded, era, tmp_path):
    with ledger_of(guarded) as ledger, (tmp_path / "stderr.txt").open("w") as errlog:
        command = guarded.command(server_command("everything"))
        async with sdk_client(command, era, env=guarded.env, errlog=errlog) as client:
            waiting = anyio.Event()
            outcome: list[types.CallToolResult] = []

            async def on_progress(progress, total, message):
                waiting.set()

            async def call() -> None:
                outcome.append(await client.call_tool("wait", progress_callback=on_progress))

            with anyio.fail_after(20):
                async with anyio.create_task_group() as group:
                    group.start_soon(call)
                    await waiting.wait()
                    lock.lock(ledger, "enough", by="test")
            assert outcome[0].is_error
            assert outcome[0].meta["mcpwatch/refusal"]["code"] == "panic"

            refused = await client.call_tool("echo", {"text": "hi"})
            assert refused.is_error
            assert "enough" in text_of(refused)
            assert len((await client.list_tools()).tools) == 5

            await asyncio.to_thread(lock.unlock, ledger, "UNLOCK", by="test")
            with anyio.fail_after(20):
                while (allowed := await client.call_tool("echo", {"text": "hi"})).is_error:
                    pass
            assert text_of(allowed) == "hi"
            observed = await client.call_tool("observed")
            assert observed.structured_content["cancelled"] == 1


def test_a6_exactly_the_limit_passes(guarded):
    with ledger_of(guarded) as ledger:
        arm(ledger, Limit(Dimension.CALLS, 30, 60))
        with RawClient(guarded.command(server_command("rogue", "proper")), env=guarded.env) as client:
            client.initialize()
            replies = [client.call("count") for _ in range(40)]
            passed = [reply for reply in replies if not reply["result"]["isError"]]
            assert [reply["result"]["content"][0]["text"] for reply in passed] == [str(n) for n in range(1, 31)]
            refusal = replies[30]["result"]
            assert refusal["_meta"]["mcpwatch/refusal"]["code"] == "calls"
            assert "31 calls" in refusal["content"][0]["text"]
            assert client.request("tools/list")["result"]["tools"]
        assert ledger.policy().lock.code == "calls"


@pytest.mark.parametrize("seed", range(6))
def test_nothing_charged_is_lost_by_kill_9(guarded, seed):
    """Armed: whatever the client got an answer to is in the ledger, however abruptly the guard went."""
    moment = random.Random(seed).randrange(1, 300)
    with ledger_of(guarded) as ledger:
        arm(ledger)
        with RawClient(guarded.command(server_command("rogue", "proper")), env=guarded.env) as client:
            client.initialize()
            before, sent = len(client.received), 0
            call = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "count"}}
            for n in range(400):
                try:
                    client.send(call | {"id": n})
                except BrokenPipeError:
                    break
                sent += 1
                if n == moment:
                    client.recv()  # it is at work
                    client.process.kill()
            frames = client.drain()[before:]
            wait_until(lambda: client.family() == [], "the end of every process")
        answered = sum(1 for frame in frames if frame.endswith(b"}") and not json.loads(frame)["result"]["isError"])
        assert 1 <= answered <= calls_used(ledger) <= sent
