"""`mcpwatch unwrap`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mcpwatch.cli.wrap import at_gateway, carry_out, check_names, chosen, everywhere, options
from mcpwatch.clients.plan import plan_unwrap


@click.command("unwrap", epilog="Example: mcpwatch unwrap --client cursor")
@options
def command(
    clients: Sequence[str], servers: Sequence[str], project: bool, files: Sequence[Path], dry_run: bool, yes: bool
) -> int:
    """Has each server started directly again. What stood in the files before `mcpwatch wrap` stands there again, byte
    for byte, whatever else was changed in them since. A server that no client reaches through the gateway any longer
    is taken out of config.toml, if `mcpwatch wrap` put it there.

    It asks for no password: whoever can run it can edit the files by hand. It is put on record (`mcpwatch audit`)."""
    gateway = at_gateway()
    found = chosen(clients, project, files, gateway)
    check_names(found, servers)
    changes = plan_unwrap(found, servers=servers, gateway=gateway, everywhere=everywhere(gateway))
    return carry_out(found, changes, dry_run=dry_run, yes=yes, idle="Nothing to unwrap.")
