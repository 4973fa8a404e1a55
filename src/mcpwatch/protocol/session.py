"""One client ⇄ server conversation: which question each answer belongs to, in both directions and both eras.

Bytes in, events out; no I/O and no clock. `client(line)` takes what the client sent, `server(line)` what the
server sent; each returns one event and never raises. The two may run in two threads, one each.

A `Question` is not outstanding until `asked(question)`: whoever decides whether it may pass does so in between.
An answer passes only when its id equals that of an outstanding question in type and value. One that nobody can read
ends its question if its id can be told; the asker is to hear of it.
"""

from __future__ import annotations

from typing import Final

from msgspec import Raw

from mcpwatch.protocol import rounds, tasks
from mcpwatch.protocol.events import (
    BLANK,
    Answer,
    Batch,
    Event,
    Identity,
    Notification,
    Question,
    Rejected,
    Success,
    Waiting,
)
from mcpwatch.protocol.message import (
    INVALID_PARAMS,
    MAX_NAME,
    NONE,
    PARAMS_KEYS,
    RESULT_KEYS,
    Key,
    Malformed,
    Message,
    NotAnObject,
    Parser,
    any_value,
    id_key,
    text,
)
from mcpwatch.protocol.methods import (
    CALL,
    CANCELLED,
    LISTEN,
    LISTS,
    NAMED,
    SAMPLING,
    TASK_NEWS,
    TASK_RESULT,
    TASK_STATE,
    TASK_UPDATE,
    TASKS,
    check_method,
)
from mcpwatch.protocol.plain import CallParams, plain_call, plain_result
from mcpwatch.protocol.questions import Questions
from mcpwatch.protocol.unread import Sketch, sketches

_READ: Final = (NAMED | LISTS.keys() | TASKS) - {"server/discover"}  # of whose params more is read than `_meta`
_BRIEF: Final = 1 << 16  # params longer than this are not looked through for who asks


class Session(Questions):
    """The state of one conversation."""

    def __init__(self) -> None:
        super().__init__()
        self.identity = Identity()
        self.waiting: dict[bytes, Waiting] = {}
        self._from_client = Parser()
        self._from_server = Parser()

    # ------------------------------------------------------------------ client → server
    def client(self, line: bytes, member: bool = False) -> Event:
        """What the client sent; `member` for a member of a batch."""
        plain = plain_call(line)
        if plain is not None:
            key, params = plain
            if key not in self.asked_by_client:
                question = Question(key, b"", CALL, NONE, False, params.name, False, params.arguments)
                if params.meta is not NONE:
                    self._read_meta(question, params)
                return question
        try:
            m = self._from_client.message(line)
            if m.method is None:
                return self._client_answer(m)
            if not len(m.id):
                return self._notification(m, m.method, self._from_client, self.asked_by_client)
            question = self._client_request(m, m.method)
        except Malformed as bad:
            return self._rejected(bad, line, member, from_server=False)
        if len(line) >= rounds.SMALL > len(question.arguments):
            _let_go(question)
        return question

    def _read_meta(self, question: Question, params: CallParams) -> None:
        """A call with `_meta` may be of the era with several rounds, and say who asks."""
        if len(params.arguments) >= rounds.SMALL:
            question.digest = rounds.digest(params.arguments)
        elif len(params.meta) >= rounds.SMALL:
            _let_go(question)
        if not self.identity.client_name:
            self.identity = self.identity.learned(any_value(params.meta))

    def _client_request(self, m: Message, method: str) -> Question:
        try:
            key = id_key(m.id)
            check_method(method)
            if key in self.asked_by_client:
                raise Malformed("the id of a request that is still open")
            if len(m.result) or len(m.error):
                raise Malformed("a request that is also an answer")
            question = Question(key, bytes(m.id), method, m.params)
            if method in _READ and len(m.params) and not _is_null(m.params):
                self._read_params(question, m.params)
            elif method == CALL:
                raise Malformed("a tools/call without params", INVALID_PARAMS)
            elif len(m.params):
                self._glance(question, m.params)
            return question
        except Malformed as bad:
            bad.id, bad.json = bytes(m.id), True
            raise

    def _read_params(self, question: Question, params: Raw) -> None:
        """The params of a request of which we know what they mean."""
        method = question.method
        try:
            members = self._from_client.members(params, PARAMS_KEYS)
        except NotAnObject:
            raise Malformed("params that are not an object", INVALID_PARAMS) from None
        if method in NAMED:
            name = text(members, "uri" if method == "resources/read" else "name")
            if name is None and method == CALL:
                raise Malformed("a tools/call without a name", INVALID_PARAMS)
            if name is not None and len(name) > MAX_NAME and method != "resources/read":
                raise Malformed("a name that is too long", INVALID_PARAMS)
            question.name = name or ""
            question.arguments = members.get("arguments", NONE)
            if len(question.arguments) >= rounds.SMALL and (method != CALL or "_meta" in members):
                question.digest = rounds.digest(question.arguments)
        elif method in TASKS:
            question.name = text(members, "taskId") or ""
            if len(question.name) > MAX_NAME:
                raise Malformed("a taskId that is too long", INVALID_PARAMS)
        elif method == "initialize":
            self.identity = self.identity.named(any_value(members.get("clientInfo", b"null")))
        else:
            question.cursor = bytes(members.get("cursor", b"null")) != b"null"
        self._resume(question, members)
        if not self.identity.client_name and "_meta" in members:
            self.identity = self.identity.learned(any_value(members["_meta"]))

    def _glance(self, question: Question, params: Raw) -> None:
        """The params of any other request: who asks, and whether it is a further round."""
        if rounds.brings_inputs(params):
            try:
                self._resume(question, self._from_client.members(params, rounds.ROUND_KEYS))
            except NotAnObject:
                pass  # params by position
        if not self.identity.client_name and len(params) < _BRIEF:
            value = any_value(params)
            self.identity = self.identity.learned(value.get("_meta") if isinstance(value, dict) else None)

    def _resume(self, question: Question, members: dict[str, Raw]) -> None:
        state, responses = members.get("requestState", NONE), members.get("inputResponses", NONE)
        if len(state) or len(responses):
            rounds.resume(self.waiting, question, state, responses, self._from_client)

    def _client_answer(self, m: Message) -> Event:
        if not (len(m.result) or len(m.error)):
            raise Malformed("neither a request nor an answer")
        if not len(m.id):
            raise Malformed("an answer without an id", id=b"")
        try:
            key = id_key(m.id)
            if (question := self.asked_by_server.pop(key, None)) is not None:
                if len(m.result) and len(m.error):
                    return Rejected("an answer with both result and error", broken=question, result=m.result)
                return Answer(question, m.result, m.error, bool(len(m.error)))
            if (question := self._ended.pop(("S", key), None)) is not None:
                return Rejected("an answer to a request that a lock ended", late=question, result=m.result)
            if (question := self._cancelled.pop(("S", key), None)) is not None:
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
                    if result.isError or len(line) > rounds.SMALL or question.resumes is not None:
                        return Answer(question, body, NONE, result.isError or False)
                    return Success(question, body)
        try:
            m = self._from_server.message(line)
            if m.method is None:
                return self._server_answer(m)
            if not len(m.id):
                return self._notification(m, m.method, self._from_server, self.asked_by_server)
            return self._server_request(m, m.method)
        except Malformed as bad:
            return self._rejected(bad, line, member, from_server=True)

    def _server_request(self, m: Message, method: str) -> Question:
        try:
            key = id_key(m.id)
            check_method(method)
            if len(m.result) or len(m.error):
                raise Malformed("a request that is also an answer")
            if key in self.asked_by_server:
                raise Malformed("the id of a request that is still open")
        except Malformed as bad:
            bad.id = bytes(m.id)
            raise
        # Of what a client does as a task, only sampling is worth fetching; nobody can say it was something else.
        spends = method in (SAMPLING, TASK_RESULT)
        return Question(key, bytes(m.id), method, m.params, True, "@sampling" if spends else "")

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
        try:
            if len(m.error):
                if len(m.result):
                    raise Malformed("an answer with both result and error")
                return Answer(question, NONE, m.error, True, late)
            return self._server_result(question, m.result, late)
        except Malformed as bad:
            if late:
                return Rejected(bad.note, late=question, result=m.result)
            return Rejected(bad.note, broken=question, result=m.result)

    def _server_result(self, question: Question, result: Raw, late: bool) -> Answer:
        parser = self._from_server
        answer = Answer(question, result, NONE, False, late)
        if question.method == TASK_STATE:
            tasks.read_state(answer, result, parser, self.waiting)
            return answer
        named = question.method in NAMED or question.method == TASK_RESULT
        if named or rounds.asks_for_inputs(result):
            r = parser.result(result, RESULT_KEYS if named else rounds.REQUIRED_KEYS)
            answer.failed = named and r.isError
            # Whatever the resultType: some client may go by the requests alone.
            answer.sampling = rounds.sampling(r.inputRequests, parser)
            if late and answer.sampling:
                raise Malformed("a late answer that asks for sampling")
            if answer.sampling or (r.resultType == "input_required" and not late):
                answer.waiting = rounds.wait(self.waiting, question, r.requestState)
            if question.method == CALL and (len(r.task) or len(r.taskId)):
                answer.tasks = tasks.made(r.task, r.taskId, parser)
        if question.method == "initialize" and bytes(result)[:1] == b"{":
            members = parser.members(result, RESULT_KEYS)
            self.identity = self.identity.speaking(any_value(members.get("protocolVersion", b"null")))
        return answer

    # ------------------------------------------------------------------ both ways
    def _notification(self, m: Message, method: str, parser: Parser, table: dict[Key, Question]) -> Event:
        try:
            check_method(method)
            if method in (CALL, SAMPLING, TASK_RESULT, TASK_UPDATE):
                raise Malformed(f"a {method} without an id")
            if len(m.result) or len(m.error):
                raise Malformed("a notification that is also an answer")
            if method in TASK_NEWS and parser is self._from_server:
                return Notification(method, news=tasks.news(m.params, parser, self.waiting))
            if method != CANCELLED or not len(m.params):
                return Notification(method)
            raw = parser.members(m.params).get("requestId", NONE)
            key: Key = id_key(raw) if len(raw) else b""
        except Malformed as bad:
            bad.id, bad.json = b"", True
            raise
        cancelled = table.pop(key, None)
        if cancelled is None and table is self.asked_by_server:
            # A 2026-07-28 server ends a subscription by cancelling the client's own request.
            listen = self.asked_by_client.get(key)
            if listen is not None and listen.method == LISTEN:
                cancelled = self.asked_by_client.pop(key, None)
        if cancelled is not None:
            self.cancelled(cancelled)
        return Notification(method, cancelled)

    # ------------------------------------------------------------------ what cannot be read
    def _rejected(self, bad: Malformed, line: bytes, member: bool, *, from_server: bool) -> Event:
        """The event of a frame that could not be read: a batch after all, nothing, or one that must not pass."""
        if not bad.json and not member:
            if not line.strip():
                return BLANK
            try:
                parser = self._from_server if from_server else self._from_client
                if (members := parser.batch(line)) is not None:
                    unread = Rejected("an empty batch", id=self._address(b"null", from_server))
                    return Batch(members) if members else unread
            except Malformed as worse:
                bad = worse
        if bad.id is not None:
            return Rejected(bad.note, bad.code, self._address(bad.id, from_server))
        found = sketches(line)
        parts = [self._unread(bad, one, from_server) for one in found]
        concerned = [part for part in parts if part.id is not None or part.broken is not None]
        if concerned:
            concerned[0].more = tuple(concerned[1:])
            return concerned[0]
        unasked = from_server or bool(found)
        return Rejected(bad.note, bad.code, None if unasked else b"null", stray=not bad.json and not found)

    def _unread(self, bad: Malformed, one: Sketch, from_server: bool) -> Rejected:
        """What is to be done about one object of a frame that could not be read."""
        if one.asks or not (from_server or one.answers):
            return Rejected(bad.note, bad.code, self._address(one.id or b"null", from_server))
        table = self.asked_by_client if from_server else self.asked_by_server
        try:
            key: Key = id_key(Raw(one.id)) if one.id is not None else b""
        except Malformed:
            key = b""
        return Rejected(bad.note, bad.code, broken=table.pop(key, None))

    def _address(self, id: bytes, from_server: bool) -> bytes | None:
        """The raw id under which the sender of a request can be told that it did not pass; None for not at all.

        An error under the id of a request that is open would end that one.
        """
        if not id:
            return None
        table = self.asked_by_server if from_server else self.asked_by_client
        try:
            if any_value(id) is not None and id_key(Raw(id)) not in table:
                return id
        except Malformed:
            pass
        return None if from_server else b"null"

    # ------------------------------------------------------------------ what the floor above decides
    def forget(self, waiting: Waiting) -> bool:
        """The operation does not go on. False: it has been taken up already."""
        return self.waiting.pop(waiting.operation, None) is waiting


def _is_null(raw: Raw) -> bool:
    return len(raw) == 4 and bytes(raw) == b"null"


def _let_go(question: Question) -> None:
    """Keep the arguments without the frame they came in."""
    question.arguments = Raw(bytes(question.arguments))
