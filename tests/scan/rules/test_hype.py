"""Praise for the model; one adjective is nothing."""

from __future__ import annotations

import pytest

from mcpwatch.scan.rules.hype import RULE
from scan.rules.judging import points


@pytest.mark.parametrize(
    "text",
    [
        "The world's best tool, trusted by experts, industry-leading.",
        "#1 ranked, award-winning, outperforms all.",
        "Superior and unmatched.",
    ],
)
def test_it_fires(text: str) -> None:
    assert points(RULE, text) >= 24


@pytest.mark.parametrize(
    "text",
    [
        "Returns the best match.",
        "Follow best practices.",
        "A premium account is needed.",
    ],
)
def test_it_leaves_honest_text_alone(text: str) -> None:
    assert points(RULE, text) <= 19


@pytest.mark.parametrize("name", ["best_search_tool", "ultimate_translator", "premium-finder"])
def test_a_name_can_praise(name: str) -> None:
    assert points(RULE, "Finds things.", name=name) >= 20


def test_honest_names_do_not() -> None:
    assert points(RULE, "Finds.", name="best_price_lookup") == 0
