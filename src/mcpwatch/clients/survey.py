"""What is configured on this machine: each client's files, their servers, and whether mcpwatch stands before them.

Data for the commands and the screen; nothing is changed here.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from mcpwatch.clients import registry
from mcpwatch.clients.address import without_key
from mcpwatch.clients.document import MAX_BYTES, Document, generic
from mcpwatch.clients.entry import Entry, Wrapped
from mcpwatch.clients.gateway import Gateway
from mcpwatch.clients.names import default_name
from mcpwatch.clients.node import Unreadable
from mcpwatch.clients.surroundings import Surroundings
from mcpwatch.clients.table import CLIENTS, Client, Place, Scope
from mcpwatch.clients.variables import Around, misleading
from mcpwatch.store.files import read_regular

MAX_ENTRIES = 1_000
"""Of one file: each is looked at for every remark and edit."""

BY_PATH = Client("file", "File", "", ())


class Status(StrEnum):
    """How a server is reached."""

    WATCHED = "watched"  # through mcpwatch
    UNWATCHED = "unwatched"
    DRIFTED = "drifted"  # through another mcpwatch than this one, or one that is gone, or it cannot be told
    REMOVED = "removed"  # it was watched, and its entry was changed back by someone else
    HTTP = "http"  # at an address, past mcpwatch


@dataclass(frozen=True)
class Server:
    """One server in one file. `guard` is what mcpwatch calls it; `reason` says why wrapping leaves it alone."""

    name: str
    status: Status
    guard: str
    detail: str  # what a drifted one starts instead, the address of one reached over HTTP
    reason: str
    disabled: bool
    proxy: str  # another guard it goes through
    entry: Entry = field(repr=False, compare=False)
    shared: str = ""  # its name, when another command line in use has it too

    @property
    def project(self) -> str:
        """The folder a server of Claude Code's local scope is for, or ""."""
        way = self.entry.way
        return way[1] if len(way) == 4 and way[0] == "projects" else ""


@dataclass(frozen=True)
class ConfigFile:
    """A file that is there. `error` says why it could not be understood; then there are no servers."""

    client: Client
    path: Path
    scope: Scope
    error: str = ""
    servers: tuple[Server, ...] = ()
    document: Document | None = field(default=None, repr=False, compare=False)


def survey(
    surroundings: Surroundings,
    program: str,
    *,
    clients: Collection[str] = (),
    scopes: Collection[Scope] = ("user", "project"),
    files: Sequence[Path] = (),
    gateway: Gateway | None = None,
    every: bool = False,
) -> list[ConfigFile]:
    """Every configuration file there is of `clients` (all, when none is named), or of the paths given instead; of
    these the servers at the first place where there are any, or at `every` one.

    `program` is the absolute path of this mcpwatch: what starts another one has drifted."""
    look = _Look(program, registry.wrapped(), gateway, surroundings, every)
    if files:
        return _shared([look.at(BY_PATH, None, "user", path) for path in files], gateway)
    found: dict[Path, ConfigFile] = {}
    projects = surroundings.projects()
    for client, place, path in _candidates(surroundings):
        if (clients and client.id not in clients) or place.scope not in scopes:
            continue
        try:
            key = path.resolve()
            if key in found or not path.exists():
                continue
            if place.scope == "project" and not any(key.is_relative_to(folder.resolve()) for folder in projects):
                found[path] = ConfigFile(client, path, place.scope, f"a link out of the project, to {key}")
                continue
        except (OSError, RuntimeError):  # a folder that may not be read, a link to itself
            continue
        found[key] = look.at(client, place, place.scope, path)
    return _shared(list(found.values()), gateway)


def select(servers: Iterable[Server], patterns: Collection[str]) -> list[Server]:
    """Those whose name, their own or ours, matches one of the shell patterns; all when there is none."""
    return [
        server
        for server in servers
        if not patterns or any(fnmatchcase(name, p) for p in patterns for name in (server.name, server.guard))
    ]


def _candidates(surroundings: Surroundings) -> list[tuple[Client, Place, Path]]:
    return [
        (client, place, path) for client in CLIENTS for place in client.places for path in surroundings.paths(place)
    ]


def _shared(files: list[ConfigFile], gateway: Gateway | None) -> list[ConfigFile]:
    """The same, with the servers marked that have a name in common and are not one: they share limits, exemptions and
    verdicts."""
    lines: dict[str, set[tuple[str, ...]]] = {}
    for file in files:
        for server in file.servers:
            name, line = _claim(server, gateway)
            lines.setdefault(name, set()).add(line)
    several = {name for name, found in lines.items() if name and len(found) > 1}
    if not several:
        return files
    return [
        replace(file, servers=tuple(_marked(server, _claim(server, gateway)[0], several) for server in file.servers))
        for file in files
    ]


def _marked(server: Server, name: str, several: Collection[str]) -> Server:
    return replace(server, shared=name) if name in several else server


def _claim(server: Server, gateway: Gateway | None) -> tuple[str, tuple[str, ...]]:
    """The name that a server in use has at mcpwatch, and its own command line or address; "" when it has none."""
    entry, form = server.entry, server.entry.form
    if server.disabled or server.status not in (Status.WATCHED, Status.DRIFTED):
        return "", ()
    if form is None:
        known = gateway.servers.get(server.guard) if gateway is not None else None
        return server.guard, (known.url if known is not None else "",)
    if (wrapped := entry.wrapped) is not None:
        words = form.texts[wrapped.count :]
        return wrapped.name or default_name(words), tuple(words)
    if (bridge := entry.bridge) is not None:
        return bridge.name, (bridge.url,)
    return "", ()


def _project(place: Place | None, path: Path) -> Path | None:
    """The project that a file in such a place is for."""
    if place is None or place.scope != "project":
        return None
    return path.parents[place.path.count("/") - 1]


@dataclass(frozen=True)
class _Look:
    """One look at the machine."""

    program: str
    once: registry.Entries
    gateway: Gateway | None
    surroundings: Surroundings
    every: bool

    def at(self, client: Client, place: Place | None, scope: Scope, path: Path) -> ConfigFile:
        """A file that is there."""
        try:
            data = read_regular(path, MAX_BYTES)
            document = generic(path.suffix, data, every=self.every) if place is None else Document.read(data, place)
        except OSError as error:
            return ConfigFile(client, path, scope, f"cannot be read: {error.strerror}")
        except Unreadable as error:
            return ConfigFile(client, path, scope, str(error))
        count = len(document.entries)
        if count > MAX_ENTRIES:
            return ConfigFile(client, path, scope, f"it has {count:,} servers: no more than {MAX_ENTRIES:,} are read")
        names = self.once.get(str(path), {})
        project = _project(place, path)
        projects = self.surroundings.projects() if project is None else [project]
        around = Around(self.surroundings.env, self.surroundings.home, projects)
        servers = tuple(self.server(entry, client, names, around) for entry in document.entries)
        return ConfigFile(client, path, scope, "", servers, document)

    def is_this(self, wrapped: Wrapped) -> bool:
        """Whether a command line starts this mcpwatch: by the path that we would write, or by our own Python. A name
        is whatever the client's PATH makes of it, and another path is what stands there when the client starts it."""
        if wrapped.module:
            return wrapped.isolated and wrapped.program == sys.executable
        return wrapped.program == self.program

    def server(self, entry: Entry, client: Client, names: dict[str, str], around: Around) -> Server:
        """What is to be said of one entry; `names` are those we gave in its file."""
        guard, detail, reason = names.get("\n".join(entry.way), ""), "", ""
        wrapped = entry.wrapped or entry.bridge
        if wrapped is not None:
            guard, detail = wrapped.name, wrapped.program
            status, reason = self.through(entry, wrapped, around)
        elif entry.inside:
            status, reason = (
                Status.DRIFTED,
                "another program starts mcpwatch: whether this one cannot be told",
            )
        elif entry.form is None:
            return self.reached(entry, client, guard)
        else:
            status = Status.REMOVED if guard else Status.UNWATCHED
            reason = entry.reason(client.placeholders) or misleading(entry, around, wrapped=False)
        return Server(entry.name, status, guard, detail, reason, entry.disabled, entry.proxy, entry)

    def through(self, entry: Entry, wrapped: Wrapped, around: Around) -> tuple[Status, str]:
        """What is to be said of an entry that starts a mcpwatch, and why it is left as it is."""
        reason = entry.unclear or misleading(entry, around, wrapped=True)
        bridge = entry.wrapped is None
        if reason:
            return Status.DRIFTED, reason
        if self.is_this(wrapped):
            return Status.WATCHED, "mcpwatch is in it already" if bridge else ""
        if bridge:
            return Status.DRIFTED, f"it starts another mcpwatch: write {self.program} as its command"
        if wrapped.module:
            return Status.DRIFTED, "which mcpwatch its Python finds cannot be told: unwrap it, then wrap it"
        return Status.DRIFTED, ""

    def reached(self, entry: Entry, client: Client, guard: str) -> Server:
        """What is to be said of an entry with an address."""
        url, reason = "" if entry.url is None else str(entry.url.value), entry.fixed_address
        gateway = self.gateway
        if gateway is None:
            status, reason = Status.REMOVED if guard else Status.HTTP, entry.reason(client.placeholders)
        elif gateway.stands_at(url):
            status, guard, reason = Status.WATCHED, gateway.name_at(url), ""
        elif gateway.origin_of(url, guard) is not None:
            status = Status.DRIFTED
        elif name := gateway.name_at(url):
            status, reason = Status.DRIFTED, f"config.toml has no server {name}, and its own address is not known"
        else:
            status = Status.REMOVED if guard else Status.HTTP
            if not client.http:
                reason = f"{client.name} starts commands only"
            reason = reason or gateway.reason(entry)
        return Server(entry.name, status, guard, without_key(url), reason, entry.disabled, "", entry)
