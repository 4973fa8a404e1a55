"""Escape sequences and control characters, in any string of a definition."""

from __future__ import annotations

import pytest

from mcpwatch.scan.rules.terminal_escapes import RULE
from scan.rules.judging import points


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\x1b]52;c;aGk=\x07b", "a\x9b31mb", "a\x1bcb"])
def test_escapes_are_dangerous(text: str) -> None:
    assert points(RULE, text) >= 80


def test_other_controls_are_a_caution() -> None:
    assert points(RULE, "a\x08b") == 45


def test_schema_strings_count() -> None:
    assert points(RULE, {"name": "x", "inputSchema": {"properties": {"a": {"enum": ["\x1b[8m"]}}}}) >= 80


def test_line_breaks_and_tabs_are_text() -> None:
    assert points(RULE, "a\n\tb\r\n") == 0
