"""The methods we act on, and those that some reader could take for one of them."""

from __future__ import annotations

from typing import Final

from mcpwatch.protocol.message import Malformed

CALL: Final = "tools/call"
SAMPLING: Final = "sampling/createMessage"
LISTEN: Final = "subscriptions/listen"
CANCELLED: Final = "notifications/cancelled"

LISTS: Final = {
    "tools/list": "tool",
    "prompts/list": "prompt",
    "resources/list": "resource",
    "resources/templates/list": "template",
    "initialize": "instructions",
    "server/discover": "instructions",
}
"""Methods whose results hold definitions, and of what kind."""

NAMED: Final = frozenset((CALL, "prompts/get", "resources/read"))
"""Methods that are about one definition."""

TASK_RESULT: Final = "tasks/result"
TASK_STATE: Final = "tasks/get"
TASK_UPDATE: Final = "tasks/update"

TASKS: Final = frozenset((TASK_RESULT, TASK_STATE, TASK_UPDATE, "tasks/cancel"))
"""Requests about one task."""

TASK_NEWS: Final = frozenset(("notifications/tasks", "notifications/tasks/status"))
"""Notifications about one."""

GATED: Final = (
    NAMED
    | LISTS.keys()
    | TASKS
    | TASK_NEWS
    | {
        *(SAMPLING, CANCELLED, LISTEN, "resources/subscribe", "completion/complete"),
    }
)
"""Methods of which we may not miss one, in either direction."""

MAX_METHOD: Final = 1024
"""Characters of a method. MCP's longest has 36; what cannot be compared in short time does not pass."""

_KNOWN: Final = GATED | {
    *("ping", "logging/setLevel", "resources/unsubscribe"),
    *("roots/list", "elicitation/create", "tasks/list"),
    *("notifications/initialized", "notifications/progress", "notifications/message"),
    *("notifications/roots/list_changed", "notifications/tools/list_changed", "notifications/prompts/list_changed"),
    *("notifications/resources/list_changed", "notifications/resources/updated"),
}
_LOWER: Final = {method.casefold(): method for method in GATED}
_UPPER: Final = {method.upper(): method for method in GATED}


def check_method(method: str) -> None:
    """Raise `Malformed` for a method that is not gated and reads like one that is.

    A method we do not know passes: only its receiver knows what it means. But a receiver that trims, folds case,
    normalises Unicode or stops at a NUL would carry out `TOOLS/CALL` as a call that nobody has judged.
    """
    if method in _KNOWN:
        return
    if len(method) > MAX_METHOD:
        raise Malformed("a method whose name is too long")
    for text in {method, method.partition("\0")[0]}:
        shape = _shape(text)
        meant = _LOWER.get(shape.casefold()) or _UPPER.get(shape.upper())
        if meant is not None:
            raise Malformed(f"a method that could be taken for {meant}")


def _shape(method: str) -> str:
    """Its bare characters, blanks and empty segments left out."""
    from mcpwatch.protocol.names import bare  # only who sends methods that MCP does not have pays for it

    return "/".join(filter(None, map(str.strip, bare(method).split("/"))))
