"""The session of a bridge: one frame at a time is looked at, and what a person decides waits for its turn, too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from mcpwatch.guard.refusal import Refusal
from mcpwatch.protocol.events import Question
from mcpwatch.relay.http_session import HttpSession, Looked

LARGE: Final = 1 << 18  # bytes of a frame that is looked at in the worker thread


class Sight(NamedTuple):
    """What came of looking at one frame. `over` are the client's questions that it ended without an answer: those
    the client gave up, and subscriptions the server has ended."""

    looked: Looked
    over: list[Question]


class Conversation(HttpSession):
    """The session, and its one worker thread."""

    def __init__(self, gate: Any) -> None:
        super().__init__(gate)
        self._waits: Callable[[], bool] = gate.waits
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="mcpwatch-looks")
        self._over: list[Question] = []

    def _cancelled(self, question: Question) -> None:
        super()._cancelled(question)
        if not question.from_server:
            self._over.append(question)

    async def look(self, way: Callable[[bytes], bytes | None], data: bytes) -> Sight:
        """`way(data)`, with what it said on the side."""
        async with self.turn:
            line = await self._in_thread(way, data) if self._waits() or len(data) > LARGE else way(data)
            over, self._over = self._over, []
            return Sight(self.take(line), over)

    async def locked(self, refusal: Refusal) -> Looked:
        """What a lock has to say."""
        async with self.turn:
            self.on_lock(refusal)
            return self.take(None)

    async def shown(self, kinds: set[str]) -> Looked:
        """What there is to say when the client may see other definitions of these kinds."""
        async with self.turn:
            self.on_visible(kinds)
            return self.take(None)

    async def _in_thread(self, way: Callable[[bytes], bytes | None], data: bytes) -> bytes | None:
        """Never left while the thread is at it; of a frame that nobody waits for any more nothing stays."""
        work = asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(self._worker, way, data))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(work)
            self._over = []
            self.take(None)
            raise
