"""Conversations: which question an answer belongs to, against a brute-force model and by the book of both eras."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mcpwatch.protocol.events import BLANK, Answer, Batch, Event, Identity, Notification, Question, Rejected
from mcpwatch.protocol.message import MAX_NAME
from mcpwatch.protocol.questions import REMEMBERED
from mcpwatch.protocol.session import Session
from protocol.frames import META, answered, ask, call, frame, rejected

# ---------------------------------------------------------------------- against a model
IDS = [0, 1, -1, 2**63, "0", "1", "", "é", 'a"b', 1.5, 1.0]
ids = st.sampled_from(IDS)


def typed(id: Any) -> tuple[type, Any]:
    return type(id), id


class Conversation(RuleBasedStateMachine):
    """Any interleaving. The model keeps, per side, which ids are open, cancelled or ended, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()
        self.open: dict[tuple[str, tuple[type, Any]], Question] = {}
        self.cancelled: dict[tuple[str, tuple[type, Any]], Question] = {}
        self.ended: dict[tuple[str, tuple[type, Any]], Question] = {}

    def send(self, side: str, line: bytes) -> Event:
        return self.session.client(line) if side == "client" else self.session.server(line)

    @rule(
        side=st.sampled_from(["client", "server"]),
        id=ids,
        method=st.sampled_from(["tools/call", "ping", "x"]),
        spaced=st.booleans(),
    )
    def request(self, side, id, method, spaced):
        message = {"jsonrpc": "2.0", "id": id, "method": method, "params": {"name": "t", "arguments": {}}}
        event = self.send(side, json.dumps(message, separators=None if spaced else (",", ":")).encode())
        key = side, typed(id)
        if key in self.open:
            assert "open" in rejected(event).note
            assert event.id in (None, b"null")
            return
        assert isinstance(event, Question)
        assert (event.method, event.from_server) == (method, side == "server")
        if key in self.cancelled or key in self.ended:  # its answer may still come, and would be taken for this one's
            assert not self.session.asked(event)
            return
        assert self.session.asked(event)
        self.open[key] = event

    @rule(side=st.sampled_from(["client", "server"]), id=ids, failed=st.booleans(), spaced=st.booleans())
    def answer(self, side, id, failed, spaced):
        body = {"error": {"code": 1, "message": "m"}} if failed else {"result": {"content": []}}
        line = json.dumps({"jsonrpc": "2.0", "id": id, **body}, separators=None if spaced else (",", ":"))
        event = self.send(side, line.encode())
        key = "server" if side == "client" else "client", typed(id)
        if key in self.open:
            assert isinstance(event, Answer)
            assert event.question is self.open.pop(key)
            assert event.failed is failed
            assert not event.late
        elif key in self.ended:
            assert rejected(event).late is self.ended.pop(key)
        elif key in self.cancelled:
            assert isinstance(event, Answer)
            assert event.late
            assert event.question is self.cancelled.pop(key)
        else:
            assert rejected(event).late is None
            assert event.id is None

    @rule(side=st.sampled_from(["client", "server"]), id=ids)
    def cancel(self, side, id):
        event = self.send(side, frame(method="notifications/cancelled", params={"requestId": id}))
        assert isinstance(event, Notification)
        key = side, typed(id)
        question = self.open.pop(key, None)
        assert event.cancels is question
        if question is not None:
            self.cancelled[key] = question

    @rule(side=st.sampled_from(["client", "server"]), id=ids)
    def lock(self, side, id):
        key = side, typed(id)
        if key in self.open:
            question = self.open.pop(key)
            assert self.session.end(question)
            assert not self.session.end(question)
            self.ended[key] = question

    @rule(side=st.sampled_from(["client", "server"]), id=ids)
    def withdraw(self, side, id):
        question = self.open.pop((side, typed(id)), None)
        if question is not None:
            assert self.session.withdraw(question)
            assert not self.session.withdraw(question)

    @invariant()
    def the_same_questions_are_open(self):
        assert {id(q) for q in self.session.open()} == {id(q) for q in self.open.values()}


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=120, stateful_step_count=40, deadline=None, derandomize=True)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=5))
def test_no_bytes_crash_a_session(lines):
    session = Session()
    for from_client, line in lines:
        event = session.client(line) if from_client else session.server(line)
        assert event is BLANK or isinstance(event, Question | Answer | Notification | Batch | Rejected)


def test_two_threads_pair_every_question_once():
    session = Session()
    asked: list[int] = []
    found: list[int] = []

    def client() -> None:
        for n in range(3000):
            ask(session, call(n))
            asked.append(n)

    def server() -> None:
        done = 0
        while done < 3000:
            if done < len(asked):
                found.append(int(answered(session, frame(id=done, result={"content": []})).question.key))
                done += 1

    threads = [threading.Thread(target=client), threading.Thread(target=server)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == list(range(3000))
    assert session.open() == []


# ---------------------------------------------------------------------- what does not pass
@pytest.mark.parametrize(
    ("line", "id"),
    [
        (b"nonsense", b"null"),
        (b"[]", b"null"),
        (b"42", b"null"),
        (b'{"jsonrpc":"2.0"}', b"null"),
        (b'{"jsonrpc":"2.0","id":7}', b"7"),
        (b'{"jsonrpc":"2.0","id":7,"method":5}', b"7"),
        (b'{"jsonrpc":"2.0","id":7,"method":"a","method":"b"}', b"7"),
        (b'{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"a"}}', b"null"),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', b"null"),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', b"null"),
        (b'{"jsonrpc":"2.0","id":1e2,"method":"ping"}', b"null"),
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call"}', b"7"),
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":["t"]}', b"7"),
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":5}}', b"7"),
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"Name":"t"}}', b"7"),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","result":{}}', b"7"),
        (b'{"jsonrpc":"2.0","id":7,"method":"prompts/get","params":{"name":"a","name":"b"}}', b"7"),
        (b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}', None),
        (b'{"jsonrpc":"2.0","id":7,"result":{}}', None),
        (b'{"jsonrpc":"2.0","id":7,"result":{},"result":{}}', None),
        (b'{"jsonrpc":"2.0","method":"n","result":{}}', None),
        (b'{"jsonrpc":"2.0","id":7,"Method":"tools/call","params":{"name":"a"}}', b"7"),
        (b'{"jsonrpc":"2.0","id":7,"METHOD":"ping","x":NaN}', b"7"),
        (b'{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}', b"null"),
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","arguments":{"x":NaN}}}', b"7"),
        (b'{"jsonrpc":"2.0","id":"\xff","method":"ping"}', b"null"),
        (b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping","x":NaN}', b"null"),
        (b'{"jsonrpc":"2.0","method":"ping","params":{"id":7,"x":NaN}}', b"null"),
        (b'{"jsonrpc":"2.0","id":7,"method":"TOOLS/CALL","params":{"name":"a"}}', b"7"),
        (b'{"jsonrpc":"2.0","method":"Tools/Call","params":{"name":"a"}}', None),
        (b'{"jsonrpc":"2.0","result":{}}', None),
        (b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"requestId":2}}', None),
    ],
)
def test_what_a_client_may_not_send(line, id):
    event = rejected(Session().client(line))
    assert event.id == id
    assert event.note


@pytest.mark.parametrize(
    ("line", "id"),
    [
        (b'{"jsonrpc":"2.0","id":"1","result":{}}', None),
        (b'{"jsonrpc":"2.0","id":1.0,"result":{}}', None),
        (b'{"jsonrpc":"2.0","id":true,"result":{}}', None),
        (b'{"jsonrpc":"2.0","id":null,"error":{}}', None),
        (b'{"jsonrpc":"2.0","result":{}}', None),
        (b'{"jsonrpc":"2.0","id":"1","result":NaN}', None),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"result":{}}', None),
        (b'{"jsonrpc":"2.0","id":2,"result":NaN}', None),
        (b'{"jsonrpc":"2.0","result":{"id":1,"x":NaN}}', None),
        (b'{"jsonrpc":"2.0","method":"n","params":{"id":1,"result":NaN}}', None),
        (b'sent {"jsonrpc":"2.0","id":1,"result":{}}', None),
        (b'[INFO] sent {"jsonrpc":"2.0","id":1,"result":{}}', None),
        (b'[2026, {"jsonrpc":"2.0","id":1,"result":{}}', None),
        (b'{"level":"info","id":1}', None),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', b"1"),
        (b'{"jsonrpc":"2.0","id":1,"Method":"sampling/createMessage","result":{}}', b"1"),
        (b'{"jsonrpc":"2.0","id":"s","method":"x","params":{"a":NaN}}', b'"s"'),
        (b'{"jsonrpc":"2.0","method":"sampling/createMessage","params":{}}', None),
        (b'{"jsonrpc":"2.0","id":"\xff","method":"x"}', None),
    ],
)
def test_what_a_server_may_not_send_leaves_the_question_open(line, id):
    """Its own questions are answered with an error, as far as they can be told."""
    session = Session()
    question = ask(session, call(1))
    event = rejected(session.server(line))
    assert event.id == id
    assert event.broken is None
    assert event.more == ()
    assert session.open() == [question]


DEEP = b"[" * 5000 + b"]" * 5000

UNREADABLE = [
    b'{"jsonrpc":"2.0","id":1,"result":{"x":NaN}}',
    b'{"jsonrpc":"2.0","id":1,"result":{"x":-Infinity}}',
    b'{"result":{"x":[{"id":7,"y":NaN}]},"jsonrpc":"2.0","id":1}\n',
    b'{"jsonrpc":"2.0","id":1,"result":{"x":' + DEEP + b"}}",
    b'{"jsonrpc":"2.0","result":{"x":' + DEEP + b'},"id":1}',
    b'{"jsonrpc":"2.0","id":1,"result":"\xff"}',
    b'{"jsonrpc":"2.0","result":{"\xff\\"}":1,"x":"\\""},"id":1}',
    b'{"jsonrpc":"2.0","id":1,"result":{"x":"a\tb\x00"}}',
    b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"result":{}}',
    b'{"jsonrpc":"2.0","id":1,"result":{},"result":{}}',
    b'{"jsonrpc":"2.0","id":1,"id":1,"result":{}}',
    b'{"jsonrpc":"2.0","\\u0069d":1,"result":NaN}',
    b'{"jsonrpc":"2.0","id":1,"Result":{}}',
    b'{"jsonrpc":"2.0","id":1}',
    b'{"jsonrpc":"2.0","id":1,"result":{"content":[',
    b'{"jsonrpc":"2.0","id":1,"result":{"x":"' + b"x" * (2 << 20) + b'","y":NaN}}',
    b'{"jsonrpc":"2.0","result":{"x":"' + b"x" * (2 << 20) + b'","y":NaN},"id":1}',
    b'[{"jsonrpc":"2.0","id":1,"result":NaN}]',
    b'[{"jsonrpc":"2.0","method":"n"},{"jsonrpc":"2.0","id":1,"result":NaN}',
]


@pytest.mark.parametrize("line", UNREADABLE, ids=range(len(UNREADABLE)))
def test_an_answer_nobody_can_read_ends_its_question(line):
    session = Session()
    question, other = ask(session, call(1)), ask(session, call(7))
    event = rejected(session.server(line))
    assert event.broken is question
    assert event.id is None
    assert session.open() == [other]
    assert rejected(session.server(frame(id=1, result={}))).broken is None


def test_every_question_of_an_unreadable_batch_is_ended():
    session = Session()
    questions = [ask(session, call(n)) for n in range(3)]
    parts = b",".join(frame(id=n, result={}).strip() for n in range(3))
    event = rejected(session.server(b"[" + parts + b',{"id":9,"result":NaN}]'))
    assert [part.broken for part in (event, *event.more)] == questions
    assert session.open() == []


def test_the_clients_unreadable_answer_ends_the_servers_question():
    session = Session()
    question = session.server(frame(id="s", method="sampling/createMessage", params={}))
    assert isinstance(question, Question)
    assert session.asked(question)
    event = rejected(session.client(b'{"jsonrpc":"2.0","id":"s","result":{"x":NaN}}'))
    assert (event.broken, event.id) == (question, None)
    assert session.open() == []


@pytest.mark.parametrize("line", [b'{"id":1,"result":{},"error":{}}', b'{"id":1,"result":{"isError":1,"isError":0}}'])
def test_a_late_answer_that_is_broken_ends_nothing_twice(line):
    session = Session()
    question = ask(session, call(1))
    session.client(frame(method="notifications/cancelled", params={"requestId": 1}))
    event = rejected(session.server(line))
    assert event.late is question
    assert event.broken is None


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":1,"result":{"isError":true,"isError":false}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"IsError":true}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"resultType":5}}',
        b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{"a":1}}}',
    ],
)
def test_a_broken_answer_names_its_question(line):
    session = Session()
    question = ask(session, call(1))
    assert rejected(session.server(line)).broken is question
    assert session.open() == []


def test_stray_lines_and_blanks():
    session = Session()
    for line in (b"Listening on 3000\n", b"{'a': 1}\n", b"null\n", b"\xff\n", b"\x1b[31m\n"):
        assert rejected(session.server(line)).stray
    for line in (b"", b"\n", b"\r\n", b"  \n"):
        assert session.server(line) is BLANK
        assert session.client(line) is BLANK


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":1,"result":null}',
        b'{"jsonrpc":"2.0","id":1,"result":[1]}',
        b'{"jsonrpc":"2.0","id":1,"result":"x"}',
        b'{"id":1,"result":{"content":[]},"error":null}',
        b'{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":1,"message":""}}',
        b'{"jsonrpc":"1.0","id":1,"result":{},"extra":{}}\r\n',
    ],
)
def test_odd_answers_pass(line):
    session = Session()
    question = ask(session, call(1))
    answer = answered(session, line)
    assert answer.question is question
    assert answer.failed == (b'"error":{' in line)


@pytest.mark.parametrize("params", ["", ',"params":null', ',"params":[]', ',"params":"x"', ',"params":{}'])
def test_a_call_without_a_name_is_invalid_params(params):
    event = rejected(Session().client(f'{{"jsonrpc":"2.0","id":7,"method":"tools/call"{params}}}'.encode()))
    assert (event.code, event.id) == (-32602, b"7")
    assert "params" in event.note or "name" in event.note
    assert not event.stray


@pytest.mark.parametrize("spaces", ["", "  "])
def test_a_name_too_long_to_be_kept_is_invalid_params(spaces):
    for size, passes in ((MAX_NAME, True), (MAX_NAME + 1, False)):
        line = call(7, "x" * size).replace(b"{", b"{" + spaces.encode())
        event = Session().client(line)
        assert isinstance(event, Question) is passes
        assert passes or (rejected(event).code, rejected(event).id) == (-32602, b"7")


def test_an_error_never_goes_out_under_an_open_id():
    session = Session()
    ask(session, call(7))
    for line in (call(7), b'{"id":7,"method":"a","method":"b"}', b'{"id":7}'):
        assert rejected(session.client(line)).id == b"null"


def test_escaped_spellings_of_an_id_are_the_same_id():
    session = Session()
    question = ask(session, call("é/1"))
    assert answered(session, '{"jsonrpc":"2.0","id":"é\\/1","result":{}}'.encode()).question is question


def test_names_are_read_through_escapes():
    event = Session().client(
        rb'{"jsonrpc":"2.0","id":1,"\u006dethod":"tools\/call","params":{"n\u0061me":"\u0065cho"}}'
    )
    assert isinstance(event, Question)
    assert (event.method, event.name) == ("tools/call", "echo")


def test_a_batch_comes_apart_and_does_not_nest():
    session = Session()
    event = session.client(b"[" + call(1).strip() + b',{"jsonrpc":"2.0","method":"n"}, [], 5]')
    assert isinstance(event, Batch)
    kinds = [type(session.client(bytes(raw), True)) for raw in event.members]
    assert kinds == [Question, Notification, Rejected, Rejected]


def test_what_is_remembered_is_bounded():
    session = Session()
    for n in range(5 * REMEMBERED):
        ask(session, call(n))
        session.client(frame(method="notifications/cancelled", params={"requestId": n}))
    assert len(session._cancelled) <= 2 * REMEMBERED
    assert answered(session, frame(id=5 * REMEMBERED - 1, result={})).late
    assert rejected(session.server(frame(id=0, result={}))).late is None


# ---------------------------------------------------------------------- both eras
def test_handshake_tells_who_is_there():
    session = Session()
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "cursor", "version": "2"}}
    ask(session, frame(id=0, method="initialize", params=params))
    assert session.identity == Identity("cursor", "2", "")
    answered(session, frame(id=0, result={"protocolVersion": "2025-06-18", "capabilities": {}}))
    assert session.identity == Identity("cursor", "2", "2025-06-18")


@pytest.mark.parametrize("method", ["tools/call", "server/discover", "tools/list", "subscriptions/listen", "x/y"])
def test_every_request_of_the_modern_era_tells_who_is_there(method):
    session = Session()
    ask(session, frame(id=0, method=method, params={"name": "t", "arguments": {}, "_meta": META}))
    assert session.identity == Identity("c", "1", "2026-07-28")


def test_identity_is_what_the_client_says_however_odd():
    session = Session()
    for n, info in enumerate((None, 5, [], {"name": 5, "version": None}, {"name": "x" * 10_000})):
        ask(session, frame(id=n, method="initialize", params={"clientInfo": info, "protocolVersion": {}}))
    assert session.identity.client_name in ("5", "x" * 256)


def test_lists_know_their_page():
    session = Session()
    assert not ask(session, frame(id=1, method="tools/list")).cursor
    assert not ask(session, frame(id=2, method="tools/list", params={"cursor": None})).cursor
    assert ask(session, frame(id=3, method="tools/list", params={"cursor": "a"})).cursor


def test_a_server_may_end_a_subscription_by_cancelling_it_and_nothing_else():
    session = Session()
    listen = ask(session, frame(id="l", method="subscriptions/listen", params={"notifications": {}}))
    open_call = ask(session, call(2))
    for id, ended in (("l", listen), (2, None)):
        event = session.server(frame(method="notifications/cancelled", params={"requestId": id}))
        assert isinstance(event, Notification)
        assert event.cancels is ended
    assert session.open() == [open_call]
