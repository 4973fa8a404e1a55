"""`mcpwatch protect`, `unprotect`, `exempt` and `unexempt`: which tools limits and lock are for."""

from __future__ import annotations

import click

from mcpwatch.cli.change import BY, changing, with_password
from mcpwatch.cli.output import print_line, safe
from mcpwatch.guard import lock as guard
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.patterns import check_pattern


class PatternType(click.ParamType):
    """A `server/tool` pattern."""

    name = "pattern"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return check_pattern(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_pattern = click.argument("pattern", type=PatternType())


@click.command("protect", epilog="Example: mcpwatch protect 'github/*'")
@_pattern
def protect(pattern: str) -> None:
    """PATTERN is SERVER/TOOL, with shell globs on each side: 'github/*', '*/delete_*'. Everything ('*/*') is
    protected at first. Only protected tools count against limits and are refused when locked."""
    with changing() as ledger:
        guard.protect(ledger, pattern, by=BY)
        _show(ledger)


@click.command("unprotect", epilog="Example: mcpwatch unprotect '*/*'")
@_pattern
def unprotect(pattern: str) -> None:
    """PATTERN is one that `mcpwatch status` lists as protected. Asks for the password when one is set."""
    with changing() as ledger:
        with_password(ledger, lambda secret: guard.unprotect(ledger, pattern, secret, by=BY))
        _show(ledger)


@click.command("exempt", epilog="Example: mcpwatch exempt 'notes/read_*'")
@_pattern
def exempt(pattern: str) -> None:
    """PATTERN is SERVER/TOOL, with shell globs on each side. An exemption wins over any protecting pattern. Asks for
    the password when one is set."""
    with changing() as ledger:
        with_password(ledger, lambda secret: guard.exempt(ledger, pattern, secret, by=BY))
        _show(ledger)


@click.command("unexempt", epilog="Example: mcpwatch unexempt 'notes/read_*'")
@_pattern
def unexempt(pattern: str) -> None:
    """PATTERN is one that `mcpwatch status` lists as exempt."""
    with changing() as ledger:
        guard.unexempt(ledger, pattern, by=BY)
        _show(ledger)


def _show(ledger: Ledger) -> None:
    policy = ledger.policy()
    print_line(f"Protected: {_listed(policy.protect)}   Exempt: {_listed(policy.exempt)}")
    if not policy.protect:
        print_line("Note: nothing is protected now.")


def _listed(patterns: tuple[str, ...]) -> str:
    return ", ".join(map(safe, patterns)) or "nothing"
