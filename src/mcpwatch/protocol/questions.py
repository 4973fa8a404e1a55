"""The questions of one conversation, of both sides: which are open, and which were cancelled or ended so lately that
an answer may still come."""

from __future__ import annotations

from typing import Final

from mcpwatch.protocol import rounds
from mcpwatch.protocol.events import Question
from mcpwatch.protocol.message import NONE, Key

REMEMBERED: Final = 1024
"""Questions kept after they were cancelled or ended."""

MAX_OPEN: Final = 8192
"""Questions of one side that may be open at once: with ids and arguments as long as they may be, some 100 MiB."""

Mark = Key | tuple[str, Key]
"""The key of a question that the client asked; of one that the server asked, with an S in front."""


class Questions:
    """Every table is touched by single dict operations: whoever pops a question owns its end, in whichever thread."""

    def __init__(self) -> None:
        self.asked_by_client: dict[Key, Question] = {}
        self.asked_by_server: dict[Key, Question] = {}
        # Ended by the client or by us; a late answer to the first may pass, to the second must not.
        self._cancelled: dict[Mark, Question] = {}
        self._ended: dict[Mark, Question] = {}

    def asked(self, question: Question) -> bool:
        """The question goes out. False: its id is that of another one that is open, or that was cancelled or ended
        and whose answer may still come: it would be taken for this one's."""
        table = self.asked_by_server if question.from_server else self.asked_by_client
        if self._ended or self._cancelled:
            mark = _mark(question)
            if mark in self._ended or mark in self._cancelled:
                return False
        if table.setdefault(question.key, question) is not question:
            return False
        if question.params is not NONE:
            question.params = NONE
        if len(question.arguments) >= rounds.SMALL:
            question.arguments = NONE
        return True

    def is_asked(self, question: Question) -> bool:
        """Whether it has no answer yet."""
        table = self.asked_by_server if question.from_server else self.asked_by_client
        return table.get(question.key) is question

    def withdraw(self, question: Question) -> bool:
        """Forget a question that was asked: it did not go out. False: somebody else has ended it already."""
        table = self.asked_by_server if question.from_server else self.asked_by_client
        return self.is_asked(question) and table.pop(question.key, None) is question

    def end(self, question: Question) -> bool:
        """End an open question from our side; an answer that still comes will be `Rejected.late`.

        False: it is no longer open.
        """
        if not self.withdraw(question):
            return False
        _remember(self._ended, question)
        return True

    def cancelled(self, question: Question) -> None:
        """The asker has cancelled it, and it is open no more."""
        _remember(self._cancelled, question)

    def open(self) -> list[Question]:
        """Every question without an answer. A snapshot."""
        return [*self.asked_by_client.values(), *self.asked_by_server.values()]


def _remember(table: dict[Mark, Question], question: Question) -> None:
    """Keep an ended question; the oldest are forgotten, a thousand at a time."""
    table[_mark(question)] = question
    if len(table) >= 2 * REMEMBERED:
        for key in list(table)[:REMEMBERED]:
            table.pop(key, None)


def _mark(question: Question) -> Mark:
    return ("S", question.key) if question.from_server else question.key
