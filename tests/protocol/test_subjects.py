"""What a request is about, where it is no tools/call."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from mcpwatch.protocol.subjects import subjects


def about(method: str, params: Any) -> list[tuple[str, str | None]]:
    raw = params if isinstance(params, bytes) else json.dumps(params).encode()
    return subjects(method, Raw(raw))


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("prompts/get", {"name": "p"}, [("prompt", "p")]),
        ("resources/read", {"uri": "memo://x"}, [("resource", "memo://x")]),
        ("resources/subscribe", {"uri": "memo://x"}, [("resource", "memo://x")]),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "p"}}, [("prompt", "p")]),
        ("completion/complete", {"ref": {"type": "ref/resource", "uri": "memo://{a}"}}, [("template", "memo://{a}")]),
        (
            "completion/complete",
            {"ref": {"type": "x", "name": "p", "uri": "u"}},
            [("prompt", "p"), ("template", "u")],
        ),
        ("completion/complete", {}, []),
        (
            "subscriptions/listen",
            {"notifications": {"resourceSubscriptions": ["a://b", "c://d"]}},
            [("resource", "a://b"), ("resource", "c://d")],
        ),
        ("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, []),
        ("subscriptions/listen", {"notifications": {"resourceSubscriptions": None}}, []),
    ],
)
def test_what_it_is_about(method: str, params: Any, expected: list[tuple[str, str | None]]) -> None:
    assert about(method, params) == expected


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("resources/subscribe", b'{"uri":"a://b","uri":"c://d"}'),
        ("resources/subscribe", b'{"uri":"a://b","URI":"c://d"}'),
        ("resources/subscribe", b'{"uri":["a://b"]}'),
        ("resources/subscribe", b'["a://b"]'),
        ("resources/subscribe", b"{}"),
        ("completion/complete", b'{"ref":"p"}'),
        ("completion/complete", b'{"ref":{"name":"a","name":"b"}}'),
        ("subscriptions/listen", b'{"notifications":{"resourceSubscriptions":"a://b"}}'),
        ("subscriptions/listen", b'{"notifications":{"resourceSubscriptions":[1]}}'),
        ("subscriptions/listen", b'{"notifications":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    ],
)
def test_what_can_be_read_in_two_ways_may_be_about_anything(method: str, params: bytes) -> None:
    assert any(name is None for _, name in about(method, params))
