"""What a relay does with each frame: the session says what it is, the gate whether it may pass.

Bytes in, bytes out; the transport moves them. `from_client` and `from_server` return what is to be forwarded (the
very same object when nothing changes, None for nothing); answers of our own go out by `reply` and `tell_server`.
One thread a direction; `on_lock` and `on_visible` come from a thread of the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from msgspec import Raw

from mcpwatch.guard.refusal import Refusal
from mcpwatch.protocol import replies
from mcpwatch.protocol.events import Answer, Batch, Event, Notification, Question, Rejected, Success
from mcpwatch.protocol.lenient import find_id
from mcpwatch.protocol.message import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    TOP_KEYS,
    Key,
    Malformed,
    Parser,
    id_key,
)
from mcpwatch.protocol.methods import CALL, LISTEN, LISTS, TASK_RESULT, TASK_UPDATE, TASKS
from mcpwatch.protocol.questions import MAX_OPEN
from mcpwatch.protocol.rounds import SMALL
from mcpwatch.protocol.subjects import ABOUT, subjects
from mcpwatch.relay.child import complain, fault_of
from mcpwatch.relay.deliveries import Deliveries
from mcpwatch.relay.endings import MODERN
from mcpwatch.relay.listing import Listing
from mcpwatch.store.records import Call, Outcome

_ADMITTED: Final = frozenset((CALL, TASK_RESULT, TASK_UPDATE))  # of the client's requests

MAX_HELD = 128 << 20
"""Bytes of arguments kept for the requests of one side that are open; one request may always be."""


def _at_once(work: Callable[[], None]) -> None:
    work()


class Exchange(Deliveries):
    """One conversation under guard."""

    # ------------------------------------------------------------------ client → server
    def from_client(self, line: bytes) -> bytes | None:
        """What of this frame of the client's goes to the server. Never raises."""
        try:
            event = self.session.client(line)
            kind = type(event)
            if kind is Question:
                return line if self._ask(event, line) else None  # type: ignore[arg-type]
            if kind is Batch:
                with self._together():
                    return self._batch(line, event, self.session.client, self._client_event)  # type: ignore[arg-type]
            return self._client_event(event, line)
        except Exception as error:  # noqa: BLE001 - a frame we fail on does not pass, and the relay lives on
            self._failed(line, error, from_server=False)
            return None

    def _client_event(self, event: Event, line: bytes) -> bytes | None:
        match event:
            case Question():
                return line if self._ask(event, line) else None
            case Answer():
                self._answered(event, line)
                return line
            case Notification(cancels=cancels):
                if cancels is not None:
                    self._cancelled(cancels)
                return line
            case Rejected():
                self._rejected(event, line, from_server=False)
        return None

    def _ask(self, question: Question, line: bytes) -> bool:
        """Let a request of the client's, which came in this frame, go out, or answer it with a refusal."""
        session, call = self.session, None
        small = question.method == CALL and question.resumes is None and len(question.arguments) < SMALL
        if small and len(session.asked_by_client) < MAX_OPEN:
            call = self._gate.admitted(question.name, bytes(question.arguments))
        if call is None:
            call = self._begun(question, line)
            if call is None:
                return False
        question.call = call
        if session.identity is not self._identity:
            self._identify()
        if session.asked(question):
            return True
        call.outcome, call.note = Outcome.VIOLATION, "the id of a request that is still open, or was cancelled"
        self._gate.ended(call)
        if question.key not in session.asked_by_client:
            self._reply(replies.error(question.id, INVALID_REQUEST, f"mcpwatch refused this message: {call.note}"))
        return False

    def _begun(self, question: Question, line: bytes) -> Call | None:
        """The call of a request of the client's that may go out; None where it was refused."""
        method = question.method
        gate = self._gate
        body = _said(question)
        size = len(body)
        if size <= gate.kept or question.resumes is not None:
            call = Call(method=method, tool=question.name, arguments=bytes(body), arguments_bytes=size)
        else:
            start = bytes(memoryview(body)[: gate.kept])
            call = Call(method=method, tool=question.name, arguments=start, arguments_bytes=size, frame=line)
        if method != CALL and method in TASKS:
            call.tool = gate.tasks.tool(question.name)
            if method in _ADMITTED and gate.tasks.fetch(question.name):
                call.flags = "retry"
        open_ones = self.session.asked_by_client
        if len(open_ones) >= MAX_OPEN or (size >= SMALL and _too_much(open_ones, size)):
            self._crowded(question, call)
            return None
        if question.resumes is not None:
            call.flags = "retry"
            self._sampling.brought(question)
        if method in _ADMITTED:
            refusal = gate.admit(call)
            if refusal is not None:
                self._refuse(question, refusal)
                return None
        else:
            gate.began(call)
            held = self._held(question) if method in ABOUT else None
            if held is not None:
                call.outcome, call.code, call.note = Outcome.REFUSED, held.code, held.text
                gate.ended(call)
                self._refuse(question, held)
                return None
        return call

    def _held(self, question: Question) -> Refusal | None:
        """Why a request about prompts or resources is refused: one of those it is about is quarantined."""
        about = subjects(question.method, question.params)
        return next((held for kind, name in about if (held := self._gate.held(kind, name)) is not None), None)

    # ------------------------------------------------------------------ server → client
    def from_server(self, line: bytes) -> bytes | None:
        """What of this frame of the server's goes to the client. Never raises."""
        try:
            event = self.session.server(line)
            kind = type(event)
            if kind is Success:
                self._succeeded(event.question, event.result)  # type: ignore[union-attr, arg-type] # bytes: it is small
                return line
            if kind is Answer:
                return self._server_answer(event, line)  # type: ignore[arg-type]
            if kind is Notification and event.cancels is None and event.news is None:  # type: ignore[union-attr]
                return line
            if kind is Batch:
                return self._batch(line, event, self.session.server, self._server_event)  # type: ignore[arg-type]
            return self._server_event(event, line)
        except Exception as error:  # noqa: BLE001 - see from_client
            self._failed(line, error, from_server=True)
            return None

    def _server_event(self, event: Event, line: bytes) -> bytes | None:
        match event:
            case Success(question=question, result=result):
                self._succeeded(question, bytes(result))
                return line
            case Answer():
                return self._server_answer(event, line)
            case Question():
                return line if self._server_asks(event) else None
            case Notification(cancels=cancels, news=news):
                if cancels is not None:
                    self._cancelled(cancels)
                return line if news is None or self._told(event.method, news, line) else None
            case Rejected():
                self._rejected(event, line, from_server=True)
        return None

    def _server_answer(self, answer: Answer, line: bytes) -> bytes | None:
        question = answer.question
        if question.method in LISTS and len(answer.result):
            try:
                line = self._listed(answer, line)
            except Malformed as bad:
                if answer.late:
                    self._gate.late(question.call, bytes(answer.result))
                    return None
                self._gate.violation(bad.note, line, from_server=True)
                self._broken(question, bad.note, answer.result)
                return None
        if answer.tasks and not self._tasks(answer):
            return None
        if answer.sampling:
            refusal = self._sampled(answer)
            if refusal is not None:
                self._refuse(question, refusal)
                return None
        self._answered(answer, line)
        if self.session.identity is not self._identity:
            self._identify()
        return line

    def _server_asks(self, question: Question) -> bool:
        """Let a request of the server's reach the client. Sampling spends the user's model, so it is admitted."""
        params = question.params
        call = Call(
            method=question.method,
            tool=question.name,
            from_server=True,
            arguments=bytes(params),
            arguments_bytes=len(params),
        )
        open_ones = self.session.asked_by_server
        if len(open_ones) >= MAX_OPEN or _too_much(open_ones, len(params)):
            self._crowded(question, call)
            return False
        if question.name:  # @sampling
            if question.method == TASK_RESULT:
                call.flags = "retry"
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
        listing = Listing.read(LISTS[question.method], answer.result)  # type: ignore[arg-type] # no view: no plain call
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
                if question.method == LISTEN:
                    self._reply(replies.list_changed(what, question.id))

    # ------------------------------------------------------------------ what does not pass
    def _failed(self, line: bytes, error: Exception, *, from_server: bool) -> None:
        """We cannot deal with this frame, by a fault of our own: the client is told when it waits for an answer."""
        complain(f"internal error, a message was dropped: {fault_of(error)}")
        try:
            m = Parser().message(line)
            if len(m.id) and (m.method is None) is from_server:
                self._reply(replies.error(bytes(m.id), INTERNAL_ERROR, "mcpwatch failed on this message (its fault)"))
        except Malformed:
            pass  # nobody waits for it that we could name

    def oversize(self, head: bytes, tail: bytes, size: int, limit: int, *, from_server: bool) -> None:
        """A frame larger than the limit was skipped: `head` and `tail` are its first and last bytes. Never raises."""
        try:
            self._too_large(head, tail, size, limit, from_server=from_server)
        except Exception as error:  # noqa: BLE001 - see from_client
            self._failed(head, error, from_server=from_server)

    def _too_large(self, head: bytes, tail: bytes, size: int, limit: int, *, from_server: bool) -> None:
        note = f"a message of {size:,} bytes, larger than max_frame_mb = {limit >> 20} in the configuration allows"
        id = find_id(head, tail)
        asks = b'"method"' in head[: 256 + len(id or b"")] or b'"method"' in tail
        session = self.session
        self._gate.violation(note, head, from_server=from_server)
        if id is not None and not asks:
            table = session.asked_by_client if from_server else session.asked_by_server
            question = table.get(id_key(Raw(id)))
            if question is not None and session.withdraw(question):
                self._broken(question, note)
                return
        if not from_server and asks:
            if id is None or id_key(Raw(id)) in session.asked_by_client:
                id = b"null"
            self._reply(replies.error(id, INVALID_REQUEST, f"mcpwatch refused {note}"))

    # ------------------------------------------------------------------ the lock, the end
    def on_lock(self, refusal: Refusal, apart: Callable[[Callable[[], None]], object] = _at_once) -> None:
        """End every protected call that is open: the asker gets the refusal, the other side a cancellation.

        The server is told first. `apart` runs what tells one side: one that does not read must not keep it from the
        other.
        """
        to_server: list[Callable[[], None]] = []
        to_client: list[Callable[[], None]] = []
        self.ends += 1
        self._sampling.lock(refusal.code)
        for question in self.session.open():
            call = question.call
            if call is None or not call.protected or not self.session.end(question):
                continue
            call.outcome, call.code, call.note = Outcome.CANCELLED, refusal.code, refusal.text
            self._gate.ended(call)
            cancel = replies.cancelled(question.id, "mcpwatch is locked")
            if question.from_server:
                refused = replies.refused_request(question.id, refusal.text, refusal.meta())
                to_server.append(partial(self._tell_server, refused))
                to_client.append(partial(self._reply, cancel))
            else:
                to_server.append(partial(self._tell_server, cancel))
                to_client.append(partial(self._refuse, question, refusal))
        if to_server:
            apart(partial(_all_of, to_server))
            apart(partial(_all_of, to_client))

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
        return m.method not in _ADMITTED or not len(m.id) or id_key(m.id) in self.session.asked_by_client

    # ------------------------------------------------------------------ small parts
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


def _too_much(open_ones: dict[Key, Question], size: int) -> bool:
    """Whether these arguments would be more than is kept for open requests."""
    if size < SMALL or not open_ones:
        return False
    held = sum(len(question.call.arguments) for question in list(open_ones.values()) if question.call is not None)
    return held + size > MAX_HELD


def _all_of(works: list[Callable[[], None]]) -> None:
    for work in works:
        work()


def _joined(members: list[bytes]) -> bytes | None:
    return b"[" + b",".join(members) + b"]" if members else None
