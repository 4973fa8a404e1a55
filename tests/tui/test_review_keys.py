"""Approving, blocking, comparing, rescanning, strict mode, findings, the scanner: key by key on a still state."""

from __future__ import annotations

import asyncio
import json
import os
import stat

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from mcpwatch.store.database import StateError
from mcpwatch.store.scans import ScannerStatus, ScanProgress
from mcpwatch.tui.app import McpWatchApp
from mcpwatch.tui.workers import Idle, ModelScanner
from tui.fakes import FakeSource, busy_source
from tui.screens_io import press, running, settle, text_of, until

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
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: source.asked)
    (asked,) = source.asked
    assert [text[2] for text in asked[1:]] == ["search_code"], "what has a text, is not dangerous and not decided"


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


# --- rescanning and the scanner ---


async def test_s_asks_for_another_look_at_a_tool_or_at_a_server() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "s")
        await until(pilot, lambda: source.asked == [("rescan", "github", (POISONED[3],))])
        await press(pilot, "1", "j", "s")
        await until(pilot, lambda: source.asked[-1] == ("rescan", "filesystem", None))
        await says(app, pilot, "looks again at 3 definitions of filesystem")


async def test_a_rescan_too_soon_says_when() -> None:
    source = busy_source()

    async def too_soon(server: str, fingerprints: object) -> tuple[int, float]:
        return 0, 17.2

    source.rescan = too_soon  # type: ignore[method-assign,assignment]
    async with running(source) as (app, pilot):
        await press(pilot, "s")
        await says(app, pilot, "again in 18s")


STATES = {
    "off": "off", "no-key": "no key", "not-opted-in": "not opted in", "bad-key": "bad key", "budget": "budget spent",
    "failing": "failing", "cancelled": "cancelled", "idle": "idle", "bad-config": "bad config",
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
async def test_b12_every_state_of_the_llm_is_said_on_the_screen(state: str) -> None:
    source = busy_source()
    source.scan_status = ScannerStatus(state=state, detail=f"detail of {state}", host="screen", pid=1)
    async with running(source) as (app, pilot):
        assert f"LLM {STATES[state]}" in app.main.header.text()
        assert STATES[state] in app.main.safety.text()
        await press(pilot, "s")
        if state in ("off", "no-key", "not-opted-in", "bad-key", "bad-config"):
            assert source.asked == [], "nothing is asked of a model that cannot be asked"
        await press(pilot, "L")
        await shows(app, pilot, f"detail of {state}")


async def test_b11_progress_per_server_moves() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "L")
        await shows(app, pilot, "12/16")
        source.scan_rows = [ScanProgress("github", 5, 2, 3, 0, 0, 2)]
        await shows(app, pilot, "5/5")
        source.scan_status = msgspec.structs.replace(source.scan_status, state="cancelled", run_state="cancelled")
        await shows(app, pilot, "last run    cancelled")


class Hosted(ModelScanner):
    """The hosted scanner, with what was asked of it written down."""

    def __init__(self) -> None:
        super().__init__()
        self.destination = "https://api.mistral.ai"
        self.asked: list[str] = []

    async def run(self) -> None:
        return

    def cancel(self) -> None:
        self.asked.append("cancel")

    def resume(self) -> None:
        self.asked.append("resume")


async def test_a_run_is_cancelled_and_goes_on() -> None:
    hosted = Hosted()
    async with running(busy_source(), workers=(hosted,)) as (app, pilot):
        await press(pilot, "L")
        await shows(app, pilot, "12/16")
        await press(pilot, "c", "r")
    assert hosted.asked == ["cancel", "resume"]


async def test_b12_the_question_is_put_once_says_what_leaves_and_enter_alone_sends_nothing() -> None:
    source, hosted = busy_source(), Hosted()
    source.scan_status = ScannerStatus(state="not-opted-in", budget=200_000)
    async with running(source, size=(80, 24), workers=(hosted,)) as (app, pilot):
        before = app.ticks
        await until(pilot, lambda: app.ticks > before + 1)
        assert screen_name(app) == "MainScreen", "without a key nothing is asked"
        hosted.wants_consent = True
        await until(pilot, lambda: screen_name(app) == "OptInScreen")
        await settle(pilot)
        text = " ".join(text_of(app).split())
        for part in ("names,", "descriptions and schemas", "https://api.mistral.ai", "never leave", "200 000"):
            assert part in text, part
        await press(pilot, "enter")
        assert screen_name(app) == "MainScreen"
        before = app.ticks
        await until(pilot, lambda: app.ticks > before + 1)
        assert screen_name(app) == "MainScreen", "once"
    assert source.asked == []


@pytest.mark.parametrize(("keys", "word"), [(["tab", "enter"], "declined"), (["tab", "tab", "enter"], "agreed")])
async def test_b12_the_answer_is_kept(keys: list[str], word: str) -> None:
    source, hosted = busy_source(), Hosted()
    source.scan_status = ScannerStatus(state="not-opted-in")
    hosted.wants_consent = True
    async with running(source, workers=(hosted,)) as (app, pilot):
        await until(pilot, lambda: screen_name(app) == "OptInScreen")
        await press(pilot, *keys)
        await until(pilot, lambda: source.asked)
    assert source.asked == [("consent", word, "https://api.mistral.ai")]


async def test_consent_is_withdrawn_with_one_key_and_given_again_by_the_dialogue() -> None:
    source, hosted = busy_source(), Hosted()
    async with running(source, workers=(hosted,)) as (app, pilot):
        await press(pilot, "L")
        await shows(app, pilot, "you agreed")
        await press(pilot, "o")
        await until(pilot, lambda: source.asked == [("consent", "withdrawn", "https://api.mistral.ai")])
        await shows(app, pilot, "withdrawn")
        await press(pilot, "o")
        await until(pilot, lambda: screen_name(app) == "OptInScreen")


# --- findings ---


async def test_findings_are_listed_filtered_and_shown_in_full() -> None:
    async with running(busy_source(), size=(80, 24)) as (app, pilot):
        await press(pilot, "F")
        await shows(app, pilot, "secret_access")
        assert len(app.screen.findings.rows) == 7  # type: ignore[attr-defined]
        await press(pilot, "j")
        await shows(app, pilot, "orders the model to read a private key")
        await press(pilot, "slash", *"rule:mandate")
        assert [row.rule for row in app.screen.findings.rows] == ["mandate"]  # type: ignore[attr-defined]
        await press(pilot, "enter")
        await shows(app, pilot, "demands to be called first")
        await press(pilot, "escape")
        assert screen_name(app) == "FindingsScreen", "esc clears the filter first"
        assert len(app.screen.findings.rows) == 7  # type: ignore[attr-defined]
        await press(pilot, "g", "enter")
        await until(pilot, lambda: screen_name(app) == "ToolScreen")
        await press(pilot, "escape", "escape")
        assert screen_name(app) == "MainScreen"


async def test_the_keys_about_definitions_work_on_a_finding() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "4")
        await shows(app, pilot, "secret_access")
        await press(pilot, "b")
        await until(pilot, lambda: review_of(source, POISONED) == "blocked")


async def test_no_findings_is_said() -> None:
    source = busy_source()
    source.judged_rows = []
    async with running(source) as (app, pilot):
        await press(pilot, "F")
        await shows(app, pilot, "nothing was found")


# --- files ---


@pytest.mark.parametrize(
    ("keys", "what", "lines", "field"),
    [(["e"], "tools", 16, "fingerprint"), (["slash", *"level:danger", "enter", "e"], "tools", 1, "fingerprint"),
     (["3", "e"], "calls", 39, "arguments"), (["F", "e"], "findings", 6, "detector")],
    ids=["tools", "filtered", "calls", "findings"],
)  # fmt: skip
async def test_e_writes_the_visible_list_to_a_private_file(
    keys: list[str], what: str, lines: int, field: str
) -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, *keys[:-1])
        await until(pilot, lambda: what != "findings" or "secret_access" in text_of(app))
        await press(pilot, keys[-1])
        await until(pilot, lambda: (app.files / "exports").exists() and list((app.files / "exports").iterdir()))
        await says(app, pilot, f"of {what} written to")
        (path,) = (app.files / "exports").iterdir()
        written = path.read_text("ascii")
        if os.name == "posix":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rows = [json.loads(line) for line in written.splitlines()]
    assert len(rows) == lines
    assert all(field in row for row in rows)
    assert all(c == "\n" or " " <= c <= "~" for c in written)


async def test_y_leaves_a_file_for_terminals_that_take_no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(busy_source()) as (app, pilot):
        monkeypatch.setattr(app, "copy_to_clipboard", lambda text: None)
        await press(pilot, "y")
        path = app.files / "copied.json"
        await until(pilot, path.exists)
        assert json.loads(path.read_text())["name"] == POISONED[2]
        await says(app, pilot, "copied.json")


async def test_an_export_that_cannot_be_written_is_said() -> None:
    async with running(busy_source()) as (app, pilot):
        (app.files / "exports").write_text("in the way")
        await press(pilot, "e")
        await says(app, pilot, "Nothing was written")


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
    async with running(busy_source(), demo=True, workers=(Idle("gateway", ""),)) as (app, pilot):
        await press(pilot, "q")
        assert "The demo ends with this screen" in text_of(app)
        assert "protection stays on" not in text_of(app)
        await press(pilot, "escape", "ctrl+c")
        await says(app, pilot, "ctrl+q ends the demo")
