"""Every change a person makes to the protection. Tightening is free; loosening asks for the password (if one is set).

Synchronous: checking a password takes about 0.2 s, so call these off an event loop. Each writes who did what to
the audit. `by` says which way the person came: "screen" or "command line".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from mcpwatch.guard import limits as rules
from mcpwatch.guard.password import MIN_CHARACTERS, check_hash, make_hash, wait_after
from mcpwatch.guard.refusal import PANIC_REASON
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.patterns import check_pattern
from mcpwatch.store.records import Dimension, Limit, Lock
from mcpwatch.store.transaction import Transaction

T = TypeVar("T")

UNLOCK_WORD = "UNLOCK"
MAX_REASON = 500
_SECOND_NS = 1_000_000_000
_ATTEMPT = threading.Lock()  # one check at a time in a process; the state file orders processes


class Denied(Exception):
    """A person's change was not made. `str()` is one sentence for them.

    Codes: password-required, wrong-password, throttled, type-unlock, no-password, too-short, mismatch, invalid.
    """

    def __init__(self, code: str, text: str, *, wait_s: float = 0.0, failures: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.wait_s = wait_s
        self.failures = failures


# -- the lock ------------------------------------------------------------------------------------------


def lock(ledger: Ledger, reason: str = "", *, by: str, code: str = "panic") -> Lock:
    """Lock at once, without a password. A lock keeps its first reason; only panic replaces an automatic one."""
    said = " ".join(reason.split())[:MAX_REASON] or PANIC_REASON
    with ledger.transaction() as tx:
        tx.lock(code, said, by)
        tx.audit(by, "lock", said)
        return tx.policy().lock


def unlock(ledger: Ledger, secret: str, *, by: str, keep_window: bool = False) -> None:
    """Unlock with the password, or with the word UNLOCK when none is set. Windows count from now, unless
    `keep_window`."""

    def open_it(tx: Transaction) -> None:
        tx.unlock(epoch_at=None if keep_window else tx.now)
        tx.audit(by, "unlock", "the full window still counts" if keep_window else "")

    policy = ledger.policy()
    if not policy.lock.locked:
        raise Denied("invalid", "nothing is locked")
    if not policy.has_password:
        with ledger.transaction() as tx:
            if tx.password()[0] is None:
                if secret.strip() != UNLOCK_WORD:
                    tx.audit(by, "unlock-failed", f"the word {UNLOCK_WORD} was not typed")
                else:
                    return open_it(tx)
        raise Denied("type-unlock", f"no password is set: type the word {UNLOCK_WORD} to unlock")
    return _with_password(ledger, secret, "unlock", by, open_it)


# -- the password --------------------------------------------------------------------------------------


def set_password(ledger: Ledger, new: str, again: str, current: str | None, *, by: str) -> None:
    """Set or change the password: typed twice, at least 8 characters, the current one when there is one."""
    if len(new) < MIN_CHARACTERS:
        raise Denied("too-short", f"a password needs at least {MIN_CHARACTERS} characters")
    if new != again:
        raise Denied("mismatch", "the two passwords are not the same")
    new_hash = make_hash(new)

    def store(tx: Transaction) -> None:
        tx.set_password_hash(new_hash)
        tx.audit(by, "password", "changed" if current is not None else "set")

    with ledger.transaction() as tx:
        if tx.password()[0] is None:
            return store(tx)
    return _with_password(ledger, current, "password", by, store)


def throttle(ledger: Ledger) -> tuple[int, float]:
    """(failures in a row, seconds until the next attempt is taken), for the countdown."""
    failures, wait_ns = ledger.throttle()
    return failures, wait_ns / _SECOND_NS


def _with_password(
    ledger: Ledger, secret: str | None, action: str, by: str, change: Callable[[Transaction], None]
) -> None:
    """Make the change if the secret is the password. A failure is counted, persisted and throttled.

    The attempt is counted before it is checked and taken back when it was right: neither a crash nor a second
    process gets an attempt that nobody counts.
    """
    if secret is None or secret == "":
        raise Denied("password-required", "this loosens the protection, so it asks for the password")
    with _ATTEMPT:
        with ledger.transaction() as tx:
            stored, failures, blocked_until = tx.password()
            if stored is None:
                return change(tx)
            wait_s = max(0, blocked_until - tx.now) / _SECOND_NS
            if wait_s > 0:
                raise Denied(
                    "throttled",
                    f"too many wrong passwords: try again in {wait_s:.0f} s",
                    wait_s=wait_s,
                    failures=failures,
                )
            failures += 1
            wait_s = wait_after(failures)
            tx.set_throttle(failures, tx.now + int(wait_s * _SECOND_NS))
        if check_hash(secret, stored):
            with ledger.transaction() as tx:  # of its own: a right attempt is right whatever becomes of the change
                if tx.password()[0] != stored:
                    raise Denied("wrong-password", "the password was changed meanwhile: try again", failures=0)
                tx.set_throttle(0, 0)
            with ledger.transaction() as tx:
                if tx.password()[0] != stored:
                    raise Denied("wrong-password", "the password was changed meanwhile: try again", failures=0)
                return change(tx)
        with ledger.transaction() as tx:
            tx.audit(by, f"{action}-failed", f"wrong password, {failures} in a row")
    said = "wrong password" + (f": next attempt in {wait_s:.0f} s" if wait_s else "")
    raise Denied("wrong-password", said, wait_s=wait_s, failures=failures)


def make_change(
    ledger: Ledger,
    secret: str | None,
    action: str,
    by: str,
    loosens: Callable[[Transaction], bool],
    change: Callable[[Transaction], None],
) -> None:
    """Make a change that may loosen: what it does is judged in the transaction that makes it."""

    def checked(tx: Transaction) -> bool:
        if loosens(tx) and tx.password()[0] is not None:
            return False
        change(tx)
        return True

    with ledger.transaction() as tx:
        if checked(tx):
            return
    _with_password(ledger, secret, action, by, change)


# -- limits and modes ----------------------------------------------------------------------------------


def arm(ledger: Ledger, *, by: str) -> None:
    """Enforce the limits from the next call on. Asks for a password to be set first."""
    with ledger.transaction() as tx:
        if tx.password()[0] is None:
            raise Denied("no-password", "set a password first (`mcpwatch password`): it is what unlocks")
        if not tx.policy().armed:
            tx.set_flag("armed", True)
            tx.audit(by, "arm")


def observe(ledger: Ledger, secret: str | None, *, by: str) -> None:
    """Stop enforcing the limits; go on metering."""

    def change(tx: Transaction) -> None:
        tx.set_flag("armed", False)
        tx.audit(by, "observe")

    make_change(ledger, secret, "observe", by, lambda tx: tx.policy().armed, change)


def set_strict(ledger: Ledger, on: bool, secret: str | None, *, by: str) -> None:
    """Strict mode: hold caution and changed definitions, refuse unlisted tools."""

    def change(tx: Transaction) -> None:
        tx.set_flag("strict", on)
        tx.audit(by, "strict", "on" if on else "off")

    make_change(ledger, secret, "strict", by, lambda tx: tx.policy().strict and not on, change)


def set_limits(ledger: Ledger, limits: Sequence[Limit], secret: str | None, *, by: str) -> None:
    """Add or replace limits, all or none. Raising any of them loosens."""
    for limit in limits:
        _checked(limit)
    limits = list({limit.key: limit for limit in limits}.values())  # of two for the same window, the later

    def change(tx: Transaction) -> None:
        old = {limit.key: limit for limit in tx.policy().limits}
        for limit in limits:
            before = old.get(limit.key)
            if before == limit:
                continue
            if before is None:
                tx.reach_back(limit.scope, limit.window_s)
            tx.set_limit(limit)
            was = rules.format_value(limit.dimension, before.maximum) if before else "none"
            tx.audit(by, "limit", f"{limit.key}: {was} → {rules.format_value(limit.dimension, limit.maximum)}")

    def loosens(tx: Transaction) -> bool:
        old = {limit.key: limit for limit in tx.policy().limits}
        return any(rules.loosens(old.get(limit.key), limit) for limit in limits)

    make_change(ledger, secret, "limit", by, loosens, change)


def remove_limit(ledger: Ledger, key: str, secret: str | None, *, by: str) -> None:
    """Remove a limit by its key (`calls/60s`). Raises Denied("invalid") when there is none."""
    found = {limit.key: limit for limit in ledger.policy().limits}.get(key)
    if found is None:
        raise Denied("invalid", f"there is no limit {key}; `mcpwatch limits` lists them")

    def change(tx: Transaction) -> None:
        tx.remove_limit(found)
        tx.audit(by, "limit", f"{key}: removed")

    make_change(ledger, secret, "limit", by, lambda _: True, change)


def set_call_caps(ledger: Ledger, tokens: int | None, cost: int | None, secret: str | None, *, by: str) -> None:
    """The most one call may be, in tokens and in micro-dollars; None for no cap."""
    _valid(lambda: rules.check_value(Dimension.TOKENS, 0 if tokens is None else tokens))
    _valid(lambda: rules.check_value(Dimension.COST, 0 if cost is None else cost))

    def loosens(tx: Transaction) -> bool:
        policy = tx.policy()
        pairs = ((policy.call_cap_tokens, tokens), (policy.call_cap_cost, cost))
        return any(old is not None and (new is None or new > old) for old, new in pairs)

    def change(tx: Transaction) -> None:
        tx.set_call_caps(tokens, cost)
        tx.audit(by, "call-cap", f"tokens {tokens}, micro-dollars {cost}")

    make_change(ledger, secret, "call-cap", by, loosens, change)


# -- what is protected ---------------------------------------------------------------------------------


def protect(ledger: Ledger, pattern: str, *, by: str) -> None:
    """Protect `server/tool`."""
    _pattern(ledger, pattern, "protect", add=True, loosens=False, secret=None, by=by)


def unprotect(ledger: Ledger, pattern: str, secret: str | None, *, by: str) -> None:
    """Take a protecting pattern away."""
    _pattern(ledger, pattern, "protect", add=False, loosens=True, secret=secret, by=by)


def exempt(ledger: Ledger, pattern: str, secret: str | None, *, by: str) -> None:
    """Exempt `server/tool` from protection."""
    _pattern(ledger, pattern, "exempt", add=True, loosens=True, secret=secret, by=by)


def unexempt(ledger: Ledger, pattern: str, *, by: str) -> None:
    """Take an exemption away."""
    _pattern(ledger, pattern, "exempt", add=False, loosens=False, secret=None, by=by)


def _pattern(
    ledger: Ledger, pattern: str, action: str, *, add: bool, loosens: bool, secret: str | None, by: str
) -> None:
    pattern = _valid(lambda: check_pattern(pattern))

    def change(tx: Transaction) -> None:
        policy = tx.policy()
        present = pattern in (policy.protect if action == "protect" else policy.exempt)
        if not add and not present:
            raise Denied("invalid", f"there is no pattern {pattern!r} to take away")
        if add and not present:
            tx.add_pattern(pattern, action)
        elif not add:
            tx.remove_pattern(pattern, action)
        tx.audit(by, action, pattern if add else f"{pattern} taken away")

    make_change(ledger, secret, action, by, lambda _: loosens, change)


# -- helpers -------------------------------------------------------------------------------------------


def _valid(check: Callable[[], T]) -> T:
    try:
        return check()
    except ValueError as error:
        raise Denied("invalid", str(error)) from error


def _checked(limit: Limit) -> None:
    _valid(lambda: rules.check_value(limit.dimension, limit.maximum))
    if type(limit.window_s) is not int or not 1 <= limit.window_s <= rules.MAX_WINDOW_S:
        raise Denied("invalid", "window: a whole number of seconds, from 1 to a year of them, is wanted")
    if _valid(lambda: check_pattern(limit.scope)) != limit.scope:
        raise Denied("invalid", f"scope: {limit.scope!r} has blanks around it")
