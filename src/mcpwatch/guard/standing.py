"""Which calls pass as things stand: nothing was to be decided about the last one, and nothing has changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcpwatch.guard.breaker import Breaker


class Standing:
    """Of the calls of one session, while there is no lock and limits are only observed: protected or not, by tool.

    An answer holds for one *basis*: the breaker, the news of its ledger, and how often what is known of the server's
    definitions had changed. Whoever keeps an answer has taken the basis before deciding.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: tuple[Breaker | None, bytes | int, int, dict[str, bool]] = (None, -1, -1, {})

    def protected(self, tool: str, breaker: Breaker, changes: int) -> bool | None:
        """Whether the tool of a call that passes is protected; None: decide. Raises StateError."""
        of, news, at, tools = self._known
        if at == changes and of is breaker and news == breaker.ledger.news():
            return tools.get(tool)
        return None

    def keep(self, tool: str, protected: bool, breaker: Breaker, news: bytes | int, changes: int) -> None:
        """A call of this tool passed, by nothing but this basis."""
        known = self._known
        if known[:3] != (breaker, news, changes):
            known = self._known = (breaker, news, changes, {})
        known[3][tool] = protected
