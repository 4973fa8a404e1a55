"""What is configured in the AI clients' files, as rows that are safe to draw. No Textual.

A configuration file may come from a repository: its names, paths and errors are as hostile as a server's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from mcpwatch.clients.survey import ConfigFile, Server, Status
from mcpwatch.store.levels import UNSCANNED
from mcpwatch.store.mask import MASK, masked
from mcpwatch.tui.rows import ServerLine
from mcpwatch.tui.safe_text import safe_text

ASCII_MASK = "***"
EntryKey = tuple[str, tuple[str, ...]]  # a file's path and the keys that lead to the entry: raw


class Look(msgspec.Struct, frozen=True):
    """status → how it is told: four channels, of which colour is only one."""

    mark: str
    word: str
    style: str


LOOKS: dict[Status, Look] = {
    Status.WATCHED: Look("✓", "WATCHED", "safe"),
    Status.UNWATCHED: Look("○", "UNWATCHED", "caution"),
    Status.DRIFTED: Look("!", "DRIFTED", "caution"),
    Status.REMOVED: Look("✗", "REMOVED", "danger"),
    Status.HTTP: Look("○", "UNWATCHED", "caution"),
}


class EntryLine(msgspec.Struct, frozen=True):
    """One server in one file. `wraps` and `unwraps` say what can be done to it here."""

    key: EntryKey
    name: str
    status: Status
    guard: str  # our name for it: raw
    client: str
    remark: str
    disabled: bool
    project: bool
    wraps: bool
    unwraps: bool

    @property
    def past(self) -> bool:
        """Whether it is in use and its calls do not pass through mcpwatch."""
        return not self.disabled and self.status in (Status.UNWATCHED, Status.REMOVED, Status.HTTP)

    @property
    def drifted(self) -> bool:
        """Whether it is in use and goes through another mcpwatch than this, or one that is gone."""
        return not self.disabled and self.status is Status.DRIFTED

    @property
    def to_wrap(self) -> bool:
        """Whether mcpwatch could stand before it and does not."""
        return self.past and self.wraps


class FileLine(msgspec.Struct, frozen=True):
    """A file, and the servers in it. `error` says why it could not be understood, and where."""

    key: EntryKey
    client: str
    where: str
    project: bool
    error: str
    entries: tuple[EntryLine, ...]


def file_lines(files: Iterable[ConfigFile], home: str, *, ascii: bool = False) -> list[FileLine]:
    """The files in the order they were found."""
    return [_file(file, home, ascii) for file in files]


def entries_of(files: Iterable[FileLine]) -> list[EntryLine]:
    return [entry for file in files for entry in file.entries]


def past_servers(entries: Iterable[EntryLine]) -> list[ServerLine]:
    """Those past mcpwatch by their name, for the list of all servers. Their keys begin with a NUL, as no name given
    with `mcpwatch run --name` does."""
    found: dict[str, EntryLine] = {}
    for entry in entries:
        known = found.get(entry.name)
        if entry.past and (known is None or entry.status is Status.REMOVED):
            found[entry.name] = entry
    return [
        ServerLine(
            key=f"\0{entry.name}",
            name=entry.name,
            client=entry.client,
            live=False,
            tools=0,
            level=UNSCANNED,
            past="removed" if entry.status is Status.REMOVED else "unwatched",
        )
        for entry in sorted(found.values(), key=lambda entry: entry.name.casefold())
    ]


def rows_of(files: Iterable[FileLine]) -> list[FileLine | EntryLine]:
    """Each file, and its servers below it."""
    rows: list[FileLine | EntryLine] = []
    for file in files:
        rows += [file, *file.entries]
    return rows


def where(path: str, home: str, *, ascii: bool = False) -> str:
    """A path as it is shown: the home folder as `~`."""
    for slash in "/\\":
        if path.startswith(home.rstrip(slash) + slash):
            path = "~" + path[len(home.rstrip(slash)) :]
            break
    return safe_text(path, limit=400, lines="show", ascii=ascii)


def _file(file: ConfigFile, home: str, ascii: bool) -> FileLine:
    path = str(file.path)
    return FileLine(
        key=(path, ()),
        client=file.client.name,
        where=where(path, home, ascii=ascii),
        project=file.scope == "project",
        error=safe_text(file.error, limit=300, ascii=ascii),
        entries=tuple(_entry(file, server, ascii) for server in file.servers),
    )


def _entry(file: ConfigFile, server: Server, ascii: bool) -> EntryLine:
    remark = "; ".join(_remarks(server))
    return EntryLine(
        key=(str(file.path), server.entry.way),
        name=safe_text(server.name, limit=100, lines="show", ascii=ascii),
        status=server.status,
        guard=server.guard,
        client=file.client.name,
        remark=safe_text(remark.replace(MASK, ASCII_MASK) if ascii else remark, limit=300, ascii=ascii),
        disabled=server.disabled,
        project=file.scope == "project",
        wraps=server.status is not Status.WATCHED and not server.reason,
        unwraps=server.entry.wrapped is not None or (server.status is Status.WATCHED and not server.reason),
    )


def _remarks(server: Server) -> Sequence[str]:
    remarks = [_said(server)]
    if server.proxy:
        remarks.append(f"behind {server.proxy}")
    if server.project:
        remarks.append(f"for {server.project}")
    if server.shared:
        remarks.append(f"another command line is called {server.shared} too: they share limits and verdicts")
    if server.disabled:
        remarks.append("disabled at present")
    return [remark for remark in remarks if remark]


def _said(server: Server) -> str:
    if server.status is Status.WATCHED:
        return f"as {server.guard}" if server.guard not in ("", server.name) else server.reason
    if server.status is Status.DRIFTED:
        return server.reason or f"starts {masked(server.detail)}, not this mcpwatch"
    if server.status is Status.REMOVED:
        return f"someone took its wrapper away{f'; left alone: {server.reason}' if server.reason else ''}"
    if server.status is Status.HTTP:
        return f"{masked(server.detail)}: {server.reason}" if server.reason else masked(server.detail)
    return f"left alone: {server.reason}" if server.reason else ""
