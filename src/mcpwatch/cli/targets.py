"""Which servers `mcpwatch scan` can connect to: those of AI clients' files, and those of our own configuration.

What goes through mcpwatch counts as the server behind it: to ask a guard would be to ask ourselves.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from mcpwatch.cli.exits import Failure
from mcpwatch.cli.state import configuration
from mcpwatch.clients.address import together
from mcpwatch.clients.entry import ENV_KEYS, URL_KEYS
from mcpwatch.clients.names import MAX_NAME, Names, safe_name
from mcpwatch.clients.node import Node
from mcpwatch.clients.program import NoProgram, program
from mcpwatch.clients.surroundings import Surroundings
from mcpwatch.clients.survey import BY_PATH, ConfigFile, Server, survey
from mcpwatch.clients.table import CLIENTS
from mcpwatch.relay.discover import OURS, Target
from mcpwatch.store.config import Config

_SECRET_FROM: Final = 6  # characters; what is shorter stands in every text
_FOLDER_KEYS: Final = ("cwd", "workingDirectory")
_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]{0,127})(?::-([^}]{0,4096}))?\}")
_GATEWAY = re.compile(r"https?://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?/([^/?#]+)/(?:mcp|sse)/?(?:\?(.*))?")


class Unusable(Exception):
    """An entry that cannot be connected to; `str()` says why."""


class Configured(msgspec.Struct, frozen=True):
    """A server as it is configured. `written` is the target with nothing expanded; `file` says where it stands, "" is
    `config.toml`; `foreign`: it may be somebody else's file; `unusable` says why a disabled one has no target."""

    target: Target
    written: Target
    file: str = ""
    foreign: bool = False
    disabled: bool = False
    unusable: str = ""

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def variables(self) -> list[str]:
        """The names of the environment's variables that are sent with a request."""
        return variables((self.written.url, *self.written.headers.values()))

    @property
    def asked_about(self) -> bool:
        """Whether it needs the user's word: what starts a command, and what may carry something to a stranger."""
        if self.target.transport == "stdio":
            return True
        return bool(self.file) and (self.foreign or bool(self.variables))

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of what the user lets be started, or be connected to with what."""
        target, written = self.target, self.written
        if target.transport == "stdio":
            return target.fingerprint
        what = ["url", target.transport, origin(target.url), written.url, sorted(written.headers), self.variables]
        return hashlib.sha256(json.dumps(what).encode("utf-8", "surrogatepass")).hexdigest()

    def unexpanded(self, text: str) -> str:
        """What an error says, without what stood in the environment: each value becomes its variable's name again."""
        written = self.written
        texts = (*written.command, *written.env.values(), written.cwd or "", written.url, *written.headers.values())
        for name in variables(texts):
            value = os.environ.get(name, "")
            if len(value) >= _SECRET_FROM:
                text = text.replace(value, f"${{{name}}}")
        return text

    def called(self, name: str) -> Configured:
        """The same under another name."""
        target, written = (msgspec.structs.replace(target, name=name) for target in (self.target, self.written))
        return msgspec.structs.replace(self, target=target, written=written)

    def is_same(self, other: Configured) -> bool:
        """Whether both are one server, started or reached in one way."""
        a, b = self.target, other.target
        return (a.fingerprint, a.url, a.headers) == (b.fingerprint, b.url, b.headers)


def origin(url: str) -> str:
    """Scheme, host and port that a request goes to, as the client that sends it reads them. Raises Unusable."""
    import httpx2

    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise Unusable("its address is none") from None  # the text may hold what was expanded
    if parsed.scheme not in ("http", "https") or not parsed.raw_host:
        raise Unusable("its address is not http or https")
    host = parsed.raw_host.decode("ascii")
    host = f"[{host}]" if ":" in host else host
    return f"{parsed.scheme}://{host}" + (f":{parsed.port}" if parsed.port else "")


def from_files(paths: Iterable[Path]) -> tuple[list[Configured], list[str]]:
    """The servers of clients' configuration files, and a sentence for each entry that cannot be connected to. Raises
    Failure when a file cannot be understood, or holds no server."""
    files = survey(Surroundings.here(), _program(), files=[path.absolute() for path in paths], every=True)
    for file in files:
        if file.error:
            raise Failure(f"{file.path}: {file.error}")
        if not file.servers:
            raise Failure(f"{file.path}: no server is configured in it")
    ours, _ = _ours(configuration()[0])
    found: dict[str, Configured] = {}
    problems = _take_in(files, ours, found)
    return list(found.values()), problems


def configured() -> tuple[list[Configured], list[str]]:
    """Every server that our configuration or a client's file names, and what is wrong with others."""
    config, problem = configuration()
    files = survey(Surroundings.here(), _program())
    ours, wrong = _ours(config)
    problems = [problem] if problem else []
    problems += [f"{file.path}: {file.error}" for file in files if file.error]
    found = dict(ours)
    others = _take_in(files, ours, found)
    return list(found.values()), [*problems, *wrong, *others]


def left_out() -> str:
    """A sentence about the project's files that are not read since another user has put them there, or ""."""
    here = Surroundings.here()
    paths = dict.fromkeys(str(path) for client in CLIENTS for place in client.places for path in here.left_out(place))
    what = "a file of the project's belongs" if len(paths) == 1 else "files of the project's belong"
    said = f"not scanned: {what} to another user (`--config FILE` scans it all the same): {', '.join(paths)}"
    return said if paths else ""


def _ours(config: Config) -> tuple[dict[str, Configured], list[str]]:
    """The servers of `config.toml`, which the gateway stands before."""
    found, problems = {}, []
    for name, server in config.servers.items():
        written = Target(name, "http", url=server.url, headers=dict(server.headers))
        try:
            headers = {key: _expanded(value) for key, value in server.headers.items()}
            found[name] = Configured(msgspec.structs.replace(written, headers=headers), written)
        except Unusable as error:
            problems.append(f"config.toml: {name}: {error}")
    return found, problems


def _take_in(files: Iterable[ConfigFile], ours: dict[str, Configured], found: dict[str, Configured]) -> list[str]:
    """Adds one for each server of the files, however many name it, to `found` by name; sentences about what cannot be
    connected to. Two servers of one name are two: the second has a number behind its name."""
    problems: list[str] = []
    names = Names()
    servers = [(file, server) for file in files for server in file.servers]
    for _, server in servers:
        if server.entry.wrapped is not None:
            with suppress(Unusable):  # said below
                names.take(server.guard, _words(server))
    for file, server in servers:
        foreign = file.scope == "project" or file.client is BY_PATH
        try:
            _add(found, _behind_gateway(file, server, ours) or _one(file, server, names))
        except Unusable as error:
            if not server.disabled:
                problems.append(f"{file.path}: {server.name}: {error}")
                continue
            none = Target(safe_name(server.name), transport="none", command=(str(file.path), *server.entry.way))
            _add(found, Configured(none, none, str(file.path), foreign, True, str(error)))
    return problems


def _add(found: dict[str, Configured], one: Configured) -> None:
    name, number = one.name, 1
    while (there := found.get(one.name)) is not None:
        same = there.is_same(one)
        if same or _as_asked(there, one):
            # Of one server: the one in use, and of those the user's own, or with what a client sends by the gateway.
            better = (one.disabled, one.foreign) < (there.disabled, there.foreign) if same else not one.disabled
            if better:
                found[one.name] = one
            return
        number += 1
        one = one.called(f"{name[: MAX_NAME - len(str(number)) - 1]}-{number}")
    found[one.name] = one


def _as_asked(ours: Configured, client: Configured) -> bool:
    """Whether a server of `config.toml` is meant, with the query of a client that reaches it through the gateway."""
    there, here = ours.target, client.target
    return not ours.file and here.headers == there.headers and here.url.startswith(f"{there.url}?")


def _behind_gateway(file: ConfigFile, server: Server, ours: dict[str, Configured]) -> Configured | None:
    """The server of `config.toml` that an address of our gateway stands for, with the client's own query."""
    url = server.entry.url
    match = _GATEWAY.fullmatch(str(url.value)) if url is not None and server.entry.form is None else None
    found = ours.get(match[1]) if match is not None else None
    if found is None or match is None or not match[2]:
        return found
    query, target = _expanded(match[2], stranger=True), found.target
    return Configured(
        msgspec.structs.replace(target, url=together(target.url, query)),
        msgspec.structs.replace(
            target, url=together(target.url, match[2]), headers=dict.fromkeys(target.headers, "")
        ),
        str(file.path),
        file.scope == "project" or file.client is BY_PATH,
        server.disabled,
    )


def _one(file: ConfigFile, server: Server, names: Names) -> Configured:
    entry = server.entry
    addresses = sum(entry.node.get(key) is not None for key in URL_KEYS)
    if entry.unclear:
        raise Unusable(entry.unclear)
    if entry.form is not None and addresses:
        raise Unusable("it has a command and an address: which one its client uses is not known here")
    if addresses > 1:
        raise Unusable("it has two addresses: which one its client uses is not known here")
    target, written = _command(server, names) if entry.form is not None else _address(server, names)
    foreign = file.scope == "project" or file.client is BY_PATH
    return Configured(target, written, str(file.path), foreign, server.disabled)


def _address(server: Server, names: Names) -> tuple[Target, Target]:
    entry = server.entry
    if entry.url is None:
        raise Unusable("it has neither a command nor an address")
    written = str(entry.url.value)
    url = _expanded(written, stranger=True)
    if not re.match(r"https?://", url):
        raise Unusable("its address is not http or https")
    origin(url)
    kind = entry.node.get("type") or entry.node.get("transport")
    transport = "sse" if kind is not None and kind.value == "sse" else "http"
    name = names.give(server.name, (url,))
    raw = _strings(entry.node, "headers")
    headers = {key: _expanded(value, stranger=True) for key, value in raw.items()}
    return Target(name, transport, url=url, headers=headers), Target(name, transport, url=written, headers=raw)


def _command(server: Server, names: Names) -> tuple[Target, Target]:
    entry = server.entry
    if entry.inside:
        raise Unusable("mcpwatch runs behind the program it starts: what that program does to it is not known here")
    words = _words(server)
    if not words or not words[0]:
        raise Unusable("its command is not a text")
    wrapped = entry.wrapped
    name = safe_name(wrapped.name) if wrapped and wrapped.name else names.give(server.guard or server.name, words)
    folder = next((node for key in _FOLDER_KEYS if (node := entry.node.get(key)) is not None), None)
    cwd = str(folder.value) if folder is not None and folder.value else None
    env = {name: value for key in ENV_KEYS for name, value in _strings(entry.node, key).items()}
    written = Target(name, command=tuple(words), env=env, cwd=cwd)
    target = Target(
        name,
        command=tuple(map(_expanded, words)),
        env={key: _expanded(value) for key, value in env.items()},
        cwd=_expanded(cwd) if cwd else None,
    )
    return target, written


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
    return {member.key: str(member.node.value) for member in found.members}


def variables(texts: Iterable[str]) -> list[str]:
    """The names of the environment's variables in the texts, sorted."""
    return sorted({match[1] for text in texts for match in _VARIABLE.finditer(text)})


def _expanded(text: str, *, stranger: bool = False) -> str:
    """`${NAME}`, `${NAME:-default}` and `${env:NAME}` replaced from the environment, `~/` by the home folder.
    `stranger`: it is sent to somebody, who never gets what is mcpwatch's own."""

    def value(match: re.Match[str]) -> str:
        if stranger and (match[1].upper() in OURS or match[1].upper().startswith("MCPWATCH_")):
            raise Unusable(f"the environment variable {match[1]} is mcpwatch's own, and is sent to no server")
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
