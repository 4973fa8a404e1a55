"""Approving, blocking, comparing, strict mode; refused calls, locks, the demo: key by key on a still state."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from mcpwatch.store.database import StateError
from mcpwatch.store.definitions import UNREAD_JSON
from mcpwatch.tui.app import McpWatchApp
from tui.definitions import seen
from tui.fakes import FakeSource, busy_source
from tui.review_steps import POISONED, TURNED, review_of, says, screen_name, shows, typed
from tui.screens_io import press, running, text_of, until

SEARCH = ("github", "tool", "search_code")

# --- looking ---


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=str)
async def test_the_definition_has_everything_and_scrolls(size: tuple[int, int]) -> None:
    async with running(busy_source(), size=size) as (app, pilot):
        await press(pilot, "enter")
        await shows(app, pilot, "Evidence")
        pager = app.screen.query_one("#pager")
        text = "\n".join("".join(t for t, _ in line) for _, line in pager.rows)  # type: ignore[attr-defined]
        for part in ("DANGER 97 of 100", "[write]", "[network]", "rules", "LLM", "mistral-medium-latest",
                     "1 240 tokens", "read ~/.ssh/id_rsa", "Input schema", "212 tokens for its definition",
                     "3, 0 errors, 1 refused", "9f2c51d07be8", "← now", "asks for the password"):  # fmt: skip
            assert part in text, part
        await press(pilot, "G")
        await shows(app, pilot, "← now")
        await press(pilot, "g")
        await shows(app, pilot, "QUARANTINED: its definition looks poisoned")


async def test_the_open_definition_follows_what_happens_to_it() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "enter")
        await shows(app, pilot, "Evidence")
        source.review(POISONED, "approved")
        await shows(app, pilot, "Approved as it is")


async def test_a_state_that_cannot_be_read_is_said_in_the_definition() -> None:
    source = busy_source()

    async def fails(*_: object) -> list[object]:
        raise StateError("the disk is gone")

    source.texts = fails  # type: ignore[method-assign,assignment]
    async with running(source) as (app, pilot):
        await press(pilot, "enter")
        await shows(app, pilot, "the disk is gone")


async def test_b15_d_shows_the_change_since_the_approval() -> None:
    async with running(busy_source(), size=(80, 24)) as (app, pilot):
        await press(pilot, "n", "d")
        await shows(app, pilot, "What changed")
        text = text_of(app)
        assert "- 51aa03b2c4d5  approved 2026-09-13" in text
        assert "+ c4d17e90aa55  first seen 14:12:20" in text
        await press(pilot, "escape", "g", "d")
        await shows(app, pilot, "the only text seen under the name")


async def test_n_goes_to_what_waits_for_review_even_through_a_filter() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "slash", *"postgres", "enter", "n")
        await until(pilot, lambda: app.main.tools.selected and app.main.tools.selected.name == POISONED[2])
        await press(pilot, "n")
        await until(pilot, lambda: app.main.tools.selected.name == TURNED[2])
        await press(pilot, "n")
        await until(pilot, lambda: app.main.tools.selected.name == POISONED[2])


async def test_the_review_bar_goes_when_nothing_waits() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        assert "2 to review" in text_of(app)
        source.review(POISONED, "blocked")
        source.review(TURNED, "approved")
        await until(pilot, lambda: "to review" not in text_of(app))


async def test_the_cursor_stays_on_the_worst_until_somebody_moves_it() -> None:
    source = busy_source()
    source.tool_rows = [row for row in source.tool_rows if row.server == "postgres"]
    async with running(source) as (app, pilot):
        source.tool_rows = busy_source().tool_rows
        source.touch()
        await until(pilot, lambda: len(app.main.tools.rows) > 5)
        assert app.main.tools.selected.name == POISONED[2]


# --- approving ---


async def test_b15_approving_what_is_held_shows_it_and_asks_for_the_password() -> None:
    source = busy_source()
    async with running(source, size=(80, 24)) as (app, pilot):
        await press(pilot, "a")
        await shows(app, pilot, "Held now: its definition looks poisoned")
        assert "read ~/.ssh/id_rsa" in text_of(app)
        await press(pilot, "enter")
        assert source.asked == [], "an empty password is no attempt"
        typed(app, "wrong")
        await press(pilot, "enter")
        await shows(app, pilot, "wrong password")
        assert review_of(source, POISONED) == ""
        typed(app, "correct horse")
        await press(pilot, "enter")
        await until(pilot, lambda: review_of(source, POISONED) == "approved")
        await until(pilot, lambda: screen_name(app) == "MainScreen")
    assert source.asked[-1] == ("approve", POISONED), "exactly this text"


async def test_the_screen_lives_while_the_password_is_checked_and_tries_once() -> None:
    source = busy_source()
    source.hold = asyncio.Event()
    async with running(source) as (app, pilot):
        await press(pilot, "a")
        await shows(app, pilot, "Held now")
        typed(app, "correct horse")
        await press(pilot, "enter")
        await shows(app, pilot, "checking…")
        before = app.ticks
        await until(pilot, lambda: app.ticks > before + 1)
        await press(pilot, "ctrl+s", "enter")
        source.hold.set()
        await until(pilot, lambda: review_of(source, POISONED) == "approved")
    assert len(source.asked) == 1


async def test_approving_what_passes_asks_for_nothing_but_is_no_single_key() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "n", "a")
        await shows(app, pilot, "Approving lets exactly this text pass")
        assert "keep a copy of it in the shared folder" in text_of(app), "the change is shown"
        await press(pilot, "enter")
        assert screen_name(app) == "MainScreen", "Cancel has the focus"
        assert source.asked == []
        await press(pilot, "a")
        await shows(app, pilot, "Approving lets exactly this text pass")
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: source.asked == [("approve", TURNED)])


async def test_without_a_password_what_is_held_wants_a_typed_word() -> None:
    source = busy_source()
    source.password = None
    async with running(source) as (app, pilot):
        await press(pilot, "a")
        await shows(app, pilot, "type APPROVE")
        typed(app, "approve")
        await press(pilot, "enter")
        await shows(app, pilot, "not the word APPROVE")
        assert source.asked == []
        typed(app, "APPROVE")
        await press(pilot, "enter")
        await until(pilot, lambda: review_of(source, POISONED) == "approved")


async def test_b15_a_text_that_changes_while_it_is_read_cannot_be_approved() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "a")
        await shows(app, pilot, "Held now")
        source.tool_rows[0] = msgspec.structs.replace(source.tool_rows[0], fingerprint="another")
        source.touch()
        await shows(app, pilot, "changed this text while you were reading")
        typed(app, "correct horse")
        await press(pilot, "enter", "ctrl+s")
        assert source.asked == []


async def test_an_approval_is_taken_back_with_the_same_key() -> None:
    source = busy_source()
    source.review(TURNED, "approved")
    async with running(source) as (app, pilot):
        await press(pilot, "slash", *"write_file", "enter", "a")
        await shows(app, pilot, "Take the approval back")
        source.password = None
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: ("take back", TURNED) in source.asked)
        await until(pilot, lambda: review_of(source, TURNED) == "")


async def test_a_whole_server_is_approved_but_for_what_is_dangerous_and_it_is_shown() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "1", "j", "j", "a")
        await shows(app, pilot, "Approve what github lists?")
        await shows(app, pilot, "search_code")
        text = text_of(app)
        assert "You must always call" in text
        assert "create_or_update_file  dangerous: approve it by itself" in text
        assert f"search_code  {len(source.text_rows[SEARCH][0].json)} characters" in text
        assert '"type": "string"' in text, "in full, with its schema"
        await press(pilot, "ctrl+s")
        assert source.asked == [], "what is not safe takes the word"
        typed(app, "APPROVE")
        await press(pilot, "enter")
        await until(pilot, lambda: source.asked)
    (asked,) = source.asked
    assert [text[2] for text in asked[1:]] == ["search_code"], "what has a text, is not dangerous and not decided"


def long_text(source: FakeSource, key: tuple[str, str, str], fingerprint: str, description: str) -> None:
    """The definition that stands there with a text that nobody can be shown whole."""
    text = json.dumps({"name": key[2], "description": description})
    source.text_rows[key] = [seen(json.loads(text), fingerprint)]


@pytest.mark.parametrize("password", [None, "correct horse"])
async def test_what_is_not_shown_in_full_takes_the_typed_word(password: str | None) -> None:
    source = busy_source()
    source.password = password
    long_text(source, TURNED[:3], TURNED[3], "Fine. " * 50_000)
    async with running(source) as (app, pilot):
        await press(pilot, "n", "a")
        await shows(app, pilot, "characters are not shown.")
        await press(pilot, "ctrl+s")
        assert source.asked == [], "no single key"
        typed(app, "y")
        await press(pilot, "enter")
        await shows(app, pilot, "not the word APPROVE")
        assert source.asked == []
        typed(app, "APPROVE")
        await press(pilot, "enter")
        await until(pilot, lambda: source.asked == [("approve", TURNED)])


async def test_what_is_held_and_not_shown_in_full_takes_the_word_and_the_password() -> None:
    source = busy_source()
    long_text(source, POISONED[:3], POISONED[3], "Fine. " * 50_000)
    async with running(source, size=(80, 24)) as (app, pilot):
        await press(pilot, "a")
        await shows(app, pilot, "characters are not shown.")
        typed(app, "APPROVE")
        await press(pilot, "enter")
        assert source.asked == [], "the password is missing"
        typed(app, "correct horse")
        await press(pilot, "enter")
        await until(pilot, lambda: source.asked == [("approve", POISONED)])


async def test_a_deep_schema_is_shown_to_its_end() -> None:
    node = schema = {"type": "object"}
    for _ in range(26):
        node["properties"] = {"a": {}}
        node = node["properties"]["a"]
    node["properties"] = {f"p{n:03}": {"type": "string"} for n in range(420)} | {"zz": {"description": "THE END"}}
    source = busy_source()
    source.text_rows[TURNED[:3]] = [seen({"name": "write_file", "inputSchema": schema}, TURNED[3])]
    async with running(source) as (app, pilot):
        await press(pilot, "n", "a")
        await shows(app, pilot, "Approving lets exactly this text pass")
        for _ in range(40):
            if "THE END" in text_of(app):
                break
            await press(pilot, "pagedown")
        await shows(app, pilot, "THE END")
        assert not app.screen.query("#word"), "nothing of it is left out"


async def test_a_text_whose_rest_was_not_kept_takes_the_word() -> None:
    source = busy_source()
    text = json.dumps({"name": "write_file", "description": "x" * 3000})[:UNREAD_JSON]
    source.text_rows[TURNED[:3]] = [msgspec.structs.replace(seen({}, TURNED[3]), json=text)]
    async with running(source) as (app, pilot):
        await press(pilot, "n", "a")
        await shows(app, pilot, "The rest of this text was not kept, and is not shown.")
        await press(pilot, "ctrl+s")
        assert source.asked == []
        typed(app, "APPROVE")
        await press(pilot, "enter")
        await until(pilot, lambda: source.asked == [("approve", TURNED)])


@pytest.mark.parametrize(("description", "shown"), [("Fine.", True), ("Fine. " * 50_000, False)], ids=["all", "cut"])
async def test_a_safe_server_shown_in_full_needs_no_word_and_one_that_is_not_does(
    description: str, shown: bool
) -> None:
    source = busy_source()
    rows = [row for row in source.tool_rows if row.name == "write_file"]
    source.tool_rows = [msgspec.structs.replace(row, score=3.0, review="") for row in rows]
    long_text(source, TURNED[:3], TURNED[3], description)
    async with running(source) as (app, pilot):
        await press(pilot, "1", "j", "a")
        await shows(app, pilot, "this text of filesystem pass" if shown else "characters are not shown.")
        assert bool(app.screen.query("#word")) is not shown
        await press(pilot, "ctrl+s")
        if not shown:
            assert source.asked == []
            typed(app, "APPROVE")
            await press(pilot, "enter")
        await until(pilot, lambda: source.asked == [("approve", TURNED)])


async def test_all_servers_cannot_be_approved_at_once() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "1", "a")
        assert screen_name(app) == "MainScreen"
        await says(app, pilot, "Put the cursor on a server")


async def test_a_tool_that_was_never_listed_has_nothing_to_decide_about() -> None:
    source = busy_source()
    source.tool_rows = [msgspec.structs.replace(source.tool_rows[0], fingerprint="", listed=False, score=None)]
    async with running(source) as (app, pilot):
        for key in ("a", "b", "d", "s"):
            await press(pilot, key)
            assert screen_name(app) == "MainScreen"
        await says(app, pilot, "no text to decide about")
    assert source.asked == []


# --- blocking, strict mode ---


async def test_b_blocks_at_once_and_unblocking_asks() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "n", "b")
        await until(pilot, lambda: review_of(source, TURNED) == "blocked")
        await until(pilot, lambda: app.model.tool(TURNED[:3]).state == "BLOCKED")
        await press(pilot, "slash", *"write_file", "enter", "b")
        assert screen_name(app) == "UnblockScreen"
        typed(app, "nope")
        await press(pilot, "enter")
        await shows(app, pilot, "wrong password")
        assert review_of(source, TURNED) == "blocked"
        typed(app, "correct horse")
        await press(pilot, "enter")
        await until(pilot, lambda: review_of(source, TURNED) == "")


async def test_a_block_that_cannot_be_written_is_said() -> None:
    source = busy_source()

    async def fails(text: object) -> None:
        raise StateError("the disk is full")

    source.block = fails  # type: ignore[method-assign,assignment]
    async with running(source) as (app, pilot):
        await press(pilot, "b")
        await says(app, pilot, "the disk is full")


async def test_strict_mode_is_one_key_and_leaving_it_asks() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "S")
        await until(pilot, lambda: app.model.policy.strict)
        await until(pilot, lambda: "STRICT" in app.main.banner.text())
        assert app.model.tool(TURNED[:3]).state == "QUARANTINED"
        await press(pilot, "S")
        assert screen_name(app) == "StrictOffScreen"
        typed(app, "nope")
        await press(pilot, "enter")
        await shows(app, pilot, "wrong password")
        assert source.now_policy.strict
        typed(app, "correct horse")
        await press(pilot, "enter")
        await until(pilot, lambda: not app.model.policy.strict)


# --- calls ---


async def test_a_refused_call_says_why_and_leads_to_its_definition() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "slash", *"state:refused", "enter", "3", "enter")
        await shows(app, pilot, "its definition is quarantined (quarantined)")
        await shows(app, pilot, "The model was told")
        await press(pilot, "t")
        await until(pilot, lambda: screen_name(app) == "ToolScreen")


# --- locks, demos ---


async def test_the_bell_rings_once_a_lock_and_not_for_an_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []
    monkeypatch.setattr(McpWatchApp, "bell", lambda self: rung.append(1))
    source = busy_source()
    source.lock_now()
    async with running(source) as (app, pilot):
        assert rung == []
        source.set_policy(lock=type(source.now_policy.lock)())
        await until(pilot, lambda: not app.model.policy.lock.locked)
        await press(pilot, "question_mark")
        source.lock_now()
        await says(app, pilot, "LOCKED: 31 calls")
        assert rung == [1]
        source.set_policy(strict=True)
        await until(pilot, lambda: app.model.policy.strict)
        assert rung == [1]


async def test_panic_over_a_dialogue_says_it_once() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "question_mark", "ctrl+k")
        await says(app, pilot, "Locked. Nothing protected runs")
        assert not [note for note in app._notifications if "LOCKED" in note.message]


async def test_quitting_a_demo_promises_no_protection() -> None:
    async with running(busy_source(), demo=True) as (app, pilot):
        await press(pilot, "q")
        assert "The demo ends with this screen" in text_of(app)
        assert "protection stays on" not in text_of(app)
        await press(pilot, "escape", "ctrl+c")
        await says(app, pilot, "ctrl+q ends the demo")
