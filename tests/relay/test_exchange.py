"""What passes, what is answered in its place, and that every call that begins also ends, once."""

from __future__ import annotations

import json
import threading
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpwatch.protocol.replies import DROPPED, REFUSED
from mcpwatch.relay import exchange
from mcpwatch.relay.exchange import Exchange
from relay.fakegate import LOCKED, FakeGate

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}


def frame(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}, separators=(",", ":")).encode() + b"\n"


def call(id: Any = 1, name: str = "t", **params: Any) -> bytes:
    return frame(id=id, method="tools/call", params={"name": name, "arguments": {"x": 1}, **params})


def result(id: Any = 1, **members: Any) -> bytes:
    return frame(id=id, result={"content": [], **members})


class Bench:
    """An exchange over a fake gate, and what it sent to either side by itself."""

    def __init__(self) -> None:
        self.gate = FakeGate()
        self.client: list[dict[str, Any]] = []
        self.server: list[dict[str, Any]] = []
        self.exchange = Exchange(
            self.gate, lambda raw: self.client.append(self.one(raw)), lambda raw: self.server.append(self.one(raw))
        )

    @staticmethod
    def one(raw: bytes) -> dict[str, Any]:
        assert raw.count(b"\n") == 1
        assert raw.endswith(b"\n")
        message: dict[str, Any] = json.loads(raw)
        return message

    def sends(self, line: bytes) -> bytes | None:
        return self.exchange.from_client(line)

    def answers(self, line: bytes) -> bytes | None:
        return self.exchange.from_server(line)

    def passes(self, line: bytes, *, server: bool = False) -> None:
        out = self.answers(line) if server else self.sends(line)
        assert out is line


@pytest.fixture
def bench() -> Bench:
    return Bench()


# ---------------------------------------------------------------------- calls
def test_a25_every_call_goes_through_the_gate_and_ends_once(bench):
    bench.passes(call(1, "a"))
    bench.passes(result(1), server=True)
    bench.passes(call(2, "b"))
    bench.passes(result(2, isError=True), server=True)
    bench.passes(call(3, "c"))
    bench.passes(frame(id=3, error={"code": -5, "message": "m"}), server=True)
    assert [(one.tool, str(one.outcome), one.code) for one in bench.gate.done] == [
        ("a", "ok", ""),
        ("b", "error", ""),
        ("c", "error", "-5"),
    ]
    first = bench.gate.done[0]
    assert (first.arguments, first.arguments_bytes) == (b'{"x":1}', 7)
    assert (first.result, first.result_bytes) == (b'{"content":[]}', 14)
    assert bench.gate.events("admitted") == [("admitted", "a"), ("admitted", "b"), ("admitted", "c")]
    assert bench.client == bench.server == []


@pytest.mark.parametrize("modern", [False, True])
def test_a26_a_refusal_is_a_result_with_is_error_under_the_same_id(bench, modern):
    bench.gate.refuse.add("paid")
    assert bench.sends(call("é-1", "paid", **({"_meta": META} if modern else {}))) is None
    (reply,) = bench.client
    assert reply["id"] == "é-1"
    assert reply["result"]["isError"] is True
    assert reply["result"]["content"] == [{"type": "text", "text": LOCKED.text}]
    assert reply["result"]["_meta"]["mcpwatch/refusal"]["code"] == "panic"
    assert reply["result"].get("resultType") == ("complete" if modern else None)
    assert bench.answers(result("é-1")) is None
    assert bench.gate.open == []


@pytest.mark.parametrize(
    "line",
    [
        call(1, "paid"),
        call(1, "paid").rstrip() + b"\r\n",
        json.dumps(json.loads(call(1, "paid"))).encode(),
        call(1, "paid", _meta={}, x=1),
        rb'{"id":1,"\u006dethod":"tools\/call","params":{"n\u0061me":"p\u0061id"}}',
        b"[" + call(1, "paid").strip() + b"]",
        b"[" + frame(id=2, method="ping").strip() + b", " + call(1, "paid").strip() + b"]",
        call(1, "paid", arguments={"x": "\ud800"}),
        call(1, "paid", arguments={"x": "y" * 100_000}),
    ],
)
def test_a25_no_spelling_of_a_call_goes_past_the_gate(bench, line):
    bench.gate.refuse.add("paid")
    out = bench.sends(line)
    assert out is None or b"paid" not in out
    assert [reply["id"] for reply in bench.client] == [1]


def test_a_call_without_an_id_does_not_go_past_the_gate(bench):
    assert bench.sends(frame(method="tools/call", params={"name": "paid"})) is None
    assert bench.client == []
    assert bench.gate.events("violation")


def test_held_prompts_and_resources_are_refused_with_an_error(bench):
    bench.gate.hold = {"p", "a:b"}
    assert bench.sends(frame(id=1, method="prompts/get", params={"name": "p"})) is None
    assert bench.sends(frame(id=2, method="resources/read", params={"uri": "a:b"})) is None
    bench.passes(frame(id=3, method="prompts/get", params={"name": "q"}))
    assert [(reply["id"], reply["error"]["code"]) for reply in bench.client] == [(1, REFUSED), (2, REFUSED)]
    assert [str(one.outcome) for one in bench.gate.done] == ["refused", "refused"]


def test_b15_no_request_about_something_held_passes(bench):
    bench.gate.hold = {"p", "a:b"}
    listen = {"notifications": {"resourceSubscriptions": ["c:d", "a:b"]}}
    held = [
        ("resources/subscribe", {"uri": "a:b"}),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "x", "value": ""}}),
        ("completion/complete", {"ref": {"type": "ref/resource", "uri": "a:b"}}),
        ("subscriptions/listen", {"_meta": META, **listen}),
    ]
    for id, (method, params) in enumerate(held, 1):
        assert bench.sends(frame(id=id, method=method, params=params)) is None
    assert [(reply["id"], reply["error"]["code"]) for reply in bench.client] == [(n, REFUSED) for n in (1, 2, 3, 4)]
    bench.passes(frame(id=5, method="resources/subscribe", params={"uri": "c:d"}))
    bench.passes(frame(id=6, method="completion/complete", params={"ref": {"type": "ref/prompt", "name": "q"}}))
    bench.passes(frame(id=7, method="resources/unsubscribe", params={"uri": "a:b"}))


def test_a_cancelled_call_ends_and_a_late_answer_still_passes(bench):
    bench.passes(call(1))
    bench.passes(frame(method="notifications/cancelled", params={"requestId": 1}))
    assert [str(one.outcome) for one in bench.gate.done] == ["cancelled"]
    bench.passes(result(1), server=True)
    assert bench.gate.events("late") == [("late", '{"content":[]}')]
    assert bench.answers(result(1)) is None


def test_what_is_open_at_the_end_timed_out(bench):
    bench.passes(call(1))
    bench.passes(frame(id=2, method="ping"))
    bench.passes(frame(id=1, method="sampling/createMessage", params={}), server=True)
    bench.exchange.close()
    assert [str(one.outcome) for one in bench.gate.done] == ["timed out"] * 3
    assert bench.gate.open == []


# ---------------------------------------------------------------------- sampling
def test_a29_sampling_is_admitted_like_a_call(bench):
    ask = frame(id="s", method="sampling/createMessage", params={"messages": [1]})
    bench.passes(ask, server=True)
    bench.passes(frame(id="s", result={"role": "assistant"}))
    assert [(one.tool, one.from_server, str(one.outcome)) for one in bench.gate.done] == [("@sampling", True, "ok")]
    bench.gate.refuse.add("@sampling")
    assert bench.answers(ask) is None
    assert (bench.server[0]["id"], bench.server[0]["error"]["code"]) == ("s", REFUSED)
    assert bench.client == []


def test_other_questions_of_the_server_pass(bench):
    for n, method in enumerate(("elicitation/create", "roots/list", "ping", "x/y")):
        bench.passes(frame(id=n, method=method), server=True)
        bench.passes(frame(id=n, result={}))
    assert len(bench.gate.done) == 4


SAMPLE = {"method": "sampling/createMessage", "params": {"messages": []}}


def required(id: int, **inputs: Any) -> bytes:
    return frame(id=id, result={"resultType": "input_required", "requestState": "s", "inputRequests": inputs})


def test_rounds_are_one_operation_and_their_sampling_is_admitted(bench):
    bench.passes(call(1))
    bench.passes(required(1, a=SAMPLE, e={"method": "elicitation/create", "params": {}}), server=True)
    bench.passes(call(2, requestState="s", inputResponses={"a": {"role": "assistant"}, "e": {}}))
    bench.passes(result(2), server=True)
    assert [(one.tool, one.flags, str(one.outcome)) for one in bench.gate.done] == [
        ("t", "", "ok"),
        ("@sampling", "", "ok"),
        ("t", "retry", "ok"),
    ]
    assert bench.gate.done[1].result == b'{"role":"assistant"}'
    assert bench.gate.open == []


def test_refused_sampling_ends_the_operation(bench):
    bench.gate.refuse.add("@sampling")
    bench.passes(call(1))
    assert bench.answers(required(1, a=SAMPLE)) is None
    assert bench.client[0]["result"]["isError"] is True
    bench.passes(call(2, requestState="s", inputResponses={}))
    assert "retry" not in bench.gate.open[0].flags
    assert [str(one.outcome) for one in bench.gate.done] == ["cancelled"]


def test_sampling_nobody_brings_back_ends_with_the_session(bench):
    bench.passes(call(1))
    bench.passes(required(1, a=SAMPLE), server=True)
    bench.exchange.close()
    assert bench.gate.open == []


# ---------------------------------------------------------------------- the lock
def test_a14_a_lock_ends_what_is_in_flight(bench):
    bench.passes(call(1, "slow"))
    bench.passes(frame(id=2, method="ping"))
    bench.passes(frame(id="s", method="sampling/createMessage", params={}), server=True)
    bench.exchange.on_lock(LOCKED)
    assert [reply.get("id") for reply in bench.client] == [1, None]
    assert bench.client[0]["result"]["isError"] is True
    assert bench.client[1]["params"]["requestId"] == "s"
    assert bench.server[0] == {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": 1, "reason": "mcpwatch is locked"},
    }
    assert bench.server[1]["error"]["code"] == REFUSED
    assert [str(one.outcome) for one in bench.gate.done] == ["cancelled", "cancelled"]
    assert [one.code for one in bench.gate.done] == ["panic", "panic"]
    # Late answers are recorded and dropped; what was not protected goes on.
    assert bench.answers(result(1)) is None
    assert bench.sends(frame(id="s", result={"role": "assistant"})) is None
    assert [kind for kind, _ in bench.gate.events("late", "violation")] == ["late", "late"]
    bench.passes(frame(id=2, result={}), server=True)
    bench.exchange.on_lock(LOCKED)
    assert len(bench.gate.done) == 3


def test_a14_a_lock_tells_the_server_first():
    told: list[str] = []
    exchange = Exchange(FakeGate(), lambda raw: told.append("client"), lambda raw: told.append("server"))
    for n in range(3):
        assert exchange.from_client(call(n)) is not None
    exchange.on_lock(LOCKED)
    assert told == ["server"] * 3 + ["client"] * 3


def test_a_lock_ends_sampling_between_rounds(bench):
    bench.passes(call(1))
    bench.passes(required(1, a=SAMPLE), server=True)
    bench.exchange.on_lock(LOCKED)
    assert bench.gate.open == []
    bench.passes(call(2, requestState="s", inputResponses={}))
    assert "retry" not in bench.gate.open[0].flags


def test_a15_what_a_lock_ended_before_it_was_written_is_not_written(bench):
    lines = [
        call(1, "a"),
        frame(id=2, method="ping"),
        b"[" + call(3, "b").strip() + b"," + call(4, "c").strip() + b"]\n",
    ]
    for line in lines:
        bench.passes(line)
    before = bench.exchange.ends
    bench.exchange.on_lock(LOCKED)
    assert bench.exchange.ends != before
    assert [bench.exchange.still_wanted(line) for line in lines] == [None, lines[1], None]


def test_every_open_call_ends_exactly_once_when_a_lock_races_with_its_answer():
    for _ in range(30):
        bench = Bench()
        for n in range(50):
            bench.passes(call(n))
        passed: list[int] = []
        server = threading.Thread(
            target=lambda b=bench, p=passed: p.extend(n for n in range(50) if b.answers(result(n)) is not None)
        )
        lock = threading.Thread(target=bench.exchange.on_lock, args=(LOCKED,))
        for thread in (server, lock):
            thread.start()
        for thread in (server, lock):
            thread.join()
        assert sorted([reply["id"] for reply in bench.client] + passed) == list(range(50))
        assert len(bench.gate.done) == 50


# ---------------------------------------------------------------------- definitions
def test_b1_lists_of_every_kind_reach_the_gate_page_by_page(bench):
    bench.passes(frame(id=1, method="tools/list"))
    bench.passes(frame(id=1, result={"tools": [{"name": "a"}], "nextCursor": "n"}), server=True)
    bench.passes(frame(id=2, method="tools/list", params={"cursor": "n"}))
    bench.passes(frame(id=2, result={"tools": [{"name": "b"}]}), server=True)
    bench.passes(frame(id=3, method="initialize", params={"clientInfo": {"name": "c", "version": "1"}}))
    bench.passes(frame(id=3, result={"protocolVersion": "2025-11-25", "instructions": "hi"}), server=True)
    bench.passes(frame(id=4, method="resources/templates/list"))
    bench.passes(frame(id=4, result={"resourceTemplates": []}), server=True)
    assert [(kind, [one.name for one in found], first, last) for kind, found, first, last in bench.gate.seen] == [
        ("tool", ["a"], True, False),
        ("tool", ["b"], False, True),
        ("instructions", [""], True, True),
        ("template", [], True, True),
    ]
    assert bench.gate.identity == {"client_name": "c", "client_version": "1", "protocol": "2025-11-25"}


def test_b1_a_list_nobody_asked_for_is_not_a_list(bench):
    bench.passes(call(1))
    bench.passes(frame(id=1, result={"tools": [{"name": "a"}]}), server=True)
    assert bench.gate.seen == []


def test_hidden_definitions_leave_the_list_and_nothing_else_does(bench):
    bench.gate.hide = {"b", ""}
    bench.passes(frame(id=1, method="tools/list"))
    out = bench.answers(
        b'{"id":1,"x":[1 ],"result":{"ttlMs":1e3,"tools":[{"name":"b"},{"name":"a"}]},"jsonrpc":"2.0"}\n'
    )
    assert out == b'{"id":1,"x":[1 ],"result":{"ttlMs":1e3,"tools":[{"name":"a"}]},"jsonrpc":"2.0"}'
    bench.passes(frame(id=2, method="server/discover"))
    out = bench.answers(frame(id=2, result={"supportedVersions": [], "instructions": "obey"}))
    assert json.loads(out or b"") == {"jsonrpc": "2.0", "id": 2, "result": {"supportedVersions": []}}
    bench.passes(frame(id=3, method="tools/list"))
    out = bench.answers(b'[{"jsonrpc":"2.0","method":"n"},{"id":3,"result":{"tools":[{"name":"b"}]}}]')
    assert out == b'[{"jsonrpc":"2.0","method":"n"},{"id":3,"result":{"tools":[]}}]'


def test_of_a_long_list_reduced_to_a_short_one_only_the_beginning_is_kept(bench):
    bench.gate.kept = 1000
    bench.gate.hide = {"b"}
    bench.passes(frame(id=1, method="tools/list"))
    bench.answers(frame(id=1, result={"tools": [{"name": "b", "description": "x" * 10_000}, {"name": "a"}]}))
    assert len(bench.gate.done[0].result) == 1000 and bench.gate.done[0].result_bytes > 10_000


def test_a_list_that_can_be_read_in_two_ways_is_dropped_and_its_asker_told(bench):
    bench.passes(frame(id=1, method="tools/list"))
    assert bench.answers(b'{"id":1,"result":{"tools":[{"name":"a","name":"b"}]}}') is None
    assert (bench.client[0]["id"], bench.client[0]["error"]["code"]) == (1, DROPPED)
    assert [str(one.outcome) for one in bench.gate.done] == ["violation"]


@pytest.mark.parametrize(("version", "subscribed"), [("2025-11-25", False), ("2026-07-28", True)])
def test_b15_the_client_is_told_when_what_it_may_see_changes(bench, version, subscribed):
    if subscribed:
        bench.passes(frame(id="l", method="subscriptions/listen", params={"_meta": META, "notifications": {}}))
    else:
        bench.passes(frame(id=0, method="initialize", params={"protocolVersion": version}))
        bench.passes(frame(id=0, result={"protocolVersion": version}), server=True)
    bench.exchange.on_visible({"tool", "template", "resource", "instructions"})
    methods = [message["method"] for message in bench.client]
    assert methods == ["notifications/resources/list_changed", "notifications/tools/list_changed"]
    ids = [message.get("params", {}).get("_meta", {}) for message in bench.client]
    assert ids == [{"io.modelcontextprotocol/subscriptionId": "l"} if subscribed else {}] * 2


# ---------------------------------------------------------------------- our own faults
def test_a_frame_we_fail_on_does_not_pass_and_its_asker_is_told(bench, capsys, monkeypatch):
    def broken(*arguments: Any) -> None:
        raise ZeroDivisionError("ours")

    bench.passes(call(1))
    monkeypatch.setattr(bench.gate, "ended", broken)
    assert bench.answers(result(1)) is None
    monkeypatch.setattr(bench.gate, "admit", broken)
    assert bench.sends(call(2)) is None
    assert bench.sends(b"[" + call(3).strip() + b"]") is None
    bench.passes(frame(method="n"))
    assert [(reply["id"], reply["error"]["code"]) for reply in bench.client] == [(1, -32603), (2, -32603)]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("internal error") == 3


# ---------------------------------------------------------------------- what breaks the rules
def test_violations_are_recorded_and_strays_are_something_else(bench):
    bench.passes(call(1))
    assert bench.answers(b"Listening\n") is None
    assert bench.answers(result(2)) is None
    assert bench.answers(b"\n") is None
    assert bench.sends(b'{"id":5,"method":"a","method":"b"}') is None
    assert bench.sends(b"\n") is None
    assert [kind for kind, _ in bench.gate.events("stray", "violation")] == ["stray", "violation", "violation"]
    assert [(reply["id"], reply["error"]["code"]) for reply in bench.client] == [(5, -32600)]
    assert len(bench.gate.open) == 1


def test_members_of_a_batch_stand_for_themselves(bench):
    bench.gate.refuse.add("paid")
    ping = b'{"jsonrpc":"2.0", "id":1,"method":"ping"}'
    out = bench.sends(b"[" + ping + b" ,5," + call(2, "paid").strip() + b',{"id":1,"method":"ping"}]')
    assert out == b"[" + ping + b"]"
    assert [reply["id"] for reply in bench.client] == [None, 2, None]
    bench.passes(b"[" + frame(id=1, result={}).strip() + b' ,\t{"jsonrpc":"2.0","method":"n"}]', server=True)


@pytest.mark.parametrize("from_server", [False, True])
def test_frames_beyond_the_limit(bench, from_server):
    limit = 1 << 20
    if from_server:
        bench.passes(call(7))
        bench.exchange.oversize(
            b'{"result":{"x":"', b'"},"jsonrpc":"2.0","id":7}\n', 2 * limit, limit, from_server=True
        )
        assert [str(one.outcome) for one in bench.gate.done] == ["violation"]
    else:
        head = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"x":"'
        bench.exchange.oversize(head, b'"}}\n', 2 * limit, limit, from_server=False)
    (reply,) = bench.client
    assert reply["id"] == 7
    assert "2,097,152 bytes" in reply["error"]["message"]
    assert "max_frame_mb = 1" in reply["error"]["message"]


def test_a_frame_beyond_the_limit_that_answers_the_server(bench):
    bench.passes(frame(id=7, method="sampling/createMessage", params={}), server=True)
    bench.exchange.oversize(b'{"jsonrpc":"2.0","id":7,"result":{', b"}}\n", 9 << 20, 1 << 20, from_server=False)
    assert bench.client == []
    assert bench.server[0]["error"]["code"] == DROPPED


@pytest.mark.parametrize("from_server", [False, True])
@pytest.mark.parametrize(
    "id",
    [b"1" * 1025, b"1" * 2000, b"-" + b"1" * 1024, b'"' + b"x" * 1500 + b'"', b'"\xff"', b'"\x01"', b"007"],
)
def test_a_frame_beyond_the_limit_under_an_id_that_is_none(bench, capsys, id, from_server):
    for head in (b'{"id":%s,"result":"' % id, b'{"method":"x","id":%s,"params":"' % id, b'{"id":%s,"method":"' % id):
        bench.exchange.oversize(head, b'"}\n', 2 << 20, 1 << 20, from_server=from_server)
        bench.exchange.oversize(b"{", b',"id":%s}\n' % id, 2 << 20, 1 << 20, from_server=from_server)
    assert {reply["id"] for reply in bench.client} == (set() if from_server else {None})
    assert len(bench.gate.events("violation")) == 6
    assert capsys.readouterr().err == ""


def test_a_request_beyond_the_limit_is_refused_under_a_long_id_too(bench):
    """And ends no question of the server's under the same one."""
    bench.passes(frame(id="x" * 900, method="roots/list"), server=True)
    head = b'{"jsonrpc":"2.0","id":"' + b"x" * 900 + b'","method":"tools/call","params":{"x":"'
    bench.exchange.oversize(head, b'"}}\n', 2 << 20, 1 << 20, from_server=False)
    assert [reply["id"] for reply in bench.client] == ["x" * 900]
    assert bench.server == []


def test_a_fault_over_a_frame_beyond_the_limit_ends_there(bench, capsys, monkeypatch):
    def broken(*arguments: Any, **more: Any) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(bench.gate, "violation", broken)
    bench.exchange.oversize(b'{"id":1,', b"}\n", 2 << 20, 1 << 20, from_server=False)
    assert "internal error" in capsys.readouterr().err


# ---------------------------------------------------------------------- what nobody can read
def test_an_answer_nobody_can_read_is_an_error_to_its_asker(bench):
    """A server that lets NaN into its JSON would leave its client waiting for ever."""
    bench.passes(call(1))
    assert bench.answers(b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"x":NaN}}}') is None
    (reply,) = bench.client
    assert (reply["id"], reply["error"]["code"]) == (1, DROPPED)
    assert reply["error"]["message"].startswith("mcpwatch: the server's answer could not be read: not JSON")
    assert [(str(one.outcome), one.note) for one in bench.gate.done] == [("violation", "not JSON")]
    assert bench.gate.events("violation", "stray") == [("violation", "not JSON")]
    assert bench.answers(result(1)) is None
    assert bench.gate.open == []


def test_an_unreadable_batch_is_one_violation_and_answers_every_asker(bench):
    for n in (1, 2):
        bench.passes(call(n))
    parts = [result(1).strip(), result(2, x=float("nan")).strip(), b'{"jsonrpc":"2.0","id":"?","method":"x"}']
    assert bench.answers(b"[" + b",".join(parts) + b"]") is None
    assert [reply["id"] for reply in bench.client] == [1, 2]
    assert [message["id"] for message in bench.server] == ["?"]
    assert len(bench.gate.events("violation")) == 1


def test_a_request_nobody_can_read_is_refused_under_its_id(bench):
    for n, line in enumerate(
        [
            b'{"jsonrpc":"2.0","id":0,"Method":"tools/call","params":{"name":"paid"}}',
            b'{"jsonrpc":"2.0","id":1,"method":"TOOLS/CALL","params":{"name":"paid"}}',
            b'{"jsonrpc":"2.0","id":2,"method":"tools/call"}',
            b'{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"paid","arguments":{"x":NaN}}}',
        ]
    ):
        assert bench.sends(line) is None
        assert bench.client[n]["id"] == n
    assert [reply["error"]["code"] for reply in bench.client] == [-32600, -32600, -32602, -32700]
    assert bench.gate.events("admitted", "stray") == []
    assert len(bench.gate.events("violation")) == 4


def test_a_request_of_the_servers_that_does_not_pass_is_refused_under_its_id(bench):
    assert bench.answers(frame(id="s", method="Sampling/CreateMessage", params={})) is None
    assert (bench.server[0]["id"], bench.server[0]["error"]["code"]) == ("s", -32600)
    assert bench.client == []


def test_a29_sampling_in_an_answer_to_an_unknown_method_is_gated(bench):
    bench.gate.refuse.add("@sampling")
    bench.passes(frame(id=1, method="vendor/agent", params={}))
    assert bench.answers(required(1, a=SAMPLE)) is None
    assert (bench.client[0]["id"], bench.client[0]["error"]["code"]) == (1, REFUSED)
    assert [str(one.outcome) for one in bench.gate.done] == ["cancelled"]
    bench.gate.refuse.clear()
    bench.passes(frame(id=2, method="vendor/agent", params={}))
    bench.passes(required(2, a=SAMPLE), server=True)
    bench.passes(frame(id=3, method="vendor/agent", params={"requestState": "s", "inputResponses": {"a": {"x": 1}}}))
    assert [(one.tool, one.result) for one in bench.gate.done[2:]] == [("@sampling", b'{"x":1}')]
    bench.passes(result(3), server=True)
    assert bench.gate.open == []


def test_late_lists_that_cannot_be_read_end_nothing_twice(bench):
    bench.passes(frame(id=1, method="tools/list"))
    bench.passes(frame(method="notifications/cancelled", params={"requestId": 1}))
    assert bench.answers(b'{"id":1,"result":{"tools":[{"name":"a","name":"b"}]}}') is None
    assert bench.client == []
    assert len(bench.gate.done) == 1


# ---------------------------------------------------------------------- bounds
def test_requests_beyond_what_may_be_open_are_refused_and_cost_nothing(bench, monkeypatch):
    monkeypatch.setattr(exchange, "MAX_OPEN", 5)
    for n in range(5):
        bench.passes(call(n))
        bench.passes(frame(id=n, method="roots/list"), server=True)
    assert bench.sends(call(5)) is None
    assert bench.answers(frame(id="s", method="sampling/createMessage", params={})) is None
    assert (bench.client[0]["id"], bench.client[0]["result"]["isError"]) == (5, True)
    assert "too many open requests" in bench.client[0]["result"]["content"][0]["text"]
    assert (bench.server[0]["id"], bench.server[0]["error"]["code"]) == ("s", REFUSED)
    assert len(bench.gate.events("admitted")) == 5
    assert [(str(one.outcome), one.code) for one in bench.gate.done] == [("refused", "too-many-open")] * 2
    bench.passes(result(0), server=True)
    bench.passes(call(5))


def test_what_open_requests_hold_in_memory_is_bounded(bench, monkeypatch):
    monkeypatch.setattr(exchange, "MAX_HELD", 100_000)
    bench.passes(call(0, arguments={"x": "y" * 200_000}))  # one may always be
    assert bench.sends(call(1, arguments={"x": "y" * 5_000})) is None
    bench.passes(result(0), server=True)
    for n in range(1, 10):
        bench.passes(call(n, arguments={"x": "y" * 10_000}))
    assert bench.sends(call(10, arguments={"x": "y" * 10_000})) is None
    bench.passes(call(11))


def test_an_open_request_does_not_hold_on_to_its_frame(bench):
    tracemalloc.start()
    try:
        for n in range(8):
            bench.passes(call(n, _meta={"x": "y" * 1_000_000}))
            bench.passes(call(f"s{n}", extra="y" * 1_000_000))
            bench.passes(frame(id=f"p{n}", method="x/y", params={"x": "y" * 10}, extra="y" * 1_000_000))
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()


STEPS = [
    call(1),
    call(1, "paid"),
    call(2),
    call(2, requestState="s"),
    result(1),
    result(2),
    required(1, a=SAMPLE),
    frame(id=1, error={"code": 1, "message": ""}),
    frame(id=1, method="sampling/createMessage", params={}),
    frame(id=1, method="tasks/get", params={"taskId": "k"}),
    frame(id=1, method="tasks/result", params={"taskId": "k"}),
    frame(id=2, method="tasks/update", params={"taskId": "k", "inputResponses": {"a": {}}}),
    frame(id=1, result={"taskId": "k", "inputRequests": {"a": SAMPLE}}),
    frame(method="notifications/tasks", params={"taskId": "k", "result": {}, "inputRequests": {"a": SAMPLE}}),
    frame(id=2, method="tools/list"),
    frame(id=2, result={"tools": [{"name": "a"}]}),
    frame(method="notifications/cancelled", params={"requestId": 1}),
    b"[" + call(1).strip() + b"," + result(1).strip() + b"]",
    b"[]",
    b"x",
    None,  # a lock
]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(STEPS)), max_size=14))
def test_every_call_that_begins_ends_once_whatever_happens(steps):
    bench = Bench()
    bench.gate.refuse.add("paid")
    for from_client, line in steps:
        if line is None:
            bench.exchange.on_lock(LOCKED)
        elif from_client:
            bench.sends(line)
        else:
            bench.answers(line)
    bench.exchange.close()
    assert bench.gate.open == []
