"""Several rounds of one operation: recognised, counted, and what is asked of the client in between."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpwatch.protocol.events import Question
from mcpwatch.protocol.message import MAX_KEYS
from mcpwatch.protocol.rounds import MAX_ROUNDS, MAX_SAMPLING, MAX_WAITING
from mcpwatch.protocol.session import Session
from protocol.frames import META, answered, ask, call, frame, rejected


def required(id: Any, state: str | None = "s", inputs: Any = None) -> bytes:
    result: dict[str, Any] = {"resultType": "input_required"}
    if state is not None:
        result["requestState"] = state
    if inputs is not None:
        result["inputRequests"] = inputs
    return frame(id=id, result=result)


SAMPLE = {"method": "sampling/createMessage", "params": {"messages": []}}


def test_a_further_round_resumes_its_operation_once():
    session = Session()
    ask(session, call(1, _meta=META))
    first = answered(session, required(1, inputs={"a": SAMPLE, "b": {"method": "elicitation/create", "params": {}}}))
    assert first.waiting is not None
    assert {key: json.loads(bytes(raw)) for key, raw in (first.sampling or {}).items()} == {"a": {"messages": []}}
    second = session.client(call(2, requestState="s", inputResponses={"a": {"role": "assistant"}}))
    assert isinstance(second, Question)
    assert second.resumes is first.waiting
    assert json.loads(bytes((second.inputs or {})["a"])) == {"role": "assistant"}
    assert session.asked(second)
    assert ask(session, call(3, requestState="s")).resumes is None
    again = answered(session, required(2, "s2"))
    assert again.waiting is not None
    assert again.waiting.rounds == 2
    last = ask(session, call(4, requestState="s2"))
    assert last.resumes is again.waiting
    assert answered(session, frame(id=4, result={"content": [], "resultType": "complete"})).waiting is None
    assert session.waiting == {}


@pytest.mark.parametrize(
    "other",
    [
        call(2, requestState="other"),
        call(2, name="u", requestState="s"),
        call(2, inputResponses={}),
        call(2, requestState="s", arguments={"x": 2}),
        frame(id=2, method="prompts/get", params={"name": "t", "arguments": {"x": 1}, "requestState": "s"}),
    ],
)
def test_another_request_is_no_further_round(other):
    session = Session()
    ask(session, call(1))
    assert answered(session, required(1)).waiting is not None
    assert ask(session, other).resumes is None
    assert ask(session, call(3, requestState="s")).resumes is not None


def test_a_state_never_given_resumes_nothing():
    session = Session()
    ask(session, call(1))
    answered(session, frame(id=1, result={"content": []}))
    assert ask(session, call(2, requestState="s", inputResponses={})).resumes is None


@pytest.mark.parametrize("state", [None, "", 'é\u0000\\"', "\U0001f30d", "x" * 100_000])
@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read"])
def test_states_of_any_kind(state, method):
    session = Session()
    params = {"name": "t", "uri": "a:b", "arguments": {"big": "x" * 100_000}, "_meta": META}
    ask(session, frame(id=1, method=method, params=params))
    assert answered(session, required(1, state)).waiting is not None
    retry: dict[str, Any] = {**params, "inputResponses": {}}
    if state is not None:
        retry["requestState"] = state
    text = json.dumps({"jsonrpc": "2.0", "id": 2, "method": method, "params": retry}, ensure_ascii=False)
    text = text.replace(json.dumps(params["arguments"]), json.dumps(params["arguments"], separators=(",", ":")))
    assert ask(session, text.encode()).resumes is not None


def test_rounds_have_an_end():
    session = Session()
    ask(session, call(0))
    for n in range(MAX_ROUNDS):
        assert answered(session, required(n)).waiting is not None
        assert ask(session, call(n + 1, requestState="s")).resumes is not None
    assert answered(session, required(MAX_ROUNDS)).waiting is None
    assert ask(session, call(99, requestState="s")).resumes is None


def test_waiting_operations_are_bounded():
    session = Session()
    for n in range(MAX_WAITING + 10):
        ask(session, call(n))
        answered(session, required(n, f"s{n}"))
    assert len(session.waiting) == MAX_WAITING


# ---------------------------------------------------------------------- whatever the method
@pytest.mark.parametrize("method", ["vendor/agent", "tools/list", "tasks/result", "initialize"])
@pytest.mark.parametrize(
    "result",
    [
        {"resultType": "input_required", "inputRequests": {"a": SAMPLE}},
        {"inputRequests": {"a": SAMPLE}},
        {"resultType": "complete", "tools": [], "inputRequests": {"a": SAMPLE}},
    ],
)
def test_a29_sampling_is_seen_whatever_was_asked(method, result):
    session = Session()
    ask(session, frame(id=1, method=method, params={"x": 1}))
    answer = answered(session, frame(id=1, result=result))
    assert list(answer.sampling or {}) == ["a"]
    assert answer.waiting is not None
    retry = session.client(
        frame(id=2, method=method, params={"x": 1, "inputResponses": {"a": {"role": "assistant"}}})
    )
    assert isinstance(retry, Question)
    assert retry.resumes is answer.waiting
    assert list(retry.inputs or {}) == ["a"]


@pytest.mark.parametrize(
    "result",
    [
        rb'{"inputReque\u0073ts":{"a":{"method":"sampling/createMessage"}}}',
        rb'{"\u0069nputRequests":{"a":{"\u006dethod":"sampling\/createMessage"}}}',
    ],
)
def test_a29_sampling_is_seen_through_escapes(result):
    session = Session()
    ask(session, frame(id=1, method="vendor/agent"))
    answer = answered(session, b'{"jsonrpc":"2.0","id":1,"result":' + result + b"}")
    assert list(answer.sampling or {}) == ["a"]


@pytest.mark.parametrize("method", ["vendor/agent", "tools/call"])
@pytest.mark.parametrize(
    "result",
    [
        {"InputRequests": {"a": SAMPLE}},
        {"inputRe\u0071ue\u017fts": {"a": SAMPLE}},
        {"inputRequests": {"a": {"method": "Sampling/createMessage"}}},
        {"inputRequests": {"a": {"Method": "sampling/createMessage"}}},
        {"inputRequests": {"a": {"method": "sampling/createMessage\u0000"}}},
        {"inputRequests": [SAMPLE]},
        {"inputRequests": {"a": SAMPLE["method"]}},
        {"inputRequests": {str(n): SAMPLE for n in range(MAX_SAMPLING + 1)}},
    ],
)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a29_sampling_some_client_might_see_ends_the_question(method, result, ascii_only):
    session = Session()
    question = ask(session, frame(id=1, method=method, params={"name": "t"}))
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}, ensure_ascii=ascii_only)
    assert rejected(session.server(line.encode())).broken is question


def test_a29_a_late_answer_does_not_ask_for_sampling():
    session = Session()
    question = ask(session, call(1))
    session.client(frame(method="notifications/cancelled", params={"requestId": 1}))
    assert rejected(session.server(required(1, inputs={"a": SAMPLE}))).late is question


def test_odd_params_and_results_of_unknown_methods_pass():
    session = Session()
    many = {f"état {n}": n for n in range(MAX_KEYS + 1)}
    for n, (params, result) in enumerate([(many, many), ({"Name": 1, "state": 2}, {"Content": 1, "Tools": []})]):
        line = json.dumps({"jsonrpc": "2.0", "id": n, "method": "x/y", "params": params}, ensure_ascii=False)
        question = ask(session, line.encode())
        line = json.dumps({"jsonrpc": "2.0", "id": n, "result": result}, ensure_ascii=False)
        assert answered(session, line.encode()).question is question
