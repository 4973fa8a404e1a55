"""When the screen itself fails: one line, no locals, a private file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mcpwatch.tui import crash
from mcpwatch.tui.app import McpWatchApp
from tui.fakes import FakeSource, busy_source, call_row, session_row, tool_row
from tui.screens_io import press, running, settle

SECRET = "Bearer sk-live-0123456789"


class Broken(FakeSource):
    async def tools(self) -> list[object]:  # type: ignore[override]
        headers = {"Authorization": SECRET}
        raise RuntimeError(f"bad tool \x1b]0;PWN\x07{len(headers)}")


async def test_a_crash_prints_one_line_and_keeps_locals_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "state"
    app = McpWatchApp(Broken(), files=folder)
    with pytest.raises(Exception, match="bad tool"):
        async with app.run_test():
            await app._exception_event.wait()
    assert app.return_code == 1
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""
    text = app.crash_line
    assert text.count("\n") == 0
    assert "guards keep enforcing" in text
    (report,) = folder.iterdir()
    assert str(report) in text
    if os.name == "posix":
        assert stat.S_IMODE(report.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    written = report.read_text("utf-8")
    assert "RuntimeError" in written
    assert "in tools" in written
    assert SECRET not in written + text
    assert "\x1b" not in written + text


def test_a_report_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    assert "no report could be written" in crash.report(ValueError("x"), blocked)


async def test_hostile_names_do_not_crash_any_widget() -> None:
    """`[/]` in a tool's name ends most Textual programs."""
    source = busy_source()

    names = [
        "[/]",
        "[/nope]",
        "[@click=app.unlock]x[/]",
        "[link=https://x]",
        "\\[bold]",
        "[type=x, v={'a[0]'}]",
        "\\",
    ]
    source.tool_rows = [tool_row(name, name, score=90.0) for name in names]
    source.call_rows = [
        call_row(n, server=name, tool=name, note=name, outcome="error") for n, name in enumerate(names)
    ]
    source.session_rows = [session_row(n, name, name) for n, name in enumerate(names)]
    source.lock_now(reason="[/] [@click=app.panic]x[/]")
    async with running(source) as (app, pilot):
        for keys in (
            ["enter"],
            ["escape", "3", "enter"],
            ["escape", "U"],
            ["escape", "question_mark"],
            ["escape", "t"],
        ):
            await press(pilot, *keys)
            await settle(pilot)
        app.say("[/] [@click=app.unlock]x[/]")
        await settle(pilot)
        assert app.return_code is None
        assert "[@click=app.unlock]x[/]" in app.main.tools.text()
