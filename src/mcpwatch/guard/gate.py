"""What a relay talks to: one gate a session. It never raises, and never waits before the first gated call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from time import monotonic_ns

from mcpwatch.guard import refusal
from mcpwatch.guard.breaker import Breaker, PolicyMoved
from mcpwatch.guard.gate_state import OPEN_DEADLINE_S, GateState
from mcpwatch.guard.refusal import Refusal
from mcpwatch.guard.review import Facts, Review
from mcpwatch.protocol.methods import CALL, TASK_NEWS
from mcpwatch.store.database import StateError, turn_is_free
from mcpwatch.store.entry import SessionEntry
from mcpwatch.store.recorder import Recorder
from mcpwatch.store.records import OK, Call, Definition, Outcome

HELLO_DEADLINE_S = 0.2  # a server's hello waits no longer for the state file; the rules need none
POLICY_TRIES = 10  # a policy that changes between look and charge as often as this is an attack
BUSY_S = 1.0  # for so long after another process was found writing, decisions are expected to wait


class Gate(GateState):
    """The guard of one session with one server, or, when `shared`, of many: each has a seat (see `seat.py`)."""

    # -- what the relay reports ------------------------------------------------------------------------

    def began(self, call: Call) -> None:
        """A request that is not gated: recorded as pending."""
        self._begin(call)
        self._recorder.put(call, False)

    def admitted(
        self, tool: str, arguments: bytes, review: Review | None = None, session: SessionEntry | None = None
    ) -> Call | None:
        """The call of a client's tools/call with few arguments, if nothing is to be decided about it: it passes.
        None: make one, and have `admit` decide."""
        breaker = self._breaker
        if breaker is None or self._problem is not None or self._unrecorded is not None:
            return None
        review = review or self._reading.own
        try:
            protected = review.standing.protected(tool, breaker, review.facts.changes)
        except StateError:
            return None  # `admit` says why
        if protected is None:
            return None
        n, size = next(self._numbers), len(arguments)
        # By position: setting the fields one by one takes 0.2 µs longer.
        call = Call(CALL, n, tool, False, protected, 0, monotonic_ns(), None, arguments, b"", b"", size)
        if session is not None:
            call.session = session
        if protected:
            breaker.owe(call)
            self._open.add(n)  # as `_pending`, whose call would take a quarter of a microsecond
            if not self._busy.is_set():
                self._busy.set()
        self._recorder.put(call, False)
        return call

    def admit(self, call: Call, review: Review | None = None) -> Refusal | None:
        """Decide about a tools/call or a sampling request, or one for their result. None lets it pass; a refused call
        is done with."""
        self._begin(call)
        refused = self._decide(call, review or self._reading.own)
        if refused is not None:
            return self._done_with(call, refused)
        self._pending(call)
        return None

    def brings(self, call: Call, review: Review | None = None) -> Refusal | None:
        """As `admit`, for a request that began as one of another kind, and whose answer brings a call's result."""
        call.counted, call.priced = True, 0  # it may have been priced as what it began as: at nothing
        refused = self._decide(call, review or self._reading.own)
        return None if refused is None else self._done_with(call, refused)

    def _pending(self, call: Call) -> None:
        if call.protected:
            self._open.add(call.n)
            if not self._busy.is_set():
                self._busy.set()
        self._recorder.put(call, False)

    def _answered(self, call: Call) -> None:
        if call.protected:
            self._open.discard(call.n)
            if self._breaker is not None:
                self._breaker.owe(call)
        self._recorder.put(call, True)

    def _done_with(self, call: Call, refused: Refusal) -> Refusal:
        call.outcome, call.code, call.note, call.duration_ns = Outcome.REFUSED, refused.code, refused.text, 0
        self._recorder.put(call, True)
        return refused

    def ended(self, call: Call) -> None:
        """A call that began or was admitted has its outcome. Once for each."""
        if call.duration_ns is None:
            call.duration_ns = monotonic_ns() - call.started_ns
        if call.frame:
            self._measure.weigh(call, answer=True)
        elif len(call.arguments) > self.kept or len(call.result) > self.kept:
            self._measure.cut(call, self.kept)
        self._answered(call)

    def succeeded(self, call: Call, result: bytes) -> None:
        """`ended`, for a call with few arguments and a small result."""
        call.result, call.result_bytes, call.outcome = result, len(result), OK
        call.duration_ns = monotonic_ns() - call.started_ns  # the recorder takes it for ended from here on
        if call.protected:
            self._open.discard(call.n)  # as `_answered`
            if self._breaker is not None:
                self._breaker.owe(call)
        self._recorder.put(call, True)

    def late(self, call: Call, result: bytes) -> None:
        """An answer came after the call was ended by a lock: recorded, not passed on."""
        call.result, call.result_bytes = result, len(result)
        call.flags = ",".join(filter(None, (call.flags, "late")))
        if len(result) > self.kept:
            self._measure.cut(call, self.kept)
        if call.protected and self._breaker is not None:
            self._breaker.owe(call)
        self._recorder.put(call, False)

    def violation(self, note: str, frame: bytes, *, from_server: bool, session: SessionEntry | None = None) -> None:
        """A frame that broke the rules of the wire and was not passed on."""
        self._note("(violation)", note, frame, session, from_server=from_server)

    def stray(self, line: bytes, session: SessionEntry | None = None) -> None:
        """A line on the server's stdout that is no JSON-RPC frame."""
        self._note("(stray output)", "not a JSON-RPC frame; not passed on", line, session, from_server=True)

    def identify(self, *, client_name: str = "", client_version: str = "", protocol: str = "") -> None:
        """Who is talking, and in which protocol revision."""
        self._recorder.identify(client_name=client_name, client_version=client_version, protocol=protocol)

    def waits(self) -> bool:
        """Whether the next decision may have to wait: for the state file to open, or, armed, for other writers."""
        breaker = self._breaker
        if breaker is None or self._problem is not None or not self._ready.is_set():
            return True
        return breaker.armed and (time.monotonic() - breaker.ledger.busy_at < BUSY_S or not turn_is_free())

    def share(self, review_of: Callable[[Facts], Review]) -> tuple[Review, Recorder]:
        """What a seat needs of its gate."""
        return self._reading.share(review_of), self._recorder

    def close(self, exit_code: int | None) -> None:
        """Write what is left and end the session."""
        self._stop.set()
        self._busy.set()
        self._ready.wait(OPEN_DEADLINE_S)
        self._recorder.close(exit_code)
        if self._ledger is not None:
            self._ledger.close()

    # -- deciding --------------------------------------------------------------------------------------

    def _decide(self, call: Call, review: Review) -> Refusal | None:
        problem: StateError | str = "it could not be opened in time"
        call.counted = True
        try:
            for _ in range(POLICY_TRIES):
                breaker = self._breaker
                if breaker is None or self._problem is not None or self._unrecorded is not None:
                    breaker = self._usable()
                if breaker is None:
                    problem = self._unrecorded or self._problem or problem
                    break
                try:
                    return self._decided(breaker, call, review)
                except PolicyMoved:
                    problem = "its policy kept changing"
                    breaker.policy()
        except StateError as error:
            self._problem = problem = error
        except Exception as error:  # noqa: BLE001 - a gate that fails refuses
            problem = f"{type(error).__name__}: {error}"
        call.protected = self._breaker.protected(call.tool) if self._breaker is not None else True
        return refusal.state_broken(f"{self._server}/{call.tool}", str(problem)) if call.protected else None

    def _decided(self, breaker: Breaker, call: Call, review: Review) -> Refusal | None:
        tool, news, changes = call.tool, breaker.seen, review.facts.changes
        policy = breaker.policy_for(tool)
        if not call.from_server or call.method in TASK_NEWS:
            refused = self._reading.refuses(call, policy, breaker.ledger, review)
            if refused is not None:
                call.protected = breaker.protected(tool)
                return refused
        if self._misconfigured and policy.armed and breaker.protected(tool):
            call.protected = True
            return refusal.misconfigured(f"{self._server}/{tool}", self._misconfigured)
        refused = breaker.admit(call, policy)
        if refused is None and not policy.armed and not policy.lock.locked and review.passing(tool, policy.version):
            review.standing.keep(tool, call.protected, breaker, news, changes)
        return refused

    # -- definitions -----------------------------------------------------------------------------------

    def definitions(
        self,
        kind: str,
        found: Sequence[Definition],
        *,
        first: bool,
        last: bool,
        review: Review | None = None,
    ) -> set[int]:
        """A page of a server's list, or its instructions, before the client sees it. Returns positions to leave out.

        `first` and `last` say whether it is the first and the last page. With the state file unusable the rules
        still judge; only what people decided is not known.
        """
        self._refresh_reading(HELLO_DEADLINE_S if kind == "instructions" else OPEN_DEADLINE_S)
        hidden, writing = self._reading.page(kind, found, first=first, last=last, review=review)
        self._recorder.defer(*writing)
        return hidden

    def held(self, kind: str, name: str | None, review: Review | None = None) -> Refusal | None:
        """Whether a prompt, a resource or a template is quarantined: asked before a request about it passes. A name
        of None could not be read."""
        self._refresh_reading(OPEN_DEADLINE_S)
        return self._reading.held(kind, name, review)

    def _refresh_reading(self, wait_s: float) -> None:
        """With the state file unusable, what was known of it goes on."""
        try:
            breaker, policy = self._look(wait_s)
            if breaker is not None and policy is not None:
                self._reading.refresh(policy, breaker.ledger)
        except StateError as error:
            self._problem = error

    # -- small parts -----------------------------------------------------------------------------------

    def _begin(self, call: Call) -> None:
        call.n = next(self._numbers)
        call.started_ns = monotonic_ns()
        if call.frame:
            self._measure.weigh(call, answer=False)

    def _note(self, method: str, note: str, frame: bytes, session: SessionEntry | None, *, from_server: bool) -> None:
        call = Call(
            session=session,
            method=method,
            from_server=from_server,
            note=note,
            outcome=Outcome.VIOLATION,
            duration_ns=0,
        )
        body = frame[: self.kept]
        if from_server:
            call.result, call.result_bytes = body, len(frame)
        else:
            call.arguments, call.arguments_bytes = body, len(frame)
        self._begin(call)
        self._recorder.put(call, True)
