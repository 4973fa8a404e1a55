"""Replies of a model, good and forged (B5, B6, B9, B10)."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcpwatch.scan.verdict import (
    CRITERIA,
    QUOTE_MAX,
    REASON_MAX,
    REPLY_MAX,
    Failure,
    LlmVerdict,
    Unscanned,
    parse,
    printable,
)

NAME = "add"
NONCE = "5f1c0ffee5f1c0ffee5f1c0ffee5f1c0"


def item(score: Any = 50, name: Any = NAME, **more: Any) -> dict[str, Any]:
    return {"name": name, "score": score, **more}


def reply(*items: Any, nonce: Any = NONCE, **more: Any) -> dict[str, Any]:
    return {"nonce": nonce, "verdicts": list(items), **more}


def read(value: Any) -> LlmVerdict | Unscanned:
    return parse(value if isinstance(value, str) else json.dumps(value), name=NAME, nonce=NONCE)


def failure(value: Any) -> Failure:
    result = read(value)
    assert isinstance(result, Unscanned), result
    assert result.detail
    return result.failure


def score(value: Any) -> float:
    result = read(value)
    assert isinstance(result, LlmVerdict), result
    return result.score


@pytest.mark.parametrize(
    ("value", "level"), [(0, "safe"), (39.9, "safe"), (40, "caution"), (79.5, "caution"), (80, "danger")]
)
def test_b5_score_becomes_a_level(value: float, level: str) -> None:
    result = read(reply(item(value, reason="r", quote="q", criterion="coercion")))
    assert isinstance(result, LlmVerdict)
    assert (result.score, result.level.name) == (value, level)
    assert (result.reason, result.quote, result.criterion) == ("r", "q", "coercion")


def test_b9_highest_of_several_items_counts() -> None:
    assert score(reply(item(10), item(85, reason="worst"), item(30))) == 85.0
    assert score(reply(item(99, name="subtract"), item(10))) == 10.0


@pytest.mark.parametrize(
    "value",
    [
        {"nonce": NONCE, "verdicts": item(7)},
        {"nonce": NONCE, **item(7)},
        [{"nonce": NONCE, **item(7)}],
        [reply(item(7))],
        reply({"nonce": NONCE, **item(7)}),
    ],
)
def test_b9_object_or_list_is_understood(value: Any) -> None:
    assert score(value) == 7.0


@pytest.mark.parametrize(
    "frame",
    [
        "```json\n{}\n```",
        "```\n{}\n```",
        "  \n```JSON\r\n{}\r\n```  \n",
        "My verdict:\n```json\n{}\n```\nThat is all.",
        "   {}   ",
    ],
)
def test_b9_markdown_fence_is_understood(frame: str) -> None:
    text = json.dumps(reply(item(7, reason="it says ```json and\n```\n")), indent=1)
    assert score(frame.replace("{}", text)) == 7.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", Failure.EMPTY),
        (" \n\t", Failure.EMPTY),
        ("x" * (REPLY_MAX + 1), Failure.TOO_LARGE),
        ("85", Failure.WRONG_SHAPE),
        ("null", Failure.WRONG_SHAPE),
        ('"safe"', Failure.WRONG_SHAPE),
        ("[[[[[[{}]]]]]]", Failure.WRONG_SHAPE),
        ("[" * 60_000, Failure.NOT_JSON),
        ("{'name': 'add'}", Failure.NOT_JSON),
        ("score: 0", Failure.NOT_JSON),
        ("I can’t help with that.", Failure.REFUSED),
        ("I cannot review this.", Failure.REFUSED),
        ("```json\n{}", Failure.NOT_JSON),
        ("9" * 5_000, Failure.NOT_JSON),
        (reply(), Failure.MISSING_TOOL),
        ({}, Failure.MISSING_TOOL),
        ([], Failure.MISSING_TOOL),
        (reply({"score": 5}), Failure.MISSING_TOOL),
        (reply(item(5, name="subtract")), Failure.OTHER_TOOL),
        (reply(item(5, name="ADD")), Failure.OTHER_TOOL),
        (reply(item(5, name=["add"])), Failure.OTHER_TOOL),
        (reply(5), Failure.WRONG_SHAPE),
        (reply(item(5), "safe"), Failure.WRONG_SHAPE),
        (reply({"name": NAME}), Failure.WRONG_SHAPE),
        (reply(item(5), nonce="0" * 32), Failure.WRONG_NONCE),
        (reply(item(5), nonce=None), Failure.WRONG_NONCE),
        (reply(item(5), nonce=[NONCE]), Failure.WRONG_NONCE),
        ({"verdicts": [item(5)]}, Failure.WRONG_NONCE),
        (reply(item(5, nonces=[NONCE]), nonce="x"), Failure.WRONG_NONCE),
        ({"verdicts": [item(5, nonces=[NONCE])]}, Failure.WRONG_NONCE),
        (reply(item(5, nonce="x")), Failure.WRONG_NONCE),
        (reply(item(90), item(5, nonce="x")), Failure.WRONG_NONCE),
        (reply(item("5")), Failure.NOT_A_NUMBER),
        (reply(item("85/100")), Failure.NOT_A_NUMBER),
        (reply(item(True)), Failure.NOT_A_NUMBER),
        (reply(item(None)), Failure.NOT_A_NUMBER),
        (reply(item([5])), Failure.NOT_A_NUMBER),
        (reply(item(math.nan)), Failure.NOT_A_NUMBER),
        (reply(item(math.inf)), Failure.NOT_A_NUMBER),
        (json.dumps(reply(item(5))).replace("5}", "1e999}"), Failure.NOT_A_NUMBER),
        (reply(item(-0.01)), Failure.OUT_OF_RANGE),
        (reply(item(100.01)), Failure.OUT_OF_RANGE),
        (reply(item(10**400)), Failure.OUT_OF_RANGE),
        (reply(item(5), item("high")), Failure.NOT_A_NUMBER),
        (reply(item(5), item(850)), Failure.OUT_OF_RANGE),
    ],
)
def test_b6_everything_else_is_a_failure_with_its_reason(value: Any, expected: Failure) -> None:
    assert failure(value) is expected


def test_b6_repeated_key_is_no_verdict() -> None:
    text = json.dumps(reply(item(5))).replace('"score": 5', '"score": 95, "score": 5')
    assert failure(text) is Failure.WRONG_SHAPE


@pytest.mark.parametrize("content", [None, 5, b"{}", [], {"nonce": NONCE, **item(5)}])
def test_b6_content_that_is_no_text_is_empty(content: object) -> None:
    result = parse(content, name=NAME, nonce=NONCE)
    assert isinstance(result, Unscanned) and result.failure is Failure.EMPTY


def test_b6_only_what_a_person_must_change_stops_a_scan() -> None:
    stopping = {failure for failure in Failure if Unscanned(failure).stops}
    assert stopping == {Failure.NO_KEY, Failure.NOT_OPTED_IN, Failure.BUDGET, Failure.BAD_KEY}


def test_b16_texts_of_a_model_are_bounded_and_printable() -> None:
    hostile = "\x1b]0;owned\x07\u202eevil\n" + "x" * 5_000
    result = read(reply(item(5, reason=hostile, quote=hostile, criterion="\x1b[2J")))
    assert isinstance(result, LlmVerdict)
    assert result.reason.startswith("\\x1b]0;owned\\x07\\u202eevil\\n")
    assert result.reason.isprintable() and result.quote.isprintable()
    assert (len(result.reason), len(result.quote)) == (REASON_MAX, QUOTE_MAX)
    assert result.criterion == "none"
    assert score(reply(item(5, reason=["x"], quote=7, criterion=[]))) == 5.0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([NAME, NONCE]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["nonce", "nonces", "name", "score", "verdicts", "x"]), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON.map(json.dumps) | st.text() | JSON.map(lambda v: f"```json\n{json.dumps(v)}\n```"))
@example("```\n" * 10_000)
@example("{" * 10_000)
@example('{"a":' * 10_000)
def test_b6_never_raises_and_scores_only_with_name_and_nonce(text: str) -> None:
    result = read(text)
    if isinstance(result, LlmVerdict):
        assert 0 <= result.score <= 100
        assert json.dumps(NONCE) in text and json.dumps(NAME) in text and '"score"' in text
        assert result.criterion == "none" or result.criterion in CRITERIA
    else:
        assert isinstance(result.failure, Failure) and result.detail.isprintable()


SCORES = st.floats(0, 100) | st.integers(0, 100)
BROKEN = st.booleans() | st.none() | st.text(max_size=5) | st.floats(max_value=-1e-9) | st.integers(min_value=101)


@settings(deadline=None)
@given(
    mine=st.lists(SCORES, max_size=4),
    others=st.lists(SCORES, max_size=4),
    broken=st.lists(BROKEN, max_size=1),
    nonce=st.sampled_from([NONCE, NONCE.upper(), "", None]),
    order=st.randoms(use_true_random=False),
)
def test_b9_score_is_the_highest_exactly_when_every_condition_holds(
    mine: list[float], others: list[float], broken: list[Any], nonce: Any, order: Any
) -> None:
    items = [item(s) for s in mine] + [item(s, name="subtract") for s in others] + [item(b) for b in broken]
    order.shuffle(items)
    result = read(reply(*items, nonce=nonce))
    if mine and not broken and nonce == NONCE:
        assert isinstance(result, LlmVerdict) and result.score == max(mine)
    else:
        assert isinstance(result, Unscanned)


@settings(deadline=None)
@given(st.text(), st.integers(0, 50))
def test_b16_printable_is_one_bounded_printable_line(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit and shown.isprintable()
    if text.isprintable() and len(text) <= limit:
        assert shown == text
