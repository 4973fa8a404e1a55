"""Limits as arithmetic and as words (A2, A3, A6, A21)."""

from __future__ import annotations

import pytest

from mcpwatch.guard.limits import (
    DEFAULTS,
    breach,
    check_value,
    describe,
    format_value,
    loosens,
    parse_limit_value,
    parse_window,
    unreachable,
)
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Dimension, Usage
from store.stepped import calls, cost, tokens

CALLS, TOKENS, COST = Dimension.CALLS, Dimension.TOKENS, Dimension.COST


def test_a2_the_defaults_are_what_a_new_state_file_holds(path) -> None:
    ledger = Ledger.open(path)
    assert ledger.policy().limits == DEFAULTS
    ledger.close()
    assert [limit.key for limit in DEFAULTS] == ["calls/60s", "tokens/3600s", "cost/3600s"]
    assert [limit.maximum for limit in DEFAULTS] == [30, 100_000, 1_000_000]


def test_a2_a_limit_that_another_one_shadows_is_pointed_out() -> None:
    (said,) = unreachable(DEFAULTS, 0.003)
    assert "100 000 tokens" in said and "$0.30" in said and "$1.00" in said
    (said,) = unreachable([tokens(100_000), cost(100_000)], 0.003)
    assert "the cost limit of $0.10 is reached before the token limit" in said
    assert unreachable([tokens(100_000), cost(300_000)], 0.003) == []
    assert unreachable([tokens(100_000, 60), cost(100_000, 3600)], 0.003) == []
    assert unreachable([tokens(0), cost(0)], 0.003) == []


@pytest.mark.parametrize("value", ["30", True, False, None, 30.0, float("nan"), float("inf"), -1, 10**16, [30]])
@pytest.mark.parametrize("dimension", Dimension)
def test_a3_a_maximum_is_an_integer_in_range(dimension: Dimension, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{dimension}: "):
        check_value(dimension, value)


@pytest.mark.parametrize(
    ("dimension", "text", "value"),
    [
        (CALLS, "30", 30),
        (CALLS, " 0 ", 0),
        (TOKENS, "100 000", 100_000),
        (TOKENS, "100_000", 100_000),
        (COST, "1", 1_000_000),
        (COST, "$1.50", 1_500_000),
        (COST, "0.000001", 1),
        (COST, "0", 0),
        (COST, "1e-3", 1000),
    ],
)
def test_a3_what_a_person_types(dimension: Dimension, text: str, value: int) -> None:
    assert parse_limit_value(dimension, text) == value


@pytest.mark.parametrize(
    ("dimension", "text"),
    [
        *(
            (d, t)
            for d in Dimension
            for t in ("", "x", "NaN", "inf", "-1", "True", "False", "3,000", "9" * 30, "0x10")
        ),
        (CALLS, "30.5"),
        (CALLS, "٣٠"),
        (CALLS, "1e3"),
        (COST, "sNaN"),
        (COST, "-inf"),
        (COST, "-1e999999"),
        (COST, "-1e999999999"),
        (COST, "1e999999999"),
        (COST, "€5"),
    ],
)
def test_a3_what_a_person_types_is_refused_by_name(dimension: Dimension, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{dimension}: "):
        parse_limit_value(dimension, text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60), ("60s", 60), ("5m", 300), ("1h", 3600), ("1D", 86_400), ("2w", 1_209_600)]
)
def test_windows_as_typed(text: str, seconds: int) -> None:
    assert parse_window(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5m", "1.5h", "h", "367d", "9" * 40, "five", "²"])
def test_a3_a_window_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"^window: "):
        parse_window(text)


def test_a6_a7_equal_passes_and_over_locks_and_zero_blocks_all() -> None:
    assert not breach(calls(30), 30)
    assert breach(calls(30), 31)
    assert not breach(tokens(100), 100)
    assert breach(tokens(0), 0)


def test_a6_the_reason_counts_the_call_that_broke_the_limit() -> None:
    assert describe(calls(30), 31) == "31 calls in the last minute, limit 30"
    assert describe(calls(0), 1) == "1 call in the last minute, limit 0"
    assert describe(tokens(100_000), 100_500) == "100 500 tokens in the last hour, limit 100 000"
    assert describe(cost(1_000_000, 86_400), 1_002_100) == "$1.0021 in the last day, limit $1.00"
    assert describe(calls(5, 300, "github/*"), 6) == "6 calls to github/* in the last 5 minutes, limit 5"
    assert describe(calls(5, 7), 6) == "6 calls in the last 7 seconds, limit 5"
    assert describe(calls(5, 1), 6) == "6 calls in the last second, limit 5"
    assert describe(tokens(0), 1) == "1 token in the last hour, limit 0"


@pytest.mark.parametrize(
    ("micro", "said"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (2_100, "$0.0021"),
        (10_000, "$0.01"),
        (1_000_000, "$1.00"),
        (12_345_670_000, "$12 345.67"),
    ],
)
def test_money_is_said_without_rounding_small_amounts_away(micro: int, said: str) -> None:
    assert format_value(COST, micro) == said


def test_a19_what_loosens() -> None:
    assert loosens(calls(30), calls(31))
    assert loosens(calls(30), None)
    assert not loosens(None, calls(10**9))
    assert not loosens(calls(30), calls(30))
    assert not loosens(calls(30), calls(0))


@pytest.mark.parametrize(
    ("maximum", "used", "percent"), [(0, 0, 100), (0, 50, 100), (30, 0, 0), (30, 15, 50), (30, 45, 150)]
)
def test_a21_percent_of_a_limit(maximum: int, used: int, percent: float) -> None:
    assert Usage(calls(maximum), used).percent == percent
