"""`mcpwatch lock`: the panic key on the command line."""

from __future__ import annotations

import click

from mcpwatch.cli.change import BY, changing
from mcpwatch.cli.output import print_line, safe
from mcpwatch.guard import lock as guard


@click.command("lock", epilog="Example: mcpwatch lock the agent is deleting my issues")
@click.argument("reason", nargs=-1)
def command(reason: tuple[str, ...]) -> None:
    """Works armed or not. Calls in flight are ended too. REASON is shown to you and to the model.

    A lock stays until a person unlocks it; it survives restarts and never expires.
    """
    with changing() as ledger:
        lock = guard.lock(ledger, " ".join(reason), by=BY)
    print_line(f"LOCKED: {safe(lock.reason)}. Protected tools are refused until `mcpwatch unlock`.")
