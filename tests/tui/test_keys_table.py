"""The one table of keys, and that everything made of it agrees with it."""

from __future__ import annotations

import inspect

import pytest
from textual import events
from textual.keys import _character_to_key

from mcpwatch.store.records import Policy
from mcpwatch.tui import keys
from mcpwatch.tui.app import McpWatchApp
from mcpwatch.tui.screens.clients import ClientsScreen
from mcpwatch.tui.screens.gateway import GatewayScreen
from mcpwatch.tui.screens.help import help_lines
from mcpwatch.tui.screens.palette import search
from mcpwatch.tui.widgets.linelist import LineList
from tui.fakes import busy_source
from tui.screens_io import press, running, settle, until


def test_ids_are_unique_and_every_key_is_bound_once_in_its_context() -> None:
    assert len(keys.BY_ID) == len(keys.KEYS)
    seen: set[tuple[str, str]] = set()
    for key in keys.KEYS:
        scope = "main" if key.context in ("everywhere", "open", "main", "review", "list") else key.context
        for name in key.keys.split(","):
            assert (scope, name) not in seen, name
            seen.add((scope, name))


OWNERS = {"clients": ClientsScreen, "gateway": GatewayScreen}


def test_every_action_exists() -> None:
    for key in keys.KEYS:
        action = key.action.partition("(")[0]
        owner = McpWatchApp if action.startswith("app.") else OWNERS.get(key.context, LineList)
        if key.context not in ("dialog", "pager"):
            assert inspect.isfunction(getattr(owner, "action_" + action.removeprefix("app."), None)), key.id


def test_help_names_every_key_once_and_nothing_is_clipped() -> None:
    for width in (56, 76, 106):
        lines = ["".join(text for text, _ in line) for line in help_lines(Policy(), width)]
        text = "\n".join(lines)
        for key in keys.KEYS:
            assert f"{key.label:<11}" in text
        assert max(len(line) for line in lines) <= width
        assert "state unreadable" in text
        assert "UNSCANNED" in text


def test_the_palette_finds_every_action() -> None:
    assert {key.id for key in search("")} == {key.id for key in keys.KEYS if key.palette}
    assert search("unl")[0].id == "unlock"
    assert search("lim")[0].id == "limits"
    assert search("q")[0].id == "quit"
    assert search("no such thing at all") == []


# What each printable key may do: move, change what is shown, open a dialogue, write a private file, or tighten.
HARMLESS = {
    "app.approve", "app.block", "app.diff", "app.rescan", "app.findings", "app.scanner", "app.strict", "app.export",
    "app.next_problem",
    "app.panic", "app.unlock", "app.limits", "app.password", "app.filter", "app.sort", "app.pause", "app.follow",
    "app.copy", "app.command", "app.theme", "app.help", "app.leave", "app.pane", "app.next_pane", "app.arm",
    "move", "page", "edge", "choose", "close",
    "app.gateway", "start", "restart", "stop", "other",
    "app.clients", "mark", "mark_all", "wrap", "unwrap", "again",
}  # fmt: skip


def test_a19_no_printable_key_loosens() -> None:
    printable = [key for key in keys.KEYS if any(len(label) == 1 for label in key.label.split())]
    assert {key.action.partition("(")[0] for key in printable} <= HARMLESS


POISONED = ("github", "tool", "create_or_update_file")
REPLY = "P>|tmux 3.3a\\" + "".join(chr(code) for code in range(0x21, 0x7F))


@pytest.mark.parametrize(
    "opener", ["", "t", "U", "P", "A", "a", "b", "d", "S", "F", "L", "w", "enter", "question_mark", "colon"]
)
async def test_a19_a_terminal_reply_typed_into_any_screen_loosens_nothing(opener: str) -> None:
    """Every printable character, as a terminal may type it, then enter: the worst it can do is lock."""
    source = busy_source()
    source.lock_now()
    source.set_policy(strict=True)
    before = source.now_policy
    async with running(source, size=(80, 24)) as (app, pilot):
        if opener == "b":
            await press(pilot, "b")
            await until(pilot, lambda: app.model.tool(POISONED).review == "blocked")
        await press(pilot, *([opener] if opener else []))
        for char in (*REPLY, "\r"):
            app.post_message(events.Key("enter" if char == "\r" else _character_to_key(char), char))
        await settle(pilot)
        await until(pilot, lambda: opener != "U" or ("unlock", False) in source.asked)
        assert app.model.policy.lock.locked
    assert source.now_policy.armed
    assert source.now_policy.lock.locked
    assert source.now_policy.strict
    assert "consent" not in {what for what, *_ in source.asked}
    assert all(row.review != "approved" or row.score < 40 for row in source.tool_rows)
    assert opener != "b" or next(row for row in source.tool_rows if row.name == POISONED[2]).review == "blocked"
    assert source.now_policy.limits == before.limits
    assert source.password == "correct horse"


async def test_footer_fits_and_keeps_the_keys_that_matter() -> None:
    for width in (60, 80, 100, 120, 200):
        source = busy_source()
        source.lock_now()
        async with running(source, size=(width, 24)) as (app, _):
            footer = app.main.footer.text()
            assert len(footer.rstrip()) <= width
            assert "…" not in footer
            for label in ("PANIC LOCK", "unlock", "help", "quit"):
                assert label in footer, width


async def test_a_click_in_the_footer_presses_the_key() -> None:
    async with running(busy_source(), size=(120, 40)) as (app, pilot):
        at = app.main.footer.text().index("limits")
        await pilot.click("#footer", offset=(at, 0))
        await settle(pilot)
        assert type(app.screen).__name__ == "LimitsScreen"
