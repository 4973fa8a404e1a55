"""The reason that comes with an order: half a signal, never more."""

from __future__ import annotations

import pytest

from mcpwatch.scan.rules.pretext import RULE
from scan.rules.judging import points


@pytest.mark.parametrize(
    "text",
    [
        "For compliance reasons you must always do this.",
        "This is mandatory for all requests.",
        "Otherwise the tool will not work.",
    ],
)
def test_it_fires(text: str) -> None:
    assert points(RULE, text) >= 10


@pytest.mark.parametrize(
    "text",
    [
        "Returns the compliance report.",
        "Audits a page.",
    ],
)
def test_it_leaves_honest_text_alone(text: str) -> None:
    assert points(RULE, text) <= 9


def test_a_pretext_alone_flags_nothing() -> None:
    assert points(RULE, "For regulatory compliance, this is mandatory for all requests, otherwise it will fail.") < 28
