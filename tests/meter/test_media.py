import base64
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mcpwatch.meter import media
from mcpwatch.meter.tokens import estimate, estimate_content
from meter.sample_texts import noise

DATA = base64.b64encode(noise(3000)).decode()
IMAGE = {"type": "image", "data": DATA, "mimeType": "image/png"}
AUDIO = {
    "mimeType": "audio/wav",
    "data": DATA,
    "type": "audio",
    "annotations": {"audience": ["user"], "priority": 0.5},
}
RESOURCE = {"type": "resource", "resource": {"uri": "file:///a.pdf", "mimeType": "application/pdf", "blob": DATA}}
BLOB = {"uri": "file:///a.bin", "blob": DATA}
TEXT = {"type": "text", "text": "Done."}

COUNTED: dict[str, tuple[Any, int]] = {
    "image": ({"content": [IMAGE]}, 1),
    "audio, other key order, nested annotations": ({"content": [TEXT, AUDIO]}, 1),
    "embedded resource": ({"content": [TEXT, RESOURCE]}, 1),
    "resources/read, no mimeType": ({"contents": [BLOB, BLOB]}, 2),
    "prompts/get": ({"messages": [{"role": "user", "content": IMAGE}]}, 1),
    "sampling, list of blocks": (
        {"messages": [{"role": "user", "content": [TEXT, IMAGE, AUDIO]}], "maxTokens": 9},
        2,
    ),
    "sampling, result of a tool": ({"messages": [{"content": {"type": "tool_result", "content": [IMAGE]}}]}, 1),
    "small": ({"content": [IMAGE | {"data": "aGk="}]}, 1),
    "empty": ({"content": [IMAGE | {"data": ""}]}, 1),
    "mixed": ({"content": [IMAGE, AUDIO, RESOURCE, TEXT]}, 3),
}

NOT_COUNTED: dict[str, Any] = {
    "no media": {"content": [TEXT]},
    "text about images": {"content": [{"type": "text", "text": json.dumps(IMAGE)}]},
    "structured content": {"content": [TEXT], "structuredContent": IMAGE},
    "arguments": {"name": "upload", "arguments": IMAGE},
    "meta": {"content": [], "_meta": {"x": IMAGE}},
    "rows": {"rows": [{"type": "image", "mimeType": "a", "data": {"x": 1}}, {"data": DATA, "type": "row"}]},
    "neighbours": {"content": [{"type": "image", "mimeType": "x"}, {"data": DATA}]},
    "a blob of what": {"mimeType": "x", "blob": DATA},
    "data is no string": {"content": [IMAGE | {"data": [DATA]}]},
}


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("style", [{}, {"indent": 3}, {"separators": (",", ":")}])
def test_media_counts_by_item(name: str, style: dict[str, Any]) -> None:
    message, items = COUNTED[name]
    raw = json.dumps(message, **style).encode()
    text, found = media.split(raw)
    assert found == items
    rest = raw
    for payload in (DATA, "aGk=", ""):
        assert f'"{payload}"'.encode() not in text
        rest = rest.replace(f'"{payload}"'.encode(), b"")
    assert abs(estimate_content(raw).tokens - items * media.ITEM_TOKENS - estimate(rest)) <= 3


@pytest.mark.parametrize("name", NOT_COUNTED)
def test_what_is_no_media_item_counts_as_text(name: str) -> None:
    raw = json.dumps(NOT_COUNTED[name]).encode()
    assert media.split(raw) == (raw, 0)


def test_slashes_and_line_breaks_may_be_escaped() -> None:
    raw = json.dumps({"content": [IMAGE | {"data": DATA[:1000] + "\r\n" + DATA[1000:]}]}).replace("/", "\\/").encode()
    text, items = media.split(raw)
    assert items == 1
    assert len(text) < 100


def test_a_string_with_an_escaped_quote_is_no_base64() -> None:
    raw = b'{"content":[{"type":"image","mimeType":"x","data":"\\",\\"type\\":\\"text\\" and more text"}]}'
    assert media.split(raw) == (raw, 0)


def test_in_large_fragments_big_payloads_count_by_item() -> None:
    text = "word " * 40_000
    picture = IMAGE | {"data": base64.b64encode(noise(400_000)).decode()}
    raw = json.dumps({"content": [{"type": "text", "text": text}, picture]}).encode()
    rest, items = media.split(raw)
    assert items == 1
    assert len(rest) == pytest.approx(len(text), abs=200)


def test_spacing_around_the_colon_is_free() -> None:
    raw = b'{"content" : [ { "data"\t:\r\n "' + DATA.encode() + b'" , "type"  : "image", "mimeType":"x" } ] }'
    assert media.split(raw)[1] == 1


@pytest.mark.parametrize(
    "raw",
    [
        b'{"content":[{"type":"image","mimeType":"x","data":"QUJD"}]',
        b'{"content":[{"type":"image","mimeType":"x","data":"QUJD',
        b'{"mimeType":NaN,"data":"QUJD"}',
        b'NaN"blob":"QUJD"',
        b'"blob":"\xff\xfe"',
        b'{"mimeType":"\xff","content":[{"type":"image","data":"QUJD"}]}',
        b"[" * 100_000 + b'"mimeType"' + b'"data":"x"',
        b'"data":"mimeType',
        b'"mimeType""data":',
    ],
)
def test_what_is_not_json_counts_as_text(raw: bytes) -> None:
    assert media.split(raw) == (raw, 0)
    assert estimate_content(raw).tokens > 0


def test_beyond_the_bounds_media_counts_as_text() -> None:
    big, small = json.dumps(IMAGE), json.dumps(IMAGE | {"data": "QUJD"})
    thousands = f'{{"content":[{big},{",".join([small] * 3000)}]}}'.encode()
    assert media.split(thousands)[1] == 1000
    crowded = f'{{"content":[{big}],"rows":[{",".join(["{}"] * 100_000)}]}}'.encode()
    assert media.split(crowded) == (crowded, 0)
    first = f'{{"content":[{big}],"rows":[{",".join(["{}"] * 50_000)}]}}'.encode()
    assert media.split(first)[1] == 1
    deep = f'{{"rows":[{",".join(["{}"] * 50_000)}],"a":{{"b":{{"content":[{big}]}}}}}}'.encode()
    assert media.split(deep)[1] == 0
    assert estimate_content(thousands).tokens > 1000 * media.ITEM_TOKENS


ALPHABET = [
    *[b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b" ", b"NaN", b"\\u00e9", b"\\ud83d", b"\xff", b"AAAA"],
    *[
        b'"data"',
        b'"blob"',
        b'"uri"',
        b'"type"',
        b'"image"',
        b"mimeType",
        b'"content"',
        b'"data":"QUJD"',
        b'"blob":"',
    ],
]


@given(st.lists(st.sampled_from(ALPHABET), max_size=60).map(b"".join))
def test_never_raises_and_never_grows(raw: bytes) -> None:
    text, items = media.split(raw)
    assert len(text) <= len(raw)
    assert bool(items) == (len(text) < len(raw))
    assert len(media.unescape(raw)) <= len(raw)


@given(st.text())
def test_unescape_is_what_json_reads(text: str) -> None:
    assume("\\u" not in text)
    escaped = json.dumps(text)[1:-1].encode()
    whole = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    assert json.loads(f'"{media.unescape(escaped).decode()}"', strict=False) == whole


def test_unescape_reads_pairs_and_survives_halves() -> None:
    assert media.unescape(b"\\ud83d\\ude00 \\uc548\\uB155 \\u12 \\ud83d") == "😀 안녕 \\u12 \ufffd".encode()
    assert media.unescape(b"plain") == b"plain"
