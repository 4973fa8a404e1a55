"""`mcpwatch log`: recorded calls, and those being made."""

from __future__ import annotations

import select
import shutil
import sys
import time
from collections.abc import Iterator

import click

from mcpwatch.cli.output import cell, cut, iso, local, print_json, print_line, safe
from mcpwatch.cli.state import opened
from mcpwatch.guard.limits import format_value
from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import CallRow, Dimension, Outcome, to_builtins
from mcpwatch.tui import fmt
from mcpwatch.tui.preview import charged, detail_of

POLL_S = 0.2
VIOLATION = "(violation)"  # method of a recorded message that broke the rules of the wire
_PAGE = 500
_COLOURS = {
    Outcome.OK: "green",
    Outcome.PENDING: "cyan",
    Outcome.REFUSED: "red",
    Outcome.VIOLATION: "red",
    Outcome.ERROR: "yellow",
    Outcome.CANCELLED: "yellow",
    Outcome.TIMED_OUT: "yellow",
}


@click.command(
    "log",
    epilog="\b\nExamples:\n"
    "  mcpwatch log --follow\n"
    "  mcpwatch log -n 1000 --server github --json | jq 'select(.outcome == \"refused\")'",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with new calls until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one object a line.")
@click.option("--server", help="Only calls to this server.")
@click.option("--tool", help="Only calls of this tool.")
@click.option("--lines", "-n", default=20, show_default=True, type=click.IntRange(min=0), help="How many old calls.")
def command(follow: bool, as_json: bool, server: str | None, tool: str | None, lines: int) -> None:
    """Oldest first, one call a line: when, how it ended, what was called, how long it took, tokens, cost, marks such
    as [would lock: calls/60s], and what was said. A violation is a message that was not passed on: why, and how it
    began. With --follow a call that takes its time is shown when it begins (pending) and again when it ends."""
    width = _width()
    with opened() as ledger:
        rev = _newest_rev(ledger)
        rows = ledger.latest_calls(lines, server=server, tool=tool) if lines else []
        rev = max(rev, max((row.rev for row in rows), default=0))
    show = _print_object if as_json else lambda row: _print_row(row, width)
    for row in rows:
        show(row)
    if follow:
        for row in _followed(rev, server, tool):
            show(row)


def _newest_rev(ledger: Ledger) -> int:
    return max((row.rev for row in ledger.latest_calls(1)), default=0)


def _followed(rev: int, server: str | None, tool: str | None) -> Iterator[CallRow]:
    """Every call written after `rev`, as it is written. Starts over with a state file that replaces this one."""
    while True:
        with opened() as ledger:
            try:
                yield from _written(ledger, rev, server, tool)
            except StateError:
                if not ledger.replaced():
                    raise
        rev = 0


def _written(ledger: Ledger, rev: int, server: str | None, tool: str | None) -> Iterator[CallRow]:
    """Calls after `rev` as they come, until the ledger's file is replaced."""
    seen = -1
    while not ledger.replaced():
        version = ledger.data_version()
        if version != seen:
            seen = version
            for page in _pages(ledger, rev, server, tool):
                yield from page
                rev = page[-1].rev
        _wait_for_reader()


def _pages(ledger: Ledger, rev: int, server: str | None, tool: str | None) -> Iterator[list[CallRow]]:
    """Calls after `rev`, in pieces."""
    while page := ledger.calls_since(rev, _PAGE, server=server, tool=tool):
        yield page
        rev = page[-1].rev


def _wait_for_reader() -> None:
    """Pause between two looks; ends the command when whoever read the output has gone."""
    if not hasattr(select, "poll"):
        time.sleep(POLL_S)
        return
    poll = select.poll()
    poll.register(1, 0)
    if any(event & (select.POLLERR | select.POLLNVAL) for _, event in poll.poll(POLL_S * 1000)):
        raise BrokenPipeError


def _width() -> int | None:
    """Columns of the terminal; None when the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _print_object(row: CallRow) -> None:
    record = to_builtins(row)
    record["started"] = iso(row.started_utc)
    print_json(record, indent=None)


def _print_row(row: CallRow, width: int | None) -> None:
    outcome = f"{row.outcome:<9}"
    head = f"{local(row.started_utc)}  "
    tail = "  ".join(
        (
            "",
            cell(_name(row), limit=80),
            fmt.duration(row.duration_ns),
            fmt.plural(row.tokens_in + row.tokens_out, "token"),
            fmt.NONE if (cost := charged(row)) is None else format_value(Dimension.COST, cost),
            safe(_marks(row), limit=200) + safe(_detail(row), limit=200),
        )
    )
    if width is not None:
        tail = cut(tail, width - len(head) - len(outcome))
    print_line(head + click.style(outcome, fg=_COLOURS.get(Outcome(row.outcome))) + tail)


def _marks(row: CallRow) -> str:
    """What the gate noticed about a call, each in brackets and followed by a blank."""
    words = (flag.replace("would-lock:", "would lock: ") for flag in row.flags.split(",") if flag)
    return "".join(f"[{word}] " for word in words if word != "unquoted")


def _detail(row: CallRow) -> str:
    """What it was about; of a violation also how the message began."""
    said = detail_of(row)
    frame = row.result or row.arguments
    return f"{said}: {frame}" if row.outcome == Outcome.VIOLATION and row.method == VIOLATION and frame else said


def _name(row: CallRow) -> str:
    if row.method == VIOLATION:
        return f"{row.server} (from the {'server' if row.from_server else 'client'})"
    called = row.tool if row.tool and row.method in ("tools/call", "sampling/createMessage") else row.method
    if called == "tools/call":
        return f"{row.server}/(no name)"
    return f"{row.server}/{called}" if called == row.tool else f"{row.server} {called}"
