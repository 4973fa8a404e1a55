"""Tasks of both eras: which answers make one, and which requests, answers and notifications bring its result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpwatch.protocol.events import Answer, Notification, Question
from mcpwatch.protocol.plain import plain_call
from mcpwatch.protocol.session import Session
from mcpwatch.protocol.tasks import FETCHES, REMEMBERED, UNKNOWN, Tasks
from protocol.frames import answered, ask, call, frame, rejected

STATE = {"taskId": "k", "status": "working", "createdAt": "2026-01-01T00:00:00Z", "ttl": None}
DONE = {"content": [{"type": "text", "text": "done"}]}
SAMPLE = {"method": "sampling/createMessage", "params": {"messages": []}}


def about(method: str, id: Any = 9, **params: Any) -> bytes:
    return frame(id=id, method=method, params={"taskId": "k", **params})


# ---------------------------------------------------------------------- what makes one
def test_a_call_that_asks_for_a_task_goes_the_long_way():
    line = call(1)
    assert plain_call(line) is not None
    assert plain_call(call(1, task={"ttl": 60_000})) is None
    assert ask(Session(), call(1, task={})).name == "t"


@pytest.mark.parametrize(
    ("result", "tasks"),
    [
        ({"task": STATE}, ("k",)),
        ({"resultType": "task", **STATE}, ("k",)),
        ({"content": [], "resultType": "task", **STATE}, ("k",)),
        ({"taskId": "a", "task": {"taskId": "b"}}, ("a", "b")),
        (DONE, ()),
        ({"content": [], "task": "mow the lawn", "taskId": 7}, ()),
    ],
)
def test_what_a_call_is_answered_with(result, tasks):
    session = Session()
    ask(session, call(1))
    assert answered(session, frame(id=1, result=result)).tasks == tasks


@pytest.mark.parametrize(
    "line", ['{"task":{"taskId":"a","taskId":"b"}}', '{"TaskId":"a"}', '{"task":{"TaskID":"a"}}']
)
def test_a_task_that_readers_would_name_differently_does_not_pass(line):
    session = Session()
    ask(session, call(1))
    assert rejected(session.server(b'{"jsonrpc":"2.0","id":1,"result":%s}' % line.encode())).broken is not None


@pytest.mark.parametrize("method", ["tasks/result", "tasks/get", "tasks/update", "tasks/cancel"])
def test_a_request_about_a_task_names_it(method):
    session = Session()
    assert ask(session, about(method)).name == "k"
    assert ask(session, frame(id=2, method=method)).name == ""
    assert ask(session, frame(id=3, method=method, params={})).name == ""
    for params in ('{"taskId":"a","taskId":"k"}', '{"TaskId":"k"}', '{"taskId":5}', '["k"]', '{"taskId":"\\ud800"}'):
        line = b'{"jsonrpc":"2.0","id":4,"method":"%s","params":%s}' % (method.encode(), params.encode())
        assert rejected(session.client(line)).id == b"4"


@pytest.mark.parametrize(
    "method", ["Tasks/Result", "tasks/result ", "tasks/result\u0000", "TASKS/GET", "/tasks/update"]
)
def test_a_method_that_reads_like_one_for_a_result_passes_in_neither_direction(method):
    for read in (Session().client, Session().server):
        assert "could be taken for tasks/" in rejected(read(about(method))).note


@pytest.mark.parametrize("method", ["tasks/result", "tasks/update"])
def test_without_an_id_they_do_not_pass(method):
    assert "without an id" in rejected(Session().client(frame(method=method, params={"taskId": "k"}))).note


# ---------------------------------------------------------------------- what brings its result
BRINGS = [
    {**STATE, "status": "completed", "result": DONE},
    {**STATE, "status": "failed", "error": {"code": 1, "message": ""}},
    {**STATE, "statusMessage": "words " * 1000},
    {**STATE, "vendor": "words"},
    DONE,
    "words",
]
STATES = [STATE, {**STATE, "resultType": "complete", "pollIntervalMs": 5}, {**STATE, "inputRequests": {}}, {}]


@pytest.mark.parametrize("result", BRINGS)
def test_whatever_is_more_than_a_state_is_a_result(result):
    session = Session()
    ask(session, about("tasks/get"))
    assert answered(session, frame(id=9, result=result)).tasks == ("k",)
    if isinstance(result, dict):
        for method in ("notifications/tasks", "notifications/tasks/status"):
            event = session.server(frame(method=method, params=result))
            assert isinstance(event, Notification)
            assert event.news is not None
            assert event.news.tasks == (("k",) if "taskId" in result else ("",))


@pytest.mark.parametrize("result", STATES)
def test_a_state_is_none(result):
    session = Session()
    ask(session, about("tasks/get"))
    assert answered(session, frame(id=9, result=result)).tasks == ()
    event = session.server(frame(method="notifications/tasks", params=result))
    assert isinstance(event, Notification)
    assert event.news is None


def test_a_state_that_can_be_read_in_two_ways_does_not_pass():
    session = Session()
    ask(session, about("tasks/get"))
    assert rejected(session.server(frame(id=9, result={**STATE, "Result": DONE}))).broken is not None
    assert not isinstance(session.server(frame(method="notifications/tasks", params={"RESULT": 1})), Notification)


def test_what_tasks_result_brings_is_read_like_a_tools_result():
    session = Session()
    ask(session, about("tasks/result"))
    assert answered(session, frame(id=9, result={**DONE, "isError": True})).failed
    ask(session, about("tasks/result"))
    assert rejected(session.server(b'{"jsonrpc":"2.0","id":9,"result":{"Content":[]}}')).broken is not None


# ---------------------------------------------------------------------- what a task asks for
def asks(session: Session, by_notification: bool) -> Answer:
    state = {**STATE, "status": "input_required", "inputRequests": {"a": SAMPLE}}
    if not by_notification:
        ask(session, about("tasks/get"))
        return answered(session, frame(id=9, result=state))
    event = session.server(frame(method="notifications/tasks", params=state))
    assert isinstance(event, Notification)
    assert event.news is not None
    return event.news


@pytest.mark.parametrize("by_notification", [False, True])
def test_an_update_is_the_next_round_of_what_the_state_asked_for(by_notification):
    session = Session()
    first = asks(session, by_notification)
    assert list(first.sampling or {}) == ["a"]
    assert first.waiting is not None
    assert asks(session, not by_notification).waiting is first.waiting
    other = ask(session, frame(id=3, method="tasks/update", params={"taskId": "x", "inputResponses": {"a": {}}}))
    assert other.resumes is None
    update = session.client(about("tasks/update", inputResponses={"a": {"role": "assistant"}}))
    assert isinstance(update, Question)
    assert update.resumes is first.waiting
    assert json.loads(bytes((update.inputs or {})["a"])) == {"role": "assistant"}


# ---------------------------------------------------------------------- whose it is
def test_tasks_are_known_by_the_tool_that_made_them():
    tasks = Tasks()
    assert (tasks.tool("k"), tasks.fetch("k")) == (UNKNOWN, False)
    tasks.learn(("k", "l"), "search")
    assert (tasks.tool("k"), tasks.tool("l"), tasks.tool("")) == ("search", "search", UNKNOWN)
    assert [tasks.fetch("k") for _ in range(FETCHES + 1)] == [True] * FETCHES + [False]
    assert tasks.fetch("l")
    tasks.learn(("k",), "other")
    assert (tasks.tool("k"), tasks.fetch("k")) == ("other", True)


def test_the_oldest_are_forgotten():
    tasks = Tasks()
    for n in range(3 * REMEMBERED):
        tasks.learn((f"k{n}",), "t")
        tasks.fetch(f"k{n}")
    assert tasks.tool("k0") == UNKNOWN
    assert tasks.tool(f"k{3 * REMEMBERED - 1}") == "t"
    assert sum(tasks.tool(f"k{n}") == "t" for n in range(3 * REMEMBERED)) < 2 * REMEMBERED
    assert len(tasks._fetched) < 2 * REMEMBERED
