"""What mcpwatch calls the servers it wraps: short, fit for patterns, and never one name for two servers."""

from __future__ import annotations

import os
from collections.abc import Sequence

MAX_NAME = 100
_IN_PATTERNS = frozenset("/*?[]@")
_RUNNERS = frozenset({"npx", "uvx", "bunx", "pipx", "npm", "pnpm", "yarn", "bun", "deno", "node", "uv"}) | {
    *("python", "python3", "py", "ruby", "java", "dotnet", "docker", "podman", "sh", "bash", "env", "cmd", "sudo")
}
_VERBS = frozenset({"run", "exec", "dlx", "x", "tool", "/c", "-c", "start"})
_GENERIC = frozenset(
    {"index", "main", "server", "cli", "app", "src", "dist", "build", "bin", "lib", "__main__", "run"}
)
_ENDINGS = (".py", ".js", ".mjs", ".cjs", ".ts", ".jar", ".dll", ".exe", ".cmd", ".sh", ".rb")


def safe_name(name: str) -> str:
    """The name with what `mcpwatch run --name` does not take replaced by a hyphen."""
    kept = "".join("-" if c in _IN_PATTERNS or not c.isprintable() else c for c in name)
    return kept.strip(" -")[:MAX_NAME].rstrip(" -") or "server"


def default_name(command: Sequence[str]) -> str:
    """What the command runs: the package behind `npx` or `uvx`, the script behind `node` or `python`."""
    words = [word for word in command if word and not word.startswith("-")]
    while len(words) > 1 and (_stem(words[0]) in _RUNNERS or words[0] in _VERBS or "=" in words[0]):
        words.pop(0)
    path = (words[0] if words else command[0]).replace("\\", "/").rstrip("/")
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    while len(parts) > 1 and _stem(parts[-1]) in _GENERIC:
        parts.pop()
    last = parts[-1] if parts else ""
    last = last.split("@")[0] or last
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in _cut_ending(last))
    return kept.strip(".-_")[:100] or "server"


def _stem(word: str) -> str:
    return _cut_ending(os.path.basename(word.replace("\\", "/")).lower())  # noqa: PTH119 - pathlib takes 10 ms


def _cut_ending(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending):
            return word.removesuffix(ending)
    return word


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
