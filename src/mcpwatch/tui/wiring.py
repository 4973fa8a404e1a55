"""Putting mcpwatch in front of configured servers, as the screen does it: what is there, what would change, the
changes themselves. Files are read and written in threads; what is chosen and what came of it outlives the screen
that shows it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec

from mcpwatch.clients import routes
from mcpwatch.clients.gateway import Gateway
from mcpwatch.clients.plan import Change, apply_all, plan_unwrap, plan_wrap
from mcpwatch.clients.program import NoProgram, program
from mcpwatch.clients.surroundings import Surroundings
from mcpwatch.clients.survey import ConfigFile
from mcpwatch.clients.watch import Watch
from mcpwatch.clients.write import NotWritten
from mcpwatch.store.paths import config_file, state_dir
from mcpwatch.tui.client_rows import EntryKey, EntryLine, FileLine, entries_of, file_lines, where
from mcpwatch.tui.safe_text import safe_text

EVERY_S = 15.0  # how often it is looked whether a file changed
SHARE = 20  # a look that took long is followed by a rest this many times as long
BY = "screen"
Action = Literal["wrap", "unwrap"]


class Plan(msgspec.Struct, frozen=True):
    """What would change: files, and the lines that come into our own configuration; or why it cannot be done."""

    changes: tuple[Change, ...] = ()
    routes: tuple[str, ...] = ()
    problem: str = ""


class Done(msgspec.Struct, frozen=True):
    """What came of the change of one file: a copy's name, or why nothing was written."""

    client: str
    where: str
    said: str
    written: bool
    routed: bool  # some of it is reached through the gateway from now on


class Wiring:
    """`changed` is called, on the loop, when the rows are other ones than before."""

    def __init__(
        self, watch: Watch | None, *, problem: str = "", ascii: bool = False, every: float = EVERY_S
    ) -> None:
        self.watch = watch
        self.problem = problem  # why nothing can be looked at or changed
        self.files: list[FileLine] = []
        self.entries: list[EntryLine] = []
        self.looked = False
        self.chosen: set[EntryKey] = set()
        self.done: list[Done] = []
        self.progress = ""  # what is under way
        self.changed: Callable[[], None] = lambda: None
        self.ascii = ascii
        self._every = every
        self._turn = asyncio.Lock()
        self._found: list[ConfigFile] | None = None  # kept while a screen may ask for plans: they can be large
        self._open = 0
        self._stale = False  # what was read last was not taken

    @classmethod
    def here(cls) -> Wiring:
        """Of this machine."""
        try:
            return cls(Watch(Surroundings.here(), program(), configured=gateway_configured))
        except NoProgram as error:
            return cls(None, problem=str(error))
        except (OSError, RuntimeError) as error:  # no home, a working folder that is gone
            return cls(None, problem=f"the clients' files cannot be looked for: {error}")

    @property
    def home(self) -> str:
        return "" if self.watch is None else str(self.watch.surroundings.home)

    # --- looking ---

    async def run(self) -> None:
        """Look again and again, for ever."""
        while self.watch is not None:
            began = time.monotonic()
            await self.look()
            await asyncio.sleep(max(self._every, SHARE * (time.monotonic() - began)))

    async def look(self, *, anew: bool = False) -> None:
        """Whether anything is configured otherwise than at the last look."""
        if self.watch is None:
            return
        async with self._turn:
            await self._look(self.watch, anew)

    async def _look(self, watch: Watch, anew: bool) -> list[ConfigFile] | None:
        anew, self._stale = anew or self._stale, True  # who asked may go away before the answer is here
        try:
            found = await asyncio.to_thread(watch.look, anew=anew)
            self.problem = ""
        except (OSError, RuntimeError, ValueError) as error:  # a folder that went, a tree too deep, an odd path
            found, self.problem = [], safe_text(f"the clients' files cannot be looked at: {error}", ascii=self.ascii)
        self._stale = bool(self.problem)
        if found is None:
            return None
        files = file_lines(found, self.home, ascii=self.ascii)
        self._found = found if self._open else None
        if not self.looked or files != self.files:
            self.looked = True
            self.files, self.entries = files, entries_of(files)
            self.chosen &= {entry.key for entry in self.entries}
            self.changed()
        return found

    def opened(self) -> None:
        """A screen that shows it."""
        self._open += 1

    def closed(self) -> None:
        self._open -= 1
        if not self._open:
            self._found = None

    # --- changing ---

    async def plan(self, action: Action, keys: Collection[EntryKey], *, anew: bool = False) -> Plan:
        """What doing it to those entries would change. Files are read again when it is to be `anew`."""
        watch = self.watch
        if watch is None or not keys:
            return Plan()
        async with self._turn:
            found = None if anew else self._found
            if found is None:
                found = await self._look(watch, anew=True) or []
            return await asyncio.to_thread(_planned, action, found, frozenset(keys), watch)

    async def apply(self, changes: Sequence[Change]) -> list[Done]:
        """Make the changes, one file after the other; what came of each is in `done` as soon as it is known."""
        self.done = []
        steps = apply_all(changes, by=BY)
        while True:
            self.progress = f"writing {min(len(self.done) + 1, len(changes))} of {len(changes)}"
            self.changed()
            change, done = await asyncio.to_thread(self._next, steps)
            if done is None:
                break
            self.done.append(done)
            if change is not None and done.written:
                self.chosen -= {(str(change.file.path), step.server.entry.way) for step in change.steps}
        self.progress = ""
        await self.look(anew=True)
        self.changed()
        return self.done

    def _next(self, steps: Iterator[tuple[Change, Path | NotWritten]]) -> tuple[Change | None, Done | None]:
        """The next change, and what came of it; no change when it is about all of them."""
        try:
            change, came = next(steps, (None, None))
        except NotWritten as error:
            return None, self._done("mcpwatch", config_file(), str(error))
        if change is None or came is None:
            return None, None
        if isinstance(came, NotWritten):
            return change, self._done(change.file.client.name, change.file.path, str(came))
        copy = came.name if came.parent == change.file.path.parent else str(came)
        said, routed = where(copy, self.home, ascii=self.ascii), bool(change.routes)
        return change, self._done(change.file.client.name, change.file.path, said, written=True, routed=routed)

    def _done(self, name: str, path: Path, said: str, *, written: bool = False, routed: bool = False) -> Done:
        return Done(name, where(str(path), self.home, ascii=self.ascii), said, written, routed)


def _planned(action: Action, found: Sequence[ConfigFile], keys: Collection[EntryKey], watch: Watch) -> Plan:
    """Entries of the same name in other places are left out: only what was chosen is changed."""
    files = []
    for file in found:
        servers = tuple(server for server in file.servers if (str(file.path), server.entry.way) in keys)
        if servers:
            files.append(replace(file, servers=servers))
    if action == "unwrap":
        return Plan(tuple(plan_unwrap(files, gateway=watch.gateway, everywhere=found)))
    changes = tuple(plan_wrap(files, watch.program, everywhere=found, gateway=watch.gateway))
    try:
        return Plan(changes, tuple(routes.added({n: url for change in changes for n, url in change.routes.items()})))
    except NotWritten as error:
        return Plan(changes, problem=str(error))


def gateway_configured() -> Gateway:
    """The gateway that `config.toml` describes, and the servers it has a login for."""
    logged_in: list[str] = []
    if (state_dir() / "tokens.json").exists():
        from mcpwatch.relay.oauth_tokens import read_all  # takes a while to import

        logged_in = [grant.url for grant in read_all().values()]
    return Gateway.configured(logged_in=logged_in)
