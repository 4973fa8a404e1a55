from __future__ import annotations

import re
import signal

from mcpwatch.cli import exits
from servers.processes import marked, wait_until


def no_trace(machine, mark: str) -> None:
    """Every process of the demo is gone, and so is its folder; nothing of the user's was touched."""
    wait_until(lambda: not marked(mark), "end of the demo's processes")
    assert list(machine.folder.glob("mcpwatch-demo-*")) == []
    assert not machine.state.exists()


def mark(machine) -> str:
    """A text in the environment of every process of this demo, whose temporary folder is the machine's."""
    machine.env["TMPDIR"] = str(machine.folder)
    return f"TMPDIR={machine.folder}"


def test_the_whole_story_happens(machine):
    here = mark(machine)
    done = machine("demo", "--headless", "--seconds", "60")
    assert done.code == 0, done.out[-3000:] + done.err
    for said in (
        "LOCKED: 31 calls in the last minute, limit 30",
        "wrong password",
        "approved",
        "All of it happened.",
    ):
        assert said in done.out
    # Every lock is seen to end, the person's as well as the limit's.
    locks = re.findall(r"\b(?:UN)?LOCKED(?=:)", done.out)
    assert locks.count("LOCKED") >= 2
    assert locks[-1] == "UNLOCKED"
    assert "one key stops everything" in done.out
    no_trace(machine, here)


def test_a_story_without_time_to_happen_fails(machine):
    here = mark(machine)
    done = machine("demo", "--headless", "--seconds", "5")
    done.failed(exits.FAILED, "did not happen within 5 s")
    no_trace(machine, here)


def test_ctrl_c_ends_the_story_and_everyone_in_it(machine):
    here = mark(machine)
    process = machine.start("demo", "--headless")
    assert process.stdout is not None and process.stderr is not None
    with process.stdout, process.stderr:
        while "called" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == exits.INTERRUPTED
        assert process.stderr.read() == ""
    no_trace(machine, here)


def test_on_the_screen_it_says_the_password_and_leaves_nothing_behind(machine):
    here = mark(machine)
    terminal = machine.terminal("demo")
    terminal.expect("demo-password")
    terminal.expect("websearch")
    terminal.type("q")
    terminal.expect("The demo ends with this screen")
    terminal.type("\x11")  # ctrl+q
    assert terminal.ends() == 0
    no_trace(machine, here)
