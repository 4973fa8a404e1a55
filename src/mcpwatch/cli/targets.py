"""Which servers `mcpwatch scan` can connect to: from configuration files of AI clients, and from our own.

Understood: JSON, with comments and trailing commas, whose `mcpServers` or `servers` maps names to a `command` with
`args`, `env` and `cwd`, or to a `url` with `headers`. A command of ours (`mcpwatch run … -- COMMAND`) counts as the
COMMAND it guards.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from mcpwatch.cli import run
from mcpwatch.cli.exits import Failure
from mcpwatch.cli.state import configuration
from mcpwatch.relay.discover import Target

PROJECT_FILES: Final = (".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json")
_SECTIONS: Final = ("mcpServers", "servers")
_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]{0,127})(?::-([^}]{0,4096}))?\}")
_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r'"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])')
_FILE_MAX: Final = 10_000_000  # bytes


class Unusable(Exception):
    """An entry that cannot be connected to; `str()` says why."""


def from_file(path: Path) -> tuple[list[Target], list[str]]:
    """The servers in a client's configuration file, and a sentence for each entry not understood. Raises Failure
    when the file cannot be read."""
    try:
        if path.stat().st_size > _FILE_MAX:
            raise Failure(f"{path}: too large for a configuration file")
        document = _parse(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except (ValueError, RecursionError) as error:
        raise Failure(f"{path}: not valid JSON: {error}") from error
    if not isinstance(document, dict) or not any(isinstance(document.get(key), dict) for key in _SECTIONS):
        raise Failure(f"{path}: has no mcpServers and no servers")
    targets, problems = [], []
    for section in _SECTIONS:
        entries = document.get(section)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            try:
                targets.append(_target(name, entry))
            except Unusable as error:
                problems.append(f"{path}: {name}: {error}")
    return targets, problems


def configured() -> tuple[list[Target], list[str]]:
    """Every server that any configuration names, the first of each name, and what was not understood."""
    targets: dict[str, Target] = {}
    problems: list[str] = []
    for source in SOURCES:
        found, wrong = source()
        problems += wrong
        for target in found:
            targets.setdefault(target.name, target)
    return list(targets.values()), problems


def _ours() -> tuple[list[Target], list[str]]:
    """The servers of `config.toml`."""
    config, problem = configuration()
    targets, problems = [], [problem] if problem else []
    for name, server in config.servers.items():
        try:
            headers = {key: _expanded(value) for key, value in server.headers.items()}
            targets.append(Target(name, "http", url=server.url, headers=headers))
        except Unusable as error:
            problems.append(f"config.toml: {name}: {error}")
    return targets, problems


def _project() -> tuple[list[Target], list[str]]:
    """The servers of the project in the working folder."""
    targets: list[Target] = []
    problems: list[str] = []
    for name in PROJECT_FILES:
        path = Path(name)
        if path.is_file():
            try:
                found, wrong = from_file(path)
            except Failure as error:
                problems.append(str(error))
                continue
            targets += found
            problems += wrong
    return targets, problems


Source = Callable[[], tuple[list[Target], list[str]]]
SOURCES: list[Source] = [_ours, _project]
"""Asked in this order. What knows the clients' own files adds itself here."""


def _parse(text: str) -> Any:
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except ValueError:
        text = _COMMENT.sub(lambda match: match[0] if match[0][0] == '"' else " ", text)
        return json.loads(_TRAILING.sub(lambda match: match[0] if match[0][0] == '"' else "", text))


def _target(name: str, entry: Any) -> Target:
    if not isinstance(entry, dict):
        raise Unusable("not an object")
    # As the guard would have to be named: patterns are `server/tool`.
    name = "".join(c if c.isprintable() and c not in "/*?[]@" else "-" for c in name)[:100] or "server"
    if entry.get("disabled") is True or entry.get("enabled") is False:
        raise Unusable("switched off")
    if isinstance(entry.get("command"), str) and entry["command"]:
        return _command(name, entry)
    url = entry.get("url") or entry.get("serverUrl") or entry.get("httpUrl")
    if not isinstance(url, str) or not url:
        raise Unusable("neither a command nor a url")
    url = _expanded(url)
    if not re.match(r"https?://", url):
        raise Unusable("its url is not http or https")
    transport = "sse" if entry.get("type") == "sse" else "http"
    return Target(name, transport, url=url, headers=_strings(entry, "headers"))


def _command(name: str, entry: dict[str, Any]) -> Target:
    arguments = entry.get("args", [])
    if not isinstance(arguments, list) or not all(isinstance(item, str) for item in arguments):
        raise Unusable("its args are not a list of strings")
    cwd = entry.get("cwd")
    if cwd is not None and not isinstance(cwd, str):
        raise Unusable("its cwd is not a string")
    command = [_expanded(part) for part in (entry["command"], *arguments)]
    while (guarded := _guarded(command)) is not None:
        name, command = guarded
    return Target(
        name, command=tuple(command), env=_strings(entry, "env"), cwd=_expanded(cwd) if cwd is not None else None
    )


def _guarded(command: list[str]) -> tuple[str, list[str]] | None:
    """(name, command) of what a `mcpwatch run` guards: to ask through the guard would be to ask the guard."""
    words = iter(enumerate(command))
    for i, word in words:
        if Path(word).stem == "mcpwatch" and command[i + 1 : i + 2] == ["run"]:
            try:
                parsed = run.parse(command[i + 2 :])
            except run.UsageError as error:
                raise Unusable(f"its mcpwatch run is not understood: {error}") from error
            return (parsed[0], list(parsed[1])) if parsed else None
        if i > 4:
            break
    return None


def _strings(entry: dict[str, Any], key: str) -> dict[str, str]:
    values = entry.get(key, {})
    if not isinstance(values, dict) or not all(isinstance(x, (str, int, float)) for x in values.values()):
        raise Unusable(f"its {key} is not an object of strings")
    return {name: _expanded(str(value)) for name, value in values.items()}


def _expanded(text: str) -> str:
    """`${NAME}`, `${NAME:-default}` and `${env:NAME}` replaced from the environment."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise Unusable(f"needs the environment variable {match[1]}")
        return found

    expanded = _VARIABLE.sub(value, text)
    if "${" in expanded:
        raise Unusable(f"needs {expanded[expanded.index('${') :][:40]}, which only its client knows")
    return expanded


def chosen(targets: Iterable[Target], names: tuple[str, ...]) -> Iterator[Target]:
    """Those named; all when none is."""
    return (target for target in targets if not names or target.name in names)
