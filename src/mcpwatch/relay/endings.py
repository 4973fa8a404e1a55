"""How a request ends, whatever ends it: its call gets an outcome, once, and whoever waits for an answer gets one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from msgspec import Raw

from mcpwatch.guard.refusal import Refusal, too_many_open
from mcpwatch.protocol import replies
from mcpwatch.protocol.events import Answer, Identity, Question, Rejected
from mcpwatch.protocol.message import NONE, any_value
from mcpwatch.protocol.methods import CALL
from mcpwatch.protocol.session import Session
from mcpwatch.relay.gates import Guard
from mcpwatch.relay.sampling import Sampling
from mcpwatch.store.records import OK, Call, Outcome

MODERN: Final = "2026"
"""Protocol revisions from this year on have no handshake; their results carry a `resultType`."""


class Endings:
    """The part of an exchange that ends what it began."""

    def __init__(
        self,
        gate: Guard,
        reply: Callable[[bytes], None],
        tell_server: Callable[[bytes], None],
        together: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`together()` surrounds what is replied to the members of one batch."""
        self.session = Session()
        self._sampling = Sampling(gate, self.session)
        self._together = together
        self.ends = 0  # grows with every call a lock ends: what was to be written then may have to stay
        self._gate = gate
        self._reply = reply
        self._tell_server = tell_server
        self._identity = Identity()

    def _refuse(self, question: Question, refusal: Refusal) -> None:
        """Answer the client's question with a refusal."""
        if question.method == CALL:
            modern = self.session.identity.protocol >= MODERN
            self._reply(replies.refused_call(question.id, refusal.text, refusal.meta(), modern=modern))
        else:
            self._reply(replies.refused_request(question.id, refusal.text, refusal.meta()))

    def _crowded(self, question: Question, call: Call) -> None:
        """More than can be kept in mind is open: this request does not go out, and costs nothing."""
        refusal = too_many_open()
        self._gate.began(call)
        call.outcome, call.code, call.note = Outcome.REFUSED, refusal.code, refusal.text
        self._gate.ended(call)
        if question.from_server:
            self._tell_server(replies.refused_request(question.id, refusal.text, refusal.meta()))
        else:
            self._refuse(question, refusal)

    def _answered(self, answer: Answer, line: bytes) -> None:
        """Record the end of a question of either side, whose answer came in this frame."""
        call, gate = answer.question.call, self._gate
        body = answer.result if len(answer.result) else answer.error
        if answer.late:
            gate.late(call, bytes(body))
            return
        call.result_bytes = size = len(body)
        if size <= gate.kept:
            call.result = bytes(body)
        else:
            call.result, call.frame = bytes(memoryview(body)[: gate.kept]), line
        if answer.failed:
            call.outcome = Outcome.ERROR
            if len(answer.error):
                error = any_value(answer.error) if len(answer.error) < 1 << 16 else None
                call.code = str(error.get("code", ""))[:32] if isinstance(error, dict) else ""
        else:
            call.outcome = OK
        gate.ended(call)

    def _succeeded(self, question: Question, result: bytes) -> None:
        """The same for a `Success`."""
        self._gate.succeeded(question.call, result)

    def _cancelled(self, question: Question) -> None:
        call = question.call
        if call is not None:
            call.outcome = Outcome.CANCELLED
            self._gate.ended(call)

    def _rejected(self, event: Rejected, line: bytes, *, from_server: bool) -> None:
        if event.late is not None:
            self._gate.late(event.late.call, bytes(event.result))
            return
        if event.stray and from_server:
            self._gate.stray(line)
            return
        self._gate.violation(event.note, line, from_server=from_server)
        tell_sender = self._tell_server if from_server else self._reply
        for one in (event, *event.more):
            if one.broken is not None:
                self._broken(one.broken, one.note, one.result)
            elif one.id is not None:
                tell_sender(replies.error(one.id, one.code, f"mcpwatch refused this message: {one.note}"))

    def _broken(self, question: Question, note: str, result: Raw | bytes | memoryview = NONE) -> None:
        """Its answer must not pass: the asker is told, for it waits."""
        call = question.call
        call.outcome, call.note = Outcome.VIOLATION, note
        call.result, call.result_bytes = bytes(result), len(result)
        self._gate.ended(call)
        whose = "client" if question.from_server else "server"
        told = replies.error(
            question.id, replies.DROPPED, f"mcpwatch: the {whose}'s answer could not be read: {note}"
        )
        (self._tell_server if question.from_server else self._reply)(told)

    def close(self) -> None:
        """The conversation is over: what is still open will not be answered."""
        self._sampling.close()
        for question in self.session.open():
            if question.call is not None and self.session.withdraw(question):
                question.call.outcome = Outcome.TIMED_OUT
                question.call.note = "the session ended before an answer came"
                self._gate.ended(question.call)
