"""`mcpwatch block` and `unblock`: quarantine one text of a definition, whatever its score."""

from __future__ import annotations

import click

from mcpwatch.cli.approve import find, fingerprint_argument, kind_option, reference, split, take_back, title
from mcpwatch.cli.change import BY, changing
from mcpwatch.cli.output import print_line
from mcpwatch.guard import approval


@click.command("block", epilog="Example: mcpwatch block calendar/add_event")
@reference
@fingerprint_argument
@kind_option
def block(reference: str | None, fingerprint: str | None, kind: str) -> None:
    """At once, asking for nothing. It disappears from the client's list, and calls of it are refused."""
    name = split(reference, kind)
    with changing() as ledger:
        text = find(ledger, *name, fingerprint)
        approval.block(ledger, *name, text.fingerprint, by=BY)
    print_line(f"Blocked: {title(*name)}, text {text.fingerprint[:12]}.")


@click.command("unblock", epilog="Example: mcpwatch unblock calendar/add_event")
@reference
@fingerprint_argument
@kind_option
def unblock(reference: str | None, fingerprint: str | None, kind: str) -> None:
    """The definition is judged by its score again. Asks for the password when one is set."""
    take_back(reference, fingerprint, kind, "blocked")
