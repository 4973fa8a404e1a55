"""Results and requests that come by way of a task, or of an answer: whether they may pass."""

from __future__ import annotations

from mcpwatch.guard.refusal import Refusal
from mcpwatch.protocol.events import Answer
from mcpwatch.protocol.methods import CALL
from mcpwatch.relay.endings import Endings
from mcpwatch.store.records import Call, Outcome


class Deliveries(Endings):
    """The part of an exchange that admits what was not asked for by a call itself."""

    def _tasks(self, answer: Answer) -> bool:
        """A call was answered with tasks, or a tasks/get with what one of them brings: may it pass?"""
        question, gate = answer.question, self._gate
        if question.method == CALL:
            gate.tasks.learn(answer.tasks, question.name)
            return True
        call = question.call
        if answer.late:
            gate.late(call, bytes(answer.result))
            return False
        call.flags = "retry" if gate.tasks.fetch(question.name) else ""
        refusal = gate.brings(call)
        if refusal is not None:
            self._refuse(question, refusal)
        return refusal is None

    def _told(self, method: str, news: Answer, line: bytes) -> bool:
        """Whether a notification about a task may pass, which brings its result or asks for sampling."""
        gate, name = self._gate, news.question.name
        call = news.question.call = Call(method=method, tool=gate.tasks.tool(name), from_server=True)
        if not news.tasks:
            gate.began(call)
        else:
            call.flags = "retry" if gate.tasks.fetch(name) else ""
            if gate.admit(call) is not None:
                return False
        if news.sampling and self._sampled(news) is not None:
            return False
        self._answered(news, line)
        return True

    def _sampled(self, answer: Answer) -> Refusal | None:
        """Admit the sampling an answer asks for; if it is refused, that is the end of the answer."""
        refusal = self._sampling.admit(answer)
        if refusal is not None:
            call = answer.question.call
            call.outcome, call.code, call.note = Outcome.CANCELLED, refusal.code, refusal.text
            call.result, call.result_bytes = bytes(answer.result), len(answer.result)
            self._gate.ended(call)
        return refusal
