"""Rescanning, the LLM scanner and its consent, findings, files: key by key on a still state."""

from __future__ import annotations

import asyncio
import json
import os
import stat

import msgspec
import pytest

from mcpwatch.store.scans import ScannerStatus, ScanProgress
from mcpwatch.tui.workers import ModelScanner
from tui.fakes import busy_source
from tui.review_steps import POISONED, review_of, says, screen_name, shows
from tui.screens_io import press, running, settle, text_of, until

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


class Leaving:
    """A worker that has something to put in order when it is cancelled."""

    name = "leaving"

    def __init__(self) -> None:
        self.ended = False

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.shield(self._close())

    async def _close(self) -> None:
        for _ in range(1000):
            await asyncio.sleep(0)
        await asyncio.to_thread(int)
        self.ended = True


async def test_the_screen_leaves_when_its_workers_have_put_their_things_in_order() -> None:
    """Failed once: now and then the scanner was still held by a screen that had gone."""
    worker = Leaving()
    async with running(busy_source(), workers=(worker,)) as (app, pilot):
        await until(pilot, lambda: any(one.name == "leaving" and one.is_running for one in app.workers))
    assert worker.ended
