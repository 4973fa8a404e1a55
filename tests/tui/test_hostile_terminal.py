"""Hostile names in a real pseudo-terminal: nothing a server wrote reaches the terminal as anything but text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mcpwatch.store.definitions import save_verdict
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Verdict
from tui.terminal import Terminal, run_app, terminal
from tui.traffic import POISON, calls, definition, lists

# Each carries a mark (7331, PWN …) that Textual itself never sends.
PAYLOADS = [
    "osc52\x1b]52;c;UFdORUQ=\x07",
    "osc52st\x1b]52;c;UFdORUQ=\x1b\\",
    "title\x1b]0;PWN\x07",
    "link\x1b]8;;https://pwn.example\x1b\\x",
    "spoof\x1b[1;1HSPOOF",
    "mode\x1b[?7331h",
    "hide\x1b[8m",
    "ask\x1b[>7331q",
    "dcs\x1bP7331q\x1b\\",
    "c1\x9b7331m\x9d0;PWN\x9c",
    "del\x7f\x00\x0e",
    "bidi\u202egpj.exe\u2066",
    "zero\u200bwidth\ufeff",
    "tags\U000e0041\U000e0042",
    "lines\nSPOOF\r\nSPOOF\u2028",
    "click[@click=app.unlock]x[/]",
    "[/]",
    "[link=https://pwn.example]x",
]
NEVER = [
    *(b"\x1b]52", b"\x1b]0", b"\x1b]8", b"\x1b[8m", b"\x1b[?7331h", b"\x1b[>7331q", b"\x1bP"),
    *(b"\xc2\x9b", b"\xc2\x9d", b"\x7f", b"\x00", b"\x0e", b"\xf3\xa0\x81"),
    *(char.encode() for char in "\u202e\u2066\u200b\ufeff\u2028"),
]


@pytest.fixture(scope="module")
def hostile_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("hostile") / "state.db"
    calls(state, "plain", ["read_file"])
    for n, payload in enumerate(PAYLOADS):
        calls(state, f"{n}-{payload}" if n % 3 else "server", [payload], client=payload, text=payload * 3)
    for text in ("Adds. ", "Adds, and more. "):
        lists(
            state, "server", definition("evil", f"{text}{POISON}{''.join(PAYLOADS)}", title=PAYLOADS[0]),
            definition("other", "".join(PAYLOADS), kind="prompt"),
        )  # fmt: skip
    ledger = Ledger.open(state)
    rows = ledger.tools()
    with ledger.transaction() as tx:
        for row in rows:
            if row.fingerprint:
                said = "".join(PAYLOADS)
                finding = {"rule": said, "detail": said, "evidence": said, "decoded": said, "path": said, "score": 90}
                verdict = Verdict(row.fingerprint, "server", "remote", said, 90.0, said, json.dumps([finding]))
                save_verdict(tx, verdict)
    ledger.close()
    return state


def walk(screen: Terminal) -> None:
    """Through every pane and dialogue, and every row's detail."""
    screen.shows("LIVE")  # what is pressed while it reads the state meets empty lists
    for keys, shown in (
        ("?", "j k scroll"), ("\x1b", "2 Tools"), ("t", "Limits"), ("\x1b", "2 Tools"), ("1", "1 Servers"),
        ("G", "1 Servers"), ("g", "1 Servers"), ("2", "2 Tools"), ("\r", "Definition"), ("\x1b", "3 Calls"),
        ("F", "dangerous definition"), ("jj", "Findings"), ("\x1b", "3 Calls"), ("g", "2 Tools"),
        ("d", "What changed"), ("G", "Change"), ("\x1b", "3 Calls"), ("\r", "Evidence"), ("G", "History"),
        ("a", "Held now"), ("\x1b", "Definition"), ("\x1b", "3 Calls"), ("1", "1 Servers"),
        ("Ga", "Approve what"),
        ("\x1b", "1 Servers"), ("g", "1 Servers"), ("L", "LLM scanner"), ("\x1b", "1 Servers"), ("2", "2 Tools"),
        ("3", "3 Calls"), ("jjj\r", "Arguments"), ("G", "Result"), ("\x1b", "3 Calls"),
        ("/", "tool:read server:git"),
        ("click", "filter: click"), ("\x1b", "3 Calls"), ("\x0b", "PANIC LOCK"), ("U", "Type UNLOCK"),
        ("\x1b", "3 Calls"),
    ):  # fmt: skip
        screen.send(keys)
        screen.read(0.15)
        screen.shows(shown)
    screen.send("2" + "j" * 20)
    screen.read(0.5)


def leaks(screen: Terminal) -> list[object]:
    """What must not be there; of the string sequences only Textual's pointer shape (OSC 22) may."""
    strings = {token for kind, token in screen.tokens() if kind == "string"} - {"\x1b]22;default\x07"}
    return [*(needle for needle in NEVER if needle in screen.raw), *strings]


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_b16_no_control_sequence_of_a_server_reaches_the_terminal(hostile_state: Path, size: tuple[int, int]) -> None:
    with terminal(run_app(hostile_state), columns=size[0], rows=size[1]) as screen:
        walk(screen)
        rows = screen.screen()
        assert screen.leave() == 0
    assert leaks(screen) == []
    assert "mcpwatch" in rows[0]
    assert not rows[0].startswith("SPOOF")
    frames = [row for row in rows if row.startswith("│")]
    assert frames
    assert all(row.rstrip().endswith("│") for row in frames)


def test_under_ascii_every_byte_is(hostile_state: Path) -> None:
    with terminal(run_app(hostile_state, "ascii=True"), columns=120, rows=40) as screen:
        walk_ascii(screen)
        assert screen.leave() == 0
    assert max(screen.raw) < 0x80
    assert leaks(screen) == []


def walk_ascii(screen: Terminal) -> None:
    screen.shows("LIVE")
    for keys, shown in (("?", "j k scroll"), ("\x1b", "3 Calls"), ("t", "at most"), ("\x1b", "3 Calls")):
        screen.send(keys)
        screen.shows(shown)


def test_under_no_color_there_is_none(hostile_state: Path) -> None:
    with terminal(run_app(hostile_state), NO_COLOR="1") as screen:
        screen.shows("LIVE")
        screen.send("t")
        screen.shows("at most")
        assert screen.leave() == 0
    codes = {code for text in re.findall(rb"\x1b\[([0-9;]*)m", screen.raw) for code in text.split(b";")}
    assert codes <= {b"", b"0", b"1", b"2", b"3", b"4", b"7", b"9", b"39", b"49"}, codes


def test_the_line_filter_alone_stops_what_the_model_let_through(hostile_state: Path) -> None:
    """The backstop, by itself: with cleaning at the door switched off, still nothing gets out."""
    off = "import mcpwatch.tui.safe_text as s, mcpwatch.tui.model as m; m.safe_text = lambda text, **k: text; "
    with terminal(off + run_app(hostile_state), columns=120, rows=40) as screen:
        screen.shows("LIVE")
        screen.send("2" + "j" * 20)
        screen.read(0.5)
        screen.shows("osc52]52;c;UFdORUQ=")
        assert screen.leave() == 0
    assert leaks(screen) == []


def test_a_crash_in_a_real_terminal_says_one_line(hostile_state: Path, tmp_path: Path) -> None:
    broken = (
        "import mcpwatch.tui.model as m\n"
        "def bad(self, now):\n"
        "    headers = {'Authorization': 'Bearer sk-live-1'}\n"
        "    raise ValueError(str(len(headers)))\n"
        "m.Model.rate = bad\n"
    )
    with terminal(f"{broken}{run_app(hostile_state)}") as screen:
        screen.wait_for(lambda: screen.process.poll() is not None)
        screen.read(0.2)
    said = screen.raw[screen.raw.rindex(b"\x1b[?1049l") :].decode()
    assert screen.process.returncode == 1
    assert "mcpwatch: the screen failed (ValueError)" in said
    assert said.count("\n") == 1
    assert "sk-live" not in screen.raw.decode()
    (report,) = hostile_state.parent.glob("crash-*.log")
    assert "sk-live" not in report.read_text().replace("headers = {'Authorization': 'Bearer sk-live-1'}", "")
    report.unlink()
