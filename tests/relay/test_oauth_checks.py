"""Where a login may be led to."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from mcp.shared.auth import OAuthMetadata

from mcpwatch.relay.oauth_checks import Checks, NotLoggedIn, SeveralHosts, origin

OUTSIDE = "https://192.88.99.1"  # an address of the Internet that nobody has


def judged(server: str, login: str, **changed: str) -> str:
    """What is said against the login server `login` of a server; "" when nothing is."""
    said = {"issuer": login, "authorization_endpoint": f"{login}/a", "token_endpoint": f"{login}/t"} | changed
    metadata = OAuthMetadata.model_validate(said | {"code_challenge_methods_supported": ["S256"]})
    context = SimpleNamespace(oauth_metadata=metadata, auth_server_url=login)
    try:
        asyncio.run(Checks(f"{server}/mcp", context).endpoints())
    except NotLoggedIn as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("server", "login", "said"),
    [
        (OUTSIDE, OUTSIDE, ""),
        (OUTSIDE, "https://192.88.99.2", ""),
        (OUTSIDE, "http://192.88.99.1", "not encrypted"),
        (OUTSIDE, "http://192.88.99.2", "not encrypted"),
        ("http://192.88.99.1", "http://192.88.99.2", ""),
        ("https://127.0.0.1", "http://127.0.0.1:9", ""),
        ("https://127.0.0.1", "http://10.0.0.1", "not encrypted"),
        ("http://10.0.0.1", "http://127.0.0.1", ""),
        (OUTSIDE, "https://10.0.0.1", "private network"),
        (OUTSIDE, "https://169.254.169.254", "private network"),
        (OUTSIDE, "https://[::1]", "private network"),
        (OUTSIDE, "https://[::ffff:127.0.0.1]", "private network"),
        (OUTSIDE, "https://0.0.0.0", "private network"),
        (OUTSIDE, "https://127.1", "private network"),
        (OUTSIDE, "https://2130706433", "private network"),
        (OUTSIDE, "https://localhost", "private network"),
        (OUTSIDE, "https://any.localhost", "private network"),
        (OUTSIDE, "https://localhost.", "private network"),
    ],
)
def test_a_login_server_elsewhere(server: str, login: str, said: str) -> None:
    found = judged(server, login)
    assert said in found and bool(found) == bool(said)


def test_a_page_that_is_not_encrypted_is_no_question() -> None:
    assert "not encrypted" in judged(OUTSIDE, OUTSIDE, authorization_endpoint="http://192.88.99.3/a")


def test_a_fragment_would_hide_what_is_appended() -> None:
    assert "fragment" in judged(OUTSIDE, OUTSIDE, authorization_endpoint=f"{OUTSIDE}/a#x")


def test_several_hosts_are_told_one_by_one() -> None:
    error = SeveralHosts(("https://a", "https://b", "https://c"))
    assert error.each() == [
        ("login server", "https://a"),
        ("page to agree at", "https://b"),
        ("the code goes to", "https://c"),
    ]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://Example.com:443/x?y", "https://example.com"),
        ("http://example.com:443", "http://example.com:443"),
        ("https://real.example@evil.example/a", "https://evil.example"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_an_origin(url: str, expected: str) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    "url", ["", "/x", "file:///etc/passwd", "http://", "http://[::1", "https://x:99999", "javascript:1"]
)
def test_what_has_no_origin(url: str) -> None:
    with pytest.raises(ValueError):
        origin(url)
