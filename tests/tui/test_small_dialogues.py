"""Dialogues on small terminals: sentences break at words, and the keys stay in sight."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.pilot import Pilot

from mcpwatch.store.scans import ScannerStatus
from mcpwatch.tui.app import McpWatchApp
from mcpwatch.tui.gateway_worker import GatewayWorker
from mcpwatch.tui.workers import ModelScanner
from tui import wired
from tui.fakes import FakeSource, busy_source
from tui.gateways import FakeCalls, Time, found_up
from tui.screens_io import press, running, settle, text_of, until

SIZES = [(60, 16), (64, 18), (70, 24)]
sized = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")

# Key; what it says, a word after the other; its buttons.
SAID = {
    "U": ("Locked 14:13:09: limit passed: 31 calls in the last minute, limit 30", "[ Cancel ] esc [ Unlock ] enter"),
    "t": (
        "≈ 100 000 tokens at $0.003 per 1 000 cost $0.30: the token limit is reached long before the cost limit of"
        " $1.00 unless calls have prices of their own.",
        "[ Cancel ] esc [ Defaults ] ctrl+r [ Save ] ctrl+s",
    ),
    "A": (
        "Limits stop refusing calls. Usage is still metered, and the panic lock still works.",
        "[ Cancel ] esc [ Observe ] enter",
    ),
    "P": (
        "It is asked for whatever loosens: unlocking, raising a limit, observing.",
        "[ Cancel ] esc [ Set ] enter",
    ),
    "q": ("Only this screen closes: protection stays on, and so does a lock.", "[ Cancel ] esc [ Quit ] ctrl+q"),
}
GATEWAY = (
    "serves 2 HTTP servers. It needs no screen: kept running, it goes on watching and limiting. Stopped, clients"
    " cannot reach these servers until it is started again."
)


def inside(app: McpWatchApp) -> str:
    """What is to be seen of the dialogue's box, its words in a row."""
    box = app.screen.query_one("#box").region
    rows = [line[box.x + 1 : box.right - 1] for line in text_of(app).split("\n")[box.y + 1 : box.bottom - 1]]
    return re.sub(r"\s+", " ", " ".join(rows))


async def check(app: McpWatchApp, pilot: Pilot[int], said: str, buttons: str) -> None:
    await until(pilot, lambda: app.screen.query("#box") and said in inside(app))
    assert buttons in inside(app)
    assert "…" not in inside(app)


@sized
@pytest.mark.parametrize("key", SAID)
async def test_a_dialogue_is_whole(key: str, size: tuple[int, int]) -> None:
    source = busy_source()
    if key == "U":
        source.lock_now()
    async with running(source, size=size) as (app, pilot):
        await press(pilot, key)
        await check(app, pilot, *SAID[key])


@sized
async def test_leaving_while_the_gateway_runs_is_whole(size: tuple[int, int]) -> None:
    worker = GatewayWorker(FakeCalls(there=found_up()), now=Time())
    async with running(busy_source(), size=size, workers=(worker,)) as (app, pilot):
        await until(pilot, lambda: worker.view.is_up)
        await press(pilot, "q")
        await check(app, pilot, GATEWAY, "[ Keep it running ] enter [ Stop it ] [ Cancel ] esc")


@sized
async def test_the_question_about_definitions_is_whole(size: tuple[int, int]) -> None:
    source, scanner = busy_source(), ModelScanner()
    source.scan_status = ScannerStatus(state="not-opted-in", host="screen", pid=1, budget=200_000)
    scanner.destination = "https://api.mistral.ai"
    async with running(source, size=size) as (app, pilot):
        app.workers_hosted = (scanner,)
        scanner.wants_consent = True
        said = "They are sent to https://api.mistral.ai. Calls and their results never leave"
        await check(app, pilot, said, "[ Not now ] esc [ Keep them here ] [ Send them ]")


async def test_the_buttons_stay_while_the_body_scrolls() -> None:
    async with running(busy_source(), size=(60, 16)) as (app, pilot):
        await press(pilot, "t", *"00000000")
        box = app.screen.query_one("#box")
        for _ in range(6):
            await press(pilot, "tab")
            assert "[ Save ] ctrl+s" in inside(app)
            assert app.focused is not None
            assert box.region.contains_region(app.focused.region)


async def test_a_wrong_password_is_said_where_it_is_seen() -> None:
    source = busy_source()
    source.lock_now()
    async with running(source, size=(60, 16)) as (app, pilot):
        await press(pilot, "U", *"wrong", "enter")
        await until(pilot, lambda: "✗ wrong password 1 failed attempt" in inside(app))


async def test_a_dialogue_follows_the_terminal() -> None:
    async with running(busy_source(), size=(120, 40)) as (app, pilot):
        await press(pilot, "t")
        await pilot.resize_terminal(60, 16)
        await settle(pilot)
        await check(app, pilot, *SAID["t"])


@sized
async def test_the_clients_keys_give_way_one_by_one(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCPWATCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MCPWATCH_CONFIG", str(tmp_path / "config.toml"))
    async with running(FakeSource(), size=size, wiring=wired.wiring(wired.machine(tmp_path))) as (app, pilot):
        await press(pilot, "w")
        edge = text_of(app).split("\n")[-1]
        assert "space select · enter wrap · u unwrap" in edge
        assert "esc close" in edge
