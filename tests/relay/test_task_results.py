"""A task's result goes through the gate like the answer of the call that made it, whichever way it comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpwatch.protocol.replies import META, REFUSED
from mcpwatch.relay.exchange import Exchange
from protocol.frames import call, frame
from relay.fakegate import LOCKED, FakeGate

STATE = {"taskId": "k", "status": "working"}
DONE = {"content": [{"type": "text", "text": "done"}]}
SAMPLE = {"method": "sampling/createMessage", "params": {"messages": []}}
FETCH = {
    "tasks/result": DONE,
    "tasks/get": {**STATE, "status": "completed", "result": DONE},
}


class Talk:
    """An exchange over a fake gate, in which the call 1 of the tool `t` has been answered with the task `k`."""

    def __init__(self) -> None:
        self.gate = FakeGate()
        self.client: list[dict[str, Any]] = []
        self.server: list[dict[str, Any]] = []
        self.exchange = Exchange(
            self.gate,
            lambda raw: self.client.append(json.loads(raw)),
            lambda raw: self.server.append(json.loads(raw)),
        )
        assert self.asks(call(1, task={}))
        assert self.answers(frame(id=1, result={"task": STATE}))

    def asks(self, line: bytes) -> bool:
        return self.exchange.from_client(line) is line

    def answers(self, line: bytes) -> bool:
        return self.exchange.from_server(line) is line

    def about(self, method: str, id: int = 2, task: str = "k", **params: Any) -> bool:
        return self.asks(frame(id=id, method=method, params={"taskId": task, **params}))

    def done(self) -> list[tuple[str, str, str, str]]:
        return [(one.method, one.tool, one.flags, str(one.outcome)) for one in self.gate.done]


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.mark.parametrize("method", FETCH)
def test_a_result_belongs_to_the_call_that_made_the_task(talk, method):
    assert talk.about(method)
    assert talk.answers(frame(id=2, result=FETCH[method]))
    assert talk.done()[1:] == [(method, "t", "retry", "ok")]
    assert talk.gate.done[1].protected
    assert b"done" in talk.gate.done[1].result


@pytest.mark.parametrize("method", FETCH)
def test_of_a_task_nobody_knows_it_is_a_call(talk, method):
    assert talk.about(method, task="x")
    assert talk.answers(frame(id=2, result=FETCH[method]))
    assert talk.done()[1:] == [(method, "@task", "", "ok")]


@pytest.mark.parametrize("method", FETCH)
def test_it_is_refused_like_any_other_request(talk, method):
    talk.gate.refuse.add("t")
    if talk.about(method):
        assert method == "tasks/get", "the answer decides"
        assert not talk.answers(frame(id=2, result=FETCH[method]))
    (refusal,) = talk.client
    assert (refusal["id"], refusal["error"]["code"]) == (2, REFUSED)
    assert refusal["error"]["data"][META]["code"] == "panic"
    assert talk.gate.open == []


def test_states_and_the_end_of_a_task_pass_under_a_lock(talk):
    talk.gate.refuse |= {"t", "@task"}
    for n, method in enumerate(("tasks/get", "tasks/list", "tasks/cancel"), 2):
        assert talk.about(method, n)
        assert talk.answers(frame(id=n, result=STATE))
    assert not any(one.protected for one in talk.gate.done[1:])
    assert not talk.about("tasks/update", 9, inputResponses={"a": {}})
    assert talk.client[0]["error"]["code"] == REFUSED


def test_a14_a_lock_ends_who_waits_for_a_result(talk):
    assert talk.about("tasks/result")
    line = frame(id=2, method="tasks/result", params={"taskId": "k"})
    assert talk.exchange.still_wanted(line) is line
    talk.exchange.on_lock(LOCKED)
    assert talk.exchange.still_wanted(line) is None
    assert talk.client[0]["error"]["data"][META]["code"] == "panic"
    assert talk.server[0]["params"]["requestId"] == 2
    assert not talk.answers(frame(id=2, result=DONE))
    assert talk.gate.events("late")
    assert talk.gate.events("violation") == []


@pytest.mark.parametrize("method", ["notifications/tasks", "notifications/tasks/status"])
def test_a_notification_that_brings_the_result_is_no_way_round(talk, method):
    assert talk.answers(frame(method=method, params=STATE))
    assert len(talk.gate.done) == 1
    told = frame(method=method, params=FETCH["tasks/get"])
    assert talk.answers(told)
    assert talk.done()[1:] == [(method, "t", "retry", "ok")]
    talk.gate.refuse.add("t")
    assert not talk.answers(told)
    assert talk.client == []


def test_a_late_result_reaches_nobody(talk):
    assert talk.about("tasks/get")
    assert talk.asks(frame(method="notifications/cancelled", params={"requestId": 2}))
    assert not talk.answers(frame(id=2, result=FETCH["tasks/get"]))
    assert talk.gate.events("late")


def test_a29_sampling_a_task_asks_for_is_admitted_once_and_ends_with_the_update(talk):
    asks = {**STATE, "inputRequests": {"a": SAMPLE}}
    for id in (2, 3):
        assert talk.about("tasks/get", id)
        assert talk.answers(frame(id=id, result=asks))
    assert talk.answers(frame(method="notifications/tasks", params=asks))
    assert talk.gate.events("admitted")[1:] == [("admitted", "@sampling")]
    assert talk.about("tasks/update", 4, inputResponses={"a": {"role": "assistant"}})
    assert talk.answers(frame(id=4, result={}))
    assert talk.done()[-2:] == [
        ("sampling/createMessage", "@sampling", "", "ok"),
        ("tasks/update", "t", "retry", "ok"),
    ]
    assert talk.gate.open == []


def test_a29_other_sampling_under_the_same_key_is_admitted_anew(talk):
    for id in (2, 3):
        other = {"a": {**SAMPLE, "params": {"messages": [id]}}}
        assert talk.about("tasks/get", id)
        assert talk.answers(frame(id=id, result={**STATE, "inputRequests": other}))
    assert len(talk.gate.events("admitted")[1:]) == 2
    talk.exchange.close()
    assert talk.gate.open == []


@pytest.mark.parametrize("by_notification", [False, True])
def test_a29_refused_sampling_does_not_reach_the_client(talk, by_notification):
    talk.gate.refuse.add("@sampling")
    asks = {**STATE, "inputRequests": {"a": SAMPLE}}
    if by_notification:
        assert not talk.answers(frame(method="notifications/tasks", params=asks))
    else:
        assert talk.about("tasks/get")
        assert not talk.answers(frame(id=2, result=asks))
        assert talk.client[0]["error"]["code"] == REFUSED
    assert talk.gate.open == []


def test_a29_what_a_server_fetches_of_the_clients_task_is_sampling(talk):
    fetch = frame(id="f", method="tasks/result", params={"taskId": "c"})
    assert talk.answers(frame(id="s", method="sampling/createMessage", params={"task": {}, "messages": []}))
    assert talk.asks(frame(id="s", result={"task": {**STATE, "taskId": "c"}}))
    assert talk.answers(fetch)
    assert talk.asks(frame(id="f", result={"role": "assistant"}))
    assert talk.done()[-2:] == [
        ("sampling/createMessage", "@sampling", "", "ok"),
        ("tasks/result", "@sampling", "retry", "ok"),
    ]
    assert talk.answers(fetch)
    talk.exchange.on_lock(LOCKED)
    assert talk.server[-1]["error"]["code"] == REFUSED
    talk.gate.refuse.add("@sampling")
    assert not talk.answers(fetch.replace(b'"f"', b'"g"'))
    assert talk.server[-1]["id"] == "g"
