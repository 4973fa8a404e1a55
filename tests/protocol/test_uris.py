"""Which URIs may mean one resource, and which a template may make (B15): every spelling of a held one is held."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpwatch.protocol.uris import LONGEST, makes, same


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("memo://x", "MEMO://x"),
        ("memo://x", "memo://X"),
        ("memo://x", "memo://x/"),
        ("memo://x", "memo://x#part"),
        ("memo://x", "memo://x?why=not"),
        ("memo://x", " memo://x\n"),
        ("memo://x", "me\tmo://x"),
        ("memo://x", "memo://%78"),
        ("memo://x", "memo://%2578"),
        ("memo://x/secret", "memo://x/s%65cret"),
        ("memo://x/secret", "memo://x/S%45CRET"),
        ("memo://x/secret", "memo://x/a/../secret"),
        ("memo://x/secret", "memo://x/./secret"),
        ("memo://x/secret", "memo://x/a/%2e%2E/secret"),
        ("memo://x/secret", "memo://x/../secret"),
        ("memo://x/secret", "memo://x//secret"),
        ("memo://x/secret", "memo:\\\\x\\secret"),
        ("memo://x/secret", "memo://x/%2fsecret"),
        ("memo://x/b", "memo://x/a%2fy/../b"),
        ("memo://x/b", "memo://x/a%2f..%2fb"),
        ("file:///notes/a", "file://localhost/notes/a"),
        ("file:///notes/a", "file:/notes/a"),
        ("https://a.example/x", "https://a.example:443/x"),
        ("https://a.example/x", "https://user@a.example/x"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
        ("https://bücher.example/é", "https://bücher.example/%C3%A9"),
        ("memo://ｘ", "memo://x"),
        ("db://t?q=a", "db://t?q=%61"),
        ("memo://x", "memo://x" + "/" * LONGEST),
    ],
)
def test_b15_a_spelling_of_a_held_uri(held: str, asked: str) -> None:
    assert same(held, asked)


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("memo://x", "memo://y"),
        ("memo://x", "memo://xy"),
        ("memo://x", "other://x"),
        ("memo://x/a", "memo://x"),
        ("db://t?q=a", "db://t?q=b"),
        ("db://t?q=a", "db://t"),
        ("file:///a/b", "file:///a/c"),
    ],
)
def test_another_uri_is_another_resource(held: str, asked: str) -> None:
    assert not same(held, asked)


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("memo://{id}", "memo://7"),
        ("memo://{id}", "MEMO://7"),
        ("memo://{id}", "memo://{id}"),
        ("memo://{id}", "memo://a/b"),
        ("memo://{id}", "memo://"),
        ("memo://notes/{id}", "memo://notes/7"),
        ("memo://notes/{id}", "memo://n%6ftes/7"),
        ("memo://notes/{id}", "memo://x/../notes/7"),
        ("memo://notes/{id}/raw", "memo://NOTES/7/raw?x=1"),
        ("memo://notes{/path*}", "memo://notes/a/b/c"),
        ("memo://notes{?q,limit}", "memo://notes?q=1&limit=2"),
        ("memo://notes{?q}", "memo://notes"),
        ("memo://notes?q={q}", "memo://notes?q=5"),
        ("memo://notes{#part}", "memo://notes#a"),
        ("{+uri}", "anything:at/all"),
        ("{scheme}://x/{id}", "memo://x/1"),
        ("memo://{a", "memo://b"),
        ("memo://{a}{b}", "memo://b"),
        ("memo://exact", "memo://EXACT/"),
    ],
)
def test_b15_what_a_held_template_may_make(template: str, uri: str) -> None:
    assert makes(template, uri)


@pytest.mark.parametrize(
    ("template", "uri"),
    [
        ("memo://notes/{id}", "memo://tasks/7"),
        ("memo://notes/{id}", "memo://notes-archive/7"),
        ("memo://notes/{id}/raw", "memo://notes/7/html"),
        ("memo://{id}", "other://7"),
        ("memo://exact", "memo://other"),
    ],
)
def test_what_a_template_cannot_make(template: str, uri: str) -> None:
    assert not makes(template, uri)


@given(st.text(alphabet="abc/.%2e?#{}@:\\é", max_size=40))
def test_every_uri_is_itself_and_escaped_itself(text: str) -> None:
    assert same(text, text)
    assert same(f"memo://h/{quote(text, safe='')}", f"memo://h/{quote(quote(text, safe=''), safe='')}")
    assert makes(f"memo://h/{{{text.replace('}', '').replace('{', '')}}}", "memo://h/a")


@pytest.mark.parametrize("part", ["../", "%252e%252e/", "a", "{x}", "\ufdfa", "/.", "%", "?", "@", ":"])
def test_comparing_is_quick_whatever_is_asked(part: str) -> None:
    long = "memo://" + part * (LONGEST // len(part))
    started = time.perf_counter()
    same("memo://secret/a/b", long[:LONGEST])
    makes("memo://{a}x{b}y{c}z", long[:LONGEST])
    makes(long[:LONGEST], "memo://a/b")
    assert time.perf_counter() - started < 1.0
