"""The LLM scanner beside the gateway: it needs no screen, and ends with the gateway."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from mcpwatch.store.ledger import Ledger
from servers import mistral_server as say
from servers.gateways import GatewayProcess, gateway, http_server
from servers.httpclient import HttpClient
from servers.mistral_server import MistralServer
from servers.processes import alive, wait_gone


async def until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.02)


def list_tools(running: GatewayProcess) -> None:
    client = HttpClient(running.url())
    client.initialize().body()
    assert b"description" in client.ask("tools/list").body()


def status(running: GatewayProcess):
    ledger = Ledger.open(running.state)
    try:
        return ledger.scanner()
    finally:
        ledger.close()


def remote_scores(running: GatewayProcess) -> list[float | None]:
    ledger = Ledger.open(running.state)
    try:
        verdicts = [judged.verdict for judged in ledger.judged() if judged.verdict is not None]
        return [verdict.score for verdict in verdicts if verdict.producer == "remote"]
    finally:
        ledger.close()


async def test_a_gateway_hosts_the_scanner(tmp_path):
    async with MistralServer(say.well(7)) as model:
        config = f'[scanner]\nserver_url = "{model.url}"\n[gateway]\nscan = true\n'
        with (
            http_server("http_everything", "--json") as port,
            gateway(tmp_path, {"srv": f"http://127.0.0.1:{port}/mcp"}, config=config) as running,
        ):
            await asyncio.to_thread(list_tools, running)
            await until(lambda: 7 in remote_scores(running), "a verdict of the model")
            said = status(running)
            assert (said.host, said.state in ("running", "idle")) == ("gateway", True)
            assert said.pid != running.process.pid, "in a process of its own"

            os.kill(said.pid, signal.SIGKILL)
            await until(lambda: status(running).pid not in (0, said.pid), f"another one in place of {said}")
            assert running.process.poll() is None

            again = status(running).pid
            running.process.terminate()
            await asyncio.to_thread(running.process.wait, 20)
            assert not alive(again)
            assert status(running).state == "off", "it has given the scanner back"


async def test_it_does_not_outlive_a_gateway_that_is_killed(tmp_path):
    async with MistralServer(say.well(7)) as model:
        config = f'[scanner]\nserver_url = "{model.url}"\n'
        with gateway(tmp_path, {}, "--scan", config=config) as running:
            await until(lambda: status(running).host == "gateway", "the scanner")
            pid = status(running).pid
            running.process.kill()
            await asyncio.to_thread(wait_gone, [pid])


async def test_it_is_not_there_unasked(tmp_path):
    with gateway(tmp_path, {}) as running:
        assert HttpClient(running.base).request("GET", path="/.mcpwatch/health").status == 200
        assert not Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
        assert status(running).host == ""
