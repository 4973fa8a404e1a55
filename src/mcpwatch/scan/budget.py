"""The scanner's own token budget: so many a UTC day, asked before a request and charged with what it really used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime


def _utc_today() -> date:
    return datetime.now(UTC).date()


class TokenBudget:
    """At most `per_day` tokens a UTC day; 0 allows none. `spent` is what today has already used, from the store.

    Belongs to one event loop. A request that is under way holds its estimate, so that requests side by side cannot
    overdraw together; only the difference between estimate and truth can.
    """

    def __init__(self, per_day: int, *, spent: int = 0, today: Callable[[], date] = _utc_today) -> None:
        if per_day < 0 or spent < 0:
            raise ValueError("budget: tokens must be 0 or more")
        self.per_day = per_day
        self._spent = spent
        self._held = 0
        self._today = today
        self._day = today()

    @property
    def spent(self) -> int:
        """Tokens used today."""
        self._turn_page()
        return self._spent

    @property
    def left(self) -> int:
        """Tokens a new request may still use today."""
        return max(self.per_day - self.spent - self._held, 0)

    def reserve(self, tokens: int) -> bool:
        """Holds `tokens` for a request, or says that the day has not that many left."""
        if tokens > self.left:
            return False
        self._held += tokens
        return True

    def settle(self, reserved: int, used: int) -> None:
        """Ends a request that held `reserved` and used `used`."""
        self._turn_page()
        self._held -= reserved
        self._spent += used

    def _turn_page(self) -> None:
        # A clock set back does not give the day's tokens back.
        if (today := self._today()) > self._day:
            self._day, self._spent = today, 0
