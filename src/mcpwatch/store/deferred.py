"""Work that waits for a recorder's next transactions: bounded, for while the file cannot be written it only grows."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial

from mcpwatch.store.transaction import Transaction

Work = Callable[[Transaction], None]

MOST = 16 << 20  # bytes that wait
PASS = 2 << 20  # bytes of one transaction: an armed gate waits for at most one
_LEAST = 512  # bytes of anything


class Deferred:
    """Safe to share between threads; run by one."""

    def __init__(self) -> None:
        self._work: deque[tuple[Work, int]] = deque()
        self._lock = threading.Lock()
        self._size = 0
        self.lost = 0  # pieces of work that were dropped, and not reported yet

    def __bool__(self) -> bool:
        return bool(self._work)

    @property
    def full(self) -> bool:
        """Whether more waits than may."""
        return self._size > MOST

    def put(self, work: Work, size: int) -> None:
        """Add work that holds so many bytes."""
        with self._lock:
            self._push((work, max(size, _LEAST)), self._work.append)

    def _push(self, entry: tuple[Work, int], add: Callable[[tuple[Work, int]], None]) -> None:
        add(entry)
        self._size += entry[1]

    def _put_back(self, entry: tuple[Work, int]) -> None:
        with self._lock:
            self._push(entry, self._work.appendleft)

    def _take(self) -> tuple[Work, int] | None:
        with self._lock:
            if not self._work:
                return None
            entry = self._work.popleft()
            self._size -= entry[1]
            return entry

    def drop_excess(self) -> None:
        """Drop the oldest until half the room is free; the newest stays."""
        while self._size > MOST // 2 and len(self._work) > 1 and self._take() is not None:
            self.lost += 1

    def run(self, tx: Transaction) -> None:
        """Do what a transaction has room for. What it does not keep is to be done again."""
        done = 0
        while done < PASS and (entry := self._take()) is not None:
            tx.on_rollback.append(partial(self._put_back, entry))
            entry[0](tx)
            done += entry[1]
