"""The same name twice in a list, or the same or nearly the same as another server's."""

from __future__ import annotations

import pytest

from mcpwatch.scan.rules.document import Context
from mcpwatch.scan.rules.name_collision import RULE
from scan.rules.judging import points


def ask(name: str, *, own: tuple[str, ...] = (), other: str = "unrelated") -> float:
    return points(RULE, {"name": name}, context=Context(own, {"other": (other,)}))


def test_twice_in_one_list_is_a_finding() -> None:
    assert ask("read_note", own=("read_note", "read_note")) >= 40
    assert ask("read_note", own=("read_note",)) == 0


def test_the_name_of_another_servers_tool_is_shown() -> None:
    assert 20 <= ask("send_mail", other="send_mail") < 40
    assert ask("search", other="search") < 20


@pytest.mark.parametrize("name", ["send_mesages", "send_mesasges", "sеnd_messages", "send_nessages"])
def test_look_alikes_are_a_caution(name: str) -> None:
    assert ask(name, other="send_messages") >= 40


def test_two_letters_apart_is_another_name() -> None:
    assert ask("lend_passages", other="send_messages") == 0


@pytest.mark.parametrize(
    ("one", "two"),
    [("list_issue", "list_issues"), ("readFile", "read_file"), ("get_a", "get_b"), ("query_v1", "query_v2")],
)
def test_ordinary_neighbours_are_nothing(one: str, two: str) -> None:
    assert ask(one, other=two) == 0
