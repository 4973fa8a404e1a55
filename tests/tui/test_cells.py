"""Cutting, padding and drawing in cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mcpwatch.store.records import Dimension
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import bar, fit, fit_line, sparkline, spread, width_of, wrap
from mcpwatch.tui.safe_text import safe_text

words = st.text(max_size=40).map(lambda t: safe_text(t, lines="show"))


@given(words, st.integers(0, 60), st.booleans())
def test_fit_is_exact(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(text, width, right=right)) == width


@given(st.lists(st.tuples(words, st.just("fg")), max_size=5), st.integers(1, 60))
def test_a_fitted_line_is_exact(line: list[tuple[str, str]], width: int) -> None:
    assert width_of(fit_line(line, width)) == width


@given(words, words, st.integers(1, 80))
def test_spread_is_exact(left: str, right: str, width: int) -> None:
    assert width_of(spread([(left, "fg")], [(right, "fg")], width)) == width


@given(st.text(max_size=300).map(lambda t: safe_text(t, lines="keep")), st.integers(4, 50))
def test_wrapping_loses_no_word_and_passes_no_edge(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("percent", "full"), [(0, 0), (0.01, 1), (50, 10), (99.99, 20), (100, 20), (250, 20), (-5, 0)]
)
def test_a21_bars_stop_at_their_ends(percent: float, full: int) -> None:
    filled, empty = bar(percent, 20)
    assert len(filled) == full
    assert len(filled) + len(empty) == 20
    if percent < 100:
        assert filled != "█" * 20


def test_sparkline_scales_to_its_peak_and_folds_to_its_width() -> None:
    assert sparkline([0, 1, 2, 4], 4)[-1] == "█"
    assert sparkline([0, 0], 4) == "▁▁"
    assert len(sparkline(list(range(32)), 8)) == 8
    assert sparkline([0, 0, 0, 9], 2) == "▁█"
    assert sparkline([], 8) == ""


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (81_400, "81.4k"),
        (999_949, "999.9k"),
        (999_950, "1.0M"),
        (10**12, "1.0T"),
    ],
)
def test_counts(n: int, text: str) -> None:
    assert fmt.count(n) == text


def test_amounts_and_times() -> None:
    assert fmt.amount(Dimension.COST, 420_000) == "$0.42"
    assert fmt.amount(Dimension.COST, 3_600) == "$0.0036"
    assert fmt.amount(Dimension.TOKENS, 100_000) == "100k"
    assert fmt.duration(312_000_000) == "312ms"
    assert fmt.duration(1_949_000_000) == "1.9s"
    assert fmt.duration(None) == "–"
    assert fmt.age(-3) == "0s"
    assert fmt.age(3600 * 30) == "1d"
    assert fmt.window(60) == "/min"
    assert fmt.window(300) == "/5min"
    assert fmt.window(7) == "/7s"


@given(st.integers(0, 10**16))
def test_durations_fit_their_column(ns: int) -> None:
    assert len(fmt.duration(ns)) <= 5
