"""Tokens of a call: estimated at once, exact afterwards where a vocabulary is at hand."""

from typing import Any

import pytest
import tiktoken

from mcpwatch.guard.measure import Measure
from mcpwatch.meter.prices import PriceBook, PriceRule
from mcpwatch.meter.tokenizer import Tokenizer
from mcpwatch.store.records import Call

ARGUMENTS, RESULT = b'{"q":"cats and dogs <|endoftext|>"}', b'{"content":[{"type":"text","text":"mice"}]}'


class Bytes(Tokenizer):
    """A vocabulary of single bytes: every byte is a token. Small enough to bring along."""

    def __init__(self) -> None:
        self.encoding = "bytes"
        self._encoding: Any = tiktoken.Encoding(
            "bytes", pat_str=r"[\s\S]", mergeable_ranks={bytes([n]): n for n in range(256)}, special_tokens={}
        )

    def count(self, text: str | bytes) -> int:
        said = text if isinstance(text, str) else text.decode("utf-8", "replace")
        return len(self._encoding.encode(said, disallowed_special=()))


def call(**fields: Any) -> Call:
    given = {"tool": "t", "arguments": ARGUMENTS, "result": RESULT, "outcome": "ok", "duration_ns": 1} | fields
    return Call("tools/call", arguments_bytes=len(given["arguments"]), result_bytes=len(given["result"]), **given)


@pytest.fixture
def exact() -> Measure:
    measure = Measure("s")
    measure._tokenizer = Bytes()
    return measure


def test_a22_an_ended_call_is_counted_exactly(exact: Measure) -> None:
    asked = call()
    exact.measure(asked)
    estimated = asked.cost
    assert asked.tokens_method == "heuristic"
    exact.refine(asked)
    assert (asked.tokens_in, asked.tokens_out) == (len(ARGUMENTS), len(RESULT))
    assert asked.tokens_method == "bytes" and asked.cost > estimated
    exact.measure(asked)
    assert asked.tokens_in == len(ARGUMENTS), "an estimate does not come back"


def test_a22_a_call_that_ends_while_it_is_counted_is_counted_as_a_whole(exact: Measure) -> None:
    asked = call(result=b"", duration_ns=None)
    exact.measure(asked)
    asked.result, asked.result_bytes, asked.duration_ns = (
        RESULT,
        len(RESULT),
        1,
    )  # the answer comes between the estimate and the count
    exact.refine(asked)
    exact.measure(asked)
    exact.refine(asked)
    assert (asked.tokens_in, asked.tokens_out) == (len(ARGUMENTS), len(RESULT))
    assert asked.tokens_method == "bytes"


def test_a22_a_body_that_was_cut_keeps_its_estimate(exact: Measure) -> None:
    asked = call()
    exact.cut(asked, 8)
    before = (asked.tokens_in, asked.tokens_out)
    exact.refine(asked)
    assert (asked.tokens_in, asked.tokens_out) == before and asked.tokens_method == "heuristic"


def test_a_further_round_costs_the_tokens_it_brings_and_no_second_call(exact: Measure) -> None:
    exact.prices = PriceBook(0.003, [PriceRule("s/*", per_call=1.0)])
    first, further = call(), call(flags="retry")
    for asked in (first, further):
        exact.measure(asked)
        exact.refine(asked)
    assert further.tokens_in == first.tokens_in == len(ARGUMENTS)
    assert first.cost - further.cost == 1_000_000


def test_without_a_vocabulary_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    measure = Measure("s")
    measure.load_tokenizer()
    asked = call()
    measure.measure(asked)
    measure.refine(asked)
    assert asked.tokens_method == "heuristic"
    assert list(tmp_path.iterdir()) == []


def test_a_flood_is_measured_as_each_call_by_itself_would_be() -> None:
    prices = PriceBook(rules=[PriceRule("s/t", per_call=0.01, per_1k_in=1.0, per_1k_out=2.0)])
    alone, together = Measure("s"), Measure("s")
    for measure in (alone, together):
        measure.prices = prices
        measure.measure(call())  # the rate of the tool

    def some() -> list[Call]:
        pending, unknown, empty = call(result=b""), call(tool="new"), call(arguments=b"")
        return [call(), call(flags="retry"), pending, unknown, empty]

    one_by_one, at_once = some(), some()
    for each in one_by_one:
        alone.measure(each, rated=True)
    together.measure_flood(at_once)
    assert [(x.tokens_in, x.tokens_out, x.tokens_method, x.cost, x.priced) for x in at_once] == [
        (x.tokens_in, x.tokens_out, x.tokens_method, x.cost, x.priced) for x in one_by_one
    ]
    again = [x.cost for x in at_once]
    together.measure_flood(at_once)
    assert [x.cost for x in at_once] == again
