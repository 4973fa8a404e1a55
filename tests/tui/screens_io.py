"""Running the app in tests: until it has caught up, and as a picture."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from mcpwatch.tui.app import McpWatchApp
from tui.fakes import ZONE, Clock, FakeSource


@asynccontextmanager
async def running(
    source: FakeSource, *, size: tuple[int, int] = (120, 40), **options: Any
) -> AsyncIterator[tuple[McpWatchApp, Pilot[int]]]:
    """The app over a fake source, after its first tick."""
    options = {"now": Clock(), "zone": ZONE, **options}
    app = McpWatchApp(source, **options)
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        await until(pilot, lambda: app.ticks >= 1)
        await settle(pilot)
        yield app, pilot


async def until(pilot: Pilot[int], condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Waits until the condition holds; fails when it does not."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not come to hold in time")


async def ticked(app: McpWatchApp, pilot: Pilot[int], ticks: int = 1) -> None:
    wanted = app.ticks + ticks
    await until(pilot, lambda: app.ticks >= wanted)


async def settle(pilot: Pilot[int]) -> None:
    """Lets layout, focus and messages come to rest."""
    for _ in range(3):
        await pilot.pause()


def text_of(app: McpWatchApp) -> str:
    """Everything on the screen as lines of text, dialogues included."""
    width, height = app.size
    update = app.screen._compositor.render_strips()
    return "\n".join(strip.text[:width] for strip in update[:height])


def whole_text(app: McpWatchApp) -> str:
    """As a person sees it, with what shows beneath a dialogue."""
    from io import StringIO

    from rich.console import Console

    console = Console(width=app.size.width, height=app.size.height, file=StringIO(), color_system=None)
    console.print(app.screen._compositor.render_update(full=True, screen_stack=app._background_screens))
    return console.file.getvalue()  # type: ignore[attr-defined]
