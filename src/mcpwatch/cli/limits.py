"""`mcpwatch limits`: show, set and remove limits."""

from __future__ import annotations

import click

from mcpwatch.cli.change import BY, changing, next_call_locks, with_password
from mcpwatch.cli.output import print_json, print_line, safe
from mcpwatch.cli.patterns import PatternType
from mcpwatch.cli.state import configuration, opened
from mcpwatch.cli.status import cap_line, usage_document, usage_lines
from mcpwatch.guard import lock as guard
from mcpwatch.guard.limits import DEFAULTS, parse_limit_value, parse_window, unreachable
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Dimension, Limit

_NUMBERS = {"ignore_unknown_options": True}  # so that -5 is refused as a number, by its field's name
_WINDOWS = {limit.dimension: limit.window_s for limit in DEFAULTS}


class WindowType(click.ParamType):
    """A length of time, in seconds."""

    name = "window"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_window(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


_dimension = click.argument("dimension", metavar="calls|tokens|cost", type=click.Choice([str(d) for d in Dimension]))
_per = click.option(
    "--per", "window_s", type=WindowType(), help="Window: 60s, 5m, 1h, 1d … (calls: 1m; tokens and cost: 1h)."
)
_scope = click.option("--scope", type=PatternType(), default="*/*", help="Which tools, as SERVER/TOOL.")
_per_call = click.option("--per-call", is_flag=True, help="Cap each call instead; over it, it alone is refused.")


@click.group("limits", invoke_without_command=True, epilog="Example: mcpwatch limits set calls 30 --per 1m")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Limits hold over any window of their length and count calls of protected tools, over all servers and clients.
    Lowering one is free; raising or removing one asks for the password when one is set."""
    if ctx.invoked_subcommand is None:
        _show(as_json=False)


@command.command("show", epilog="Example: mcpwatch limits show --json")
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
def show(as_json: bool) -> None:
    """List the limits and how much of each is used."""
    _show(as_json)


@command.command(
    "set",
    context_settings=_NUMBERS,
    epilog="\b\nExamples:\n"
    "  mcpwatch limits set calls 30 --per 1m\n"
    "  mcpwatch limits set calls 500 --per 1d --scope 'github/*'\n"
    "  mcpwatch limits set cost 1.00\n"
    "  mcpwatch limits set tokens 20000 --per-call",
)
@_dimension
@click.argument("value")
@_per
@_scope
@_per_call
def set_(dimension: str, value: str, window_s: int | None, scope: str, per_call: bool) -> None:
    """Add a limit, or replace the one of the same window and scope. VALUE is a number of calls or tokens, or of US
    dollars; 0 blocks everything in the scope."""
    kind = Dimension(dimension)
    try:
        maximum = parse_limit_value(kind, value)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if per_call:
        _cap(kind, maximum, window_s, scope)
    else:
        limit = Limit(kind, maximum, window_s or _WINDOWS[kind], scope)
        with changing() as ledger:
            with_password(ledger, lambda secret: guard.set_limits(ledger, [limit], secret, by=BY))
            _report(ledger)


@command.command(
    "remove",
    epilog="\b\nExamples:\n"
    "  mcpwatch limits remove calls --per 1d --scope 'github/*'\n"
    "  mcpwatch limits remove 'calls/86400s@github/*'\n"
    "  mcpwatch limits remove tokens --per-call",
)
@click.argument("limit", metavar="calls|tokens|cost|NAME")
@_per
@_scope
@_per_call
def remove(limit: str, window_s: int | None, scope: str, per_call: bool) -> None:
    """Remove the limit of this window and scope, or the one that `mcpwatch limits` lists under this name."""
    if "/" in limit:
        if per_call or window_s is not None or scope != "*/*":
            raise click.UsageError("a limit's name says its window and scope: no options with it")
        key = limit
    else:
        kind = Dimension(click.Choice([str(d) for d in Dimension]).convert(limit, None, None))
        if per_call:
            _cap(kind, None, window_s, scope)
            return
        key = Limit(kind, 0, window_s or _WINDOWS[kind], scope).key
    with changing() as ledger:
        with_password(ledger, lambda secret: guard.remove_limit(ledger, key, secret, by=BY))
        _report(ledger)


def _cap(kind: Dimension, maximum: int | None, window_s: int | None, scope: str) -> None:
    if kind is Dimension.CALLS or window_s is not None or scope != "*/*":
        raise click.UsageError("--per-call is for tokens or cost, without --per and --scope")
    with changing() as ledger:
        policy = ledger.policy()
        tokens = maximum if kind is Dimension.TOKENS else policy.call_cap_tokens
        cost = maximum if kind is Dimension.COST else policy.call_cap_cost
        with_password(ledger, lambda secret: guard.set_call_caps(ledger, tokens, cost, secret, by=BY))
        _report(ledger)


def _show(as_json: bool) -> None:
    with opened() as ledger:
        if as_json:
            policy = ledger.policy()
            print_json(
                {
                    "limits": [usage_document(usage) for usage in ledger.usages()],
                    "call_caps": {"tokens": policy.call_cap_tokens, "cost": policy.call_cap_cost},
                    "warnings": _notes(ledger),
                }
            )
        else:
            _report(ledger)


def _report(ledger: Ledger) -> None:
    policy = ledger.policy()
    for line in (*usage_lines(ledger.usages()), *cap_line(policy)):
        print_line(line)
    notes = _notes(ledger)
    if policy.armed and not policy.lock.locked:
        notes += next_call_locks(ledger)
    for note in notes:
        print_line(f"Note: {safe(note)}")


def _notes(ledger: Ledger) -> list[str]:
    config, problem = configuration()
    found = unreachable(ledger.policy().limits, config.default_price_per_1k)
    return [problem, *found] if problem else found
