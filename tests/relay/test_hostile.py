"""Frames made to be read in two ways, from either side in any order: what passes is what the gate has judged.

The readers of the model are as careless as real ones: any case, first or last of repeated keys, NaN, marks, blanks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpwatch.relay import exchange
from mcpwatch.relay.exchange import Exchange
from relay.fakegate import LOCKED, FakeGate

IDS = ["1", "2", '"1"', "1.0", "-1", "null", "true", "{}", '"\\u0031"', '"\\ud800"', "NaN", "1e0"]
METHODS = [
    *("tools/call", "ping", "tools/list", "sampling/createMessage", "notifications/cancelled", "vendor/agent"),
    *("TOOLS/CALL", " tools/call", "tools/call\\u0000", "tools/call/", "tools\\/call", "t\\u006fols/call", ""),
]
SAMPLE = '{"method":"sampling/createMessage","params":{}}'
PARAMS = [
    *('{"name":"paid"}', '{"name":"free","arguments":{}}', '{"name":"free","name":"paid"}', '{"Name":"paid"}'),
    *('{"name":"free","arguments":{"x":NaN}}', "[]", "null", '"paid"', '{"requestId":1}', '{"requestId":"1"}'),
    *('{"name":"free","requestState":"s","inputResponses":{"a":{}}}', '{"requestState":"s"}', '{"name":5}', "["),
]
RESULTS = [
    *('{"content":[]}', '{"content":[],"isError":true}', "NaN", "{", '{"isError":0,"isError":1}', '{"Content":[]}'),
    *('{"tools":[{"name":"x"}]}', '{"tools":[{"name":"x","name":"y"}]}', "null", "[]", '"\\ud800"'),
    f'{{"resultType":"input_required","requestState":"s","inputRequests":{{"a":{SAMPLE}}}}}',
    f'{{"inputReque\\u0073ts":{{"a":{SAMPLE}}}}}',
    f'{{"InputRequests":{{"a":{SAMPLE}}}}}',
]


choice = st.sampled_from


def members(key: str, values: list[str], others: list[str]) -> st.SearchStrategy[str]:
    keys = choice([key] * 8 + others)
    return st.builds(lambda k, v: f'"{k}":{v}', keys, choice(values))


member = st.one_of(
    members("id", IDS[:4] * 4 + IDS, ["Id", "\\u0069d"]),
    members("method", [f'"{method}"' for method in METHODS] + ["5"], ["Method", "\\u006dethod"]),
    members("params", PARAMS, ["Params"]),
    members("result", RESULTS, ["Result"]),
    members("error", ['{"code":1,"message":""}', "null"], ["ERROR"]),
    members("jsonrpc", ['"2.0"', '"1.0"'], ["x"]),
)
usual = st.one_of(
    st.builds('{{"jsonrpc":"2.0","id":{},"method":"{}","params":{}}}'.format, *map(choice, (IDS, METHODS, PARAMS))),
    st.builds('{{"jsonrpc":"2.0","id":{},"result":{}}}'.format, *map(choice, (IDS, RESULTS))),
    st.builds('{{"jsonrpc":"2.0","method":"{}","params":{}}}'.format, *map(choice, (METHODS, PARAMS))),
)
objects = usual | st.lists(member, max_size=6).map(lambda parts: "{" + ",".join(parts) + "}")
batches = st.lists(objects | choice(["5", "[]", ""]), max_size=4).map(lambda parts: "[" + ",".join(parts) + "]")
junk = choice(["", "", "", " ", "\ufeff", "\r", "\x00", "x", "{", "}", '"', "[", "]", "log: ", '{"a":1}'])


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A line with something before, behind or in it."""
    raw = (draw(junk) + draw(objects | batches) + draw(junk)).encode()
    at = draw(st.integers(0, len(raw)))
    return raw[:at] + draw(choice([b"", b"\xff", b"\x00", b"\t", b"\\", b'"', b"\r", b"\xc0\xaf"])) + raw[at:]


fine_ids = choice(["1", "2", '"1"', "3"])
asking = st.builds(
    '{{"jsonrpc":"2.0","id":{},"method":"{}","params":{}}}'.format,
    fine_ids,
    choice(["tools/call", "vendor/agent", "tools/list", "tools\\/call", "sampling/createMessage"]),
    choice(PARAMS[:2] + PARAMS[-4:-2]),
)
answering = st.builds('{{"jsonrpc":"2.0","id":{},"result":{}}}'.format, fine_ids, choice(RESULTS))
lines = st.one_of(asking.map(str.encode), answering.map(str.encode), (objects | batches).map(str.encode), bent())


# ---------------------------------------------------------------------- careless readers
def readings(line: bytes) -> Iterator[dict[str, Any]]:
    """Every message some reader might find in a line, with folded keys."""

    def pick(first: bool) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
        return lambda pairs: dict(reversed(pairs) if first else pairs)

    decoder = {first: json.JSONDecoder(strict=False, object_pairs_hook=pick(first)) for first in (False, True)}
    for piece in {line, *line.split(b"\r")}:
        text = piece.decode(errors="replace").strip().strip("\ufeff\x00")
        for first in (False, True):
            at = 0
            while at < len(text):
                try:
                    value, end = decoder[first].raw_decode(text, at)
                except (ValueError, RecursionError):
                    break
                at = end
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, dict):
                        yield {str(key).casefold(): value for key, value in one.items()}


def means(message: dict[str, Any], method: str) -> bool:
    said = message.get("method")
    return isinstance(said, str) and said.partition("\0")[0].strip().strip("/").casefold() == method


def typed(id: Any) -> str:
    return f"{type(id).__name__} {id!r}"


class Talk:
    """An exchange whose every output is read."""

    def __init__(self) -> None:
        self.gate = FakeGate()
        self.gate.refuse = {"paid", "@sampling"}
        self.exchange = Exchange(self.gate, self.read_by_client, self.read_by_server)
        self.asked: dict[str, int] = {}  # ids of the client's requests that went out, and how often

    def client_sends(self, line: bytes) -> None:
        admitted = len(self.gate.events("admitted"))
        out = self.exchange.from_client(line)
        if out is None:
            return
        calls = [message for message in readings(out) if means(message, "tools/call")]
        assert all(isinstance(message.get("params"), dict) for message in calls)
        assert all(message["params"].get("name") != "paid" for message in calls)
        assert not calls or len(self.gate.events("admitted")) > admitted
        seen = {typed(message["id"]) for message in readings(out) if "method" in message and "id" in message}
        for id in seen:
            self.asked[id] = self.asked.get(id, 0) + 1

    def server_sends(self, line: bytes) -> None:
        out = self.exchange.from_server(line)
        if out is None:
            return
        answered = set()
        for message in readings(out):
            assert not means(message, "sampling/createmessage")
            result = message.get("result")
            folded = {str(key).casefold() for key in result} if isinstance(result, dict) else set()
            assert "inputrequests" not in folded  # the gate refuses every sampling here
            if "method" not in message and "id" in message:
                answered.add(typed(message["id"]))
        for id in answered:
            assert self.asked.get(id, 0) > 0, f"an answer to no question: {out!r}"
            self.asked[id] -= 1

    def read_by_client(self, frame: bytes) -> None:
        """A frame of ours: strict JSON, one line; an error under an id of the client's ends that request."""
        (message,) = self.strict(frame)
        if "method" not in message and message["id"] is not None and self.asked.get(typed(message["id"])):
            self.asked[typed(message["id"])] -= 1

    def read_by_server(self, frame: bytes) -> None:
        self.strict(frame)

    def strict(self, frame: bytes) -> list[dict[str, Any]]:
        assert frame.endswith(b"\n")
        assert frame.count(b"\n") == 1

        def no_constants(name: str) -> Any:
            raise AssertionError(name)

        message = json.loads(frame.decode(), parse_constant=no_constants)
        assert message["jsonrpc"] == "2.0"
        return [message]


client = st.tuples(st.just(True), asking.map(str.encode) | lines)
server = st.tuples(st.just(False), answering.map(str.encode) | lines)
steps = st.lists(client | server | st.just((True, None)), max_size=12)


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Our own faults: a frame may be refused, it may not surprise us."""
    found: list[str] = []
    monkeypatch.setattr(exchange, "complain", found.append)
    monkeypatch.setattr(exchange, "MAX_OPEN", 4)
    return found


def test_nothing_passes_unjudged_and_nothing_surprises(faults):
    @settings(max_examples=1500, deadline=None, derandomize=True)
    @given(steps)
    def run(steps: list[tuple[bool, bytes | None]]) -> None:
        talk = Talk()
        for from_client, line in steps:
            if line is None:
                talk.exchange.on_lock(LOCKED)
            elif from_client:
                talk.client_sends(line)
            else:
                talk.server_sends(line)
            session = talk.exchange.session
            assert max(len(session.asked_by_client), len(session.asked_by_server)) <= 4
        talk.exchange.close()
        assert talk.gate.open == []
        assert faults == []

    run()
