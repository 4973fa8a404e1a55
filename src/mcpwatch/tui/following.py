"""Following the state file: the lock is looked at more often than the rest, and only what changed is read."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time

from mcpwatch.store.database import StateError
from mcpwatch.store.records import Policy
from mcpwatch.tui.model import MAX_CALLS
from mcpwatch.tui.shell import Shell
from mcpwatch.tui.widgets.meters import BUCKETS

POLL_S = 0.075  # how often the lock is looked at
TICK_S = 0.25  # how often the rest is drawn
SLOW_S = 1.0  # how often what moves by itself (windows, history, guards that died) is read again
RETRY_S = 1.0  # how soon an unreadable state is tried again
PAGE = 500
REPLACED = "The state file was taken away or replaced while this screen was open: look at lock, limits and password."


class Following(Shell):
    """Shell, kept up to date with the state file by one task."""

    _dirty = True
    _slow_at = 0.0
    _lost = False  # the file was taken away, or another one put in its place
    _silent_lock = False  # the next lock is our own doing, and said already

    def on_mount(self) -> None:
        self.push_screen(self.main)
        self.run_worker(self._follow_state(), name="state", group="state", exit_on_error=True)

    async def on_unmount(self) -> None:
        ended = [*self.workers.cancel_group(self, "hosted"), *self.workers.cancel_group(self, "state")]
        await asyncio.gather(*(worker.wait() for worker in ended), return_exceptions=True)
        with contextlib.suppress(StateError):
            await self.source.close()

    async def _follow_state(self) -> None:
        tick_at = 0.0
        while True:
            try:
                await self.source.open()
                await self._look()
                if time.monotonic() >= tick_at:
                    tick_at = time.monotonic() + TICK_S
                    await self._tick()
            except StateError as error:
                await self._state_lost(error)
                await asyncio.sleep(RETRY_S)
                continue
            await asyncio.sleep(POLL_S)

    async def _look(self) -> None:
        """Whether anything was written; a lock shows at once."""
        if not await self.source.changed():
            return
        self._dirty = True
        self._take_policy(await self.source.policy())

    def _take_policy(self, policy: Policy) -> None:
        before, error = self.model.policy, self.model.error
        self.model.take_policy(policy)
        if policy == before and not error:
            return
        if policy.lock.locked != before.lock.locked or policy.version != before.version:
            self.model.relock()
        self._show_lock()
        if policy.lock.locked and not before.lock.locked:
            self._ring(policy)

    def _ring(self, policy: Policy) -> None:
        """Once a lock, and not for one that was there before the screen."""
        silent, self._silent_lock = self._silent_lock, False
        if not self.ticks:
            return
        self.bell()
        if not silent and self.screen is not self.main:  # there the banner says it
            self.say(f"LOCKED: {policy.lock.reason}", "error")

    def _show_lock(self) -> None:
        if not self.main.is_attached:
            return
        with self.batch_update():
            self.main.redraw_lock()
        self._tell_screens("policy_changed")

    def _tell_screens(self, what: str) -> None:
        for screen in self.screen_stack:
            changed = getattr(screen, what, None)
            if changed is not None:
                changed()

    async def _state_lost(self, error: StateError) -> None:
        """Never show old numbers as live: say why, and try again."""
        self.model.error = str(error)
        self.model.usages = ()
        self._dirty = True
        self._slow_at = 0.0
        with contextlib.suppress(StateError):
            await self.source.close()
        self._show_lock()
        self.main.redraw()
        self.ticks += 1

    async def _tick(self) -> None:
        slow = time.monotonic() >= self._slow_at
        if slow:
            self._slow_at = time.monotonic() + SLOW_S
            await self._read_slow()
        if self._dirty:
            self._dirty = False
            await self._read_increments()
        if slow or not self.model.ready:
            self.model.usages = await self.source.usages()
            shown = self.model.usages[:16]
            self.model.history = {u.limit.key: await self.source.history(u.limit, BUCKETS) for u in shown}
        self.model.ready = True
        self.main.redraw()
        if self.model.take_news():
            self._tell_screens("definitions_changed")
        self.ticks += 1
        if self.ticks == 1:
            for worker in self.workers_hosted:
                self.run_worker(worker.run(), name=worker.name, group="hosted", exit_on_error=True)
        if self.ticks == 2 and self._tune_gc:
            # A full collection over Textual's objects stops the loop for up to 300 ms: set them aside.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 100)

    async def _read_slow(self) -> None:
        """What changes without a write: the file itself, guards that died, the scanner's signs of life."""
        if await self.source.replaced():
            self._lost = True
            raise StateError("the state file was moved or replaced")
        if self._lost:
            self._lost = False
            self.model = self.model.successor()
            self._dirty = True
            self.main.warn(REPLACED)
            self.say(REPLACED, "warning")
        sessions = await self.source.sessions()
        if sessions != self.model.sessions:
            self.model.take_sessions(sessions)
            self.model.tools_version += 1
        self.model.take_scan(await self.source.scanner(), await self.source.scan_progress())

    async def _read_increments(self) -> None:
        model, source = self.model, self.source
        model.usages = await source.usages()
        rows = await source.latest_calls(MAX_CALLS) if not model.rev else await source.calls_since(model.rev, PAGE)
        model.take_calls(rows)
        if len(rows) >= PAGE and model.rev:
            self._dirty = True
        model.take_tools(await source.tools())
        while len(audit := await source.audit_since(model.audit_seq, PAGE)) == PAGE:
            model.take_audit(audit)
        model.take_audit(audit)
