"""`mcpwatch arm`, `observe` and `strict`: how much of the protection is in force."""

from __future__ import annotations

import click

from mcpwatch.cli import ask
from mcpwatch.cli.change import BY, changing, next_call_locks, set_password, with_password
from mcpwatch.cli.output import print_line
from mcpwatch.guard import lock as guard
from mcpwatch.guard.lock import Denied


@click.command("arm", epilog="Example: mcpwatch arm")
def arm() -> None:
    """Every guard enforces from its next call on. Needs a password, since that is what unlocks: asks you to choose
    one if there is none."""
    with changing() as ledger:
        try:
            guard.arm(ledger, by=BY)
        except Denied as error:
            if error.code != "no-password" or not ask.possible():
                raise
            set_password(ledger, "No password is set yet. It is what unlocks, so choose one first.\n")
            guard.arm(ledger, by=BY)
        print_line("Armed: passing a limit locks, from the next call on.")
        for sentence in next_call_locks(ledger):
            print_line(f"Note: {sentence}")


@click.command("observe", epilog="Example: mcpwatch observe")
def observe() -> None:
    """A lock that is on stays on. Asks for the password when one is set and the limits are armed."""
    with changing() as ledger:
        with_password(ledger, lambda secret: guard.observe(ledger, secret, by=BY))
        print_line("Observing: limits are metered, and nothing is refused for them.")
        if ledger.policy().lock.locked:
            print_line("Note: the lock is still on; `mcpwatch unlock` opens it.")


@click.command("strict", epilog="Example: mcpwatch strict on")
@click.argument("switch", metavar="on|off", type=click.Choice(["on", "off"]))
def strict(switch: str) -> None:
    """On: tool definitions that look doubtful or have changed are held until you approve them, and calls of tools
    that the server never listed are refused. Turning it off asks for the password when one is set."""
    with changing() as ledger:
        with_password(ledger, lambda secret: guard.set_strict(ledger, switch == "on", secret, by=BY))
    print_line(f"Strict mode is {switch}.")
