"""The parser against the standard library's, and against frames made to be read in two ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from mcpwatch.protocol.lenient import find_id, is_utf8, patched
from mcpwatch.protocol.message import (
    MAX_BATCH,
    MAX_KEYS,
    NONE,
    PARAMS_KEYS,
    RESULT_KEYS,
    TOP_KEYS,
    Malformed,
    Parser,
    id_key,
)

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1}}}'


class Repeated(Exception):
    pass


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Repeated
    return found


def look_alike(keys: set[str], known: frozenset[str]) -> bool:
    return any(key not in known and key.casefold() in {k.casefold() for k in known} for key in keys)


def refused(line: bytes) -> Malformed:
    with pytest.raises(Malformed) as caught:
        Parser().message(line)
    return caught.value


# ---------------------------------------------------------------------- against a model
scalar = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)
value = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
top_key = st.sampled_from([*sorted(TOP_KEYS), "Method", "ID", "x", "reſult", "m", ""]) | st.text(max_size=3)
params_key = st.sampled_from([*sorted(PARAMS_KEYS), "Name", "arGuments", "_META", "x"]) | st.text(max_size=3)
result_key = st.sampled_from([*sorted(RESULT_KEYS), "iserror", "Content", "x"]) | st.text(max_size=3)
separators = st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "  :")])


@st.composite
def objects(draw: st.DrawFn, keys: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> str:
    """JSON text of an object whose keys may repeat, with blanks or without, escaped or not."""
    comma, colon = draw(separators)
    ascii_only = draw(st.booleans())
    pairs = draw(st.lists(st.tuples(keys, values), max_size=6))
    return "{" + comma.join(json.dumps(k, ensure_ascii=ascii_only) + colon + v for k, v in pairs) + "}"


def texts(values: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    return st.builds(lambda v, a: json.dumps(v, ensure_ascii=a), values, st.booleans())


frames = objects(
    top_key,
    texts(value)
    | texts(st.sampled_from(["2.0", "tools/call", 1, "a", None]))
    | objects(params_key, texts(value))
    | objects(result_key, texts(value)),
)


def encodable(text: str) -> bool:
    return not any(0xD800 <= ord(c) < 0xE000 for c in text)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(frames.filter(encodable))
@example('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}')
@example('{"jsonrpc":"2.0","id":1,"result":{}}')
def test_message_agrees_with_the_standard_library(text):
    """Accepted exactly when no key of the top level repeats or looks like another; then every member is the same."""
    pairs = json.loads(text, object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    model = dict(json.loads(text))
    method = model.get("method")
    bad = (
        len(set(keys)) != len(keys)
        or look_alike(set(keys), TOP_KEYS)
        or not (method is None or isinstance(method, str))
    )
    try:
        m = Parser().message(text.encode())
    except Malformed:
        assert bad
        return
    assert not bad
    assert m.method == method
    one_sided = {"result", "error"} if model.get("result") is None or model.get("error") is None else set()
    for name in TOP_KEYS - {"jsonrpc", "method"}:
        raw = bytes(getattr(m, name))
        if raw:
            assert json.loads(raw) == model[name]
        else:
            assert name not in model or (name in one_sided and model[name] is None)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(objects(params_key, texts(value)).filter(encodable))
def test_params_agree_with_the_standard_library(text):
    pairs = json.loads(text, object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    model = json.loads(text)
    name = model.get("name")
    bad = len(set(keys)) != len(keys) or look_alike(set(keys), PARAMS_KEYS)
    bad = bad or not (name is None or isinstance(name, str))
    line = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + text.encode() + b"}"
    parser = Parser()
    m = parser.message(line)
    try:
        p = parser.params(m.params)
    except Malformed:
        assert bad
        return
    assert not bad
    assert p.name == name
    for attribute, key in {"arguments": "arguments", "meta": "_meta", "requestState": "requestState"}.items():
        raw = bytes(getattr(p, attribute))
        assert (json.loads(raw) == model[key]) if raw else key not in model


@settings(max_examples=600, deadline=None, derandomize=True)
@given(objects(result_key, texts(value | st.booleans())).filter(encodable))
def test_result_agrees_with_the_standard_library(text):
    pairs = json.loads(text, object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    model = json.loads(text)
    kind = model.get("resultType")
    bad = len(set(keys)) != len(keys) or look_alike(set(keys), RESULT_KEYS)
    bad = bad or not (kind is None or isinstance(kind, str))
    line = b'{"jsonrpc":"2.0","id":1,"result":' + text.encode() + b"}"
    parser = Parser()
    m = parser.message(line)
    try:
        r = parser.result(m.result)
    except Malformed:
        assert bad
        return
    assert not bad
    assert r.resultType == kind
    assert r.isError == (model.get("isError") not in (None, False))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.binary(max_size=80) | st.text(alphabet='{}[]",:\\ud8f01aeimnt \r\n', max_size=60).map(str.encode))
@example(b'{"id":"\\ud800","method":"\\udc00"}')
@example(b'{"\\ud800":1}')
@example(b"{" * 5000)
@example(b"\n")
@example(b"")
def test_any_bytes_are_read_or_refused(line):
    parser = Parser()
    try:
        m = parser.message(line)
        parser.params(m.params)
        parser.result(m.result)
        id_key(m.id)
    except Malformed as bad:
        assert bad.note
        try:
            parser.batch(line)
        except Malformed as worse:
            assert worse.note


# ---------------------------------------------------------------------- attacks
@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","\\u006dethod":"tools/call"}',
        b'{"jsonrpc":"2.0","id":1,"id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"x":1,"x":2,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"result":{},"result":{}}',
        b'{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}',
    ],
)
def test_repeated_keys_are_refused(line):
    assert "repeated" in refused(line).note


@pytest.mark.parametrize(
    "key", ["Method", "METHOD", "meThod", "Id", "ID", "Params", "re\u017fult", "R\u0045SULT", "Jsonrpc"]
)
def test_keys_that_differ_by_case_are_refused(key):
    line = f'{{"jsonrpc":"2.0","id":1,"method":"ping","{key}":"tools/call"}}'
    assert "case" in refused(line.encode()).note
    assert "case" in refused(json.dumps(json.loads(line)).encode()).note


@pytest.mark.parametrize("key", ["Name", "ARGUMENTS", "_Meta", "argument\u017f", "RequestState"])
def test_parameters_that_differ_by_case_are_refused(key):
    line = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","{key}":"b"}}}}'
    parser = Parser()
    with pytest.raises(Malformed, match="case"):
        parser.params(parser.message(line.encode()).params)


@pytest.mark.parametrize(
    "line", [b"\xff", b'{"a":"\xff"}', b'{"a":"\xc0\xae"}', b'{"a":"\xed\xa0\x80"}', b'{"\xf4\x90\x80\x80":1}']
)
def test_invalid_utf8_is_refused(line):
    assert refused(line).note == "invalid UTF-8"


@pytest.mark.parametrize("size", [10, (1 << 18) - 1, (1 << 18) + 5, 1 << 20])
@pytest.mark.parametrize("text", ["é", "世", "🌍", "aé世🌍"])
def test_utf8_is_checked_in_pieces(text, size):
    data = (text * size).encode()[:size]
    while data and not is_utf8(data[-8:].lstrip(bytes(range(0x80, 0xC0)))):
        data = data[:-1]
    assert is_utf8(data)
    assert not is_utf8(data + b"\x80")
    assert not is_utf8(b"\x80" * max(size, 1))
    assert not is_utf8(data + "é".encode()[:1])


@pytest.mark.parametrize("line", [rb'{"method":"a\ud800"}', rb'{"id":1,"method":"tools/call\udfff","params":{}}'])
def test_lone_surrogates_in_a_method_are_refused(line):
    assert "surrogate" in refused(line).note


def test_lone_surrogates_in_names_and_ids_are_refused_and_in_content_are_not():
    parser = Parser()
    with pytest.raises(Malformed, match="surrogate"):
        parser.params(parser.message(rb'{"id":1,"method":"tools/call","params":{"name":"a\ud800"}}').params)
    with pytest.raises(Malformed, match="surrogate"):
        id_key(parser.message(rb'{"id":"\udfff","method":"ping"}').id)
    m = parser.message(
        rb'{"id":1,"method":"tools/call","params":{"name":"a\ud83c\udf0d","arguments":{"x":"\ud800"}}}'
    )
    assert parser.params(m.params).name == "a🌍"


@pytest.mark.parametrize(
    ("text", "lone"),
    [
        (r"\ud83c\udf0d", 0),
        (r"\ud83c", 1),
        (r"\udf0d\ud83c", 2),
        (r"\ud83c\ud83c\udf0d", 1),
        (r"\ud83cx\udf0d", 2),
        (r"\\ud83c", 0),
        (r"\\\ud83c", 1),
        (r"\uD83C\u0041", 1),
        (r"\ud83c\n\udf0d", 2),
    ],
)
def test_exactly_the_lone_surrogates_are_replaced(text, lone):
    data = f'{{"a":"{text}"}}'.encode()
    copy = patched(data)
    assert (copy or b"").count(rb"\uFfFd") == lone
    if copy is not None:
        assert len(copy) == len(data)
        json.loads(copy)["a"].encode()


def test_a_string_that_does_not_end_costs_no_more_than_its_length():
    """A search that began anew at each of its quotes would take an hour."""
    assert patched(b'{"a\\ud800' + b'\\"' * (1 << 20)) is not None
    assert refused(b'{"a":"\\ud800' + b'\\"' * (1 << 20)).note == "not JSON"


def test_frames_between_carriage_returns_are_refused():
    """A reader in text mode (the Python SDK's servers) ends a line at a CR, and would find the call in the ping."""
    smuggled = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":\r' + CALL + b"\r}}"
    assert "carriage" in refused(smuggled).note
    assert "carriage" in refused(b'{"a":1,\r' * 200 + b"}").note
    assert Parser().message(b'{"jsonrpc":"2.0",\r"id":1,"method":"ping"}\r\n').method == "ping"
    assert Parser().message(CALL + b"\r\n").method == "tools/call"


@pytest.mark.parametrize(
    "line",
    [b"", b"  ", b"42", b"null", b'"x"', b"[]", b"{", CALL + CALL, b"\xef\xbb\xbf" + CALL, b'{"a":NaN}', b"{'a':1}"],
)
def test_what_is_no_object_is_refused(line):
    assert refused(line).json is False


def test_deep_and_wide_frames_are_refused_without_a_crash():
    assert "deep" in refused(b'{"a":' * 100_000 + b"}" * 100_000).note
    assert "deep" in refused(b'{"id":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}").note
    many = ",".join(f'"k{n}":0' for n in range(MAX_KEYS + 1))
    assert "keys" in refused(f"{{{many}}}".encode()).note


# ---------------------------------------------------------------------- ids
@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"0", 0),
        (b"-0", 0),
        (b"007", b"007"),  # not JSON, but told of a frame that cannot be read
        (b"999999999999999999", 999999999999999999),
        (b"1000000000000000000", b"1000000000000000000"),
        (b"18446744073709551616", b"18446744073709551616"),
        (b"-7", b"-7"),
        (b"1.0", b"1.0"),
        (b"1.50", b"1.5"),
        (b'"1"', b'"1"'),
        (rb'"\u0031"', b'"1"'),
        (rb'"\u00e9\/"', '"é/"'.encode()),
        (b'""', b'""'),
        (rb'"\""', rb'"\""'),
    ],
)
def test_ids_have_one_spelling(raw, key):
    assert id_key(Raw(raw)) == key


@pytest.mark.parametrize(
    "raw", [b"null", b"true", b"{}", b"[1]", b"1e3", b"1E400", b"", b"-" + b"9" * 2000, b'"' + b"x" * 2000 + b'"']
)
def test_ids_that_cannot_be_paired_are_refused(raw):
    with pytest.raises(Malformed):
        id_key(Raw(raw))


@given(
    st.integers(-(2**70), 2**70) | st.text(max_size=10).filter(encodable),
    st.integers() | st.text(max_size=3).filter(encodable),
)
def test_ids_are_equal_exactly_when_type_and_value_are(one, two):
    spell = [json.dumps(one).encode(), json.dumps(one, ensure_ascii=False).encode(), json.dumps(two).encode()]
    keys = [id_key(Raw(text)) for text in spell]
    assert keys[0] == keys[1]
    assert (keys[0] == keys[2]) == (type(one) is type(two) and one == two)


@pytest.mark.parametrize(
    ("frame", "id"),
    [
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"x":"' + b"x" * 500 + b'"}}', b"7"),
        (b'{"id":"a-b","result":"' + b"x" * 500 + b'"}', b'"a-b"'),
        (b'{"result":{"id":5,"x":"' + b"x" * 500 + b'"},"jsonrpc":"2.0","id":7}\n', b"7"),
        (b'{"result":{"x":"' + b"x" * 500 + b'"},"id":"q","jsonrpc":"2.0"}', b'"q"'),
        (b'{"params":{"x":"' + b"x" * 500 + b'"},"id":7,"method":"ping"}', None),
        (b'{"result":"' + b"x" * 500 + b',\\"id\\":9}"}', None),
    ],
)
def test_the_id_of_a_frame_too_large_to_read(frame, id):
    assert find_id(frame[:200], frame[-200:]) == id


@pytest.mark.parametrize("longest", [b"-" + b"1" * 1023, b'"' + b"x" * 1022 + b'"'])
def test_no_id_of_a_frame_too_large_to_read_is_longer_than_an_id_may_be(longest):
    assert id_key(Raw(longest))
    longer = longest[:2] + longest[1:]
    for id, found in ((longest, longest), (longer, None)):
        assert find_id(b'{"id":%s,"x":' % id, b"") == found
        assert find_id(b"", b',"id":%s}' % id) == found


# ---------------------------------------------------------------------- batches
def test_batches_are_taken_apart():
    parser = Parser()
    assert parser.batch(CALL) is None
    assert [bytes(raw) for raw in parser.batch(b" [1 , {} ,[2]]") or []] == [b"1", b"{}", b"[2]"]
    assert parser.batch(b"[]") == []
    assert [len(raw) for raw in parser.batch(rb'["\ud800"]') or []] == [8]
    for bad in (b"[1", b"[1]]", b"[" * 5000, b"[" + b"1," * MAX_BATCH + b"1]"):
        with pytest.raises(Malformed):
            parser.batch(bad)
    assert len(parser.batch(b"[" + b"1," * (MAX_BATCH - 1) + b"1]") or []) == MAX_BATCH


def test_absent_members_weigh_nothing():
    m = Parser().message(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    assert m.id is NONE
    assert m.params is NONE
