"""What mcpwatch calls the servers it wraps: short, fit for patterns, and never one name for two servers."""

from __future__ import annotations

from collections.abc import Sequence

MAX_NAME = 100
_IN_PATTERNS = frozenset("/*?[]@")


def safe_name(name: str) -> str:
    """The name with what `mcpwatch run --name` does not take replaced by a hyphen."""
    kept = "".join("-" if c in _IN_PATTERNS or not c.isprintable() else c for c in name)
    return kept.strip(" -")[:MAX_NAME].rstrip(" -") or "server"


class Names:
    """The names that are taken, and by which command line: the same one under the same name in two clients is one
    server, and shares its limits and verdicts."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[str, ...]] = {}

    def take(self, name: str, command: Sequence[str]) -> None:
        """This name belongs to this command line."""
        self._taken.setdefault(name, tuple(command))

    def of(self, command: Sequence[str]) -> list[str]:
        """The names that this command line has."""
        return [name for name, taken in self._taken.items() if taken == tuple(command)]

    def give(self, wanted: str, command: Sequence[str]) -> str:
        """The wanted name made safe, with a number when another command line has it."""
        name, number = base, _ = safe_name(wanted), 1
        while self._taken.get(name, tuple(command)) != tuple(command):
            number += 1
            name = f"{base[: MAX_NAME - len(str(number)) - 1]}-{number}"
        self.take(name, command)
        return name
