"""The stdout of a bridge: whole frames in their order, from a thread that nobody waits for at the end: the client may
not read."""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import Future

from mcpwatch.relay.stdio import Writer


class Output:
    """What the client reads."""

    def __init__(self) -> None:
        self._out = Writer(1)
        self._frames: queue.SimpleQueue[tuple[bytes, Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._pass_on, name="mcpwatch-stdout", daemon=True).start()

    async def write(self, frame: bytes) -> None:
        """Over when it is written. Cancelled before its turn, it is not. Raises `Closed`."""
        written: Future[None] = Future()
        self._frames.put((frame, written))
        await asyncio.wrap_future(written)

    def _pass_on(self) -> None:
        while True:
            frame, written = self._frames.get()
            if not written.set_running_or_notify_cancel():
                continue
            try:
                self._out.write(frame)
            except Exception as error:  # noqa: BLE001 - for who waits for it
                written.set_exception(error)
            else:
                written.set_result(None)
            del frame, written  # a large one is not held until the next comes
