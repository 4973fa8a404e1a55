"""`mcpwatch password`."""

from __future__ import annotations

import click

from mcpwatch.cli.change import changing, set_password
from mcpwatch.cli.output import print_line


@click.command("password", epilog="Example: mcpwatch password")
def command() -> None:
    """Unlocking, raising limits, exempting tools and observing ask for it. Typed at the terminal, unseen; at least 8
    characters, of any kind. It is stored as a bcrypt hash, and there is no way to recover it."""
    with changing() as ledger:
        replaced = set_password(ledger)
    print_line("Password changed." if replaced else "Password set.")
