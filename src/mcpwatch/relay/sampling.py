"""Sampling a server asks for between the rounds of an operation: admitted when it is asked for, ended when the next
round brings what was sampled."""

from __future__ import annotations

from mcpwatch.guard.refusal import Refusal
from mcpwatch.protocol.events import Answer, Question
from mcpwatch.protocol.message import NONE
from mcpwatch.protocol.methods import SAMPLING
from mcpwatch.protocol.session import Session
from mcpwatch.relay.gates import Guard
from mcpwatch.store.records import Call, Outcome

MAX_HELD = 64 << 20
"""Bytes of sampling requests that wait for their results; beyond it their results are not recorded with them."""


class Sampling:
    """The sampling of one conversation. What it knows of it hangs on the session's waiting operations."""

    def __init__(self, gate: Guard, session: Session) -> None:
        self._gate = gate
        self._session = session

    def admit(self, answer: Answer) -> Refusal | None:
        """Admit what a result asks for: all of it, or none."""
        waiting = answer.waiting
        if waiting is not None and self._held() > MAX_HELD:
            self._session.forget(waiting)
            self.abandon(waiting.calls, "")
            waiting = None
        for key, params in (answer.sampling or {}).items():
            known = waiting.calls.get(key) if waiting is not None else None
            if waiting is not None and known is not None:
                if known.arguments == bytes(params):
                    continue  # a task says so until it is given what it asks for
                if (old := waiting.calls.pop(key, None)) is not None:
                    self.abandon({key: old}, "")
            call = Call(
                method=SAMPLING,
                tool="@sampling",
                from_server=True,
                arguments=bytes(params),
                arguments_bytes=len(params),
            )
            refusal = self._gate.admit(call)
            if refusal is not None:
                if waiting is not None:
                    self._session.forget(waiting)
                    self.abandon(waiting.calls, refusal.code)
                return refusal
            if waiting is not None:
                waiting.calls[key] = call
            else:  # no round will bring its result here
                self.abandon({key: call}, "")
        if waiting is not None and self._session.waiting.get(waiting.operation) is not waiting:
            self.abandon(waiting.calls, "")  # what a task asked for was brought meanwhile
        return None

    def brought(self, question: Question) -> None:
        """The next round brings what was sampled."""
        waiting = question.resumes
        while waiting is not None and waiting.calls:
            key, call = waiting.calls.popitem()
            response = (question.inputs or {}).get(key, NONE)
            call.result, call.result_bytes = bytes(response), len(response)
            call.outcome = Outcome.OK if len(response) else Outcome.CANCELLED
            self._gate.ended(call)
        question.inputs = None  # they hold on to their frame

    def abandon(self, calls: dict[str, Call], code: str) -> None:
        """Nobody will bring these."""
        while calls:
            _, call = calls.popitem()
            call.outcome, call.code = Outcome.CANCELLED, code
            self._gate.ended(call)

    def lock(self, code: str) -> None:
        """No operation goes on that waits for protected sampling."""
        for waiting in list(self._session.waiting.values()):
            if any(call.protected for call in list(waiting.calls.values())) and self._session.forget(waiting):
                self.abandon(waiting.calls, code)

    def close(self) -> None:
        """The conversation is over."""
        for waiting in list(self._session.waiting.values()):
            self.abandon(waiting.calls, "")

    def _held(self) -> int:
        waiting = list(self._session.waiting.values())
        return sum(len(call.arguments) for one in waiting for call in list(one.calls.values()))
