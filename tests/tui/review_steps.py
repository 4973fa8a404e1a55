"""Steps that the tests of keys about definitions share."""

from __future__ import annotations

from textual.pilot import Pilot
from textual.widgets import Input

from mcpwatch.tui.app import McpWatchApp
from tui.fakes import FakeSource
from tui.screens_io import text_of, until

POISONED = ("github", "tool", "create_or_update_file", "9f2c51d07be84a66")
TURNED = ("filesystem", "tool", "write_file", "c4d17e90aa55b3e2")


def screen_name(app: McpWatchApp) -> str:
    return type(app.screen).__name__


def typed(app: McpWatchApp, text: str) -> None:
    assert isinstance(app.focused, Input)
    app.focused.insert_text_at_cursor(text)


def review_of(source: FakeSource, text: tuple[str, ...]) -> str:
    return next(row.review for row in source.tool_rows if (row.server, row.kind, row.name) == text[:3])


async def shows(app: McpWatchApp, pilot: Pilot[int], text: str) -> None:
    await until(pilot, lambda: text in text_of(app))


async def says(app: McpWatchApp, pilot: Pilot[int], text: str) -> None:
    """In a short message, however it is broken into lines."""
    await until(pilot, lambda: any(text in note.message for note in app._notifications))
