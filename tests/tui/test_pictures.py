"""Every screen as a picture, at both sizes, without colour, and in ASCII."""

from __future__ import annotations

import pytest

from mcpwatch.store.scans import ScannerStatus
from mcpwatch.tui.workers import ModelScanner
from tui import picture
from tui.fakes import FakeSource, busy_source
from tui.screens_io import press, running, settle, text_of, until

SIZES = [(120, 40), (80, 24)]
sized = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


def name_of(screen: str, size: tuple[int, int]) -> str:
    return f"{screen}-{size[0]}x{size[1]}"


@sized
async def test_normal(size: tuple[int, int]) -> None:
    async with running(busy_source(), size=size) as (app, _):
        picture.check(app, name_of("normal", size))


@sized
async def test_locked(size: tuple[int, int]) -> None:
    source = busy_source()
    source.lock_now()
    async with running(source, size=size) as (app, _):
        picture.check(app, name_of("locked", size))


@sized
async def test_unlock(size: tuple[int, int]) -> None:
    source = busy_source()
    source.lock_now()
    source.failures = 2
    async with running(source, size=size) as (app, pilot):
        await press(pilot, "U")
        await until(pilot, lambda: "failed attempts" in app.screen.query_one("#hint").text())
        await settle(pilot)
        picture.check(app, name_of("unlock", size))


@sized
async def test_limits(size: tuple[int, int]) -> None:
    async with running(busy_source(), size=size) as (app, pilot):
        await press(pilot, "t", "tab", "tab", *["backspace"] * 4, *"0.25")
        await settle(pilot)
        picture.check(app, name_of("limits", size))


@sized
async def test_empty(size: tuple[int, int]) -> None:
    async with running(FakeSource(), size=size) as (app, _):
        picture.check(app, name_of("empty", size))


@sized
async def test_help(size: tuple[int, int]) -> None:
    async with running(busy_source(), size=size) as (app, pilot):
        await press(pilot, "question_mark")
        await settle(pilot)
        picture.check(app, name_of("help", size))


@sized
async def test_detail(size: tuple[int, int]) -> None:
    async with running(busy_source(), size=size) as (app, pilot):
        await press(pilot, "3")
        await settle(pilot)
        await press(pilot, "j", "enter")
        await until(
            pilot, lambda: app.screen is not app.main and "Arguments" in app.screen.query_one("#pager").text()
        )
        picture.check(app, name_of("detail", size))


PANES = {
    "tool": (["enter"], "Evidence"),
    "diff": (["n", "d"], "What changed"),
    "approve": (["a"], "Approve? github/create_or_update_file"),
    "approve-server": (["1", "j", "a"], "Approve what filesystem lists?"),
    "findings": (["F"], "secret_access"),
    "scan": (["L"], "all servers"),
}


@sized
@pytest.mark.parametrize("screen", PANES)
async def test_definitions(screen: str, size: tuple[int, int]) -> None:
    opening, shown = PANES[screen]
    async with running(busy_source(), size=size) as (app, pilot):
        await press(pilot, *opening)
        await until(pilot, lambda: app.screen is not app.main and shown in text_of(app))
        await settle(pilot)
        await pilot.pause(0.1)
        picture.check(app, name_of(screen, size))


@sized
async def test_opt_in(size: tuple[int, int]) -> None:
    source = busy_source()
    source.scan_status = ScannerStatus(state="not-opted-in", host="screen", pid=1, budget=200_000)
    scanner = ModelScanner()
    scanner.destination = "https://api.mistral.ai"
    async with running(source, size=size) as (app, pilot):
        app.workers_hosted = (scanner,)
        scanner.wants_consent = True
        await until(pilot, lambda: "May definitions leave this machine?" in text_of(app))
        await settle(pilot)
        picture.check(app, name_of("opt-in", size))


@pytest.mark.parametrize("screen", ["tool", "diff", "findings"])
async def test_definitions_without_colour(screen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    opening, shown = PANES[screen]
    async with running(busy_source(), size=(80, 24)) as (app, pilot):
        await press(pilot, *opening)
        await until(pilot, lambda: app.screen is not app.main and shown in text_of(app))
        await settle(pilot)
        await pilot.pause(0.1)
        picture.check(app, f"no-color-{screen}-80x24")


async def test_panic_light() -> None:
    source = busy_source()
    source.lock_now("panic", "panic key", by="screen")
    async with running(source, theme="light") as (app, _):
        picture.check(app, "panic-light-120x40")


async def test_cvd() -> None:
    async with running(busy_source(), theme="cvd") as (app, _):
        picture.check(app, "cvd-120x40")


@sized
async def test_no_color(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    source = busy_source()
    source.lock_now()
    async with running(source, size=size) as (app, _):
        picture.check(app, name_of("no-color", size))


async def test_ascii() -> None:
    source = busy_source()
    source.lock_now()
    async with running(source, size=(80, 24), ascii=True) as (app, _):
        picture.check(app, "ascii-80x24")


def test_the_comparison_notices_a_changed_colour_and_a_changed_letter() -> None:
    svg = (picture.FOLDER / "normal-80x24.svg").read_text("utf-8")
    assert picture.cells(svg) == picture.cells(svg.replace("mcpwatch-r", "other-r"))
    assert picture.cells(svg) != picture.cells(svg.replace("DANGER", "DANCER"))
    assert picture.cells(svg) != picture.cells(svg.replace("#ff6b6b", "#ff6b6c"))
    assert "@font-face" not in svg and "src:" not in svg
