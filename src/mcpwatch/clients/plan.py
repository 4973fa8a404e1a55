"""Changes as they would be made: what wrapping or unwrapping does to each file, shown before it is done."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mcpwatch.clients import registry, routes
from mcpwatch.clients.address import apart, has_key, not_copied, together
from mcpwatch.clients.document import Action, Document, Edit
from mcpwatch.clients.edit import NotEditable, Splice, splice
from mcpwatch.clients.entry import ENV_KEYS
from mcpwatch.clients.gateway import Gateway
from mcpwatch.clients.names import Names
from mcpwatch.clients.survey import BY_PATH, ConfigFile, Server, Status, select
from mcpwatch.clients.write import NotWritten, alone, replace_file
from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.mask import MASK, masked
from mcpwatch.store.paths import config_file, state_dir

_WIDTH = 300
_MOST_TRIES = 64  # enough for any mixture in a file of 30 servers
# "--api-key", "…": an option named as a secret, and its value as the next item of a list.
_OPTION = re.compile(
    r"""(["']--?[\w-]*(?:passw(?:or)?d|secret|token|key|credential)s?["']\s*,\s*)(["'])[^"']*\2""", re.I
)


@dataclass(frozen=True)
class Step:
    """What is done to one server. `guard` is our name for it, `origin` the own address of one that is reached through
    the gateway."""

    server: Server
    action: Action
    guard: str
    origin: str = ""


@dataclass(frozen=True)
class Change:
    """What is done to one file, and what was asked for but stays as it is: the server, and why."""

    file: ConfigFile
    document: Document  # as it would be
    steps: tuple[Step, ...]
    kept: tuple[tuple[Server, str], ...]
    needed: frozenset[str] = frozenset()  # names at the gateway that other files use, whoever wrote them

    @property
    def before(self) -> bytes:
        """The file's bytes as they were surveyed."""
        return b"" if self.file.document is None else self.file.document.data

    @property
    def after(self) -> bytes:
        """The file's bytes as they would be."""
        return self.document.data

    @property
    def routes(self) -> dict[str, str]:
        """name → address of the servers that `config.toml` must have for it."""
        return {step.guard: step.origin for step in self.steps if step.action == "point"}

    def diff(self) -> list[str]:
        """The lines that change, each with `-` or `+` before it; secrets masked, long lines cut to what differs."""
        document = self.file.document
        if document is None:
            return []
        text, values, lines = document.text, _private(document), []
        for start, end, cuts in _line_ranges(text, self.document.cuts):
            hidden = [
                Splice(first - start, last - start, mask)
                for (first, last), mask in values.items()
                if start <= first and last <= end and all(last <= cut.start or cut.end <= first for cut in cuts)
            ]
            inner = [Splice(cut.start - start, cut.end - start, cut.text) for cut in cuts]
            old = text[start:end]
            lines += _hunk(splice(old, hidden).splitlines(), splice(old, [*hidden, *inner]).splitlines())
        return lines


def plan_wrap(
    files: Sequence[ConfigFile],
    program: str,
    *,
    everywhere: Sequence[ConfigFile] = (),
    servers: Collection[str] = (),
    gateway: Gateway | None = None,
) -> list[Change]:
    """Put mcpwatch before the servers that match. `everywhere`: all files there are, that no name be given twice. The
    user's own files come first: a name that someone else wrote into a project's is not taken from them."""
    names, changes = Names(), dict[int, Change | None]()
    for name, known in gateway.servers.items() if gateway is not None else ():
        names.take(name, (known.url,))
    for foreign in (False, True):
        _take(names, (*files, *everywhere), foreign)
        for i, file in enumerate(files):
            if _is_foreign(file) is foreign:
                changes[i] = _wrap(file, program, servers, names, gateway)
    return [change for _, change in sorted(changes.items()) if change is not None]


def plan_unwrap(
    files: Sequence[ConfigFile],
    *,
    servers: Collection[str] = (),
    gateway: Gateway | None = None,
    everywhere: Sequence[ConfigFile] = (),
) -> list[Change]:
    """Take mcpwatch away from the servers that match. `everywhere`: all files there are, of which some may use the
    gateway without our having written it."""
    changes = []
    done = {(file.path, server.entry.way) for file in files for server in select(file.servers, servers)}
    needed = frozenset(
        server.guard
        for file in everywhere
        for server in file.servers
        if server.entry.form is None and server.status is Status.WATCHED and (file.path, server.entry.way) not in done
    )
    for file in files:
        edits, kept = [], []
        for server in select(file.servers, servers):
            origin = _origin(server, gateway)
            if origin is not None and _is_theirs(file, server, gateway):
                kept.append((server, "it was written by hand, and needs what config.toml has for it"))
            elif origin is not None:
                edits.append((Step(server, "unwrap", server.guard, origin), Edit("point", server.entry, origin)))
            elif server.entry.wrapped is not None:
                edits.append((Step(server, "unwrap", server.guard), Edit("unwrap", server.entry)))
            elif server.entry.inside:
                kept.append((server, server.reason))
        if edits or kept:
            changes.append(_change(file, edits, kept, needed))
    return changes


def apply(change: Change, *, by: str = "command line") -> Path:
    """Make the change; returns the copy of the file as it was. `by` stands in the audit. Raises NotWritten, and then
    nothing was changed."""
    ((_, came),) = apply_all([change], by=by)
    if isinstance(came, NotWritten):
        raise came
    return came


def apply_all(changes: Sequence[Change], *, by: str = "command line") -> Iterator[tuple[Change, Path | NotWritten]]:
    """Make the changes, one file after the other; with each comes the copy of the file as it was, or why it was left.
    Raises NotWritten before the first one, when nothing can be changed, or behind the last one, when `config.toml`
    keeps a server for a file that was left.

    `config.toml` is written once before the first file, which may not lead to a server that is not there, and again
    only to take out servers that no file uses: written for each file, it would push its own old copies out.
    """
    try:
        with alone(registry.lock_file()):
            yield from _in_turn(changes, by)
    except OSError as error:
        raise _no_state(error) from error


def _in_turn(changes: Sequence[Change], by: str) -> Iterator[tuple[Change, Path | NotWritten]]:
    new: set[str] = set()  # servers that this put into config.toml
    written: set[int] = set()
    try:
        with contextlib.suppress(NotWritten):  # the change it is about runs into it again
            new.update(routes.add({name: url for change in changes for name, url in change.routes.items()}))
        for i, change in enumerate(changes):
            came: Path | NotWritten
            try:
                new.update(routes.add(change.routes))
                written.add(i)  # before it is: when we are interrupted, a server too many is better than one too few
                came = replace_file(change.file.path, change.before, change.after, _copies(change.file.path))
                _record(change)
            except NotWritten as error:
                came = error
                written.discard(i)
            except OSError as error:
                came = _no_state(error)
            else:
                _audit(change, by)
            yield change, came
    finally:
        left = [change for i, change in enumerate(changes) if i not in written]
        _drop_unused([change for i, change in enumerate(changes) if i in written], left, new)


def _copies(path: Path) -> Path | None:
    """Where copies of a file go that is in a repository, which would get its secrets with them; None: beside it."""
    if not any((folder / ".git").exists() for folder in path.absolute().parents):
        return None
    return state_dir() / "copies" / hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]


def _record(change: Change) -> None:
    added = {step.server.entry.way: step.guard for step in change.steps if step.action != "unwrap"}
    removed = {step.server.entry.way for step in change.steps if step.action == "unwrap"}
    registry.record(change.file.path, added, removed)


def _drop_unused(written: Sequence[Change], left: Sequence[Change], new: Collection[str]) -> None:
    """Take servers out of `config.toml` that no client's file uses any longer, and `new` ones whose files were left
    as they are. Raises NotWritten when one of these stays."""
    vain = set(new).difference(*(change.routes for change in written))
    needed = {name for change in (*written, *left) for name in change.needed} | _freed(left)
    unused = {name for name in _freed(written) - needed if not registry.is_used(name)}
    try:
        routes.drop(vain | unused)
    except NotWritten as error:
        if vain:  # one that was used harms nobody
            raise NotWritten(
                f"{config_file()} keeps {', '.join(sorted(vain))}, which no file uses: {error}"
            ) from error


def _freed(changes: Sequence[Change]) -> set[str]:
    """Names at the gateway that the changes do away with."""
    return {step.guard for change in changes for step in change.steps if step.action == "unwrap" and step.origin}


def _no_state(error: OSError) -> NotWritten:
    return NotWritten(f"the state folder cannot be written: {error.strerror}")


def _audit(change: Change, by: str) -> None:
    """Put it on record, unless the state file cannot be written: a broken mcpwatch must come out all the same."""
    with contextlib.suppress(StateError), closing(Ledger.open()) as ledger, ledger.transaction() as tx:
        for action in ("wrap", "repair", "point", "unwrap"):
            names = [step.guard or step.server.name for step in change.steps if step.action == action]
            if names:
                said = "wrap" if action in ("repair", "point") else action
                tx.audit(by, said, f"{', '.join(names)[:_WIDTH]} ({change.file.client.name}: {change.file.path})")


def _is_foreign(file: ConfigFile) -> bool:
    """Whether others may have written it."""
    return file.scope == "project" or file.client is BY_PATH


def _take(names: Names, files: Iterable[ConfigFile], foreign: bool) -> None:
    """The names that stand in the user's own files and those we gave, or the others."""
    ours = registry.wrapped()
    for file in files:
        given = ours.get(str(file.path), {})
        for server in file.servers:
            form, wrapped = server.entry.form, server.entry.wrapped
            if form is None or wrapped is None:
                continue
            theirs = _is_foreign(file) and given.get("\n".join(server.entry.way)) != wrapped.name
            if theirs is foreign:
                names.take(wrapped.name, form.texts[wrapped.count :])


def _wrap(
    file: ConfigFile, program: str, patterns: Collection[str], names: Names, gateway: Gateway | None
) -> Change | None:
    edits: list[tuple[Step, Edit]] = []
    kept: list[tuple[Server, str]] = []
    for server in select(file.servers, patterns):
        entry = server.entry
        if server.status is Status.WATCHED:
            kept += [(server, server.reason)] if server.reason else []
        elif server.reason:
            kept.append((server, server.reason))
        elif entry.form is None:
            edits += _pointed(server, names, gateway)
        elif server.status is Status.DRIFTED:
            edits.append((Step(server, "repair", server.guard), Edit("repair", entry, program, server.guard)))
        else:
            guard = names.give(server.guard or server.name, entry.form.texts)
            edits.append((Step(server, "wrap", guard), Edit("wrap", entry, program, guard)))
    return _change(file, edits, kept) if edits or kept else None


def _pointed(server: Server, names: Names, gateway: Gateway | None) -> list[tuple[Step, Edit]]:
    """What has a server reached through the gateway."""
    url = server.entry.url
    if gateway is None or url is None:
        return []
    origin, query = gateway.origin_of(str(url.value), server.guard) or apart(str(url.value))
    guard = gateway.name_for(server.entry, origin, names)
    address = gateway.address(guard, origin, query)
    return [(Step(server, "point", guard, origin), Edit("point", server.entry, address, guard))]


def _origin(server: Server, gateway: Gateway | None) -> str | None:
    url = server.entry.url
    found = None if gateway is None or url is None else gateway.origin_of(str(url.value), server.guard)
    return None if found is None else together(*found)


def _is_theirs(file: ConfigFile, server: Server, gateway: Gateway | None) -> bool:
    """Whether someone else had it reached through the gateway, and its own address alone would not do, or is not to
    be written into a file that may be a repository's."""
    defined = gateway.servers.get(server.guard) if gateway is not None else None
    ours = registry.wrapped().get(str(file.path), {})
    secret = defined is not None and bool(defined.headers or not_copied(defined.url))
    return secret and "\n".join(server.entry.way) not in ours


def _change(
    file: ConfigFile,
    edits: Sequence[tuple[Step, Edit]],
    kept: list[tuple[Server, str]],
    needed: frozenset[str] = frozenset(),
) -> Change:
    assert file.document is not None
    try:
        edited = file.document.edit([edit for _, edit in edits])
    except NotEditable:
        edits, refused = _possible(file.document, edits)
        kept = kept + refused
        edited = file.document.edit([edit for _, edit in edits])
    return Change(file, edited, tuple(step for step, _ in edits), tuple(kept), needed)


def _possible(
    document: Document, edits: Sequence[tuple[Step, Edit]]
) -> tuple[list[tuple[Step, Edit]], list[tuple[Server, str]]]:
    """Those edits that can be made, and the servers of the others with the reason: by halves, as each try reads the
    whole file."""
    good: list[tuple[Step, Edit]] = []
    refused: list[tuple[Server, str]] = []
    left, tries = [list(edits)], 0
    while left:
        some, tries = left.pop(), tries + 1
        if tries > _MOST_TRIES:
            refused += [(step.server, "too many servers of the file cannot be edited") for step, _ in some]
            continue
        try:
            document.edit([edit for _, edit in (*good, *some)])
            good += some
        except NotEditable as error:
            half = len(some) // 2
            if half:
                left += [some[half:], some[:half]]
            else:
                refused += [(step.server, str(error)) for step, _ in some]
    return good, refused


def _private(document: Document) -> dict[tuple[int, int], str]:
    """Where values of variables and headers stand, whatever they are called, and keys in addresses: what may be
    secret, and what is to be shown in its place."""
    found: dict[tuple[int, int], str] = {}
    for entry in document.entries:
        for key in (*ENV_KEYS, "headers", "http_headers"):
            holder = entry.node.get(key)
            members = holder.members if holder is not None else []
            found |= {(m.node.start, m.node.end): f'"{MASK}"' for m in members if m.node.kind == "string"}
        url = entry.url
        if url is not None and has_key(apart(str(url.value))[1]):
            written = document.text[url.start : url.end]
            quoted = written[-1:] in ("'", '"')
            found[url.start + written.find("?") + 1, url.end - quoted] = MASK
    return found


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
