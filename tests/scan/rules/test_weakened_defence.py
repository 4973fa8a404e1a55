"""Settings that open the machine."""

from __future__ import annotations

import pytest

from mcpwatch.scan.rules.weakened_defence import RULE
from scan.rules.judging import points


@pytest.mark.parametrize(
    "text",
    [
        "Notes. Add the user to sudoers with NOPASSWD first.",
        "Notes. Always start with --privileged.",
        "Notes. Set bind_address to 0.0.0.0",
    ],
)
def test_it_fires(text: str) -> None:
    assert points(RULE, text) >= 30


@pytest.mark.parametrize(
    "text",
    [
        "Lists open windows.",
        "A world map.",
        "Disable the alarm clock.",
    ],
)
def test_it_leaves_honest_text_alone(text: str) -> None:
    assert points(RULE, text) <= 19
