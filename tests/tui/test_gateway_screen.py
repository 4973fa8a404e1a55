"""The gateway on the screen: as pictures, key by key, and with what is hostile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import pytest
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from mcpwatch.clients.survey import Status
from mcpwatch.relay.gateway_control import Found
from mcpwatch.tui.app import McpWatchApp
from mcpwatch.tui.client_rows import EntryLine
from mcpwatch.tui.gateway_worker import GatewayWorker
from mcpwatch.tui.screens import gateway as screens
from tui import picture
from tui.fakes import FakeSource, busy_source
from tui.gateways import LOG, FakeCalls, Time, found_up
from tui.review_steps import says, screen_name, shows
from tui.screens_io import press, running, settle, text_of, until

LINES = [
    "mcpwatch gateway: http://127.0.0.1:7373/<server>/mcp",
    "2026-09-21 14:02:11,420 WARNING mcpwatch.gateway: search: the server ended the connection",
    "2026-09-21 14:20:45,007 ERROR mcpwatch.gateway: configuration not used: config.toml: not valid TOML",
]
SIZES = [(120, 40), (80, 24)]
sized = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the gateway wrote."""
    lines = list(LINES)
    monkeypatch.setattr(screens, "tail", lambda path: list(lines))
    return lines


def serving(**more: object) -> FakeCalls:
    problem = {"tickets": "its header Authorization needs the environment variable TICKETS_TOKEN, which is not set"}
    return FakeCalls(there=found_up(log=LOG, **{"problems": problem, **more}))


@asynccontextmanager
async def on_screen(
    calls: FakeCalls, *, size: tuple[int, int] = (120, 40), source: FakeSource | None = None, **options: object
) -> AsyncIterator[tuple[McpWatchApp, Pilot[int], GatewayWorker]]:
    worker = GatewayWorker(calls, now=Time())
    async with running(source or busy_source(), size=size, workers=(worker,), **options) as (app, pilot):
        await until(pilot, lambda: worker.view.phase not in ("looking", "starting"))
        yield app, pilot, worker


async def opened(app: McpWatchApp, pilot: Pilot[int], keys: str, shown: str) -> None:
    await press(pilot, *keys)
    await shows(app, pilot, shown)
    app.clear_notifications()
    await settle(pilot)
    await pilot.pause(0.1)


# --- the empty screen ---


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 16)])
async def test_the_empty_screen_says_what_is_behind_the_gateway(size: tuple[int, int]) -> None:
    async with on_screen(serving(), size=size, source=FakeSource()) as (app, pilot, worker):
        await shows(app, pilot, "2 HTTP servers behind the gateway; none called yet.")
        shown = text_of(app)
        assert "Nothing is behind" not in shown
        assert "http://127.0.0.1:7373/<server>/mcp" in shown and "search, tickets" in shown
        assert "H gateway" in shown
        await worker.stop()
        await shows(app, pilot, "2 HTTP servers behind the gateway, which is not up.")


# --- pictures ---


@sized
async def test_gateway(size: tuple[int, int]) -> None:
    async with on_screen(serving(), size=size) as (app, pilot, _):
        await opened(app, pilot, "H", "configuration not used")
        picture.check(app, f"gateway-{size[0]}x{size[1]}")


@sized
async def test_gateway_that_does_not_start(size: tuple[int, int]) -> None:
    calls = FakeCalls()
    said = "mcpwatch: port 7373 of 127.0.0.1 is taken or not allowed (address already in use)"
    calls.starts, calls.taken = [said] * 9, "nginx (process 991)"
    async with on_screen(calls, size=size) as (app, pilot, _):
        await opened(app, pilot, "H", "configuration not used")
        picture.check(app, f"gateway-down-{size[0]}x{size[1]}")


@sized
async def test_leaving_while_it_runs(size: tuple[int, int]) -> None:
    async with on_screen(serving(), size=size) as (app, pilot, _):
        await opened(app, pilot, "q", "Keep it running")
        picture.check(app, f"quit-gateway-{size[0]}x{size[1]}")


async def test_stopping_it() -> None:
    async with on_screen(serving(), size=(80, 24)) as (app, pilot, _):
        await opened(app, pilot, "Hx", "Stop the gateway")
        picture.check(app, "stop-gateway-80x24")


async def test_without_colour_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with on_screen(serving(), size=(80, 24), ascii=True) as (app, pilot, _):
        await opened(app, pilot, "H", "configuration not used")
        assert text_of(app).isascii()
        picture.check(app, "no-color-ascii-gateway-80x24")


# --- the header ---


@pytest.mark.parametrize(
    ("width", "said"), [(60, "gateway down: H"), (80, "gateway down: H"), (120, "gateway down, again in 1s: H")]
)
async def test_trouble_is_in_the_header_at_every_width(width: int, said: str) -> None:
    calls = FakeCalls()
    calls.starts = ["no"] * 99
    async with on_screen(calls, size=(width, 24)) as (app, pilot, _):
        await until(pilot, lambda: said in app.main.header.text())
        assert len(app.main.header.text()) <= width


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_a_stopped_gateway_is_in_the_header_beside_what_is_unwatched(width: int) -> None:
    """Failed once: at 80 columns the counts of clients, servers and tools stood there instead."""
    async with on_screen(serving(), size=(width, 24)) as (app, pilot, worker):
        past = partial(EntryLine, guard="", client="Cursor", remark="", disabled=False, project=False)
        app.model.take_configured(
            [
                past(key=("mcp.json", (name,)), name=name, status=Status.UNWATCHED, wraps=True, unwraps=False)
                for name in ("files", "mail")
            ]
        )
        await worker.stop()
        await until(pilot, lambda: "gateway stopped: H" in app.main.header.text())
        assert "2 unwatched: w" in app.main.header.text()
        assert len(app.main.header.text()) <= width


async def test_without_http_servers_the_header_says_nothing_of_it() -> None:
    async with on_screen(FakeCalls(servers={})) as (app, pilot, _):
        assert "gateway" not in app.main.header.text()
        await press(pilot, "H")
        await shows(app, pilot, "not needed: no HTTP servers configured")
        await press(pilot, "s")
        await says(app, pilot, "nothing for it to do")
        await press(pilot, "escape", "q")
        assert "gateway" not in text_of(app), "leaving asks as it does without one"


# --- keys ---


async def test_leaving_one_that_a_service_runs_asks_nothing_about_it() -> None:
    calls, source = serving(), busy_source()
    calls.service, source.session_rows = True, []
    async with on_screen(calls, source=source) as (app, pilot, worker):
        assert worker.view.service
        await press(pilot, "q")
        assert app.return_code == 0
    assert calls.asked == []


@pytest.mark.parametrize(("keys", "asked"), [("\r", []), ("\t\r", ["end"])], ids=["keep", "stop"])
async def test_leaving_asks(keys: str, asked: list[str]) -> None:
    calls = serving()
    async with on_screen(calls) as (app, pilot, _):
        await press(pilot, "q", *({"\r": "enter", "\t": "tab"}[key] for key in keys))
        await until(pilot, lambda: app.return_code == 0)
    assert calls.asked == asked


async def test_leaving_stays_when_it_does_not_end() -> None:
    calls = serving()
    calls.ends = False
    async with on_screen(calls) as (app, pilot, _):
        await press(pilot, "q", "tab", "enter")
        await says(app, pilot, "does not end")
        assert screen_name(app) == "MainScreen"
        assert app.return_code is None


@pytest.mark.parametrize("opening", ["H", "Hx", "Hr", "q"])
async def test_a19_a_terminal_reply_neither_stops_nor_restarts_it(opening: str) -> None:
    calls = serving()
    async with on_screen(calls, size=(80, 24)) as (app, pilot, _):
        await press(pilot, *opening)
        for char in ("P>|tmux 3.3a\\" + "".join(map(chr, range(0x21, 0x7F))), "\r"):
            for one in char:
                app.post_message(events.Key("enter" if one == "\r" else _character_to_key(one), one))
        await settle(pilot)
    assert calls.asked == []


async def test_the_countdown_is_called_off_and_taken_up_again() -> None:
    calls = FakeCalls()
    calls.starts = ["no"]
    async with on_screen(calls) as (app, pilot, worker):
        await press(pilot, "H")
        await shows(app, pilot, "next start in 1s · 1 failure")
        await press(pilot, "x")
        await shows(app, pilot, "stopped by you")
        assert screen_name(app) == "GatewayScreen", "nothing runs, so nothing is asked"
        await press(pilot, "s")
        await until(pilot, lambda: worker.view.is_up)
        await press(pilot, "s")
        await says(app, pilot, "It runs already")


async def test_the_log_is_followed_until_somebody_looks_back(log: list[str]) -> None:
    log += [f"line {n}" for n in range(100)]
    async with on_screen(serving(), size=(80, 24)) as (app, pilot, _):
        await press(pilot, "H")
        await shows(app, pilot, "line 99")
        log.append("the newest")
        await shows(app, pilot, "the newest")
        await press(pilot, "tab", "g")
        await shows(app, pilot, "mcpwatch gateway: http")
        log.append("newer still")
        pager = app.screen.query_one("#gateway-log")
        await until(pilot, lambda: len(pager.rows) == len(log) + 1)  # one of the lines is broken
        assert "newer still" not in text_of(app)
        await press(pilot, "G")
        await shows(app, pilot, "newer still")


# --- what is hostile ---

EVIL = "\x1b]52;c;AAAA\x07[@click=app.quit]x[/]\u202e\x9b2J"


async def test_nothing_of_it_acts_on_the_terminal(log: list[str]) -> None:
    log.append(f"log {EVIL}")
    calls = serving(servers={"evil\x1b[2J": f"https://{EVIL}"}, problems={"evil\x1b[2J": EVIL}, version=EVIL)
    calls.now_wanted = msgspec.structs.replace(calls.now_wanted, problem=f"config {EVIL}")
    async with on_screen(calls) as (app, pilot, worker):
        await press(pilot, "H")
        await shows(app, pilot, "log ␛]52")
        text = text_of(app)
        assert "[@click=app.quit]x[/]" in text, "no markup"
        assert not any(char in text for char in "\x1b\x07\x9b\u202e")
        calls.there = Found("none")
        calls.now_wanted = msgspec.structs.replace(calls.now_wanted, problem="")
        calls.starts = [EVIL] * 9
        await until(pilot, lambda: worker.view.failures == 1)
        worker.now.at += 60  # type: ignore[attr-defined]
        await until(pilot, lambda: "did not come up: ␛]52" in " ".join(text_of(app).replace("│", " ").split()))
        assert "\x1b" not in text_of(app)
