"""`mcpwatch status`: the protection at one moment, in words or as JSON."""

from __future__ import annotations

import time
from typing import Any

import click

from mcpwatch.cli import exits
from mcpwatch.cli.output import cell, iso, local, print_json, print_line, safe, table
from mcpwatch.cli.state import configuration, opened
from mcpwatch.guard.limits import format_value, period, unreachable
from mcpwatch.store.health import runs
from mcpwatch.store.records import Dimension, Policy, Session, Usage
from mcpwatch.tui import fmt

_UNITS = {Dimension.CALLS: "calls", Dimension.TOKENS: "tokens", Dimension.COST: "micro-dollars"}


@click.command("status", epilog="Example: mcpwatch status --json | jq .locked")
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
@click.option("--exit-code", is_flag=True, help="End with exit code 4 when locked.")
def command(as_json: bool, exit_code: bool) -> int:
    """Reads the state file and changes nothing."""
    try:
        with opened() as ledger:
            policy, usages = ledger.policy(), ledger.usages()
            sessions = [s for s in ledger.sessions(live=True) if runs(s.pid)]
    except exits.Failure as error:
        if as_json:
            print_json({"error": str(error)})
        raise
    warnings = _warnings(policy)
    if as_json:
        print_json(_document(policy, usages, sessions, warnings))
    else:
        for line in _text(policy, usages, sessions, warnings):
            print_line(line)
    return exits.LOCKED if exit_code and policy.lock.locked else exits.OK


def _warnings(policy: Policy) -> list[str]:
    config, problem = configuration()
    found = [problem] if problem else []
    found += unreachable(policy.limits, config.default_price_per_1k)
    if not policy.protect:
        found.append("nothing is protected: no limit counts and no lock refuses (`mcpwatch protect '*/*'`)")
    if not policy.limits:
        found.append("there are no limits (`mcpwatch limits set calls 30 --per 1m`)")
    if not policy.has_password:
        found.append("no password is set: whoever types UNLOCK at a terminal unlocks (`mcpwatch password`)")
    return found


def _document(
    policy: Policy, usages: tuple[Usage, ...], sessions: list[Session], warnings: list[str]
) -> dict[str, Any]:
    lock = policy.lock
    return {
        "enabled": policy.armed,
        "mode": _mode(policy),
        "strict": policy.strict,
        "locked": lock.locked,
        "lock": {
            "code": lock.code,
            "reason": lock.reason,
            "since": iso(lock.since_utc),
            "by": lock.by,
            "refused_since": lock.refused,
        }
        if lock.locked
        else None,
        "password_set": policy.has_password,
        "limits": [usage_document(usage) for usage in usages],
        "call_caps": {"tokens": policy.call_cap_tokens, "cost": policy.call_cap_cost},
        "protected": list(policy.protect),
        "exempt": list(policy.exempt),
        "sessions": [
            {
                "server": s.server,
                "transport": s.transport,
                "pid": s.pid,
                "client": s.client_name,
                "client_version": s.client_version,
                "protocol": s.protocol,
                "since": iso(s.started_utc),
            }
            for s in sessions
        ],
        "warnings": warnings,
    }


def usage_document(usage: Usage) -> dict[str, Any]:
    """One limit for `--json`. `current` and `limit` are in `unit`; the `_text` fields are for people."""
    limit = usage.limit
    return {
        "key": limit.key,
        "dimension": str(limit.dimension),
        "scope": limit.scope,
        "window_s": limit.window_s,
        "unit": _UNITS[limit.dimension],
        "current": usage.used,
        "limit": limit.maximum,
        "percent": round(usage.percent, 2),
        "current_text": format_value(limit.dimension, usage.used),
        "limit_text": format_value(limit.dimension, limit.maximum),
    }


def usage_lines(usages: tuple[Usage, ...]) -> list[str]:
    """One line a limit, in columns: its key, how much is used, and what it covers."""
    rows = []
    for usage in usages:
        limit = usage.limit
        rows.append(
            (
                limit.key if limit.scope == "*/*" else cell(limit.key, limit=1000),
                format_value(limit.dimension, usage.used),
                f"of {format_value(limit.dimension, limit.maximum)}",
                f"{usage.percent:.0f} %",
                f"in the last {period(limit.window_s)}" + ("" if limit.scope == "*/*" else f", {safe(limit.scope)}"),
            )
        )
    return table(rows, right=(1, 3)) if rows else ["  none"]


def cap_line(policy: Policy) -> list[str]:
    """What one call may be, if that is bounded."""
    caps = []
    if policy.call_cap_tokens is not None:
        caps.append(fmt.plural(policy.call_cap_tokens, "token"))
    if policy.call_cap_cost is not None:
        caps.append(format_value(Dimension.COST, policy.call_cap_cost))
    return [f"  one call: at most {' and '.join(caps)}"] if caps else []


def _mode(policy: Policy) -> str:
    return "armed" if policy.armed else "observing"


def _text(policy: Policy, usages: tuple[Usage, ...], sessions: list[Session], warnings: list[str]) -> list[str]:
    lock = policy.lock
    lines = []
    if lock.locked:
        head = f"LOCKED since {local(lock.since_utc)} ({_ago(lock.since_utc)} ago) by {safe(lock.by)}"
        lines += [click.style(head, fg="red", bold=True), f"  {safe(lock.reason)}"]
        lines += [f"  {fmt.plural(lock.refused, 'call')} refused since; `mcpwatch unlock` opens it"]
    else:
        lines.append("Not locked.")
    if policy.armed:
        lines.append("Armed: passing a limit locks.")
    else:
        lines.append("Observing: nothing is refused for its usage (`mcpwatch arm` enforces the limits).")
    if policy.strict:
        lines.append("Strict: definitions in doubt are held, tools never listed are refused.")
    lines += ["Limits", *usage_lines(usages), *cap_line(policy)]
    lines.append(f"Protected: {', '.join(map(safe, policy.protect)) or 'nothing'}")
    if policy.exempt:
        lines.append(f"Exempt: {', '.join(map(safe, policy.exempt))}")
    lines.append(f"Password: {'set' if policy.has_password else 'not set'}")
    lines.append("Sessions" if sessions else "Sessions: none")
    if sessions:
        lines += table([_session_row(s) for s in sessions])
    lines += [f"{click.style('Note:', fg='yellow')} {safe(text)}" for text in warnings]
    return lines


def _session_row(session: Session) -> tuple[str, ...]:
    client = " ".join(filter(None, (session.client_name, session.client_version))) or "client unknown"
    return (
        cell(session.server, limit=60),
        session.transport,
        f"pid {session.pid}",
        cell(client, limit=60),
        cell(session.protocol, limit=30),
        f"for {_ago(session.started_utc)}",
    )


def _ago(utc_ns: int) -> str:
    seconds = max(0, (time.time_ns() - utc_ns) // 1_000_000_000)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
