"""Arguments that collect what nobody meant to send."""

from __future__ import annotations

import pytest

from mcpwatch.scan.rules.sink_parameter import RULE
from scan.rules.judging import points


def schema(name: str, *, required: bool = False) -> dict[str, object]:
    return {"properties": {name: {"type": "string"}}, "required": [name] if required else []}


@pytest.mark.parametrize("name", ["sidenote", "_system_prompt_", "conversation_history", "sideNotes"])
def test_a_sink_is_a_weak_signal(name: str) -> None:
    assert 10 <= points(RULE, {"name": "add_numbers", "inputSchema": schema(name)}) < 28


def test_required_weighs_more() -> None:
    plain = points(RULE, {"name": "add_numbers", "inputSchema": schema("sidenote")})
    assert points(RULE, {"name": "add_numbers", "inputSchema": schema("sidenote", required=True)}) > plain


def test_on_topic_it_weighs_less() -> None:
    assert points(RULE, {"name": "create_agent", "inputSchema": schema("system_prompt")}) < 10


@pytest.mark.parametrize("name", ["query", "notes", "history", "model"])
def test_ordinary_names_are_nothing(name: str) -> None:
    assert points(RULE, {"name": "x", "inputSchema": schema(name)}) == 0


@pytest.mark.parametrize("broken", [{"properties": [1]}, {"properties": {"sidenote": 3}, "required": 7}, 5])
def test_broken_schemas_do_not_raise(broken: object) -> None:
    assert points(RULE, {"name": "x", "inputSchema": broken}) >= 0
