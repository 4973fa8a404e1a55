"""A screen whose terminal is gone ends, though nothing signals it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpwatch.tui.hangup import HUNG_UP
from tui.terminal import run_app, terminal
from tui.traffic import calls


@pytest.mark.parametrize("ignored", [False, True])
def test_a_screen_ends_with_its_terminal(tmp_path: Path, ignored: bool) -> None:
    """The terminal of these tests is no controlling one, so that the system sends no SIGHUP; nohup ignores it."""
    state = tmp_path / "state.db"
    calls(state, "files", ["read_file"])
    nohup = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); " if ignored else ""
    with terminal(nohup + run_app(state)) as screen:
        screen.shows("LIVE")
        screen.hang_up()
        assert screen.process.wait(timeout=60) == HUNG_UP
