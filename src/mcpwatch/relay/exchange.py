"""What a relay does with each frame: the session says what it is, the gate whether it may pass.

Bytes in, bytes out; the transport moves them. `from_client` and `from_server` return what is to be forwarded (the
very same object when nothing changes, None for nothing); answers of our own go out by `reply` and `tell_server`.
One thread a direction; `on_lock` and `on_visible` come from a thread of the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Raw

from mcpwatch.guard.refusal import Refusal
from mcpwatch.protocol import replies
from mcpwatch.protocol.events import Answer, Batch, Event, Identity, Notification, Question, Rejected
from mcpwatch.protocol.lenient import find_id
from mcpwatch.protocol.message import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    NONE,
    TOP_KEYS,
    Malformed,
    Parser,
    any_value,
    id_key,
)
from mcpwatch.protocol.plain import CALL
from mcpwatch.protocol.session import LISTS, SAMPLING, Session
from mcpwatch.relay.child import complain
from mcpwatch.relay.listing import Listing
from mcpwatch.store.records import Call, Outcome

MODERN = "2026"
"""Protocol revisions from this year on have no handshake; their results carry a `resultType`."""

_HELD = {"prompts/get": "prompt", "resources/read": "resource"}


class Guard(Protocol):
    """The part of `guard.gate.Gate` a relay uses."""

    def began(self, call: Call) -> None: ...
    def admit(self, call: Call) -> Refusal | None: ...
    def ended(self, call: Call) -> None: ...
    def late(self, call: Call, result: bytes) -> None: ...
    def violation(self, note: str, frame: bytes, *, from_server: bool) -> None: ...
    def stray(self, line: bytes) -> None: ...
    def identify(self, *, client_name: str = "", client_version: str = "", protocol: str = "") -> None: ...
    def held(self, kind: str, name: str) -> Refusal | None: ...
    def definitions(self, kind: str, found: Any, *, first: bool, last: bool) -> set[int]: ...


class Exchange:
    """One conversation under guard."""

    def __init__(self, gate: Guard, reply: Callable[[bytes], None], tell_server: Callable[[bytes], None]) -> None:
        self.session = Session()
        self.ends = 0  # grows with every call a lock ends: what was to be written then may have to stay
        self._gate = gate
        self._reply = reply
        self._tell_server = tell_server
        self._identity = Identity()

    # ------------------------------------------------------------------ client → server
    def from_client(self, line: bytes) -> bytes | None:
        """What of this frame of the client's goes to the server. Never raises."""
        try:
            event = self.session.client(line)
            kind = type(event)
            if kind is Question:
                return line if self._ask(event) else None  # type: ignore[arg-type]
            if kind is Batch:
                return self._batch(line, event, self.session.client, self._client_event)  # type: ignore[arg-type]
            return self._client_event(event, line)
        except Exception as error:  # noqa: BLE001 - a frame we fail on does not pass, and the relay lives on
            self._failed(line, error, from_server=False)
            return None

    def _client_event(self, event: Event, line: bytes) -> bytes | None:
        match event:
            case Question():
                return line if self._ask(event) else None
            case Answer():
                self._answered(event)
                return line
            case Notification(cancels=cancels):
                if cancels is not None:
                    self._cancelled(cancels)
                return line
            case Rejected():
                self._rejected(event, line, from_server=False)
                if event.id is not None:
                    self._reply(replies.error(event.id, event.code, f"mcpwatch refused this message: {event.note}"))
        return None

    def _ask(self, question: Question) -> bool:
        """Let a request of the client's go out, or answer it with a refusal."""
        method = question.method
        gate = self._gate
        body = _said(question)
        call = Call(method=method, tool=question.name, arguments=bytes(body), arguments_bytes=len(body))
        if method == CALL:
            if question.resumes is not None:
                call.flags = "retry"
                self._sampled(question)
            refusal = gate.admit(call)
            if refusal is not None:
                self._refuse(question, refusal)
                return False
        else:
            if question.resumes is not None:
                call.flags = "retry"
                self._sampled(question)
            gate.began(call)
            held = gate.held(_HELD[method], question.name) if method in _HELD else None
            if held is not None:
                call.outcome, call.code, call.note = Outcome.REFUSED, held.code, held.text
                gate.ended(call)
                self._refuse(question, held)
                return False
        question.call = call
        if self.session.identity is not self._identity:
            self._identify()
        if self.session.asked(question):
            return True
        call.outcome, call.note = Outcome.VIOLATION, "the id of a request that is still open, or was cancelled"
        gate.ended(call)
        if question.key not in self.session.asked_by_client:
            self._reply(replies.error(question.id, INVALID_REQUEST, f"mcpwatch refused this message: {call.note}"))
        return False

    def _refuse(self, question: Question, refusal: Refusal) -> None:
        """Answer the client's question with a refusal."""
        if question.method == CALL:
            modern = self.session.identity.protocol >= MODERN
            self._reply(replies.refused_call(question.id, refusal.text, refusal.meta(), modern=modern))
        else:
            self._reply(replies.refused_request(question.id, refusal.text, refusal.meta()))

    # ------------------------------------------------------------------ server → client
    def from_server(self, line: bytes) -> bytes | None:
        """What of this frame of the server's goes to the client. Never raises."""
        try:
            event = self.session.server(line)
            kind = type(event)
            if kind is Answer:
                return self._server_answer(event, line)  # type: ignore[arg-type]
            if kind is Notification and event.cancels is None:  # type: ignore[union-attr]
                return line
            if kind is Batch:
                return self._batch(line, event, self.session.server, self._server_event)  # type: ignore[arg-type]
            return self._server_event(event, line)
        except Exception as error:  # noqa: BLE001 - see from_client
            self._failed(line, error, from_server=True)
            return None

    def _server_event(self, event: Event, line: bytes) -> bytes | None:
        match event:
            case Answer():
                return self._server_answer(event, line)
            case Question():
                return line if self._server_asks(event) else None
            case Notification(cancels=cancels):
                if cancels is not None:
                    self._cancelled(cancels)
                return line
            case Rejected():
                self._rejected(event, line, from_server=True)
        return None

    def _server_answer(self, answer: Answer, line: bytes) -> bytes | None:
        question = answer.question
        if question.method in LISTS and len(answer.result):
            try:
                line = self._listed(answer, line)
            except Malformed as bad:
                self._broken(question, bad.note, line, answer.result)
                return None
        if answer.sampling:
            refusal = self._samples(answer)
            if refusal is not None:
                call = question.call
                call.outcome, call.code, call.note = Outcome.CANCELLED, refusal.code, refusal.text
                call.result, call.result_bytes = bytes(answer.result), len(answer.result)
                self._gate.ended(call)
                self._refuse(question, refusal)
                return None
        self._answered(answer)
        if self.session.identity is not self._identity:
            self._identify()
        return line

    def _answered(self, answer: Answer) -> None:
        """Record the end of a question of either side."""
        call = answer.question.call
        body = answer.result if len(answer.result) else answer.error
        if answer.late:
            self._gate.late(call, bytes(body))
            return
        call.result, call.result_bytes = bytes(body), len(body)
        if answer.failed:
            call.outcome = Outcome.ERROR
            if len(answer.error):
                error = any_value(answer.error) if len(answer.error) < 1 << 16 else None
                call.code = str(error.get("code", ""))[:32] if isinstance(error, dict) else ""
        else:
            call.outcome = Outcome.OK
        self._gate.ended(call)

    def _server_asks(self, question: Question) -> bool:
        """Let a request of the server's reach the client. Sampling spends the user's model, so it is admitted."""
        call = _server_call(question.method, question.name, question.params)
        if question.method == SAMPLING:
            refusal = self._gate.admit(call)
            if refusal is not None:
                self._tell_server(replies.refused_request(question.id, refusal.text, refusal.meta()))
                return False
        else:
            self._gate.began(call)
        question.call = call
        if self.session.asked(question):
            return True
        call.outcome, call.note = Outcome.VIOLATION, "the id of a request that is still open, or was cancelled"
        self._gate.ended(call)
        return False

    # ------------------------------------------------------------------ definitions
    def _listed(self, answer: Answer, line: bytes) -> bytes:
        """The frame of a list with what is quarantined taken out. Raises `Malformed`."""
        question = answer.question
        listing = Listing.read(LISTS[question.method], answer.result)
        if listing is None:
            return line
        hidden = self._gate.definitions(
            listing.kind, listing.found, first=not question.cursor, last=listing.page.last
        )
        if not hidden and not listing.page.patched:
            return line
        members: Mapping[str, Raw] = Parser().members(listing.readable(line), TOP_KEYS)
        return replies.with_members(members, "result", listing.page.without(hidden))

    def on_visible(self, kinds: set[str]) -> None:
        """A person's decision changed what the client may see: have it ask again."""
        changed = {"tool": "tools", "prompt": "prompts", "resource": "resources", "template": "resources"}
        for what in sorted({changed[kind] for kind in kinds if kind in changed}):
            if self.session.identity.protocol < MODERN:
                self._reply(replies.list_changed(what))
            for question in self.session.open():
                if question.method == "subscriptions/listen":
                    self._reply(replies.list_changed(what, question.id))

    # ------------------------------------------------------------------ sampling between rounds
    def _samples(self, answer: Answer) -> Refusal | None:
        """Admit the sampling a server asks for in its `input_required` result; all of it, or none."""
        waiting = answer.waiting
        for key, params in (answer.sampling or {}).items():
            call = _server_call(SAMPLING, "@sampling", params)
            refusal = self._gate.admit(call)
            if refusal is not None:
                if waiting is not None:
                    self.session.forget(waiting)
                    self._abandon(waiting.calls, refusal.code)
                return refusal
            if waiting is not None:
                waiting.calls[key] = call
            else:  # no round will bring its result here
                self._abandon({key: call}, "")
        return None

    def _sampled(self, question: Question) -> None:
        """The next round brings what was sampled."""
        waiting = question.resumes
        while waiting is not None and waiting.calls:
            key, call = waiting.calls.popitem()
            response = (question.inputs or {}).get(key, NONE)
            call.result, call.result_bytes = bytes(response), len(response)
            call.outcome = Outcome.OK if len(response) else Outcome.CANCELLED
            self._gate.ended(call)

    def _abandon(self, calls: dict[str, Call], code: str) -> None:
        while calls:
            _, call = calls.popitem()
            call.outcome, call.code = Outcome.CANCELLED, code
            self._gate.ended(call)

    # ------------------------------------------------------------------ what does not pass
    def _rejected(self, event: Rejected, line: bytes, *, from_server: bool) -> None:
        if event.late is not None:
            self._gate.late(event.late.call, bytes(event.result))
        elif event.broken is not None:
            self._broken(event.broken, event.note, line, event.result)
        elif event.stray and from_server:
            self._gate.stray(line)
        else:
            self._gate.violation(event.note, line, from_server=from_server)

    def _broken(self, question: Question, note: str, line: bytes, result: Raw | bytes = NONE) -> None:
        """An answer that must not pass: its asker is told, for it waits."""
        self._gate.violation(note, line, from_server=not question.from_server)
        call = question.call
        call.outcome, call.note = Outcome.VIOLATION, note
        call.result, call.result_bytes = bytes(result), len(result)
        self._gate.ended(call)
        told = replies.error(question.id, replies.DROPPED, f"mcpwatch dropped the answer: {note}")
        (self._tell_server if question.from_server else self._reply)(told)

    def _failed(self, line: bytes, error: Exception, *, from_server: bool) -> None:
        """We cannot deal with this frame, by a fault of our own: the client is told when it waits for an answer."""
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        at = f"{where.tb_frame.f_code.co_name}:{where.tb_lineno}" if where is not None else "?"
        complain(f"internal error, a message was dropped: {type(error).__name__}: {error} ({at})")
        try:
            m = Parser().message(line)
            if len(m.id) and (m.method is None) is from_server:
                self._reply(replies.error(bytes(m.id), INTERNAL_ERROR, "mcpwatch failed on this message (its fault)"))
        except Malformed:
            pass  # nobody waits for it that we could name

    def oversize(self, head: bytes, tail: bytes, size: int, limit: int, *, from_server: bool) -> None:
        """A frame larger than the limit was skipped: `head` and `tail` are its first and last bytes."""
        note = f"a message of {size:,} bytes, larger than max_frame_mb = {limit >> 20} in the configuration allows"
        id = find_id(head, tail)
        asks = b'"method"' in head[:256] or b'"method"' in tail
        session = self.session
        if id is not None and not asks:
            table = session.asked_by_client if from_server else session.asked_by_server
            question = table.get(id_key(Raw(id)))
            if question is not None and session.withdraw(question):
                self._broken(question, note, head)
                return
        self._gate.violation(note, head, from_server=from_server)
        if not from_server and asks:
            if id is None or id_key(Raw(id)) in session.asked_by_client:
                id = b"null"
            self._reply(replies.error(id, INVALID_REQUEST, f"mcpwatch refused {note}"))

    # ------------------------------------------------------------------ the lock, the end
    def on_lock(self, refusal: Refusal) -> None:
        """End every protected call that is open: the asker gets the refusal, the other side a cancellation."""
        told: list[tuple[Callable[[bytes], None], bytes]] = []
        self.ends += 1
        for waiting in list(self.session.waiting.values()):
            if any(call.protected for call in list(waiting.calls.values())) and self.session.forget(waiting):
                self._abandon(waiting.calls, refusal.code)
        for question in self.session.open():
            call = question.call
            if call is None or not call.protected or not self.session.end(question):
                continue
            call.outcome, call.code, call.note = Outcome.CANCELLED, refusal.code, refusal.text
            self._gate.ended(call)
            cancel = replies.cancelled(question.id, "mcpwatch is locked")
            if question.from_server:
                told.append((self._reply, cancel))
                self._tell_server(replies.refused_request(question.id, refusal.text, refusal.meta()))
            else:
                self._refuse(question, refusal)
                told.append((self._tell_server, cancel))
        for tell, frame in told:
            tell(frame)

    def still_wanted(self, line: bytes) -> bytes | None:
        """What of an unwritten client frame a lock has left, see `ends`."""
        parser = Parser()
        try:
            members = parser.batch(line)
            if members is not None:
                kept = [bytes(raw) for raw in members if self._is_open(parser, bytes(raw))]
                return line if len(kept) == len(members) else _joined(kept)
            return line if self._is_open(parser, line) else None
        except Malformed:
            return line

    def _is_open(self, parser: Parser, line: bytes) -> bool:
        m = parser.message(line)
        return m.method != CALL or not len(m.id) or id_key(m.id) in self.session.asked_by_client

    def close(self) -> None:
        """The conversation is over: what is still open will not be answered."""
        for waiting in list(self.session.waiting.values()):
            self._abandon(waiting.calls, "")
        for question in self.session.open():
            if question.call is not None and self.session.withdraw(question):
                question.call.outcome = Outcome.TIMED_OUT
                question.call.note = "the session ended before an answer came"
                self._gate.ended(question.call)

    # ------------------------------------------------------------------ small parts
    def _cancelled(self, question: Question) -> None:
        call = question.call
        if call is not None:
            call.outcome = Outcome.CANCELLED
            self._gate.ended(call)

    def _batch(
        self,
        line: bytes,
        batch: Batch,
        read: Callable[[bytes, bool], Event],
        act: Callable[[Event, bytes], bytes | None],
    ) -> bytes | None:
        """Each member on its own; the frame itself where all of them pass as they came."""
        members = [bytes(raw) for raw in batch.members]
        kept = [act(read(member, True), member) for member in members]
        if all(one is other for one, other in zip(kept, members, strict=True)):
            return line
        return _joined([member for member in kept if member is not None])

    def _identify(self) -> None:
        known = self._identity = self.session.identity
        self._gate.identify(
            client_name=known.client_name, client_version=known.client_version, protocol=known.protocol
        )


def _said(question: Question) -> Raw | bytes:
    """What a request of the client's says for the first time: of a further round only the inputs it brings, and of
    those not what was sampled, which is the result of the sampling."""
    if question.resumes is None:
        return question.arguments if question.method == CALL else question.params
    sampled = question.resumes.calls
    return b"".join(bytes(raw) for key, raw in (question.inputs or {}).items() if key not in sampled)


def _server_call(method: str, name: str, params: Raw) -> Call:
    return Call(method=method, tool=name, from_server=True, arguments=bytes(params), arguments_bytes=len(params))


def _joined(members: list[bytes]) -> bytes | None:
    return b"[" + b",".join(members) + b"]" if members else None
