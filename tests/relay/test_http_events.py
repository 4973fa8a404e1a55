"""Event streams cut into events, however they arrive; and headers that cross, or do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from mcpwatch.relay.bridge_headers import ToolHeaders, one_line, spelled
from mcpwatch.relay.http_events import Event, Events, TooLarge, message_event
from mcpwatch.relay.http_headers import Unset, decoded, disagreement, expanded, to_client, to_server

LINES = [
    b": hi",
    b"",
    b"event: message",
    b"id: 1",
    b'data: {"a":1}',
    b"",
    b"id: 2",
    b"data",
    b"",
    b"data: {",
    b"data:}",
    b"",
    b"retry: 5",
    b"",
    b"event: other",
    b"data: last",
    b"",
    b"",
]
EXPECTED = [
    (b'{"a":1}', b"1", b"message"),
    (b"", b"2", b""),
    (b"{\n}", None, b""),
    (b"last", None, b"other"),
]


def cut(data: bytes, sizes: list[int]) -> list[Event]:
    events = Events(1 << 20)
    found = []
    while data:
        size = sizes.pop(0) if sizes else len(data)
        found += events.feed(data[:size])
        data = data[size:]
    rest = events.rest()
    return found + ([rest] if rest else [])


@given(st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(1, 20), max_size=80), st.booleans())
def test_the_same_events_however_they_are_cut(end, sizes, mark):
    stream = end.join(LINES)
    found = cut(b"\xef\xbb\xbf" * mark + stream, sizes)
    assert [(x.data, x.id, x.kind) for x in found if x.data is not None] == EXPECTED
    if end != b"\r":
        assert b"".join(x.raw for x in found) == stream, "byte for byte"
    else:
        assert b"\r" not in b"".join(x.raw for x in found), "some readers take a bare CR for text"


def test_an_event_with_other_data_keeps_the_rest():
    (event,) = cut(b"event: message\nid: 7\nx: y\ndata: {}\ndata: \n\n", [])
    assert event.with_data(b'{"b":\n2}\n') == b'event: message\nid: 7\nx: y\ndata: {"b":\ndata: 2}\n\n'
    assert event.without_data() == b"id: 7\n\n"
    assert cut(message_event(b'{"c":3}\n'), [])[0].data == b'{"c":3}'


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_data_that_some_readers_would_cut(separator):
    (hidden,) = cut(f'data: {{"a":"{separator}data: {{}}"}}\n\n'.encode(), [])
    assert hidden.smuggled
    (innocent,) = cut(f'data: {{"a":"one{separator}two"}}\n\n'.encode(), [])
    assert not innocent.smuggled


def test_a_comment_alone_passes_at_once():
    events = Events(100)
    assert [event.raw for event in events.feed(b": ping\n")] == [b": ping\n"]


def test_memory_is_bounded():
    events = Events(1000)
    with pytest.raises(TooLarge):
        for _ in range(100):
            events.feed(b"data: " + b"x" * 100)


def test_headers_of_one_connection_stay():
    sent = [("Host", "a"), ("X-A", "1"), ("X-A", "2"), ("Connection", "keep-alive, X-Hop"), ("X-Hop", "h")]
    sent += [("Content-Length", "3"), ("Authorization", "Bearer t"), ("Mcpwatch-Token", "w"), ("Mcp-Name", "n")]
    on = to_server(sent, "keep-alive, X-Hop, Mcp-Name, Authorization", {"X-Own": "o"})
    assert sorted(on.items()) == [
        ("Accept-Encoding", "identity"),
        ("Authorization", "Bearer t"),
        ("Mcp-Name", "n"),
        ("X-A", "1"),
        ("X-A", "2"),
        ("X-Own", "o"),
    ]
    assert "Authorization" not in to_server(sent, "", {}, frozenset({"authorization"}))
    back = to_client({"Transfer-Encoding": "chunked", "Content-Encoding": "gzip", "Retry-After": "1"})
    assert dict(back) == {"Retry-After": "1"}


def test_environment_variables_in_headers(monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "s3cret")
    assert expanded({"A": "Bearer ${SOME_TOKEN}!", "B": "$SOME_TOKEN"}) == {"A": "Bearer s3cret!", "B": "$SOME_TOKEN"}
    with pytest.raises(Unset, match="NOT_SET_ANYWHERE"):
        expanded({"A": "${NOT_SET_ANYWHERE}"})


@given(st.text(max_size=40))
def test_a_name_is_spelled_and_read(name):
    assert decoded(spelled(name)) == name
    assert spelled(name).isascii()


def test_routing_headers_against_the_body():
    assert disagreement({"Mcp-Method": "tools/call", "Mcp-Name": "a"}, "tools/call", "a") == ""
    assert disagreement({"Mcp-Name": spelled("é")}, "tools/call", "é") == ""
    assert "Mcp-Method" in disagreement({"Mcp-Method": "tools/list"}, "tools/call", "a")
    assert "Mcp-Name" in disagreement({"Mcp-Name": "=?base64?###?="}, "tools/call", "a")
    assert "'b'" in disagreement(CIMultiDict([("mcp-name", "a"), ("MCP-NAME", "b")]), "tools/call", "a")


def test_arguments_that_are_mirrored_into_headers():
    tools = ToolHeaders()
    tools.listed(
        b'{"tools":[{"name":"t","inputSchema":{"properties":{"region":{"x-mcp-header":"Region"},'
        b'"deep":{"properties":{"n":{"x-mcp-header":"N"}}},"bad":{"x-mcp-header":"A: b"}}}}]}'
    )
    found = tools.of("2026-07-28", "tools/call", "t", b'{"region":"e\\u00fc","deep":{"n":3},"bad":"x"}')
    assert found == {
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "t",
        "Mcp-Param-Region": spelled("eü"),
        "Mcp-Param-N": "3",
    }
    assert one_line(b'{\n"a": 1\r\n}') == b'{ "a": 1  }\n'


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("begin", [b"", b"event: message", b"event: messages", b"id: 4"])
@pytest.mark.parametrize(
    "data", [b"", b"{}", b"a\rdata: b", b"a\ndata: b", b"a\r\ndata: b", b"a\n\ndata: b", b"\xc2\x85"]
)
@pytest.mark.parametrize("last", [b"", b"\n", b"\r", b"\r\n", b"data: c"])
def test_an_event_is_the_same_whole_and_in_two_parts(begin, data, end, last):
    stream = (begin + end if begin else b"") + b"data: " + data + end + end + last
    assert cut(stream, [len(stream)]) == cut(stream, [1])
