"""The SELECTs and how their rows become records: said once for the guards' and the screens' connections."""

from __future__ import annotations

from typing import Any

from mcpwatch.store.records import (
    AuditRow,
    CallRow,
    Dimension,
    Limit,
    Lock,
    Policy,
    Session,
)

Row = tuple[Any, ...]

STATE = (
    "SELECT armed, strict, locked, lock_code, lock_reason, lock_by, lock_utc, lock_refused, call_cap_tokens,"
    " call_cap_cost, password_hash IS NOT NULL, epoch_at, policy_version FROM state"
)
LIMITS = (
    "SELECT dimension, maximum, window_s, scope FROM limits ORDER BY"
    " CASE dimension WHEN 'calls' THEN 0 WHEN 'tokens' THEN 1 ELSE 2 END, scope <> '*/*', scope, window_s"
)
PATTERNS = "SELECT pattern, action FROM patterns ORDER BY pattern"
POLICY_VERSION = "SELECT policy_version FROM state"

CALL_COLUMNS = (
    "c.id, c.rev, c.session, c.server, s.client_name, s.client_version, s.protocol, c.method, c.tool,"
    " c.from_server, c.protected, c.started_utc, c.duration_ns, c.arguments_bytes, c.result_bytes, c.tokens_in,"
    " c.tokens_out, c.tokens_method, c.cost, c.outcome, c.code, c.note, c.flags, c.arguments, c.result"
)
_CALLS = f"SELECT {CALL_COLUMNS} FROM calls c JOIN sessions s ON s.id = c.session"
CALLS_SINCE = (
    f"{_CALLS} WHERE c.rev > :rev AND (:server IS NULL OR c.server = :server)"
    " AND (:tool IS NULL OR c.tool = :tool) ORDER BY c.rev, c.id LIMIT :limit"
)
LATEST_CALLS = (
    f"{_CALLS} WHERE (:server IS NULL OR c.server = :server)"
    " AND (:tool IS NULL OR c.tool = :tool) ORDER BY c.rev DESC, c.id DESC LIMIT :limit"
)
CALL = f"{_CALLS} WHERE c.id = ?"
SESSIONS = (
    "SELECT id, server, transport, pid, command, client_name, client_version, protocol, started_utc, ended_utc,"
    " exit_code FROM sessions WHERE :live = 0 OR ended_utc IS NULL ORDER BY id"
)
AUDIT_SINCE = "SELECT seq, utc, actor, action, detail FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
TOOL_USAGE = (
    "SELECT server, tool, calls, errors, refused, tokens, cost, last_utc, last_outcome FROM tool_usage"
    " ORDER BY server, tool"
)


def to_policy(state: Row, limits: list[Row], patterns: list[Row]) -> Policy:
    """One consistent Policy of the three reads of one transaction."""
    (
        armed,
        strict,
        locked,
        code,
        reason,
        by,
        utc,
        refused,
        cap_tokens,
        cap_cost,
        has_password,
        epoch,
        version,
    ) = state
    lock = Lock(True, code, reason, by, utc, refused) if locked else Lock()
    return Policy(
        armed=bool(armed),
        strict=bool(strict),
        lock=lock,
        limits=tuple(Limit(Dimension(d), maximum, window, scope) for d, maximum, window, scope in limits),
        protect=tuple(p for p, action in patterns if action == "protect"),
        exempt=tuple(p for p, action in patterns if action == "exempt"),
        call_cap_tokens=cap_tokens,
        call_cap_cost=cap_cost,
        has_password=bool(has_password),
        epoch_at=epoch,
        version=version,
    )


def to_call(row: Row) -> CallRow:
    """A CallRow of CALL_COLUMNS."""
    fields = list(row)
    fields[9], fields[10] = bool(row[9]), bool(row[10])
    return CallRow(*fields)


def to_session(row: Row) -> Session:
    """A Session of SESSIONS."""
    return Session(*row)


def to_audit(row: Row) -> AuditRow:
    """An AuditRow of AUDIT_SINCE."""
    return AuditRow(*row)
