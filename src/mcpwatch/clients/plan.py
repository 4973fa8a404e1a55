"""Changes as they would be made: what wrapping or unwrapping does to each file, shown before it is done."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcpwatch.clients import registry
from mcpwatch.clients.document import Action, Document, Edit
from mcpwatch.clients.edit import NotEditable, Splice, splice
from mcpwatch.clients.gateway import Gateway
from mcpwatch.clients.names import Names
from mcpwatch.clients.survey import ConfigFile, Server, Status, select
from mcpwatch.clients.write import NotWritten, alone, replace_file
from mcpwatch.store.mask import MASK, masked

_WIDTH = 300
# "--api-key", "…": an option named as a secret, and its value as the next item of a list.
_OPTION = re.compile(
    r"""(["']--?[\w-]*(?:passw(?:or)?d|secret|token|key|credential)s?["']\s*,\s*)(["'])[^"']*\2""", re.I
)


@dataclass(frozen=True)
class Step:
    """What is done to one server. `guard` is our name for it."""

    server: Server
    action: Action
    guard: str


@dataclass(frozen=True)
class Change:
    """What is done to one file, and what was asked for but stays as it is: the server, and why."""

    file: ConfigFile
    document: Document  # as it would be
    steps: tuple[Step, ...]
    kept: tuple[tuple[Server, str], ...]

    @property
    def before(self) -> bytes:
        """The file's bytes as they were surveyed."""
        return b"" if self.file.document is None else self.file.document.data

    @property
    def after(self) -> bytes:
        """The file's bytes as they would be."""
        return self.document.data

    def diff(self) -> list[str]:
        """The lines that change, each with `-` or `+` before it; secrets masked, long lines cut to what differs."""
        text = "" if self.file.document is None else self.file.document.text
        lines: list[str] = []
        for start, end, cuts in _line_ranges(text, self.document.cuts):
            inner = [Splice(cut.start - start, cut.end - start, cut.text) for cut in cuts]
            old = text[start:end]
            lines += _hunk(old.splitlines(), splice(old, inner).splitlines())
        return lines


def plan_wrap(
    files: Sequence[ConfigFile],
    program: str,
    *,
    everywhere: Sequence[ConfigFile] = (),
    servers: Collection[str] = (),
    gateway: Gateway | None = None,
) -> list[Change]:
    """Put mcpwatch before the servers that match. `everywhere`: all files there are, that no name be given twice."""
    names = _taken([*files, *everywhere])
    return [change for file in files if (change := _wrap(file, program, servers, names, gateway))]


def plan_unwrap(
    files: Sequence[ConfigFile], *, servers: Collection[str] = (), gateway: Gateway | None = None
) -> list[Change]:
    """Take mcpwatch away from the servers that match."""
    changes = []
    for file in files:
        edits, kept = [], []
        for server in select(file.servers, servers):
            origin = _origin(server, gateway)
            if origin is not None:
                edits.append((Step(server, "unwrap", server.guard), Edit("point", server.entry, origin)))
            elif server.entry.wrapped is not None:
                edits.append((Step(server, "unwrap", server.guard), Edit("unwrap", server.entry)))
            elif server.entry.inside:
                kept.append((server, server.reason))
        if edits or kept:
            changes.append(_change(file, edits, kept))
    return changes


def apply(change: Change) -> Path:
    """Make the change; returns the copy of the file as it was. Raises NotWritten, and then nothing was changed."""
    added = {step.server.entry.way: step.guard for step in change.steps if step.action != "unwrap"}
    removed = {step.server.entry.way for step in change.steps if step.action == "unwrap"}
    try:
        with alone(registry.lock_file()):
            copy = replace_file(change.file.path, change.before, change.after)
            registry.record(change.file.path, added, removed)
    except OSError as error:
        raise NotWritten(f"the state folder cannot be written: {error.strerror}") from error
    return copy


def _taken(files: Iterable[ConfigFile]) -> Names:
    names = Names()
    for file in files:
        for server in file.servers:
            form, wrapped = server.entry.form, server.entry.wrapped
            if form is not None and wrapped is not None:
                names.take(wrapped.name, form.texts[wrapped.count :])
    return names


def _wrap(
    file: ConfigFile, program: str, patterns: Collection[str], names: Names, gateway: Gateway | None
) -> Change | None:
    edits: list[tuple[Step, Edit]] = []
    kept: list[tuple[Server, str]] = []
    for server in select(file.servers, patterns):
        entry = server.entry
        if server.status is Status.WATCHED:
            kept += [(server, server.reason)] if server.reason else []
        elif server.status is Status.DRIFTED:
            edits.append((Step(server, "repair", server.guard), Edit("repair", entry, program, server.guard)))
        elif server.status is Status.HTTP:
            address, reason, guard = _behind(server, names, gateway)
            if address:
                edits.append((Step(server, "point", guard), Edit("point", entry, address, guard)))
            elif reason:
                kept.append((server, reason))
        elif server.reason:
            kept.append((server, server.reason))
        elif entry.form is not None:
            guard = names.give(server.guard or server.name, entry.form.texts)
            edits.append((Step(server, "wrap", guard), Edit("wrap", entry, program, guard)))
    return _change(file, edits, kept) if edits or kept else None


def _behind(server: Server, names: Names, gateway: Gateway | None) -> tuple[str, str, str]:
    """The gateway's address for a server, or why it has none, and our name for it."""
    url = server.entry.url
    if gateway is None or url is None:
        return "", server.reason, ""
    if gateway.origin_of(str(url.value)) is not None:
        return "", "", ""
    headers = server.entry.node.get("headers")
    guard = names.give(server.name, (str(url.value),))
    given = [member.key for member in headers.members] if headers is not None else []
    return (*gateway.url_for(guard, str(url.value), given), guard)


def _origin(server: Server, gateway: Gateway | None) -> str | None:
    url = server.entry.url
    return None if gateway is None or url is None else gateway.origin_of(str(url.value))


def _change(file: ConfigFile, edits: Sequence[tuple[Step, Edit]], kept: list[tuple[Server, str]]) -> Change:
    assert file.document is not None
    try:
        edited = file.document.edit([edit for _, edit in edits])
    except NotEditable:
        edits, refused = _possible(file.document, edits)
        kept = kept + refused
        edited = file.document.edit([edit for _, edit in edits])
    return Change(file, edited, tuple(step for step, _ in edits), tuple(kept))


def _possible(
    document: Document, edits: Sequence[tuple[Step, Edit]]
) -> tuple[list[tuple[Step, Edit]], list[tuple[Server, str]]]:
    """Those edits that can be made, and the servers of the others with the reason."""
    good: list[tuple[Step, Edit]] = []
    refused: list[tuple[Server, str]] = []
    for step, edit in edits:
        try:
            document.edit([*(made for _, made in good), edit])
            good.append((step, edit))
        except NotEditable as error:
            refused.append((step.server, str(error)))
    return good, refused


def _line_ranges(text: str, cuts: Sequence[Splice]) -> list[tuple[int, int, list[Splice]]]:
    """The whole lines that the cuts touch: where each run of them begins and ends, and its cuts."""
    ranges: list[tuple[int, int, list[Splice]]] = []
    for cut in sorted(cuts, key=lambda cut: cut.start):
        start, end = text.rfind("\n", 0, cut.start) + 1, text.find("\n", cut.end)
        end = len(text) if end < 0 else end
        if ranges and start <= ranges[-1][1]:
            start, last, inner = ranges.pop()
            ranges.append((start, max(last, end), [*inner, cut]))
        else:
            ranges.append((start, end, [cut]))
    return ranges


def _hunk(before: list[str], after: list[str]) -> list[str]:
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    before, after = [_masked(line) for line in before], [_masked(line) for line in after]
    if len(before) == len(after):
        pairs = [_differing(old, new) for old, new in zip(before, after, strict=True)]
        before, after = [old for old, _ in pairs], [new for _, new in pairs]
    return [f"{sign} {line[:_WIDTH]}" for sign, lines in (("-", before), ("+", after)) for line in lines]


def _masked(line: str) -> str:
    return _OPTION.sub(rf"\1\2{MASK}\2", masked(line))


def _differing(old: str, new: str) -> tuple[str, str]:
    """Two versions of a line, cut to where they differ when they are long."""
    if max(len(old), len(new)) <= _WIDTH:
        return old, new
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(0, start - 40)
    return f"…{old[start : start + _WIDTH - 1]}", f"…{new[start : start + _WIDTH - 1]}"
