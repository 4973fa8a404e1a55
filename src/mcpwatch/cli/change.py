"""Changes to the protection as commands make them: what loosens asks for the password, once, at the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mcpwatch.cli import ask, exits
from mcpwatch.cli.state import opened
from mcpwatch.guard import lock as guard
from mcpwatch.guard.limits import breach, describe
from mcpwatch.guard.lock import Denied
from mcpwatch.guard.password import MIN_CHARACTERS
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Dimension, Usage

BY = "command line"
_ASKS_FOR_A_PERSON = {"password-required", "wrong-password", "throttled", "type-unlock", "no-password"}


@contextmanager
def changing() -> Iterator[Ledger]:
    """The user's ledger; a change that is denied ends the command with its exit code."""
    with opened() as ledger:
        try:
            yield ledger
        except Denied as error:
            code = exits.DENIED if error.code in _ASKS_FOR_A_PERSON else exits.FAILED
            raise exits.Failure(f"{error}; nothing was changed", code) from error


def with_password(ledger: Ledger, change: Callable[[str | None], None]) -> None:
    """Make the change; when it turns out to loosen, ask for the password and make it with that."""
    try:
        change(None)
    except Denied as error:
        if error.code != "password-required":
            raise
        change(ask_password(ledger, f"{str(error).capitalize()}.\nPassword: "))


def ask_password(ledger: Ledger, prompt: str = "Password: ") -> str:
    """The password as typed, unless it is too early for another attempt."""
    failures, wait_s = guard.throttle(ledger)
    if wait_s > 0:
        said = f"too many wrong passwords ({failures}): try again in {wait_s:.0f} s"
        raise Denied("throttled", said, wait_s=wait_s, failures=failures)
    return ask.secret(prompt)


def set_password(ledger: Ledger, why: str = "") -> bool:
    """Ask for the current password, if there is one, and twice for the new one. Whether one was replaced."""
    current = ask_password(ledger, "Current password: ") if ledger.policy().has_password else None
    new = ask.secret(f"{why}New password (at least {MIN_CHARACTERS} characters): ")
    again = ask.secret("New password again: ")
    guard.set_password(ledger, new, again, current, by=BY)
    return current is not None


def next_call_locks(ledger: Ledger) -> list[str]:
    """A sentence for each limit that the next protected call passes, however small it is."""
    return [_said(usage) for usage in ledger.usages() if breach(usage.limit, _with_next(usage))]


def _with_next(usage: Usage) -> int:
    return usage.used + (1 if usage.limit.dimension is Dimension.CALLS else 0)


def _said(usage: Usage) -> str:
    return f"the next protected call locks: {describe(usage.limit, usage.used)}"
