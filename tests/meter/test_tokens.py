import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpwatch.meter import media, tokens, weights
from mcpwatch.meter.tokens import Estimate, estimate, estimate_content
from meter.sample_texts import SAMPLES, contacts


@pytest.mark.parametrize("kind", SAMPLES)
def test_a22_within_15_percent_of_cl100k(kind: str) -> None:
    text, exact = SAMPLES[kind]
    assert estimate(text().encode()) == pytest.approx(exact, rel=0.15)


@pytest.mark.parametrize("kind", SAMPLES)
def test_a22_calibration_holds_all_over_a_text_not_on_the_whole_alone(kind: str) -> None:
    """The estimates of the pieces, each at most 300 characters, add up to that of the whole."""
    text = SAMPLES[kind][0]()
    pieces = [text[start : start + 300].encode() for start in range(0, len(text), 300)]
    assert sum(map(estimate, pieces)) == pytest.approx(SAMPLES[kind][1] + len(pieces) / 2, rel=0.2)


def test_a22_zero_for_nothing_alone() -> None:
    assert estimate(b"") == 0
    assert estimate_content(b"") == Estimate(0, "heuristic")
    assert all(estimate(bytes([byte])) >= 1 for byte in range(256))


@given(st.binary(max_size=3000))
def test_a22_any_bytes_have_an_estimate(data: bytes) -> None:
    assert (0 < estimate(data) <= 1.6 * len(data) + 4) if data else estimate(data) == 0
    assert estimate_content(data).tokens >= bool(data)


@given(st.text(max_size=300), st.text(max_size=300))
def test_parts_add_up(one: str, other: str) -> None:
    first, second = one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    both = estimate(first + second)
    assert both >= max(estimate(first), estimate(second)) - 1
    assert abs(both - estimate(first) - estimate(second)) <= 6


@given(st.binary(min_size=1, max_size=2500), st.integers(min_value=0, max_value=2500))
def test_more_text_is_never_fewer_tokens(data: bytes, cut: int) -> None:
    assert estimate(data) >= estimate(data[:cut])


@pytest.mark.parametrize("word", ["<|endoftext|>", "<|fim_prefix|>", "<|im_start|>"])
def test_a22_special_tokens_are_text(word: str) -> None:
    assert 3 <= estimate(word.encode()) <= 10
    assert estimate(f"a {word} b".encode()) > estimate(b"a b")


def test_what_is_made_to_look_cheap_is_not_taken_for_less_than_an_eighth_of_its_bytes() -> None:
    for text in ("[" * 600, "i" * 600, " " * 600, "垱" * 200):
        assert estimate(text.encode()) >= 600 // 8


def test_large_texts_are_sampled_and_scaled() -> None:
    row = contacts().encode()
    for copies in (10, 200):
        many = row * copies
        assert len(many) > tokens.SAMPLED_ABOVE
        assert estimate(many) == pytest.approx(copies * estimate(row), rel=0.05)
    assert estimate_content(row).method == "heuristic"
    assert estimate_content(row * 200).method == "heuristic-sampled"
    chinese = SAMPLES["Chinese"][0]().encode()
    assert estimate(chinese * 300) == pytest.approx(300 * estimate(chinese), rel=0.05)


def test_sampling_sees_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of each share is cheap, half dear: evenly spread places weigh both the same."""
    monkeypatch.setattr(tokens, "_OFFSETS", bytes(range(0, 256, 8)))
    cheap, dear = b"water " * 2731, b"q7Z+" * 4096
    assert estimate(dear) > 4 * estimate(cheap)
    assert estimate((cheap + dear) * 32) == pytest.approx(32 * (estimate(cheap) + estimate(dear)), rel=0.1)


def test_a_server_cannot_know_the_places_that_are_sampled() -> None:
    show = [sys.executable, "-c", "from mcpwatch.meter import tokens; print(tokens._OFFSETS.hex())"]
    first, second = (subprocess.run(show, capture_output=True, check=True).stdout for _ in range(2))
    assert len(bytes.fromhex(first.decode())) == tokens.SAMPLED_ABOVE // tokens.BLOCK
    assert first != second


def test_a_block_of_the_dearest_pairs_does_not_overflow() -> None:
    assert (tokens.BLOCK + 1) * max(weights.MIXED_WEIGHT + weights.WIDE_WEIGHT) < 65_521
    heaviest = weights.ASCII_WEIGHT.index(max(weights.ASCII_WEIGHT))
    left, right = (weights.ASCII_CLASS.index(number) for number in divmod(heaviest, 16))
    one, two = estimate(bytes([left, right] * 256)), estimate(bytes([left, right] * 512))
    assert two == pytest.approx(2 * one, abs=1)


def _units_by_hand(data: bytes) -> int:
    """`tokens._units` as its documentation tells it."""

    def total(classes: bytes, table: bytes) -> int:
        numbers = [0, *(classes[byte] for byte in data), 0]
        return sum(table[16 * left + right] for left, right in itertools.pairwise(numbers))

    if data.isascii():
        return max(8 * len(data), total(weights.ASCII_CLASS, weights.ASCII_WEIGHT))
    mixed, wide = (weights.ASCII_CLASS, weights.MIXED_WEIGHT), (weights.WIDE_CLASS, weights.WIDE_WEIGHT)
    return max(8 * len(data), total(*mixed) + total(*wide))


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
def test_the_integer_arithmetic_is_the_table_look_up(data: bytes) -> None:
    assert tokens._units(data) == _units_by_hand(data)


def test_escaped_characters_count_as_the_characters() -> None:
    for kind in ("Chinese", "Korean", "Japanese", "Russian"):
        text = SAMPLES[kind][0]()
        escaped = json.dumps({"content": [{"type": "text", "text": text}]}).encode()
        plain = json.dumps({"content": [{"type": "text", "text": text}]}, ensure_ascii=False).encode()
        assert estimate_content(escaped).tokens == pytest.approx(estimate_content(plain).tokens, rel=0.06)
        assert estimate(escaped) > 2 * estimate(plain)


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "brackets": lambda size: b'{"mimeType":' + b"[" * size + b'"data":"x"',
    "objects": lambda size: b'{"mimeType":["' + b"A" * 4000 + b'"' + b",{}" * (size // 3) + b'],"data":"x"}',
    "members": lambda size: b'{"mimeType":"' + b"A" * 4000 + b'"' + b',"data":""' * (size // 10),
    "open members": lambda size: b"A" * 4000 + b'"mimeType"' + b'"data":"\\"' * (size // 10),
    "white space": lambda size: b"A" * 4000 + b'"mimeType","data"' + b" " * size + b':"x"',
    "one string": lambda size: b'{"mimeType":"' + b"A" * size,
    "backslashes": lambda size: b"\\" * size,
    "escapes": lambda size: b"\\u4f60a" * (size // 7),
    "bad escapes": lambda size: b"\\u4f6\\u" * (size // 7),
    "quotes": lambda size: b'"' * size,
    "continuations": lambda size: b"\x80" * size,
    "spaces": lambda size: b" " * size,
}


@pytest.mark.parametrize("shape", HOSTILE)
def test_a22_hostile_text_costs_milliseconds(shape: str) -> None:
    """16 MiB take 50 ms; within 1 s on a busy machine. Anything quadratic would take hours."""
    data = HOSTILE[shape](16 << 20)
    started = time.process_time()
    assert estimate(data) > 0
    assert estimate_content(data).tokens > 0
    assert time.process_time() - started < 1


def test_importing_the_relay_side_brings_nothing_heavy() -> None:
    heavy = [
        "tiktoken",
        "genai_prices",
        "pydantic",
        "httpx2",
        "asyncio",
        "regex",
        "requests",
        "json",
        "urllib.request",
    ]
    code = (
        "import sys; from mcpwatch.meter import prices, tokens; tokens.estimate_content(b'{\"a\":1}');"
        "prices.PriceBook().resolve(); prices.PriceBook().cost('s', 't', 1, 1);"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_media_is_not_estimated_by_character() -> None:
    picture = {"type": "image", "data": "iVBORw0KGgo" * 50_000, "mimeType": "image/png"}
    raw = json.dumps({"content": [{"type": "text", "text": "A screenshot."}, picture]}).encode()
    found = estimate_content(raw)
    assert found.method == "heuristic"
    assert media.ITEM_TOKENS + 10 < found.tokens < media.ITEM_TOKENS + 60
    assert estimate(raw) > 100_000
