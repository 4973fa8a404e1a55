"""The clients screen: what is configured, what would change, and changing it, on real files in a made-up home."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from pathlib import Path

import pytest
from textual import events
from textual.keys import _character_to_key

from mcpwatch.clients.surroundings import Surroundings
from mcpwatch.store.ledger import Ledger
from mcpwatch.tui import wiring as module
from mcpwatch.tui.client_rows import EntryLine, FileLine
from mcpwatch.tui.screens.clients import ClientsScreen
from mcpwatch.tui.wiring import Wiring
from tui import picture, wired
from tui.fakes import FakeSource, busy_source
from tui.screens_io import press, running, settle, text_of, until
from tui.wired import PROGRAM, TOKEN, machine, put, stdio, wiring

SIZES = [(120, 40), (80, 24)]
sized = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPWATCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MCPWATCH_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture
def here(tmp_path: Path) -> Surroundings:
    return wired.busy(tmp_path)


def contents(here: Surroundings) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(here.home.rglob("*")) if path.is_file()}


def servers(path: Path) -> dict[str, dict[str, object]]:
    return json.loads(path.read_text())["mcpServers"]


async def opened(app, pilot) -> ClientsScreen:
    """The screen, with the files on it."""
    await until(pilot, lambda: app.wiring.looked)
    await press(pilot, "w")
    await until(pilot, lambda: isinstance(app.screen, ClientsScreen) and app.screen.rows.rows)
    await settle(pilot)
    return app.screen


async def at(screen: ClientsScreen, pilot, name: str) -> None:
    """Moves the cursor to a server, or to a file by its client's name."""
    row = next(r for r in screen.rows.rows if (r.name if isinstance(r, EntryLine) else r.client) == name)
    screen.rows.go_to(row.key)
    await settle(pilot)


def shown(screen: ClientsScreen) -> str:
    return "\n".join("".join(text for text, _ in line) for _, line in screen.preview.rows)


async def previewed(screen: ClientsScreen, pilot, words: str) -> None:
    await until(pilot, lambda: words in " ".join(shown(screen).split()))


def states(screen: ClientsScreen) -> dict[str, str]:
    return {row.name: str(row.status) for row in screen.rows.rows if isinstance(row, EntryLine)}


# --- what is shown ---


async def test_every_file_and_server_with_its_state(here: Surroundings) -> None:
    async with running(busy_source(), wiring=wiring(here)) as (app, pilot):
        screen = await opened(app, pilot)
        assert states(screen) == {
            "build": "unwatched", "filesystem": "watched", "fetch": "unwatched", "old": "drifted",
            "puppeteer": "unwatched", "github": "unwatched", "postgres": "removed", "sentry": "http",
            "search": "http",
        }  # fmt: skip
        text = text_of(app)
        for said in (
            "Claude Code  ~/acme/.mcp.json (project)", "WATCHED   filesystem", "DRIFTED   old", "REMOVED   postgres",
            "starts /gone/bin/mcpwatch", "disabled at present", "https://mcp.sentry.dev/mcp", "not valid TOML",
            "line 4", "1 removed", "1 drifted", "6 unwatched", "1 watched", "1 file not understood",
        ):  # fmt: skip
            assert said in text, said
        # What cannot be wrapped has no box; the cursor starts on what is worth a look.
        assert "[ ]" not in next(line for line in text.split("\n") if "sentry" in line)
        assert screen.rows.selected.name == "build"


async def test_the_row_under_the_cursor_says_what_to_do(here: Surroundings) -> None:
    async with running(busy_source(), wiring=wiring(here)) as (app, pilot):
        screen = await opened(app, pilot)
        for name, words in (
            ("postgres", "enter puts it back"), ("old", "through another mcpwatch"), ("sentry", "at an address"),
            ("Codex", "leaves a file alone that it does not understand"), ("filesystem", "u takes it out"),
        ):  # fmt: skip
            await at(screen, pilot, name)
            await previewed(screen, pilot, words)


async def test_no_clients_and_no_program(tmp_path: Path) -> None:
    async with running(FakeSource(), size=(80, 24), wiring=wiring(machine(tmp_path))) as (app, pilot):
        await until(pilot, lambda: app.wiring.looked)
        await press(pilot, "w")
        await until(pilot, lambda: "no AI client's configuration was found" in text_of(app))
        await press(pilot, "enter", "space", "a", "u", "escape")
        assert app.screen is app.main
    problem = (
        "there is no mcpwatch beside /usr/bin/python: install it for good, with `pipx install mcpwatch` or so on"
    )
    async with running(FakeSource(), size=(80, 24), wiring=Wiring(None, problem=problem)) as (app, pilot):
        await press(pilot, "w")
        await until(pilot, lambda: "install it for good" in text_of(app))
        await press(pilot, "r", "a", "enter")
        assert isinstance(app.screen, ClientsScreen)


async def test_b16_a_hostile_project_file_can_neither_act_nor_hide(tmp_path: Path) -> None:
    here = machine(tmp_path)
    put(
        here.folder / ".mcp.json",
        {
            "\x1b]52;c;aGk=\x07[@click=app.panic]x[/]": stdio("x\x1b[2J", "[/]\u202eevil"),
            "[/nope]": {"url": "https://u:hunter2@host/\x1b[8m?token=hunter2"},
        },
    )
    put(here.home / ".cursor/mcp.json", {"a": "\x9b2J"})
    async with running(FakeSource(), wiring=wiring(here)) as (app, pilot):
        screen = await opened(app, pilot)
        await at(screen, pilot, "Claude Code")
        await previewed(screen, pilot, "through mcpwatch, as")
        for text in (text_of(app), shown(screen)):
            assert "\x1b" not in text and "\x9b" not in text and "\u202e" not in text and "\x07" not in text
            assert "hunter2" not in text
        assert "␛]52" in text_of(app) and "[@click=app.panic]" in text_of(app)
        await press(pilot, "enter")
        await until(pilot, lambda: "Put mcpwatch in front" in text_of(app))
        assert "\x1b" not in text_of(app)
        await press(pilot, "escape", "escape")
        await press(pilot, "1", "j", "j")
        assert "\x1b" not in text_of(app)
        assert not app.source.now_policy.lock.locked


@pytest.mark.parametrize("ascii", [False, True])
async def test_secrets_are_masked_in_the_preview(tmp_path: Path, ascii: bool) -> None:
    here = machine(tmp_path)
    path = put(here.home / ".cursor/mcp.json", {"a": stdio("npx", "--api-key", "opensesame", env={"K": TOKEN})})
    path.write_text(json.dumps(json.loads(path.read_text())))  # one line
    async with running(FakeSource(), wiring=wiring(here), ascii=ascii) as (app, pilot):
        screen = await opened(app, pilot)
        await previewed(screen, pilot, PROGRAM)
        assert (
            ("***" if ascii else "•••") in shown(screen)
            and "2022" not in shown(screen)
            and TOKEN not in shown(screen)
            and "opensesame" not in shown(screen)
        )


async def test_what_cannot_be_looked_at_is_said_and_looked_at_again(here: Surroundings) -> None:
    machine = wiring(here)
    look, broken = machine.watch.look, True

    def failing(**more):
        if broken:
            raise RecursionError("too deep")
        return look(**more)

    machine.watch.look = failing
    async with running(busy_source(), wiring=machine) as (app, pilot):
        await until(pilot, lambda: app.wiring.problem)
        await press(pilot, "w")
        await until(pilot, lambda: "the clients' files cannot be looked at: too deep" in text_of(app))
        broken = False
        await until(pilot, lambda: "github" in text_of(app))
        assert not app.wiring.problem


# --- choosing ---


async def test_space_selects_a_file_selects_its_servers_and_a_leaves_projects_alone(here: Surroundings) -> None:
    async with running(busy_source(), wiring=wiring(here)) as (app, pilot):
        screen = await opened(app, pilot)

        def chosen() -> set[str]:
            return {entry.name for entry in app.wiring.entries if entry.key in app.wiring.chosen}

        await press(pilot, "space")
        assert chosen() == {"build"} and "[x]" in text_of(app) and "1 selected" in text_of(app)
        await press(pilot, "space")
        assert chosen() == set()
        await at(screen, pilot, "Cursor")
        await press(pilot, "space")
        assert chosen() == {"github", "postgres"}
        await at(screen, pilot, "sentry")
        await press(pilot, "space")
        assert chosen() == {"github", "postgres"}
        await press(pilot, "a")
        assert chosen() == {"github", "postgres", "fetch", "old", "puppeteer", "search"}
        await press(pilot, "a")
        assert chosen() == set()
        # What is chosen is still chosen when the screen comes back.
        await press(pilot, "a", "escape")
        assert app.screen is app.main
        screen = await opened(app, pilot)
        assert len(chosen()) == 6 and "6 selected" in text_of(app)


async def test_the_mouse_moves_marks_and_opens(here: Surroundings) -> None:
    async with running(busy_source(), wiring=wiring(here)) as (app, pilot):
        screen = await opened(app, pilot)
        row = next(i for i, r in enumerate(screen.rows.rows) if getattr(r, "name", "") == "github")
        await pilot.click("#clients", offset=(30, row + 1))
        assert screen.rows.selected.name == "github" and not app.wiring.chosen
        await pilot.click("#clients", offset=(3, row + 1))
        assert len(app.wiring.chosen) == 1
        await pilot.click("#clients", offset=(3, 20))  # below the last row
        assert len(app.wiring.chosen) == 1


# --- changing ---


async def test_wrap_asks_writes_and_says_what_it_did(here: Surroundings) -> None:
    cursor = here.home / ".cursor/mcp.json"
    before = contents(here)
    async with running(busy_source(), size=(80, 24), wiring=wiring(here)) as (app, pilot):
        screen = await opened(app, pilot)
        await at(screen, pilot, "Cursor")
        await press(pilot, "enter")
        await until(pilot, lambda: "Put mcpwatch in front of 2 servers in 1 file?" in text_of(app))
        assert "github, postgres" in text_of(app)
        await press(pilot, "enter")  # Cancel has the focus
        await settle(pilot)
        assert app.screen is screen and contents(here) == before
        await press(pilot, "enter")
        await until(pilot, lambda: app.screen is not screen)
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: "as it was: mcp.json.mcpwatch-" in text_of(app))
        await until(pilot, lambda: states(screen)["github"] == states(screen)["postgres"] == "watched")
        assert servers(cursor)["github"]["args"][:5] == ["run", "--name", "github", "--", "npx"]
        copies = list(cursor.parent.glob("*.bak"))
        assert before[str(cursor)] in [copy.read_bytes() for copy in copies]
        after = contents(here)
        assert {path for path in before if before[path] != after[path]} == {str(cursor)}
        # The result stays when the screen is closed and opened again, until something else is looked at.
        await press(pilot, "escape")
        screen = await opened(app, pilot)
        await until(pilot, lambda: "Restart the clients" in text_of(app))
        await press(pilot, "j")
        await until(pilot, lambda: "Restart the clients" not in text_of(app))
        await press(pilot, "escape")
        await opened(app, pilot)
        assert not app.wiring.done and "Restart the clients" not in text_of(app)


async def test_a_file_changed_between_question_and_answer_is_left_alone_and_the_others_are_written(
    here: Surroundings,
) -> None:
    cursor = here.home / ".cursor/mcp.json"
    desktop = here.home / ".config/Claude/claude_desktop_config.json"
    async with running(busy_source(), wiring=wiring(here)) as (app, pilot):
        screen = await opened(app, pilot)
        await press(pilot, "a", "enter")
        await until(pilot, lambda: "in 3 files?" in text_of(app))
        theirs = cursor.read_bytes().replace(b"npx", b"bunx")
        cursor.write_bytes(theirs)
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: "✓ changed" in text_of(app) and "✗ not changed" in text_of(app))
        assert "it was changed by another program meanwhile" in text_of(app)
        assert cursor.read_bytes() == theirs
        assert servers(desktop)["fetch"]["command"] == PROGRAM
        await until(pilot, lambda: not app.wiring.progress)
        # What was refused is still selected, for the next try.
        chosen = {entry.name for entry in app.wiring.entries if entry.key in app.wiring.chosen}
        assert chosen == {"github", "postgres"}
        assert isinstance(app.screen, ClientsScreen) and app.screen is screen


async def test_closing_the_screen_while_files_are_written_stops_nothing(
    here: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, real = threading.Event(), module.apply_all

    def slow(changes, **more):
        assert go.wait(20)
        yield from real(changes, **more)

    monkeypatch.setattr(module, "apply_all", slow)
    async with running(busy_source(), wiring=wiring(here)) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "a", "enter")
        await until(pilot, lambda: "in 3 files?" in text_of(app))
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: "writing 1 of 3" in text_of(app))
        await press(pilot, "enter")  # one change at a time
        assert isinstance(app.screen, ClientsScreen)
        await press(pilot, "escape")
        assert app.screen is app.main
        go.set()
        await until(pilot, lambda: len(app.wiring.done) == 3 and not app.wiring.progress)
        assert all(done.written for done in app.wiring.done)
        await until(pilot, lambda: "3 files changed: w tells more." in text_of(app))


async def test_unwrapping_needs_the_word_and_is_noted(here: Surroundings) -> None:
    cursor = here.home / ".cursor/mcp.json"
    before = cursor.read_bytes()
    wired.wrap_all(here, "github", "postgres")
    source = busy_source()
    async with running(source, wiring=wiring(here)) as (app, pilot):
        screen = await opened(app, pilot)
        await at(screen, pilot, "Cursor")
        await previewed(screen, pilot, "directly again, with no guard")
        await press(pilot, "u")
        await until(pilot, lambda: "Take mcpwatch away from 2 servers in 1 file?" in text_of(app))
        await press(pilot, "enter", *"unwrap", "enter")
        assert "that is not the word UNWRAP" in text_of(app) and cursor.read_bytes() != before
        await press(pilot, *"UNWRAP", "enter")
        await until(pilot, lambda: cursor.read_bytes() == before)
        await until(pilot, lambda: states(screen)["github"] == "unwatched")
        await until(pilot, lambda: not app.wiring.progress)
    with closing(Ledger.open()) as ledger:
        noted = [(row.actor, row.action, row.detail) for row in ledger.audit_since(0)]
    assert noted[-1] == ("screen", "unwrap", f"github, postgres (Cursor: {cursor})")


async def test_a_server_with_an_address_goes_through_the_gateway_and_back(here: Surroundings, tmp_path: Path) -> None:
    gemini = here.home / ".gemini/settings.json"
    before = gemini.read_bytes()
    async with running(busy_source(), wiring=wiring(here)) as (app, pilot):
        screen = await opened(app, pilot)
        await at(screen, pilot, "sentry")
        await previewed(screen, pilot, "past mcpwatch")
        assert "would change" not in text_of(app)
        await at(screen, pilot, "search")
        await previewed(screen, pilot, "through the gateway, as search")
        assert "[servers.search]" in shown(screen) and "hunter2" not in shown(screen)
        await press(pilot, "enter")
        await until(pilot, lambda: "Put mcpwatch in front of 1 server in 1 file?" in text_of(app))
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: "reached through the gateway" in " ".join(shown(screen).split()))
        await until(pilot, lambda: states(screen)["search"] == "watched")
        assert servers(gemini)["search"]["httpUrl"] == "http://127.0.0.1:7373/search/mcp"
        assert "search.example" in (tmp_path / "config.toml").read_text()
        await press(pilot, "u")
        await until(pilot, lambda: "Take mcpwatch away" in text_of(app))
        await press(pilot, *"UNWRAP", "enter")
        await until(pilot, lambda: states(screen)["search"] == "http")
    assert gemini.read_bytes() == before


async def test_a19_a_terminal_reply_typed_into_the_clients_screen_changes_no_file(here: Surroundings) -> None:
    wired.wrap_all(here, "github")
    before = contents(here)
    reply = "P>|tmux 3.3a\\" + "".join(chr(code) for code in range(0x21, 0x7F))
    for start in ("", "a", "u", " "):
        async with running(busy_source(), size=(80, 24), wiring=wiring(here)) as (app, pilot):
            screen = await opened(app, pilot)
            await at(screen, pilot, "github")
            for char in (*start, *reply, "\r", *reply, "\r"):
                app.post_message(events.Key("enter" if char == "\r" else _character_to_key(char), char))
                await settle(pilot)
            assert not app.wiring.progress and not app.wiring.done
        assert contents(here) == before


# --- the main screen ---


async def test_the_main_screen_says_the_worst_where_there_is_little_room(here: Surroundings) -> None:
    async with running(busy_source(), size=(60, 16), wiring=wiring(here)) as (app, pilot):
        await until(pilot, lambda: " 1 wrapper removed: w " in app.main.header.text())


@sized
async def test_the_main_screen_marks_what_is_past_mcpwatch(here: Surroundings, size: tuple[int, int]) -> None:
    async with running(busy_source(), size=size, wiring=wiring(here)) as (app, pilot):
        await until(pilot, lambda: "1 wrapper removed · 1 drifted · 4 unwatched: w" in text_of(app))
        await press(pilot, "1")
        await settle(pilot)
        marks = {"postgres": ("✗", "removed")} | dict.fromkeys(
            ("build", "fetch", "github", "search", "sentry"), ("○", "unwatched")
        )
        for name, (mark, word) in marks.items():
            app.main.servers.go_to(f"\0{name}")
            await settle(pilot)
            lines = [line.split("││")[0].strip("│ ") for line in app.main.servers.text().split("\n")]
            assert [line for line in lines if line.startswith(f"{mark} {name} ") and line.endswith(f" {word}")], name
        # One that is disabled is nobody's worry.
        assert "puppeteer" not in [row.name for row in app.main.servers.rows]
        app.main.servers.go_to("\0fetch")
        await settle(pilot)
        if size[0] >= 100:
            assert "its calls do not pass through mcpwatch" in text_of(app)
        await press(pilot, "a")  # there is nothing of it to approve
        assert app.screen is app.main
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ClientsScreen) and app.screen.rows.selected)
        await until(pilot, lambda: getattr(app.screen.rows.selected, "name", "") == "fetch")


async def test_a_wrapper_taken_away_while_the_screen_is_open_is_said(tmp_path: Path) -> None:
    here = machine(tmp_path)
    cursor = put(here.home / ".cursor/mcp.json", {"github": stdio("npx", "x"), "b": stdio("y")})
    before = cursor.read_bytes()
    wired.wrap_all(here)
    async with running(FakeSource(), size=(80, 24), wiring=wiring(here)) as (app, pilot):
        await until(pilot, lambda: app.wiring.looked)
        await until(pilot, lambda: "2 servers behind mcpwatch" in text_of(app))
        assert "removed" not in text_of(app) and "unwatched" not in text_of(app)
        cursor.write_bytes(before)
        await until(pilot, lambda: "2 wrappers removed: w" in text_of(app))
        await until(pilot, lambda: "Wrapper removed: github, b" in text_of(app))
        # Putting them back: the mark goes without a key.
        wired.wrap_all(here)
        await until(pilot, lambda: "removed" not in app.main.header.text())


async def test_the_first_screen_offers_the_servers_found(here: Surroundings) -> None:
    for size in SIZES:
        async with running(FakeSource(), size=size, wiring=wiring(here)) as (app, pilot):
            await until(pilot, lambda: "to put a guard in front of the 5 servers found" in text_of(app))
            assert "in 4 AI clients on this machine" in text_of(app)


# --- pictures ---


@sized
async def test_picture_of_the_list_and_a_preview(here: Surroundings, size: tuple[int, int]) -> None:
    async with running(busy_source(), size=size, wiring=wiring(here, every=60)) as (app, pilot):
        screen = await opened(app, pilot)
        await at(screen, pilot, "postgres")
        await previewed(screen, pilot, "through mcpwatch, as postgres")
        await settle(pilot)
        picture.check(app, f"clients-{size[0]}x{size[1]}")


@sized
async def test_picture_of_the_question(here: Surroundings, size: tuple[int, int]) -> None:
    async with running(busy_source(), size=size, wiring=wiring(here, every=60)) as (app, pilot):
        screen = await opened(app, pilot)
        await press(pilot, "a")
        await previewed(screen, pilot, "through this mcpwatch, as old")
        await press(pilot, "enter")
        await until(pilot, lambda: "in 3 files?" in text_of(app))
        await settle(pilot)
        picture.check(app, f"wrap-{size[0]}x{size[1]}")


@sized
async def test_picture_of_unwatched_servers(here: Surroundings, size: tuple[int, int]) -> None:
    async with running(busy_source(), size=size, wiring=wiring(here, every=60)) as (app, pilot):
        await until(pilot, lambda: "4 unwatched: w" in text_of(app))
        await press(pilot, "1")
        await settle(pilot)
        picture.check(app, f"unwatched-{size[0]}x{size[1]}")


async def test_picture_without_colour(here: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(busy_source(), size=(80, 24), wiring=wiring(here, every=60), ascii=True) as (app, pilot):
        screen = await opened(app, pilot)
        await at(screen, pilot, "github")
        await press(pilot, "space")
        await previewed(screen, pilot, "through mcpwatch, as github")
        await settle(pilot)
        assert text_of(app).isascii()
        picture.check(app, "no-color-ascii-clients-80x24")


def test_a_file_row_and_a_server_row_never_share_a_key(here: Surroundings) -> None:
    from mcpwatch.clients.survey import survey
    from mcpwatch.tui.client_rows import file_lines, rows_of

    rows = rows_of(file_lines(survey(here, PROGRAM), str(here.home)))
    assert len({row.key for row in rows}) == len(rows) == 14
    assert sum(isinstance(row, FileLine) for row in rows) == 5
