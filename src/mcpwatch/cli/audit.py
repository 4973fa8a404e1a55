"""`mcpwatch audit`: what was done to the protection, when and from where."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator

import click

from mcpwatch.cli.output import iso, print_json, print_line, safe
from mcpwatch.cli.state import opened
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import AuditRow, to_builtins

_FAILED = "-failed"


@click.command(
    "audit", epilog="\b\nExamples:\n  mcpwatch audit\n  mcpwatch audit --action unlock --action unlock-failed --json"
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one object a line.")
@click.option("--action", "-a", "actions", multiple=True, help="Only this, as the third column names it.")
@click.option(
    "--lines", "-n", default=50, show_default=True, type=click.IntRange(min=0), help="How many, the latest."
)
def command(as_json: bool, actions: tuple[str, ...], lines: int) -> None:
    """Oldest first, one thing a line: when (UTC), by whom, what, and the particulars. Locks and unlocks, wrong
    passwords, limits, patterns, approvals, blocks, wrapped and unwrapped servers. By whom: "screen", "command line",
    or "mcpwatch" for what it did by itself."""
    with opened() as ledger:
        rows = deque(_rows(ledger, actions), maxlen=lines)
    for row in rows:
        if as_json:
            print_json(to_builtins(row) | {"time": iso(row.utc)}, indent=None)
        else:
            _print(row)


def _rows(ledger: Ledger, actions: Collection[str]) -> Iterator[AuditRow]:
    seq = 0
    while page := ledger.audit_since(seq):
        yield from (row for row in page if not actions or row.action in actions)
        seq = page[-1].seq


def _print(row: AuditRow) -> None:
    action = f"{safe(row.action, limit=40):<14}"
    colour = "red" if row.action.endswith(_FAILED) or row.action == "lock" else None
    actor, detail = safe(row.actor, limit=40), safe(row.detail, limit=2000, lines="show")
    print_line(f"{iso(row.utc)}  {actor:<12}  {click.style(action, fg=colour)}  {detail}".rstrip())
