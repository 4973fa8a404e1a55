"""Keys that come faster than the screen looks at them: each goes where the ones before it lead."""

from __future__ import annotations

import pytest
from textual import events
from textual.widgets import Input

from mcpwatch.store.records import Dimension, Limit
from mcpwatch.tui.app import McpWatchApp
from tui.fakes import FakeSource, busy_source
from tui.screens_io import press, running, rush, settle, until

NEW = "a new long password"


def values(app: McpWatchApp) -> list[str]:
    return [field.value for field in app.screen.query("Field").results(Input)]


@pytest.mark.parametrize("on", ["\t", "\r"])
async def test_a_password_typed_at_once_stands_in_the_fields_it_was_meant_for(on: str) -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "P")
        await rush(pilot, f"correct horse{on}{NEW}{on}{NEW}")
        assert values(app) == ["correct horse", NEW, NEW]


async def test_a_password_typed_at_once_is_set() -> None:
    source = FakeSource()
    source.password = None
    async with running(source) as (app, pilot):
        await press(pilot, "P")
        await rush(pilot, f"{NEW}\t{NEW}\r")
        await until(pilot, lambda: app.screen is app.main)
    assert source.password == NEW


async def test_a_long_password_is_in_its_field_before_a_short_one_after_it_is_sent() -> None:
    source = busy_source()
    source.password = "long" * 60
    async with running(source) as (app, pilot):
        await press(pilot, "P")
        await rush(pilot, f"{source.password}\t12345678\t12345678\r")
        await until(pilot, lambda: app.screen is app.main)
    assert (source.password, source.failures) == ("12345678", 0)


async def test_what_is_mended_while_typing_is_mended_in_its_place() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "P")
        for name in ("a", "b", "backspace", "c", "left", "d", "tab", "e", "f", "backspace", "tab", "g"):
            app.post_message(events.Key(name, name if len(name) == 1 else None))
        await settle(pilot)
        assert values(app) == ["adc", "e", "g"]


async def test_shift_tab_leads_back_before_the_next_key_comes() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "P", "tab", "tab")
        for name, char in (("shift+tab", None), ("n", "n"), ("shift+tab", None), ("c", "c")):
            app.post_message(events.Key(name, char))
        await settle(pilot)
        assert values(app) == ["c", "n", ""]


@pytest.mark.parametrize("on", ["\t", "\r"])
async def test_limits_typed_at_once_stand_in_their_fields(on: str) -> None:
    source = busy_source()
    source.set_policy(limits=(Limit(Dimension.CALLS, 3, 60), Limit(Dimension.TOKENS, 10, 3600)))
    async with running(source) as (app, pilot):
        await press(pilot, "t")
        before = values(app)
        await rush(pilot, f"7{on}00{on}{on}9")
        assert values(app)[:4] == [f"{before[0]}7", f"{before[1]}00", before[2], f"{before[3]}9"]


async def test_a_password_and_the_choice_after_it_typed_at_once_unlock() -> None:
    source = busy_source()
    source.lock_now()
    async with running(source) as (app, pilot):
        await press(pilot, "U")
        for name, char in [*((c, c) for c in "correct"), ("space", " "), *((c, c) for c in "horse"),
                           ("tab", None), ("down", None), ("shift+tab", None), ("enter", "\r")]:  # fmt: skip
            app.post_message(events.Key(name, char))
        await until(pilot, lambda: not app.model.policy.lock.locked)
    assert source.asked == [("unlock", True)]
