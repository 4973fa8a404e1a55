"""What a model is told when a call is refused: what, why, the limit, when it may work again, what to do."""

from __future__ import annotations

import msgspec

from mcpwatch.store.records import Lock

_TELL = "Do not retry; tell the user."
_UNLOCK = "The user unlocks with `mcpwatch unlock`, or with U on the mcpwatch screen."


class Refusal(msgspec.Struct, frozen=True):
    """Why a call does not pass.

    Codes, stable: panic, calls, tokens, cost, replaced, call-cap, quarantined, unlisted, config, state,
    too-many-open.
    """

    code: str
    text: str
    retry: str = "after the user unlocks"
    limit: str = ""
    used: int | None = None
    maximum: int | None = None
    lock_utc: int = 0

    def meta(self) -> dict[str, object]:
        """The value of `_meta["mcpwatch/refusal"]`."""
        return {
            "code": self.code,
            "limit": {"name": self.limit, "maximum": self.maximum} if self.limit else None,
            "used": self.used,
            "retry": self.retry,
        }


def locked(lock: Lock, name: str, *, limit: str = "", used: int | None = None, maximum: int | None = None) -> Refusal:
    """Refused because the lock is on."""
    return Refusal(
        code=lock.code,
        text=f"mcpwatch refused {name}: protected tools are locked because {_why(lock)}. {_TELL} {_UNLOCK}",
        limit=limit,
        used=used,
        maximum=maximum,
        lock_utc=lock.since_utc,
    )


def ended(lock: Lock, server: str) -> Refusal:
    """Ended by the lock while the call was under way: unlike one that is refused, it may have done something."""
    return Refusal(
        code=lock.code,
        text=f"mcpwatch ended a call to {server} that was under way: protected tools are locked because {_why(lock)}."
        f" The call may have taken effect. {_TELL} {_UNLOCK}",
        lock_utc=lock.since_utc,
    )


def _why(lock: Lock) -> str:
    if lock.code == "panic":
        said = f": {lock.reason}" if lock.reason and lock.reason != PANIC_REASON else ""
        return f"a person pressed the panic key{said}"
    return lock.reason if lock.code == "replaced" else f"a limit was passed: {lock.reason}"


def over_call_cap(name: str, what: str, cap: str) -> Refusal:
    """One call that is too large by itself; nothing is locked."""
    return Refusal(
        code="call-cap",
        text=f"mcpwatch refused {name}: this one call is {what}, above the user's cap of {cap} for a single call."
        " Other calls still work; ask for less at a time, or tell the user.",
        retry="with a smaller call",
    )


def misconfigured(name: str, problem: str) -> Refusal:
    """Limits are enforced, and what calls cost cannot be known."""
    return Refusal(
        code="config",
        text=f"mcpwatch refused {name}: its configuration cannot be used, so it does not know what calls cost"
        f" ({problem}). {_TELL} The user mends the file and restarts the server.",
        retry="after the user mends the configuration",
    )


def too_many_open() -> Refusal:
    """More requests wait for an answer than a guard keeps in mind."""
    return Refusal(
        code="too-many-open",
        text="mcpwatch refused this request: too many open requests. Wait for answers to those that were sent.",
        retry="after open requests are answered",
    )


def state_broken(name: str, problem: str) -> Refusal:
    """The state file fails, so nothing can be decided."""
    return Refusal(
        code="state",
        text=f"mcpwatch refused {name}: it cannot read or write its state, so it lets no protected call pass"
        f" ({problem}). {_TELL} The user runs `mcpwatch doctor`.",
        retry="after the user mends the state file",
    )


PANIC_REASON = "panic key"
