"""Which servers `mcpwatch scan` can connect to: those of AI clients' files, and those of our own configuration.

What goes through mcpwatch counts as the server behind it: to ask a guard would be to ask ourselves.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from mcpwatch.cli.exits import Failure
from mcpwatch.cli.state import configuration
from mcpwatch.clients.address import together
from mcpwatch.clients.names import Names, safe_name
from mcpwatch.clients.node import Node
from mcpwatch.clients.program import NoProgram, program
from mcpwatch.clients.surroundings import Surroundings
from mcpwatch.clients.survey import ConfigFile, Server, survey
from mcpwatch.relay.discover import Target
from mcpwatch.store.config import Config

_ENV_KEYS: Final = ("env", "environment", "envs")
_FOLDER_KEYS: Final = ("cwd", "workingDirectory")
_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]{0,127})(?::-([^}]{0,4096}))?\}")
_GATEWAY = re.compile(r"https?://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?/([^/?#]+)/(?:mcp|sse)/?(?:\?(.*))?")


class Unusable(Exception):
    """An entry that cannot be connected to; `str()` says why."""


def from_files(paths: Iterable[Path]) -> tuple[list[Target], list[str]]:
    """The servers of clients' configuration files, and a sentence for each entry that cannot be connected to. Raises
    Failure when a file cannot be understood, or holds no server."""
    files = survey(Surroundings.here(), _program(), files=[path.absolute() for path in paths])
    for file in files:
        if file.error:
            raise Failure(f"{file.path}: {file.error}")
        if not file.servers:
            raise Failure(f"{file.path}: no server is configured in it")
    return _targets(files, configuration()[0])


def configured() -> tuple[list[Target], list[str]]:
    """Every server that our configuration or a client's file names, and what is wrong with others."""
    config, problem = configuration()
    files = survey(Surroundings.here(), _program())
    ours, wrong = _ours(config)
    theirs, others = _targets(files, config)
    problems = [problem] if problem else []
    problems += [f"{file.path}: {file.error}" for file in files if file.error]
    known = {target.name: target for target in theirs}
    ours = [_as_asked(target, known.get(target.name)) for target in ours]
    names = {target.name for target in ours}
    return [*ours, *(target for target in theirs if target.name not in names)], [*problems, *wrong, *others]


def _as_asked(target: Target, client: Target | None) -> Target:
    """A server of `config.toml`, with the query of a client's that reaches it through the gateway."""
    asked = client is not None and client.headers == target.headers and client.url.startswith(f"{target.url}?")
    return client if client is not None and asked else target


def _ours(config: Config) -> tuple[list[Target], list[str]]:
    """The servers of `config.toml`, which the gateway stands before."""
    targets, problems = [], []
    for name, server in config.servers.items():
        try:
            headers = {key: _expanded(value) for key, value in server.headers.items()}
            targets.append(Target(name, "http", url=server.url, headers=headers))
        except Unusable as error:
            problems.append(f"config.toml: {name}: {error}")
    return targets, problems


def _targets(files: Iterable[ConfigFile], config: Config) -> tuple[list[Target], list[str]]:
    """One target for each server, however many files name it. A disabled one is passed over."""
    targets: dict[str, Target] = {}
    problems: list[str] = []
    ours = {target.name: target for target in _ours(config)[0]}
    names = Names()
    servers = [(file, server) for file in files for server in file.servers if not server.disabled]
    for _, server in servers:
        if server.entry.wrapped is not None:
            names.take(server.guard, _words(server))
    for file, server in servers:
        try:
            target = _behind_gateway(server, ours) or _target(server, names)
            targets.setdefault(target.name, target)
        except Unusable as error:
            problems.append(f"{file.path}: {server.name}: {error}")
    return list(targets.values()), problems


def _behind_gateway(server: Server, ours: dict[str, Target]) -> Target | None:
    """The server of `config.toml` that an address of our gateway stands for, with the client's own query."""
    url = server.entry.url
    match = _GATEWAY.fullmatch(str(url.value)) if url is not None else None
    target = ours.get(match[1]) if match is not None else None
    if target is None or match is None or not match[2]:
        return target
    return msgspec.structs.replace(target, url=together(target.url, _expanded(match[2])))


def _target(server: Server, names: Names) -> Target:
    entry = server.entry
    if entry.form is not None:
        return _command(server, names)
    if entry.url is None:
        raise Unusable("it has neither a command nor an address")
    url = _expanded(str(entry.url.value))
    if not re.match(r"https?://", url):
        raise Unusable("its address is not http or https")
    kind = entry.node.get("type") or entry.node.get("transport")
    transport = "sse" if kind is not None and kind.value == "sse" else "http"
    name = names.give(server.name, (url,))
    return Target(name, transport, url=url, headers=_strings(entry.node, "headers"))


def _command(server: Server, names: Names) -> Target:
    entry = server.entry
    if entry.inside:
        raise Unusable("mcpwatch runs behind the program it starts: what that program does to it is not known here")
    words = _words(server)
    if not words or not words[0]:
        raise Unusable("its command is not a text")
    wrapped = entry.wrapped
    name = safe_name(wrapped.name) if wrapped and wrapped.name else names.give(server.guard or server.name, words)
    folder = next((node for key in _FOLDER_KEYS if (node := entry.node.get(key)) is not None), None)
    env = {name: value for key in _ENV_KEYS for name, value in _strings(entry.node, key).items()}
    return Target(
        name,
        command=tuple(_expanded(word) for word in words),
        env=env,
        cwd=_expanded(str(folder.value)) if folder is not None and folder.value else None,
    )


def _words(server: Server) -> list[str]:
    """The server's own command line."""
    form, wrapped = server.entry.form, server.entry.wrapped
    if form is None or any(word.kind not in ("string", "number") for word in form.words):
        raise Unusable("its command and args are not texts")
    if form.args is not None and form.args.node.kind != "list":
        raise Unusable("its args are not a list")
    return form.texts[wrapped.count if wrapped else 0 :]


def _strings(node: Node, key: str) -> dict[str, str]:
    found: Any = node.get(key)
    if found is None:
        return {}
    if found.kind != "map" or any(member.node.kind in ("map", "list") for member in found.members):
        raise Unusable(f"its {key} is not a map of texts")
    return {member.key: _expanded(str(member.node.value)) for member in found.members}


def _expanded(text: str) -> str:
    """`${NAME}`, `${NAME:-default}` and `${env:NAME}` replaced from the environment, `~/` by the home folder."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise Unusable(f"needs the environment variable {match[1]}")
        return found

    expanded = _VARIABLE.sub(value, text)
    if "${" in expanded:
        raise Unusable(f"needs {expanded[expanded.index('${') :][:40]}, which only its client knows")
    return os.path.expanduser(expanded) if expanded.startswith("~/") else expanded  # noqa: PTH111


def _program() -> str:
    try:
        return program()
    except NoProgram:
        return ""  # then what is wrapped goes through another mcpwatch, which makes no difference here
