"""The session of a bridge: one frame at a time is looked at, and what a person decides waits for its turn, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from mcpwatch.guard.refusal import Refusal
from mcpwatch.protocol.events import Question
from mcpwatch.relay.http_session import LARGE, HttpSession, Looked, to_its_end


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
        """`way(data)`, with what it said on the side. Of a frame that nobody waits for any more nothing stays."""
        async with self.turn:
            slow = self._waits() or len(data) > LARGE
            try:
                line = await to_its_end(self._worker, way, data) if slow else way(data)
            except asyncio.CancelledError:
                self._over = []
                self.take(None)
                raise
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
