"""The demo says that it is why something is not there; a pause before anything came keeps the first that comes."""

from __future__ import annotations

from tui.fakes import FakeSource, busy_source, call_row, tool_row
from tui.review_steps import screen_name
from tui.screens_io import press, running, settle, text_of, ticked, until


async def test_the_clients_of_a_demo_are_left_alone_and_it_says_so() -> None:
    async with running(busy_source(), size=(80, 24), demo=True) as (app, pilot):
        await press(pilot, "w")
        text = " ".join(text_of(app).replace("│", " ").split())
        assert "This is the demo, and it leaves your clients' files alone." in text
        assert "w lists their servers and wraps them" in text
        assert "esc close" in text
        for offered in ("select", "unwrap", "look again"):
            assert offered not in text
        await press(pilot, "space", "a", "enter", "w", "u", "r")
        await settle(pilot)
        assert " ".join(text_of(app).replace("│", " ").split()) == text, "nothing is done, and nothing else is said"
        await press(pilot, "escape")
        assert screen_name(app) == "MainScreen"


async def test_a_demo_runs_no_gateway_and_says_so() -> None:
    async with running(busy_source(), demo=True) as (app, pilot):
        await press(pilot, "H")
        await until(pilot, lambda: "This is the demo, and it runs no gateway" in " ".join(text_of(app).split()))


async def test_paused_before_anything_came_keeps_the_first_that_comes() -> None:
    source, later = FakeSource(), busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "p")
        source.tool_rows, source.call_rows = list(later.tool_rows), list(later.call_rows)
        source.touch()
        await until(pilot, lambda: app.main.tools.rows and app.main.calls.rows)
        assert "create_or_update_file" in app.main.tools.text()
        source.call_rows += [call_row(n, tool="unseen") for n in range(300, 303)]
        source.tool_rows.append(tool_row("github", "unseen_tool"))
        source.touch()
        await until(pilot, lambda: app.main.calls.unseen == 3)
        await ticked(app, pilot, 2)
        assert "unseen" not in app.main.calls.text() + app.main.tools.text()


async def test_a_list_that_was_empty_when_it_was_paused_keeps_the_first_that_comes() -> None:
    source, later = FakeSource(), busy_source()
    source.call_rows = [call_row(1, tool="the_first")]
    async with running(source) as (app, pilot):
        await press(pilot, "p")
        source.tool_rows, source.call_rows = list(later.tool_rows), [call_row(n, tool="unseen") for n in (1, 2, 3)]
        source.touch()
        await until(pilot, lambda: app.main.tools.rows)
        assert "create_or_update_file" in app.main.tools.text()
        assert "the_first" in app.main.calls.text()
        assert "unseen" not in app.main.calls.text()
