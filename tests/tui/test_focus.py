"""Who has the focus when the terminal changes its size: always something that is drawn, and takes keys."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from mcpwatch.tui.app import McpWatchApp
from tui.fakes import FakeSource, busy_source
from tui.screens_io import press, running, settle, until

SMALL = [(59, 24), (80, 15), (40, 10)]


def focus(app: McpWatchApp) -> str:
    """The id of what has it, and is drawn."""
    return str(app.focused.id) if app.focused in app.main.focus_chain and app.focused is not None else ""


async def resized(pilot: Pilot[int], *sizes: tuple[int, int]) -> None:
    for width, height in sizes:
        await pilot.resize_terminal(width, height)
        await settle(pilot)


@pytest.mark.parametrize("small", SMALL)
@pytest.mark.parametrize(("key", "pane"), [("1", "servers"), ("2", "tools"), ("3", "calls")])
async def test_a_terminal_once_too_small_gives_the_focus_back(key: str, pane: str, small: tuple[int, int]) -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, key)
        for size in ((80, 24), (120, 40)):
            await resized(pilot, small, size)
            assert focus(app) == pane
        shown = app.main.query_one(f"#{pane}")
        await press(pilot, "j")
        assert shown.cursor == 1  # type: ignore[attr-defined]


async def test_servers_that_were_clicked_stay_drawn_when_it_narrows() -> None:
    async with running(busy_source()) as (app, pilot):
        await pilot.click("#servers")
        await resized(pilot, (80, 24))
        assert focus(app) == "servers"
        await resized(pilot, (120, 40))
        await pilot.click("#calls")
        await resized(pilot, (80, 24))
        assert focus(app) == "calls"
        assert app.main.tools in app.main.focus_chain, "the servers gave their place back"


async def test_the_card_for_the_first_server_gets_it_back() -> None:
    async with running(FakeSource()) as (app, pilot):
        await resized(pilot, (59, 24), (80, 24))
        assert focus(app) == "onboarding"


async def test_what_came_while_it_was_too_small_is_what_has_it() -> None:
    source = FakeSource()
    async with running(source) as (app, pilot):
        await resized(pilot, (59, 24))
        source.tool_rows = busy_source().tool_rows
        source.touch()
        await until(pilot, lambda: not app.model.empty)
        await resized(pilot, (80, 24))
        await until(pilot, lambda: focus(app) == "tools")
