"""Running the app in tests: until it has caught up, and as a picture."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from mcpwatch.tui.app import McpWatchApp
from tui.fakes import ZONE, Clock, FakeSource

CHARACTERS = {_character_to_key(char): char for char in map(chr, range(0x20, 0x7F))}


@asynccontextmanager
async def running(
    source: FakeSource, *, size: tuple[int, int] = (120, 40), **options: Any
) -> AsyncIterator[tuple[McpWatchApp, Pilot[int]]]:
    """The app over a fake source, after its first tick."""
    options = {"now": Clock(), "zone": ZONE, **options}
    with TemporaryDirectory(prefix="mcpwatch-screen-") as folder:
        app = McpWatchApp(source, **{"files": Path(folder), **options})
        async with _run(app, size) as pilot:
            yield app, pilot


@asynccontextmanager
async def _run(app: McpWatchApp, size: tuple[int, int]) -> AsyncIterator[Pilot[int]]:
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        await until(pilot, lambda: app.ticks >= 1)
        await settle(pilot)
        yield pilot


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
    """Lets messages, layout and focus come to rest."""
    for _ in range(6):
        await pilot.pause(0)


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Like `pilot.press`, which waits 60 ms a key for an idle processor; this waits for the messages."""
    for name in keys:
        key = _character_to_key(name) if len(name) == 1 and not name.isalnum() else name
        pilot.app.post_message(events.Key(key, CHARACTERS.get(key, name if len(name) == 1 else None)))
        await settle(pilot)


async def rush(pilot: Pilot[int], typed: str) -> None:
    """Keys that come in one read, as those of a password manager do: each is there before the last was looked at."""
    names = {"\t": "tab", "\r": "enter"}
    for char in typed:
        pilot.app.post_message(events.Key(names.get(char) or _character_to_key(char), char))
    await settle(pilot)


def text_of(app: McpWatchApp) -> str:
    """Everything on the screen as lines of text, dialogues included."""
    width, height = app.size
    update = app.screen._compositor.render_strips()
    return "\n".join(strip.text[:width] for strip in update[:height])
