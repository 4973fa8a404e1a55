"""The short way through a frame: taken only where the standard library finds nothing else in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from mcpwatch.protocol.message import id_key
from mcpwatch.protocol.plain import plain_call, plain_result

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1}}}'
RESULT = b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":false}}'
BIG = "x" * 20_000


def pairs_of(text: str) -> list[tuple[str, object]]:
    """The members of the top level, objects below it as lists of pairs too."""
    found = json.loads(text, object_pairs_hook=lambda pairs: pairs)
    assert isinstance(found, list)
    return found


values = st.sampled_from(
    [
        "1",
        "{}",
        '{"a":{"a":1,"a":2}}',
        "[ ]",
        '"x\\"result\\":{"',
        "null",
        "true",
        '"é"',
        f'"{BIG}"',
        '" \\r"',
        "-1.5e3",
    ]
)
call_keys = st.sampled_from(["name", "arguments", "_meta", "n\\u0061me", "Name", "x", "requestState"])
result_keys = st.sampled_from(["content", "isError", "structuredContent", "_meta", "resultType", "x", "Content"])
blanks = st.sampled_from(["", "", "", " ", "\r", "\t"])


@st.composite
def objects(draw: st.DrawFn, required: list[str], keys: st.SearchStrategy[str], blank: st.SearchStrategy[str]) -> str:
    """Mostly what the short way takes, with a member or a blank too many now and then."""
    members = draw(st.permutations(required + draw(st.lists(keys.map(lambda key: f'"{key}":0'), max_size=2))))
    texts = [member.replace(":0", ":" + draw(values), 1) if member.endswith(":0") else member for member in members]
    return "{" + (draw(blank) + ",").join(texts) + draw(blank) + "}"


calls = objects(['"name":"t"', '"arguments":0'], call_keys, blanks).flatmap(
    lambda params: objects(
        ['"jsonrpc":"2.0"', '"id":7', '"method":"tools/call"', f'"params":{params}'],
        st.sampled_from(["id", "x", "result", "params", "method"]),
        blanks,
    )
)
results = objects(['"content":0'], result_keys, blanks).flatmap(
    lambda result: objects(
        ['"jsonrpc":"2.0"', '"id":7', f'"result":{result}'], st.sampled_from(["id", "x", "error", "result"]), blanks
    )
)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(calls, st.sampled_from([b"", b"\n", b"\r\n"]))
@example(CALL.decode(), b"\n")
def test_a_plain_call_has_nothing_else_in_it(text, end):
    found = plain_call(text.encode() + end)
    pairs = pairs_of(text)
    params = dict(pairs).get("params")
    clean = (
        sorted(key for key, _ in pairs) == ["id", "jsonrpc", "method", "params"]
        and isinstance(params, list)
        and sorted(key for key, _ in params) in (["arguments", "name"], ["_meta", "arguments", "name"])
        and not any(blank in text for blank in (" ]", "\t", "\r", '": ', " ,", " }", "\\u"))
    )
    if found is None:
        assert not clean or b"\r" in end or len(text) > 1 << 14
        return
    id, view = found
    model = json.loads(text)
    assert sorted(key for key, _ in pairs) == ["id", "jsonrpc", "method", "params"]
    assert isinstance(params, list)
    assert sorted(key for key, _ in params) in (["arguments", "name"], ["_meta", "arguments", "name"])
    assert (id, view.name) == (model["id"], model["params"]["name"])
    assert json.loads(bytes(view.arguments)) == model["params"]["arguments"]
    assert b"\r" not in text.encode() + end


@settings(max_examples=600, deadline=None, derandomize=True)
@given(results, st.sampled_from([b"", b"\n", b"\r\n"]))
@example(RESULT.decode(), b"\n")
def test_a_plain_result_has_nothing_else_in_it(text, end):
    found = plain_result(text.encode() + end)
    pairs = pairs_of(text)
    if found is None:
        return
    id, view, body = found
    model = json.loads(text)
    result = dict(pairs)["result"]
    assert sorted(key for key, _ in pairs) == ["id", "jsonrpc", "result"]
    assert isinstance(result, list)
    assert len({key for key, _ in result}) == len(result)
    assert {key for key, _ in result} <= {"content", "isError", "structuredContent", "_meta", "resultType"}
    assert id == model["id"]
    assert json.loads(body) == model["result"]
    assert bool(view.isError) == bool(model["result"].get("isError"))


@pytest.mark.parametrize(
    "line",
    [
        CALL.replace(b'"id":1', b'"id":1,"id":2'),
        CALL.replace(b'"name":"a"', b'"name":"a","name":"b"'),
        CALL.replace(b'"arguments":{"x":1}', b'"name":"b","x":1234'),
        CALL.replace(b"}}}", b'},"Name":"b"}}'),
        CALL.replace(b'"x"', b'"\xff"'),
        CALL.replace(b"{", b"{\r", 1),
        CALL.replace(b'"a"', b'"\\ud800"'),
        CALL.replace(b'"a"', b'"\\u0061"'),
        CALL.replace(b"tools/call", b"tools/list"),
        CALL.replace(b"2.0", b"1.0"),
        CALL.replace(b"{", b"{" * 3000),
        CALL[:-1],
        CALL + CALL,
        b"[" + CALL + b"]",
        b"",
    ],
)
def test_anything_else_is_not_a_plain_call(line):
    assert plain_call(line) is None
    assert plain_call(CALL) is not None


@pytest.mark.parametrize(
    "line",
    [
        RESULT.replace(b'"id":1', b'"id":1,"id":2'),
        RESULT.replace(b'"content":[]', b'"content":[],"content":[]'),
        RESULT.replace(b'"isError"', b'"iserror"'),
        RESULT.replace(b'"isError":false', b'"isError":null'),
        RESULT.replace(b'"isError":false', b'"isError":1'),
        RESULT.replace(b'"jsonrpc"', b'"result":{"isError":true},"jsonrpc"'),
        RESULT.replace(b"}}", b'},"error":{}}'),
        RESULT.replace(b"[]", b"[\xc0\xaf]"),
        b'{"jsonrpc":"2.0","id":1,"result":null}',
        b"",
    ],
)
def test_anything_else_is_not_a_plain_result(line):
    assert plain_result(line) is None
    assert plain_result(RESULT) is not None


@pytest.mark.parametrize("digits", range(1, 19))
@pytest.mark.parametrize(
    "frame",
    [
        b'{"result":{"content":[%b{"":0,"result":7}]},"id":%d,"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","result":{"content":[%b{"":0,"result":7}]},"id":%d}',
    ],
)
def test_another_result_within_the_result_is_not_cut_out(frame, digits):
    for blank in range(12):
        line = frame % (b'"' + b"x" * blank + b'",', 10 ** (digits - 1))
        found = plain_result(line)
        assert found is not None
        assert json.loads(found[2]) == json.loads(line)["result"]


@pytest.mark.parametrize(
    "id",
    ["-0", "-1", "1.0", "1e2", "1E2", "10e0", "1000000000000000000", "9" * 5000, '"1"', "null", "true", " 1", "1 "],
)
def test_an_id_of_another_spelling_is_for_the_long_way(id):
    assert plain_call(CALL.replace(b'"id":1', b'"id":' + id.encode())) is None
    assert plain_result(RESULT.replace(b'"id":1', b'"id":' + id.encode())) is None


@pytest.mark.parametrize("id", [0, 9, 10, 99, 100, 10**17, 10**18 - 1])
def test_an_id_of_as_many_digits_as_it_has(id):
    for end in (b"", b"\n"):
        call = plain_call(CALL.replace(b'"id":1', b'"id":%d' % id) + end)
        result = plain_result(RESULT.replace(b'"id":1', b'"id":%d' % id) + end)
        assert call is not None and result is not None
        assert call[0] == result[0] == id == id_key(Raw(b"%d" % id))


@pytest.mark.parametrize(
    "order",
    [
        '{{"jsonrpc":"2.0","id":{id},"result":{result}}}',
        '{{"id":{id},"result":{result},"jsonrpc":"2.0"}}',
        '{{"result":{result},"jsonrpc":"2.0","id":{id}}}',
    ],
)
def test_the_result_is_cut_out_wherever_it_stands(order):
    result = json.dumps({"content": [{"text": 'a"result":{' * 3000}], "isError": True}, separators=(",", ":"))
    for id in ("0", "1", "999999999999999999"):
        found = plain_result(order.format(id=id, result=result).encode() + b"\n")
        assert found is not None
        assert found[0] == int(id)
        assert found[2] == result.encode()
