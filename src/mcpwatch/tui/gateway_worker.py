"""The proxy worker: finds the gateway of this user or starts it, watches it, and starts it again when it ends.

It never fights: there is one gateway a state file, whoever started it, and a screen only looks at one that is there.
A gateway is started where servers are configured for it, and goes on when the screen closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from mcpwatch.relay.gateway_control import Found, NotStarted
from mcpwatch.store.database import StateError
from mcpwatch.tui.gateway_calls import GatewayCalls, Seen, Wanted, in_thread
from mcpwatch.tui.gateway_view import GatewayView

LOOK_S: Final = 1.5  # between two looks at it
SOON_S: Final = 0.25  # while something is to be seen soon
SILENT_S: Final = 15.0  # so long it may be busy; then it hangs
SILENT_LOOKS: Final = 5  # a screen that was held up itself has not seen silence
ENDING_LOOKS: Final = 5  # at one that listens no more and has not ended
ENDED_S: Final = 10.0  # who ended it may want to start it differently, and a service manager starts it by itself
STEADY_S: Final = 60.0  # up for so long, earlier failures count no more
LONGEST_S: Final = 60.0
TELLING: Final = 2  # failures in a row until it is told: the first may be another screen that was quicker
ANOTHER_PORT: Final = (
    "end that; or run mcpwatch serve --port with another, or set `port` under [gateway] in config.toml, and put it"
    " into your clients' URLs"
)

Severity = Literal["information", "warning", "error"]


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row: 1, 2, 4 … 60."""
    return min(LONGEST_S, 2.0 ** min(failures - 1, 10))


class GatewayWorker:
    """`view` is what it knows; all else changes on the loop only. Its thread holds nothing up."""

    name = "gateway"

    def __init__(self, calls: GatewayCalls | None = None, *, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.view = GatewayView()
        self._calls = calls or GatewayCalls()
        self._turn = asyncio.Lock()  # a look and what the user asks for
        self._wake = asyncio.Event()
        self._wanted = True  # False: the user stopped it
        self._up_since: float | None = None
        self._silent_looks = self._ending_looks = 0
        self._news: list[tuple[str, Severity]] = []

    async def run(self) -> None:
        try:
            while True:
                async with self._turn:
                    await self._look()
                await self._sleep()
        finally:
            self._calls.close()

    async def _sleep(self) -> None:
        left = min(LOOK_S, max(SOON_S, self.view.wait(self.now()))) if self.view.phase == "waiting" else LOOK_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):  # wait_for of Python 3.11 loses a cancellation that comes with the wake
                await self._wake.wait()
        self._wake.clear()

    def take_news(self) -> list[tuple[str, Severity]]:
        """What a person should be told since the last time."""
        news, self._news = self._news, []
        return news

    def _tell(self, text: str, severity: Severity = "information") -> None:
        self._news.append((text, severity))

    def _set(self, **changes: object) -> None:
        self.view = msgspec.structs.replace(self.view, **changes)

    # -- looking -----------------------------------------------------------------------------------------

    async def _look(self) -> None:
        try:
            wanted: Wanted = await in_thread(self._calls.wanted)
            self._set(servers=wanted.servers, port=wanted.port, config_problem=wanted.problem)
            last = self.view.found
            seen: Seen = await in_thread(lambda: self._calls.look(last))
            if seen.found.state == "up":
                await self._is_up(seen.found)
            elif seen.found.state == "silent":
                await self._is_silent(seen.found)
            elif seen.ending and self._up_since is not None and self._ending_looks < ENDING_LOOKS:
                self._ending_looks += 1
            else:
                await self._is_gone(wanted, crashed=bool(seen.written.word))
        except StateError as error:
            self._set(phase="no-state", found=Found("none"), why=str(error), advice="")

    async def _is_up(self, found: Found) -> None:
        now = self.now()
        if self.view.found.row != found.row or self._up_since is None:
            ours = self._calls.is_child(found.row.pid)
            service = not ours and await in_thread(self._calls.is_service)
            if self.view.failures >= TELLING or self.view.phase in ("silent", "waiting", "starting", "stopped"):
                self._tell(f"The gateway is up: {found.url}")
            self._set(ours=ours, service=service, log=found.row.log)
            self._up_since = now
            self._wanted = True
        elif now - self._up_since >= STEADY_S:
            self._set(failures=0)
        self._silent_looks = self._ending_looks = 0
        self._set(phase="up", found=found, seen_at=now, why="", advice="")

    async def _is_silent(self, found: Found) -> None:
        now = self.now()
        self._silent_looks += 1
        if self._silent_looks == 1:
            self._set(phase="silent", found=found, seen_at=now)
            return
        waiting = self.view.phase == "waiting"
        if waiting and now < self.view.retry_at:
            return
        patient = now - self.view.seen_at < SILENT_S or self._silent_looks < SILENT_LOOKS
        if not self._wanted or not self.view.servers or (patient and not waiting):
            return
        ended = await in_thread(lambda: self._calls.end(found, force=True))
        if ended:
            self._up_since = None
            self._tell(f"The gateway did not answer for {int(SILENT_S)} s and was ended.", "error")
            self._set(found=Found("none"))
            self._failed("it did not answer, and was ended")
            return
        pid = found.row.pid
        self._failed(f"process {pid} has the place of the gateway, but does not answer", f"end process {pid}")

    async def _is_gone(self, wanted: Wanted, *, crashed: bool) -> None:
        ended, self._up_since = self._up_since is not None, None
        self._silent_looks = 0
        if ended:
            self._calls.is_child(self.view.found.row.pid)  # leaves no zombie: another screen may wait for its end
        if not self._wanted:
            self._set(phase="stopped", found=Found("none"))
        elif not wanted.servers:
            phase = "config" if wanted.problem else "unneeded"
            self._set(phase=phase, found=Found("none"), failures=0, why="", advice="")
        elif ended:
            await self._ended(crashed)
        elif wanted.problem:
            self._set(phase="config", found=Found("none"), why="", advice="")
        elif self.view.phase != "waiting" or self.view.wait(self.now()) <= 0:
            await self._start(wanted)

    async def _ended(self, crashed: bool) -> None:
        """It was up. Where nobody meant it to end, it is started at once; where a person stopped it, not at all,
        however it ended."""
        view = self.view
        if await in_thread(lambda: self._calls.was_stopped(view.found.row)):
            self._wanted = False
            self._tell("The gateway was stopped on another screen, and stays so. H, then s, starts it.", "warning")
            self._set(phase="stopped", found=Found("none"), failures=0, why="", advice="")
        elif crashed:
            self._tell("The gateway died; it is started again.", "error")
            self._failed("it died", wait=ENDED_S if view.service else None)
        else:
            self._tell(
                f"The gateway was ended elsewhere. Servers are configured for it, so it starts again in"
                f" {int(ENDED_S)} s; H, then x, leaves it stopped.",
                "warning",
            )
            self._set(phase="waiting", found=Found("none"), retry_at=self.now() + ENDED_S)
            self._set(why="it was ended elsewhere, orderly", advice="x leaves it stopped, s starts it now")

    def _failed(self, why: str, advice: str = "", *, wait: float | None = None) -> None:
        failures = self.view.failures + 1
        retry_at = self.now() + (backoff(failures) if wait is None else wait)
        found = self.view.found if self.view.found.state == "silent" else Found("none")
        self._set(phase="waiting", found=found, failures=failures, retry_at=retry_at, why=why, advice=advice)

    async def _start(self, wanted: Wanted) -> None:
        self._set(phase="starting", found=Found("none"), log=self._calls.log())
        try:
            found: Found = await in_thread(self._calls.start)
        except (NotStarted, OSError) as error:
            taken = await in_thread(lambda: self._calls.taken_by(wanted))
            said = f"port {wanted.port} is taken by {taken}" if taken else str(error)
            self._failed(str(error), f"{said}: {ANOTHER_PORT}" if taken else "")
            if self.view.failures == TELLING:
                self._tell(f"The gateway does not start: {said}. H tells more.", "error")
        else:
            await self._is_up(found)

    # -- what the user asks for --------------------------------------------------------------------------

    async def start(self) -> None:
        """At once, whatever it waits for."""
        async with self._turn:
            self._wanted = True
            self._set(failures=0, retry_at=self.now())
            if self.view.phase == "stopped":
                self._set(phase="looking")
        self._wake.set()

    async def stop(self) -> bool:
        """End it, or leave it ended, until `start`. False: it is still there."""
        async with self._turn:
            self._wanted = False
            row = self.view.found.row
            with contextlib.suppress(StateError):
                if row.word:
                    await in_thread(lambda: self._calls.note_stop(row))
            return await self._end()

    async def restart(self) -> bool:
        """End it and start it again; a service manager does both. False: it is still there."""
        async with self._turn:
            if self.view.service and self.view.found.state != "none":
                self._set(phase="stopping")
                problems = await in_thread(self._calls.restart_service)
                for problem in problems:
                    self._tell(f"Not restarted: {problem}", "error")
                done = not problems
            else:
                done = await self._end()
            self._wanted = True
            if done:
                self._set(phase="looking", failures=0, retry_at=self.now())
        self._wake.set()
        return done

    async def _end(self) -> bool:
        found = self.view.found
        self._set(phase="stopping")
        ended = found.state == "none" or await in_thread(lambda: self._calls.end(found, force=False))
        if ended:
            self._up_since = None
            self._set(phase="stopped", found=Found("none"), failures=0, why="", advice="")
        else:
            self._tell(f"The gateway (process {found.row.pid}) does not end.", "error")
        self._wake.set()
        return ended
