"""The proxy worker with real gateways: processes, ports, the state file, the screen."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from mcpwatch.relay import gateway_control, processes
from mcpwatch.store.ledger import Ledger
from mcpwatch.tui import gateway_worker
from mcpwatch.tui.app import McpWatchApp
from mcpwatch.tui.gateway_worker import GatewayWorker
from mcpwatch.tui.source import StateSource
from servers import MCPWATCH
from servers.processes import wait_gone
from tui.fakes import ZONE
from tui.gateways import configure, gateway_home
from tui.review_steps import screen_name, shows
from tui.screens_io import press, settle, text_of, until

SEARCH = {"search": "http://127.0.0.1:9/mcp"}
START_S = 30.0
PORT_HOLDER = """
import socket, time
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
time.sleep(600)
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(gateway_worker, "LOOK_S", 0.1)
    monkeypatch.setattr(gateway_worker, "ENDING_LOOKS", 150)  # as long as before
    with gateway_home(tmp_path, monkeypatch) as config:
        yield config


async def phase(worker: GatewayWorker, *wanted: str) -> None:
    try:
        await holds(lambda: worker.view.phase in wanted, f"{wanted}")
    except AssertionError as error:
        raise AssertionError(f"{wanted}, it is {worker.view}") from error


async def holds(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


@asynccontextmanager
async def working(*workers: GatewayWorker) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_nothing_is_started_without_http_servers_and_one_that_is_added_starts_it(config: Path) -> None:
    configure(config, {})
    worker = GatewayWorker()
    async with working(worker):
        await phase(worker, "unneeded")
        assert gateway_control.find().state == "none"
        configure(config, SEARCH)
        await phase(worker, "up")
        assert worker.view.ours
        configure(config, SEARCH | {"more": "http://127.0.0.1:9/mcp"})
        await holds(lambda: len(worker.view.found.health.servers) == 2, "the gateway reads it too")  # type: ignore[union-attr]
    assert gateway_control.find().state == "up", "it goes on when the worker ends"


async def test_a_killed_one_is_started_again(config: Path) -> None:
    configure(config, SEARCH)
    worker = GatewayWorker()
    async with working(worker):
        await phase(worker, "up")
        first = worker.view.found.row.pid
        os.kill(first, signal.SIGKILL)
        await phase(worker, "waiting")
        assert worker.view.why == "it died"
        await phase(worker, "up")
        assert worker.view.found.row.pid != first
        assert not processes.is_child(first), "no zombie is left"


async def test_one_that_is_there_is_taken_and_its_orderly_end_is_said(config: Path) -> None:
    configure(config, SEARCH)
    with subprocess.Popen([MCPWATCH, "serve"], stdout=subprocess.PIPE, text=True, process_group=0) as theirs:
        assert theirs.stdout is not None
        assert theirs.stdout.readline().startswith("mcpwatch gateway")
        worker = GatewayWorker()
        async with working(worker):
            await phase(worker, "up")
            assert worker.view.found.row.pid == theirs.pid
            theirs.send_signal(signal.SIGINT)
            await phase(worker, "waiting")
            assert worker.view.why == "it was ended elsewhere, orderly"
            assert await worker.stop()
            assert worker.view.phase == "stopped"
    assert gateway_control.find().state == "none"


async def test_the_end_of_one_whose_parent_does_not_look_is_noticed(config: Path) -> None:
    configure(config, SEARCH)
    program = (
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-m', 'mcpwatch', 'serve']); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL) as parent:
        try:
            await holds(lambda: gateway_control.find().state == "up", "a gateway of another program")
            worker = GatewayWorker()
            async with working(worker):
                await phase(worker, "up")
                assert not worker.view.ours
                assert await worker.stop()
        finally:
            parent.kill()


async def test_a_stop_on_one_screen_holds_on_the_other(config: Path) -> None:
    configure(config, SEARCH)
    here, there = GatewayWorker(), GatewayWorker()
    async with working(here, there):
        await phase(here, "up")
        await phase(there, "up")
        assert await there.stop()
        await phase(here, "stopped")
        assert not here.view.retry_at > here.now(), "it does not wait to start it again"
        assert gateway_control.find().state == "none"
        await there.start()
        await phase(here, "up")


async def test_two_screens_at_once_start_one(config: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configure(config, SEARCH, port)
    one, other = GatewayWorker(), GatewayWorker()
    async with working(one, other):
        await phase(one, "up")
        await phase(other, "up")
        assert one.view.found.row == other.view.found.row
        assert processes.listener(port) == one.view.found.row.pid


async def test_a_port_of_another_program_is_named_and_waited_for(config: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PORT_HOLDER], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        try:
            port = int(other.stdout.readline())
            configure(config, SEARCH, port)
            worker = GatewayWorker()
            async with working(worker):
                await holds(lambda: worker.view.failures >= 2, "a second try")
                assert f"port {port} is taken by " in worker.view.advice
                assert f"(process {other.pid})" in worker.view.advice
                assert "mcpwatch serve --port" in worker.view.advice
                assert f"port {port} of 127.0.0.1 is taken" in worker.view.why
                assert worker.view.retry_at > worker.now()
                other.kill()
                other.wait()
                await phase(worker, "up")
        finally:
            other.kill()


async def test_one_that_hangs_is_ended_by_force(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_worker, "SILENT_S", 0.5)
    monkeypatch.setattr(gateway_control, "ANSWER_S", 0.2)
    monkeypatch.setattr(gateway_control.look, "__defaults__", (0.2,))
    configure(config, SEARCH)
    worker = GatewayWorker()
    async with working(worker):
        await phase(worker, "up")
        first = worker.view.found.row.pid
        os.kill(first, signal.SIGSTOP)
        await phase(worker, "silent")
        await holds(lambda: worker.view.phase == "up" and worker.view.found.row.pid != first, "another")
    wait_gone([first])


async def test_a_state_file_that_was_taken_away_is_not_made_anew(config: Path) -> None:
    configure(config, SEARCH)
    state = config.parent / "state"
    for file in state.iterdir():
        file.unlink()
    worker = GatewayWorker()
    async with working(worker):
        await phase(worker, "no-state")
        assert list(state.iterdir()) == []
        Ledger.open().close()
        await phase(worker, "up")


async def test_a_configuration_that_cannot_be_used_is_said(config: Path) -> None:
    config.write_text("nonsense = 1\n")
    worker = GatewayWorker()
    async with working(worker):
        await phase(worker, "config")
        assert "nonsense" in worker.view.config_problem
        configure(config, SEARCH)
        await phase(worker, "up")
        config.write_text("nonsense = 1\n")
        await holds(lambda: worker.view.config_problem, "the problem")
        assert worker.view.phase == "up"


# --- on the screen ---


@asynccontextmanager
async def screen(config: Path) -> AsyncIterator[tuple[McpWatchApp, Pilot[int], GatewayWorker]]:
    worker = GatewayWorker()
    app = McpWatchApp(StateSource(), zone=ZONE, files=config.parent, workers=(worker,))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.ticks >= 1)
        await settle(pilot)
        yield app, pilot, worker


async def test_the_screen_starts_it_shows_it_and_leaves_it_running(config: Path) -> None:
    configure(config, SEARCH)
    async with screen(config) as (app, pilot, worker):
        await until(pilot, lambda: "gateway up" in app.main.header.text(), seconds=START_S)
        await press(pilot, "H")
        await shows(app, pilot, "started by this screen")
        for part in ("search", "http://127.0.0.1:9/mcp", str(worker.view.found.row.pid), "/<server>/mcp"):
            assert part in text_of(app), part
        await shows(app, pilot, "mcpwatch gateway: http")  # its log
        await press(pilot, "escape", "q")
        await shows(app, pilot, "Keep it running")
        await press(pilot, "escape")
        assert screen_name(app) == "MainScreen"
        await press(pilot, "q", "enter")
        assert app.return_code == 0
    assert gateway_control.find().state == "up"


async def test_on_leaving_it_can_be_stopped(config: Path) -> None:
    configure(config, SEARCH)
    async with screen(config) as (app, pilot, worker):
        await until(pilot, lambda: worker.view.is_up, seconds=START_S)
        await press(pilot, "q", "tab", "enter")
        await until(pilot, lambda: app.return_code == 0, seconds=START_S)
    assert gateway_control.find().state == "none"


async def test_at_once_means_that_it_goes_on(config: Path) -> None:
    configure(config, SEARCH)
    async with screen(config) as (app, pilot, worker):
        await until(pilot, lambda: worker.view.is_up, seconds=START_S)
        await press(pilot, "ctrl+q")
        assert app.return_code == 0
    assert gateway_control.find().state == "up"


async def test_stop_start_and_restart_by_key_ask_first(config: Path) -> None:
    configure(config, SEARCH)
    async with screen(config) as (app, pilot, worker):
        await until(pilot, lambda: worker.view.is_up, seconds=START_S)
        first = worker.view.found.row.pid
        await press(pilot, "H", "x", "enter")
        assert screen_name(app) == "GatewayScreen"
        assert worker.view.is_up, "enter alone stops nothing"
        await press(pilot, "x", "tab", "enter")
        await until(pilot, lambda: worker.view.phase == "stopped", seconds=START_S)
        await shows(app, pilot, "stopped by you")
        await press(pilot, "s")
        await until(pilot, lambda: worker.view.is_up, seconds=START_S)
        second = worker.view.found.row.pid
        await until(pilot, lambda: screen_name(app) == "GatewayScreen")
        await press(pilot, "r", "tab", "enter")
        await until(pilot, lambda: worker.view.is_up and worker.view.found.row.pid != second, seconds=START_S)
    assert len({first, second, worker.view.found.row.pid}) == 3
    health = gateway_control.find().health
    assert health is not None
    assert json.dumps(health.servers) == json.dumps(SEARCH)
