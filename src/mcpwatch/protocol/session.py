"""One client ⇄ server conversation: which question each answer belongs to, in both directions and both eras.

Bytes in, events out; no I/O and no clock. `client(line)` takes what the client sent, `server(line)` what the
server sent; each returns one event and never raises. The two may run in two threads, one each: every table is
touched by single dict operations, so whoever pops a question owns its end.

A `Question` is not outstanding until `asked(question)`: whoever decides whether it may pass does so in between.
An answer passes only when its id equals that of an outstanding question in type and value.

Multi round-trip requests (2026-07-28): a result of type `input_required` leaves the operation waiting. Its next
round comes under a new id with the `requestState` it was given. It counts as a round of that operation, which was
charged already, only with the same method, name, arguments and state, once, and at most `MAX_ROUNDS` times.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw

from mcpwatch.protocol.events import (
    BLANK,
    Answer,
    Batch,
    Event,
    Identity,
    Notification,
    Question,
    Rejected,
    Waiting,
)
from mcpwatch.protocol.message import (
    INVALID_PARAMS,
    MAX_ID,
    NO_KEYS,
    NONE,
    RESULT_KEYS,
    TOP_KEYS,
    Malformed,
    Message,
    Params,
    Parser,
    any_value,
    id_key,
    text,
)
from mcpwatch.protocol.plain import CALL, CallParams, plain_call, plain_result

MAX_ROUNDS: Final = 16
"""Free retries of one operation. SDK clients give up after 10."""

REMEMBERED: Final = 1024
"""Questions kept after they were cancelled, and operations kept waiting for their retry."""

_SMALL: Final = 1 << 16  # arguments up to this are kept to recognise a retry, larger ones as a digest

SAMPLING: Final = "sampling/createMessage"

LISTS: Final = {
    "tools/list": "tool",
    "prompts/list": "prompt",
    "resources/list": "resource",
    "resources/templates/list": "template",
    "initialize": "instructions",
    "server/discover": "instructions",
}
"""Methods whose results hold definitions, and of what kind."""

_ROUND_TRIP: Final = frozenset((CALL, "prompts/get", "resources/read"))
_READ: Final = (
    _ROUND_TRIP | {"initialize", "tools/list", "prompts/list", "resources/list"} | {"resources/templates/list"}
)
_NAME: Final = 256  # characters kept of a name, a version, a revision
_CANCELLED: Final = "notifications/cancelled"
_META_CLIENT: Final = "io.modelcontextprotocol/clientInfo"
_META_VERSION: Final = "io.modelcontextprotocol/protocolVersion"


class Session:
    """The state of one conversation."""

    def __init__(self) -> None:
        self.asked_by_client: dict[bytes, Question] = {}
        self.asked_by_server: dict[bytes, Question] = {}
        self.identity = Identity()
        self.waiting: dict[bytes, Waiting] = {}
        # Ended by the client or by us; a late answer to the first may pass, to the second must not. The key of a
        # question that the server asked is its id with an S in front.
        self._cancelled: dict[bytes, Question] = {}
        self._ended: dict[bytes, Question] = {}
        self._from_client = Parser()
        self._from_server = Parser()

    # ------------------------------------------------------------------ client → server
    def client(self, line: bytes, member: bool = False) -> Event:
        """What the client sent; `member` for a member of a batch."""
        plain = plain_call(line)
        if plain is not None:
            key, params = plain
            if key.isdigit() and len(key) <= MAX_ID and key not in self.asked_by_client:
                question = Question(key, key, CALL, NONE, False, params.name, False, params.arguments)
                if params.meta is not NONE:
                    self._read_meta(question, params)
                return question
        try:
            m = self._from_client.message(line)
            if m.method is None:
                return self._client_answer(m)
            if not len(m.id):
                if m.method == CALL:
                    raise Malformed("a tools/call without an id", id=b"")
                return self._notification(m, self._from_client, self.asked_by_client)
            return self._client_request(m, m.method)
        except Malformed as bad:
            return self._rejected(bad, line, member, self._from_client)

    def _read_meta(self, question: Question, params: CallParams) -> None:
        """A call with `_meta` may be of the era with several rounds, and say who asks."""
        if len(params.arguments) >= _SMALL:
            question.digest = _digest(params.arguments)
        if not self.identity.client_name:
            self._know(any_value(params.meta))

    def _client_request(self, m: Message, method: str) -> Event:
        key = id_key(m.id)
        try:
            if key in self.asked_by_client:
                raise Malformed("the id of a request that is still open")
            if len(m.result) or len(m.error):
                raise Malformed("a request that is also an answer")
            if method != CALL:
                return self._client_other(m, key, method)
            p = self._from_client.params(m.params)
            name = p.name
            if name is None:
                raise Malformed("a tools/call without a name", INVALID_PARAMS)
            question = Question(key, bytes(m.id), CALL, m.params, False, name)
            question.arguments = p.arguments
            if len(p.arguments) >= _SMALL and len(p.meta):
                question.digest = _digest(p.arguments)
            if len(p.requestState) or len(p.inputResponses):
                self._resume(question, p)
            if len(p.meta) and not self.identity.client_name:
                self._know(any_value(p.meta))
            return question
        except Malformed as bad:
            bad.id = bytes(m.id)
            raise

    def _client_other(self, m: Message, key: bytes, method: str) -> Event:
        """A request other than a call."""
        question = Question(key, bytes(m.id), method, m.params)
        if not len(m.params):
            return question
        if method not in _READ or bytes(m.params) == b"null":
            if not self.identity.client_name and len(m.params) < _SMALL:
                params = any_value(m.params)
                self._know(params.get("_meta") if isinstance(params, dict) else None)
            return question
        members = self._from_client.members(m.params)
        if method in _ROUND_TRIP:
            p = Params(
                text(members, "uri" if method == "resources/read" else "name"),
                members.get("arguments", NONE),
                members.get("_meta", NONE),
                members.get("requestState", NONE),
                members.get("inputResponses", NONE),
            )
            question.name = p.name or ""
            question.arguments = p.arguments
            if len(p.arguments) >= _SMALL:
                question.digest = _digest(p.arguments)
            if len(p.requestState) or len(p.inputResponses):
                self._resume(question, p)
        elif method == "initialize":
            info = {_META_CLIENT: any_value(members.get("clientInfo", b"null"))}
            self._know(info)
        else:
            question.cursor = bytes(members.get("cursor", b"null")) != b"null"
        if not self.identity.client_name and "_meta" in members:
            self._know(any_value(members["_meta"]))
        return question

    def _client_answer(self, m: Message) -> Event:
        if not (len(m.result) or len(m.error)):
            raise Malformed("neither a request nor an answer", id=bytes(m.id) or b"null")
        if not len(m.id):
            raise Malformed("an answer without an id", id=b"")
        try:
            key = id_key(m.id)
            if (question := self.asked_by_server.pop(key, None)) is not None:
                if len(m.result) and len(m.error):
                    return Rejected("an answer with both result and error", broken=question, result=m.result)
                return Answer(question, m.result, m.error, bool(len(m.error)))
            if (question := self._ended.pop(b"S" + key, None)) is not None:
                return Rejected("an answer to a request that a lock ended", late=question, result=m.result)
            if (question := self._cancelled.pop(b"S" + key, None)) is not None:
                return Answer(question, m.result, m.error, bool(len(m.error)), late=True)
        except Malformed as bad:
            bad.id = b""
            raise
        return Rejected("an answer to no open request of the server")

    # ------------------------------------------------------------------ server → client
    def server(self, line: bytes, member: bool = False) -> Event:
        """What the server sent; `member` for a member of a batch."""
        plain = plain_result(line)
        if plain is not None:
            key, result, body = plain
            question = self.asked_by_client.get(key)
            if question is not None and question.method == CALL and result.resultType != "input_required":
                question = self.asked_by_client.pop(key, None)
                if question is not None:
                    return Answer(question, body, NONE, result.isError or False)
        try:
            m = self._from_server.message(line)
            if m.method is None:
                return self._server_answer(m)
            if not len(m.id):
                if m.method == SAMPLING:
                    raise Malformed("a sampling request without an id")
                return self._notification(m, self._from_server, self.asked_by_server)
            if len(m.result) or len(m.error):
                raise Malformed("a request that is also an answer")
            key = id_key(m.id)
            if key in self.asked_by_server:
                raise Malformed("the id of a request that is still open")
            name = "@sampling" if m.method == SAMPLING else ""
            return Question(key, bytes(m.id), m.method, m.params, True, name)
        except Malformed as bad:
            rejected = self._rejected(bad, line, member, self._from_server)
            if type(rejected) is Rejected:
                rejected.id = None
            return rejected

    def _server_answer(self, m: Message) -> Event:
        if not (len(m.result) or len(m.error)):
            raise Malformed("neither a request nor an answer")
        if not len(m.id):
            raise Malformed("an answer without an id")
        key = id_key(m.id)
        late = False
        question = self.asked_by_client.pop(key, None)
        if question is None:
            if (question := self._ended.pop(key, None)) is not None:
                return Rejected("an answer to a call that a lock ended", late=question, result=m.result)
            if (question := self._cancelled.pop(key, None)) is None:
                return Rejected("an answer to no open request")
            late = True
        if len(m.error):
            if len(m.result):
                return Rejected("an answer with both result and error", broken=question, result=m.result)
            return Answer(question, NONE, m.error, True, late)
        method = question.method
        try:
            if method in _ROUND_TRIP:
                r = self._from_server.result(m.result)
                answer = Answer(question, m.result, NONE, r.isError, late)
                if r.resultType == "input_required" and not late:
                    answer.sampling = self._sampling(r.inputRequests)
                    answer.waiting = self._wait(question, r.requestState)
                return answer
            if method == "initialize" and bytes(m.result)[:1] == b"{":
                members = self._from_server.members(m.result, RESULT_KEYS)
                self._know({_META_VERSION: any_value(members.get("protocolVersion", b"null"))})
        except Malformed as bad:
            return Rejected(bad.note, broken=question, result=m.result)
        return Answer(question, m.result, NONE, False, late)

    # ------------------------------------------------------------------ both ways
    def _notification(self, m: Message, parser: Parser, table: dict[bytes, Question]) -> Event:
        method = m.method or ""
        if method != _CANCELLED or not len(m.params):
            return Notification(method)
        try:
            raw = parser.members(m.params).get("requestId", NONE)
            key = id_key(raw) if len(raw) else b""
        except Malformed as bad:
            bad.id = b""
            raise
        cancelled = table.pop(key, None)
        if cancelled is None and table is self.asked_by_server:
            # A 2026-07-28 server ends a subscription by cancelling the client's own request.
            listen = self.asked_by_client.get(key)
            if listen is not None and listen.method == "subscriptions/listen":
                cancelled = self.asked_by_client.pop(key, None)
        if cancelled is not None:
            _remember(self._cancelled, cancelled)
        return Notification(method, cancelled)

    def _rejected(self, bad: Malformed, line: bytes, member: bool, parser: Parser) -> Event:
        """The event of a frame that could not be read: a batch after all, nothing, or one that must not pass."""
        if not bad.json and not member:
            if not line.strip():
                return BLANK
            try:
                if (members := parser.batch(line)) is not None:
                    return Batch(members) if members else Rejected("an empty batch", id=b"null")
            except Malformed as worse:
                bad = worse
        reply: bytes | None = bad.id or None
        try:
            # An error under the id of a request that is open would end that one.
            if reply is not None and id_key(Raw(reply)) in self.asked_by_client:
                reply = b"null"
        except Malformed:
            reply = b"null"
        return Rejected(bad.note, bad.code, reply, stray=not bad.json)

    def _know(self, info: Any) -> None:
        """Learn who the client is, and the protocol revision, from `_meta` or the handshake."""
        if not isinstance(info, dict):
            return
        client = info.get(_META_CLIENT)
        name, version, protocol = self.identity.client_name, self.identity.client_version, info.get(_META_VERSION)
        if isinstance(client, dict):
            name, version = str(client.get("name") or ""), str(client.get("version") or "")
        if not isinstance(protocol, str) or not protocol:
            protocol = self.identity.protocol
        self.identity = Identity(name[:_NAME], version[:_NAME], protocol[:_NAME])

    # ------------------------------------------------------------------ what the floor above decides
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
        question.params = NONE
        if len(question.arguments) >= _SMALL:
            question.arguments = NONE
        return True

    def withdraw(self, question: Question) -> bool:
        """Forget a question that was asked: it did not go out. False: somebody else has ended it already."""
        table = self.asked_by_server if question.from_server else self.asked_by_client
        if table.get(question.key) is not question:
            return False
        return table.pop(question.key, None) is question

    def end(self, question: Question) -> bool:
        """End an open question from our side; an answer that still comes will be `Rejected.late`.

        False: it is no longer open.
        """
        if not self.withdraw(question):
            return False
        _remember(self._ended, question)
        return True

    def open(self) -> list[Question]:
        """Every question without an answer. A snapshot."""
        return [*self.asked_by_client.values(), *self.asked_by_server.values()]

    # ------------------------------------------------------------------ multi round-trip requests
    def _wait(self, question: Question, state: Raw) -> Waiting | None:
        """Keep the operation of this question for its next round. None: it had too many, or too many wait."""
        rounds = question.resumes.rounds + 1 if question.resumes is not None else 1
        waiting = Waiting(_operation(question, state), rounds)
        if rounds > MAX_ROUNDS or len(self.waiting) >= REMEMBERED:
            return None
        return waiting if self.waiting.setdefault(waiting.operation, waiting) is waiting else None

    def forget(self, waiting: Waiting) -> bool:
        """The operation does not go on. False: it has been taken up already."""
        return self.waiting.pop(waiting.operation, None) is waiting

    def _resume(self, question: Question, p: Params) -> None:
        """Find the operation of which this question is the next round, if there is one."""
        question.resumes = self.waiting.pop(_operation(question, p.requestState), None)
        if bytes(p.inputResponses) not in (b"", b"null"):
            question.inputs = self._from_client.members(p.inputResponses, NO_KEYS)

    def _sampling(self, raw: Raw) -> dict[str, Raw]:
        """The params of each sampling request in an `inputRequests` object, by its key there."""
        found: dict[str, Raw] = {}
        if bytes(raw) in (b"", b"null"):
            return found
        for key, request in self._from_server.members(raw, NO_KEYS).items():
            members = self._from_server.members(request, TOP_KEYS)
            if text(members, "method") == SAMPLING:
                found[key] = members.get("params", NONE)
        return found


def _remember(table: dict[bytes, Question], question: Question) -> None:
    """Keep an ended question; the oldest are forgotten, a thousand at a time."""
    table[_mark(question)] = question
    if len(table) >= 2 * REMEMBERED:
        for key in list(table)[:REMEMBERED]:
            table.pop(key, None)


def _mark(question: Question) -> bytes:
    return b"S" + question.key if question.from_server else question.key


def _digest(data: Raw | bytes) -> bytes:
    import hashlib  # 5 ms that only the 2026 era pays

    return hashlib.sha256(data).digest()


def _operation(question: Question, state: Raw) -> bytes:
    """What the rounds of one operation have in common, and no other has."""
    token = bytes(state)
    if b"\\" in token:  # an opaque string that client and server may escape differently
        value = any_value(token)
        token = token if value is None else msgspec.json.encode(value)
    parts = (
        question.method.encode(),
        question.name.encode(),
        question.digest or bytes(question.arguments),
        b"" if token == b"null" else token,
    )
    return _digest(b"".join(b"%d:%s" % (len(part), part) for part in parts))
