"""A4: `server/tool` patterns."""

from __future__ import annotations

import pytest

from mcpwatch.store.patterns import binds, check_pattern, covered, matches


@pytest.mark.parametrize(
    ("pattern", "server", "tool", "expected"),
    [
        ("*/*", "github", "search", True),
        ("*/*", "", "", True),
        ("github/*", "github", "search", True),
        ("github/*", "github", "a/b", True),
        ("github/search", "github", "search", True),
        ("github/search", "gitlab", "search", False),
        ("github/search", "github", "search_code", False),
        ("github/search", "github", "Search", False),
        ("git*/s?arch", "gitlab", "search", True),
        ("*/delete_*", "notes", "delete_all", True),
        ("*/[ab]x", "s", "ax", True),
        ("*/[!ab]x", "s", "ax", False),
        ("github/*", "github\n", "search", False),
        ("github/search", "github", "search\n", False),
        ("a.c/*", "abc", "x", False),
    ],
)
def test_a4_a_pattern_covers_a_tool_of_a_server(pattern: str, server: str, tool: str, expected: bool) -> None:
    assert matches(pattern, server, tool) is expected


@pytest.mark.parametrize(
    "pattern", ["search", "", "/", "github/", "/search", " ", "a\x00/b", "a/b\nc", "a/\x1b[31m", "a/" + "b" * 600]
)
def test_a4_a_bare_name_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        check_pattern(pattern)


def test_blanks_around_are_dropped() -> None:
    assert check_pattern("  github/* ") == "github/*"


def test_a4_protected_is_what_some_pattern_protects_and_none_exempts() -> None:
    assert covered(["*/*"], [], "github", "search")
    assert not covered([], [], "github", "search")
    assert covered(["gitlab/*", "github/*"], ["github/read_*"], "github", "write")
    assert not covered(["*/*"], ["github/read_*"], "github", "read_file")
    assert covered(["*/*"], ["github/search"], "gitlab", "search"), "another server's tool of that name"


@pytest.mark.parametrize(
    "name",
    [
        "pay_now",
        "PAY_now",
        " pay_now",
        "pay_now\t",
        "Pay_Now\x00x",
        "pay\u200b_now",
        "ｐａｙ_now",
        "pày_now",
        "x" * 2000,
    ],
)
def test_a4_another_spelling_of_a_protected_tool_is_protected(name: str) -> None:
    """A server that trims or folds names would run it."""
    assert binds("bank/pay_*", "bank", name)
    assert covered(["bank/Pay_*"], [], "bank", name)
    assert not covered(["bank/pay_*"], [], "shop", name)


def test_a4_another_spelling_of_an_exempt_tool_is_not_exempt() -> None:
    assert not covered(["*/*"], ["bank/balance"], "bank", "balance")
    assert covered(["*/*"], ["bank/balance"], "bank", "Balance")


def test_a4_another_tool_is_not_another_spelling() -> None:
    assert not binds("bank/pay_*", "bank", "prepay_now")
    assert not binds("bank/pay", "bank", "pay_now")
