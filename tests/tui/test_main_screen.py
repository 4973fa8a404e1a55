"""The overview, key by key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpwatch.cli.demo import _NOTICE
from mcpwatch.store.database import StateError
from mcpwatch.store.records import AuditRow, Dimension, Limit
from mcpwatch.tui.app import McpWatchApp
from mcpwatch.tui.screens.approve import ApproveScreen
from tui.fakes import NOW, SECOND, Clock, FakeSource, busy_source, call_row, session_row, tool_row
from tui.screens_io import press, running, settle, text_of, ticked, until


def screen_name(app: McpWatchApp) -> str:
    return type(app.screen).__name__


# --- what is shown ---


async def test_header_meters_tools_and_calls_are_there() -> None:
    async with running(busy_source()) as (app, _):
        text = text_of(app)
    for part in ("● LIVE", "2 clients · 4 servers · 14 tools", "14:13:20", "LLM running 12/16", "2 to review",
                 "18 / 30/min", "81.4k / 100k/h", "$0.42 / $1.00/h", "60%", "81%", "42%", "over 80%",
                 "✗ DANGER", "! CAUTION", "? UNSCANNED", "✓ SAFE", "REFUSED", "its definition is quarantined",
                 "QUARANTINED", "changed", "prompt weekly_digest", "-32603 SMTP 550", "unlisted",
                 "following"):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"armed": True}, "ARMED: passing a limit locks"),
        ({"armed": True, "limits": ()}, "ARMED, but no limit is set"),
        ({"armed": True, "protect": ()}, "ARMED, but nothing is protected"),
        ({"armed": False, "protect": ()}, " · A arms · nothing is protected"),
    ],
)
async def test_a4_a_protection_of_nothing_does_not_read_as_one(policy: dict[str, Any], said: str) -> None:
    source = busy_source()
    source.set_policy(**policy)
    async with running(source) as (app, _):
        assert said in app.main.banner.text()


async def test_a1_observing_says_so_and_counts_what_would_have_locked() -> None:
    source = busy_source()
    source.set_policy(armed=False)
    source.audit_rows.append(AuditRow(2, NOW, "mcpwatch", "would-lock", "cost/3600s: $1.20 over $1.00"))
    async with running(source) as (app, _):
        assert "OBSERVING: limits are off, would have locked 2 times" in app.main.banner.text()


async def test_a17_no_password_is_said_in_words() -> None:
    source = FakeSource()
    async with running(source) as (app, pilot):
        assert "no password set, P sets one" in app.main.banner.text()
        source.lock_now("panic", "panic key", by="screen")
        await until(pilot, lambda: "type UNLOCK" in app.main.banner.text())


async def test_a14_a_panic_reads_differently_from_a_limit() -> None:
    source = busy_source()
    source.lock_now()
    async with running(source) as (app, _):
        by_limit = app.main.banner.text()
    source.lock_now("panic", "panic key", by="command line")
    async with running(source) as (app, _):
        by_hand = app.main.banner.text()
    assert "LOCKED" in by_limit
    assert "limit passed: 31 calls in the last minute, limit 30" in by_limit
    assert "4 calls refused since" in by_limit
    assert "PANIC LOCK" in by_hand
    assert "stopped by a person on the command line" in by_hand
    assert "limit" not in by_hand
    assert "PANIC" not in by_limit


async def test_a_reason_given_with_a_panic_is_shown() -> None:
    source = busy_source()
    source.lock_now("panic", "agent went wild\x1b[2J", by="screen")
    async with running(source) as (app, _):
        assert "stopped by a person at the screen: agent went wild␛[2J" in app.main.banner.text()


async def test_a13_the_time_of_a_lock_is_shown_and_goes_when_it_ends() -> None:
    source = busy_source()
    source.lock_now()
    async with running(source) as (app, pilot):
        assert "14:13:09, 11s ago" in app.main.banner.text()
        source.set_policy(lock=type(source.now_policy.lock)())
        await until(pilot, lambda: "UNLOCKED" in app.main.banner.text())
        assert "14:13:09" not in app.main.banner.text()
        await until(pilot, lambda: app.main.banner.size.height == 1)


@pytest.mark.parametrize(
    ("used", "maximum", "said"),
    [(0, 0, "100%"), (12, 30, "40%"), (299, 300, "99%"), (300, 300, "100%"), (31, 30, "103%"), (9_000, 30, "30000%")],
)
async def test_a21_numbers_are_not_clamped_and_a_limit_of_0_is_full(used: int, maximum: int, said: str) -> None:
    source = busy_source()
    source.used[Dimension.CALLS] = used
    source.set_policy(limits=(Limit(Dimension.CALLS, maximum, 60),))
    async with running(source) as (app, _):
        line = app.main.meters.text().split("\n")[0]
    assert said in line
    assert ("!!" in line) == (used >= maximum)
    assert line.partition("▕")[2].partition("▏")[0].count("█") <= 24
    assert app.main.meters.text().count("no limit") == 2


async def test_the_fullest_of_several_limits_is_metered() -> None:
    source = busy_source()
    source.set_policy(limits=(Limit(Dimension.CALLS, 1000, 86400), Limit(Dimension.CALLS, 20, 60, "mail-bridge/*")))
    async with running(source) as (app, _):
        line = app.main.meters.text().split("\n")[0]
    assert "18 / 20/min" in line
    assert "mail-bridge/*" in line


async def test_a27_an_unreadable_state_says_why_and_shows_no_numbers_as_live() -> None:
    source = busy_source()
    async with running(source, size=(80, 24)) as (app, pilot):
        source.error = StateError("state file /s/state.db: file is not a database; it is damaged; move it away")
        await until(pilot, lambda: app.model.error)
        await settle(pilot)
        text = text_of(app)
        assert "STATE UNREADABLE: protected calls are refused" in text
        assert "file is not a database; it is" in text
        assert "NO STATE" in text
        assert "not live" in text
        assert "18/30" not in text
        source.error = None
        source.touch()
        await until(pilot, lambda: "18/30" in text_of(app))
        assert "STATE UNREADABLE" not in text_of(app)


async def test_a27_an_unreadable_state_at_the_start() -> None:
    source = FakeSource()
    source.error = StateError("state file x: it cannot be opened for writing; check its owner and mode")
    async with running(source) as (app, _):
        assert "cannot be opened for writing" in app.main.banner.text()


# --- live ---


async def test_a_call_appears_and_its_answer_replaces_it() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        row = call_row(300, outcome="pending", duration_ns=None, tool="brand_new")
        source.call_rows.append(row)
        source.touch()
        await until(pilot, lambda: "brand_new" in app.main.calls.text())
        source.call_rows[-1] = call_row(300, rev=301, tool="brand_new", outcome="error", note="it broke")
        source.touch()
        await until(pilot, lambda: "it broke" in app.main.calls.text())
        assert app.main.calls.text().count("brand_new") == 1


async def test_only_what_changed_is_read() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await ticked(app, pilot, 2)
        before = dict(source.reads)
        await ticked(app, pilot, 3)
        assert source.reads["changed"] > before["changed"]
        for read in ("calls_since", "tools", "policy"):
            assert source.reads.get(read, 0) == before.get(read, 0), read


async def test_an_idle_tick_repaints_nothing() -> None:
    async with running(busy_source()) as (app, pilot):
        await ticked(app, pilot, 2)
        painted: list[object] = []
        for widget in (app.main.tools, app.main.calls, app.main.servers, app.main.header, app.main.meters):
            original = widget.refresh
            widget.refresh = lambda *a, original=original, **k: (painted.append(a), original(*a, **k))[1]  # type: ignore[method-assign]
        await ticked(app, pilot, 3)
        assert painted == []


async def test_lists_under_a_dialogue_are_left_alone_and_catch_up() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "question_mark")
        source.call_rows.append(call_row(300, tool="while_covered"))
        source.touch()
        await until(pilot, lambda: app.model.call(300))
        await ticked(app, pilot, 2)
        assert "while_covered" not in app.main.calls.text()
        await press(pilot, "escape")
        assert "while_covered" in app.main.calls.text()


async def test_pause_freezes_lists_while_meters_live() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "p")
        assert "PAUSED" in app.main.header.text()
        source.call_rows += [call_row(n, tool="unseen") for n in range(300, 303)]
        source.tool_rows.append(tool_row("github", "unseen_tool"))
        source.used[Dimension.CALLS] = 27
        source.touch()
        await until(pilot, lambda: "27 / 30" in app.main.meters.text())
        await ticked(app, pilot, 2)
        assert "unseen" not in app.main.calls.text() + app.main.tools.text()
        assert "paused: 3 new · p resumes" in app.main.calls.text()
        await press(pilot, "p")
        assert "unseen" in app.main.calls.text()


async def test_the_lock_shows_even_while_paused_and_under_a_dialogue() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "p", "question_mark")
        source.lock_now()
        await until(pilot, lambda: "LOCKED" in app.main.banner.text())


# --- keys ---


async def test_focus_moves_between_panes() -> None:
    async with running(busy_source()) as (app, pilot):
        for key, pane in (("1", "servers"), ("3", "calls"), ("2", "tools"), ("tab", "calls"), ("tab", "servers"),
                          ("shift+tab", "calls")):  # fmt: skip
            await press(pilot, key)
            assert app.focused is not None
            assert app.focused.id == pane, key


async def test_moving_in_a_list() -> None:
    async with running(busy_source()) as (app, pilot):
        tools = app.main.tools
        assert len(tools.rows) == 16
        for key, cursor in (("j", 1), ("down", 2), ("k", 1), ("G", 15), ("g", 0), ("end", 15), ("home", 0)):
            await press(pilot, key)
            assert tools.cursor == cursor, key
        await press(pilot, "ctrl+f")
        assert tools.cursor > 5
        await press(pilot, "ctrl+b", "up")
        assert tools.cursor == 0


async def test_the_cursor_stays_on_its_row_when_rows_come_and_sort() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "j", "j", "j")
        before = app.main.tools.selected
        assert before is not None
        source.tool_rows.append(tool_row("aaa", "first", score=99.0))
        source.touch()
        await until(pilot, lambda: len(app.main.tools.rows) == 17)
        after = app.main.tools.selected
        assert after is not None
        assert after.key == before.key
        await press(pilot, "o")
        assert app.main.tools.selected.key == before.key


async def test_sort_goes_round() -> None:
    async with running(busy_source()) as (app, pilot):
        seen = []
        for _ in range(7):
            seen.append(app.main.tools.sort)
            await press(pilot, "o")
        assert seen == ["severity", "calls", "tokens", "cost", "last", "p95", "name"]
        assert app.main.tools.sort == "severity"


async def test_choosing_a_server_narrows_tools_and_calls_and_esc_widens() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "1", "G")
        assert {line.server for line in app.main.tools.rows} == {"postgres"}
        assert {line.server for line in app.main.calls.rows} == {"postgres"}
        assert "· postgres" in app.main.tools.text()
        await press(pilot, "enter")
        assert app.main.tools.has_focus
        await press(pilot, "escape")
        assert len(app.main.tools.rows) == 16


async def test_filter_as_you_type_enter_keeps_esc_clears() -> None:
    async with running(busy_source(), size=(80, 24)) as (app, pilot):
        await press(pilot, "slash", *"level:danger")
        assert [line.name for line in app.main.tools.rows] == ["create_or_update_file"]
        await press(pilot, "enter")
        assert app.main.tools.has_focus
        assert "filter: level:danger" in app.main.tools.text()
        await press(pilot, "escape")
        assert len(app.main.tools.rows) == 16
        await press(pilot, "slash", *"nothing like this")
        assert "nothing matches the filter" in app.main.tools.text()
        await press(pilot, "escape")
        assert app.main.field.value == ""


async def test_a_filter_may_hold_an_exclamation_mark() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "slash", "exclamation_mark", *"server:github")
        assert source.asked == []
        assert "github" not in {line.server for line in app.main.tools.rows}


async def test_following_stops_when_looking_back_and_starts_again() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "3", "j", "j")
        assert not app.main.calls.following
        looked_at = app.main.calls.selected
        source.call_rows.append(call_row(300, tool="newest"))
        source.touch()
        await until(pilot, lambda: app.main.calls.rows[0].what == "newest")
        assert app.main.calls.selected.id == looked_at.id
        await press(pilot, "f")
        assert app.main.calls.following
        assert app.main.calls.cursor == 0


async def test_detail_of_a_call_and_of_a_tool() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "Evidence" in app.screen.query_one("#pager").text())
        text = app.screen.query_one("#pager").text()
        assert "create_or_update_file" in text
        assert "DANGER 97 of 100  action required" in text
        assert "looks poisoned" in text
        await press(pilot, "escape", "3", "enter")
        await until(pilot, lambda: '"q": "lock repo:acme/api"' in app.screen.query_one("#pager").text())
        assert "2025-11-25" in app.screen.query_one("#pager").text()
        await press(pilot, "q")
        assert screen_name(app) == "MainScreen"


async def test_copy_is_json_without_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    source = busy_source()
    source.call_rows.append(call_row(300, tool="x\x1b[2J\u202e", result="\x9b31m"))
    copied: list[str] = []
    async with running(source) as (app, pilot):
        monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
        await press(pilot, "3", "y")
        await press(pilot, "2", "y")
    call, tool = (json.loads(text) for text in copied)
    assert call["tool"] == "x␛[2J\\u{202e}"
    assert tool["name"] == "create_or_update_file"
    assert all(c >= " " or c == "\n" for c in copied[0])
    assert "\x9b" not in copied[0]


async def test_themes_go_round_and_repaint() -> None:
    async with running(busy_source()) as (app, pilot):
        dark = app.export_screenshot()
        await press(pilot, "T")
        assert app.theme == "mcpwatch-light"
        light = app.export_screenshot()
        assert "#fcfcfb" in light
        assert "#0e1217" not in light
        await press(pilot, "T", "T")
        assert app.export_screenshot() == dark


async def test_help_and_palette_open_and_close() -> None:
    async with running(busy_source()) as (app, pilot):
        for opener in ("question_mark", "f1", "colon", "ctrl+p"):
            await press(pilot, opener)
            assert screen_name(app) in ("HelpScreen", "PaletteScreen")
            await press(pilot, "escape")
            assert screen_name(app) == "MainScreen"


async def test_the_palette_runs_what_is_chosen() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "colon", *"sort", "enter")
        assert app.main.tools.sort == "calls"
        await press(pilot, "colon", "down", "down", "enter")
        assert screen_name(app) == "LimitsScreen"
        await press(pilot, "escape", "colon", *"panic", "enter")
        await until(pilot, lambda: app.model.policy.lock.locked)


async def test_quit_asks_while_clients_are_attached() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "q")
        assert screen_name(app) == "QuitScreen"
        await press(pilot, "enter")
        assert screen_name(app) == "MainScreen", "Cancel has the focus"
        await press(pilot, "q", "tab", "enter")
        assert app.return_code == 0


async def test_quit_without_clients_and_ctrl_q_go_at_once() -> None:
    for keys in (["q"], ["U", "ctrl+q"]):
        async with running(FakeSource()) as (app, pilot):
            await press(pilot, *keys)
            assert app.return_code == 0


async def test_ctrl_c_only_says_how_to_leave() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "ctrl+c")
        assert app.return_code is None
        await until(pilot, lambda: "ctrl+q quits" in text_of(app))


# --- panic ---


@pytest.mark.parametrize("opener", ["", "t", "U", "P", "A", "question_mark", "colon", "slash", "enter", "q"])
async def test_a14_ctrl_k_locks_from_everywhere(opener: str) -> None:
    source = busy_source()
    source.lock_now() if opener == "U" else None
    async with running(source, size=(80, 24)) as (app, pilot):
        if opener:
            await press(pilot, opener)
        await press(pilot, "ctrl+k")
        await until(pilot, lambda: app.model.policy.lock.code == "panic")
        assert source.asked == [("lock", "")]
        await until(pilot, lambda: "PANIC LOCK" in app.main.banner.text())


@pytest.mark.parametrize("opener", ["", "question_mark", "enter", "q"])
async def test_a14_exclamation_mark_locks_where_no_field_has_the_focus(opener: str) -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        if opener:
            await press(pilot, opener)
        await press(pilot, "exclamation_mark")
        await until(pilot, lambda: app.model.policy.lock.code == "panic")


@pytest.mark.parametrize("opener", ["U", "t", "P", "slash", "colon"])
async def test_exclamation_mark_in_a_field_is_a_character(opener: str) -> None:
    source = busy_source()
    source.lock_now() if opener == "U" else None
    async with running(source) as (app, pilot):
        await press(pilot, opener, "exclamation_mark")
        assert source.asked == []
        assert "!" in app.focused.value  # type: ignore[union-attr]


async def test_panic_works_when_the_terminal_is_too_small() -> None:
    source = busy_source()
    async with running(source, size=(40, 8)) as (app, pilot):
        assert "needs 60×16" in text_of(app)
        await press(pilot, "ctrl+k")
        await until(pilot, lambda: "LOCKED" in text_of(app))


async def test_a_lock_that_cannot_be_written_is_said() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):

        async def fails(reason: str) -> None:
            raise StateError("the disk is full; free some space")

        source.lock = fails  # type: ignore[method-assign]
        await press(pilot, "ctrl+k")
        await until(pilot, lambda: "not written" in text_of(app))


# --- empty ---


async def test_empty_state_shows_how_to_wire_a_server_and_copies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    for size in ((120, 40), (80, 24), (60, 16)):
        async with running(FakeSource(), size=size) as (app, pilot):
            text = text_of(app)
            assert "mcpwatch run --name NAME -- COMMAND" in text
            assert "mcpwatch demo" in text
            monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
            await press(pilot, "y")
    assert copied == ["mcpwatch run --name NAME -- COMMAND"] * 3


async def test_the_card_gives_way_to_the_first_session() -> None:
    source = FakeSource()
    async with running(source) as (app, pilot):
        source.session_rows.append(session_row(1, "github"))
        source.touch()
        await until(pilot, lambda: "1 Servers" in text_of(app))
        await until(pilot, lambda: app.main.tools.has_focus)
        assert "Wire your first server" not in text_of(app)


async def test_the_demo_that_begins_does_not_ask_for_a_server_to_be_wired() -> None:
    source = FakeSource()
    async with running(source, size=(80, 24), demo=True) as (app, pilot):
        assert "The demo's servers and its agent are starting." in text_of(app)
        assert "mcpwatch run" not in text_of(app)
        source.session_rows.append(session_row(1, "notes"))
        source.touch()
        await until(pilot, lambda: app.main.tools.has_focus)


async def test_narrow_screens_reach_the_servers_too() -> None:
    async with running(busy_source(), size=(80, 24)) as (app, pilot):
        assert "1 Servers" not in text_of(app)
        await press(pilot, "1")
        assert "postgres" in app.main.servers.text()
        assert app.main.servers.has_focus
        await press(pilot, "enter")
        assert app.main.tools.has_focus
        assert "2 Tools" in text_of(app)


async def test_a_list_of_servers_that_does_not_fit_says_so() -> None:
    for size, foot in (((60, 16), "1 of 5"), ((120, 40), "")):
        async with running(busy_source(), size=size) as (app, pilot):
            await press(pilot, "1")
            lower = app.main.servers.text().split("\n")[-1]
            assert (foot in lower) if foot else set(lower) == set("╰─╯")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_findings_carry_no_number_that_reads_like_a_count_and_name_the_way_out(
    size: tuple[int, int],
) -> None:
    async with running(busy_source(), size=size) as (app, pilot):
        await press(pilot, "F")
        await until(pilot, lambda: "1 of 7" in text_of(app))
        assert "╭─ Findings ─" in text_of(app) and "esc close ─╯" in text_of(app)


async def test_approving_what_is_unscanned_asks_as_the_gate_does() -> None:
    async with running(busy_source()) as (app, pilot):
        line = next(line for line in app.model.tools() if line.name == "send_mail")
        assert line.level.name == "unscanned" and not line.why
        app.push_screen(ApproveScreen(line))
        await until(pilot, lambda: app.screen.query("#secret"))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (99, 29), (100, 30), (120, 40), (240, 70)])
async def test_no_line_is_wider_than_the_terminal_and_frames_close(size: tuple[int, int]) -> None:
    source = busy_source()
    source.lock_now(reason="31 calls to " + "very-long-server-name-" * 6 + "/* in the last minute, limit 30")
    async with running(source, size=size) as (app, _):
        for pane in (app.main.tools, app.main.calls):
            lines = pane.text().split("\n")
            assert all(line[0] in "╭│╰" and line[-1] in "╮│╯" for line in lines)
            assert all(len(line) == size[0] or pane is app.main.tools for line in lines)
        assert len(text_of(app).split("\n")) == size[1]
        assert "U unlock" in app.main.banner.text()


async def test_resizing_redraws() -> None:
    async with running(busy_source(), size=(120, 40)) as (app, pilot):
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "SERVER/TOOL" in app.main.tools.text())
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "TOKENS" in app.main.tools.text() and app.main.servers.text().endswith("╯"))


async def test_mouse_click_wheel_and_double_click() -> None:
    async with running(busy_source()) as (app, pilot):
        await pilot.click("#tools", offset=(20, 5))
        await settle(pilot)
        assert app.main.tools.cursor == 3
        await pilot.click("#calls", offset=(20, 4))
        await settle(pilot)
        assert app.main.calls.has_focus
        await pilot.click("#calls", offset=(20, 4), times=2)
        await settle(pilot)
        assert screen_name(app) == "DetailScreen"


async def test_ages_move_with_the_clock() -> None:
    clock = Clock()
    async with running(busy_source(), now=clock) as (app, pilot):
        clock.at = NOW + 65 * SECOND
        await until(pilot, lambda: "14:14:25" in app.main.header.text())
        await until(pilot, lambda: "0/min" in app.main.calls.text().split("\n")[0])
        assert "1m" in app.main.tools.text()


async def test_a_notice_stays_in_sight_and_is_cleaned() -> None:
    async with running(busy_source(), size=(80, 24), notice="demo password: swordfish\x1b[2J") as (app, _):
        assert "demo password: swordfish␛[2J" in text_of(app)
    async with running(busy_source(), size=(80, 24)) as (app, _):
        assert not app.main.notice.display


async def test_the_demo_says_its_password_in_one_line_in_ascii_too() -> None:
    # Its marks were spelled out as if they were a stranger's, and the line took two rows.
    async with running(busy_source(), size=(80, 24), ascii=True, notice=_NOTICE) as (app, _):
        assert "\\u{" not in text_of(app)
        assert app.main.notice.size.height == 1


async def test_the_detail_of_a_refused_call_says_that_it_cost_nothing() -> None:
    source = busy_source()
    source.call_rows = [call_row(1, outcome="refused", code="panic"), call_row(2)]
    async with running(source) as (app, pilot):
        for keys, said in ((("3", "G", "enter"), "– (not charged)"), (("escape", "g", "enter"), "$0.0036")):
            await press(pilot, *keys)
            await until(pilot, lambda: screen_name(app) == "DetailScreen")
            await until(pilot, lambda said=said: said in text_of(app))
            assert (
                next(line for line in text_of(app).split("\n") if " cost " in line).split("cost")[1].strip(" │")
                == said
            )


async def test_the_history_gives_way_to_what_a_meter_says() -> None:
    for width in (60, 80, 100, 110, 120, 140):
        async with running(busy_source(), size=(width, 30)) as (app, _):
            lines = app.main.meters.text().split("\n")
            assert "over 80%" in lines[1] and not any("…" in line for line in lines), width
