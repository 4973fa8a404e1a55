"""`mcpwatch unlock`."""

from __future__ import annotations

import click

from mcpwatch.cli import ask
from mcpwatch.cli.change import BY, ask_password, changing, next_call_locks
from mcpwatch.cli.output import local, print_line, safe
from mcpwatch.guard import lock as guard
from mcpwatch.tui.fmt import plural


@click.command("unlock", epilog="Example: mcpwatch unlock")
@click.option("--keep-window", is_flag=True, help="Go on counting what was used before, instead of from now.")
def command(keep_window: bool) -> None:
    """Asks at the terminal: for the password, or for the word UNLOCK when none is set.

    The limits count from now, so that the next call does not lock again.
    """
    with changing() as ledger:
        policy = ledger.policy()
        if not policy.lock.locked:
            print_line("Nothing is locked.")
            return
        lock = policy.lock
        print_line(f"Locked since {local(lock.since_utc)} by {safe(lock.by)}: {safe(lock.reason)}")
        print_line(f"{plural(lock.refused, 'call')} refused since.")
        if policy.has_password:
            secret = ask_password(ledger)
        else:
            secret = ask.word(f"No password is set. Type the word {guard.UNLOCK_WORD} to unlock: ")
        guard.unlock(ledger, secret, by=BY, keep_window=keep_window)
        print_line("Unlocked.")
        if policy.armed:
            for sentence in next_call_locks(ledger):
                print_line(f"Note: {sentence}")
