"""What the address of a server reached over HTTP says: whether it may be copied, and how its client signs in there.

A query that may be a key stays where it is: the client sends it to the gateway, which passes it on.

Nothing is asked of the server. What cannot be told from the entry counts as a reason to leave it alone: a client that
signs in by OAuth checks that the login is for the address it uses (RFC 9728, 3.3), and would refuse the gateway's.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from mcpwatch.clients.node import Node
from mcpwatch.store.mask import MASK, masked

_PLACEHOLDER = re.compile(r"\$\{|\$[A-Za-z_]|\{\{|\{env:|\{file:|%[A-Za-z_]\w*%|<[A-Za-z_ -]+>")
_KEY_LIKE = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w%.~=+-]{20,}", re.ASCII)
_SECRET_NAME = re.compile(r"key|token|secret|passw|auth|sig|credential|session|cookie|^code$|^pat$|jwt", re.I)
_HEADERS = ("headers", "http_headers", "env_http_headers", "requestInit", "requestOptions", "request_options")
# Codex, Kimi Code, Continue, Vibe, Claude Code: sent as a header, though not written as one.
_CREDENTIALS = (
    "bearer_token_env_var",
    "bearer_token",
    "bearerTokenEnvVar",
    "apiKey",
    "api_key",
    "api_key_env",
    "headersHelper",
)
_OAUTH = ("oauth", "auth", "authProviderType", "oauth_resource", "oauthScopes", "oauth_scopes", "scopes")
_OFF = ("", "false", "none", "off")


def apart(url: str) -> tuple[str, str]:
    """The address, and the query that must stay with the client, since it may be a secret or has a placeholder; ""
    when it has no such query, and then the address is whole."""
    base, _, query = url.partition("?")
    keeps = "#" not in base and (has_key(query) or _PLACEHOLDER.search(query))
    return (base, query) if keeps else (url, "")


def together(url: str, query: str) -> str:
    """The address with a client's query behind its own."""
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def has_key(query: str) -> bool:
    """Whether a query may be a credential, or have one in it."""
    return bool(_key_in(query)) or masked(f"?{query}") != f"?{query}"


def _key_in(query: str) -> str:
    """The name of the first parameter that may be one."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return next((name for name, value in pairs if _SECRET_NAME.search(name) or _KEY_LIKE.fullmatch(value)), "")


def without_key(url: str) -> str:
    """The address as it may be shown."""
    base, query = apart(url)
    return masked(f"{base}?{MASK}" if has_key(query) else url)


def not_copied(url: str) -> str:
    """Why this address cannot stand in our configuration, or ""."""
    if _PLACEHOLDER.search(url):
        return "its address has a placeholder, which only the client fills in"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and not any(c.isspace() for c in url)
        parts.port  # noqa: B018 - raises for one that is none
    except ValueError:
        good = False
    if not good:
        return "its address is not http or https"
    if parts.username is not None or parts.password is not None:
        return "its address holds a login, which would have to be copied"
    if name := _key_in(parts.query):
        return f"its address may hold a secret ({name}=…), which would have to be copied"
    if masked(url) != url or any(_KEY_LIKE.fullmatch(part) for part in parts.path.split("/")):
        return "its address may hold a secret, which would have to be copied"
    return ""


def header_names(entry: Node) -> list[str]:
    """The names of the headers that the client sends by this entry, as far as they stand in it."""
    names: list[str] = []
    for key in _HEADERS:
        node = entry.get(key)
        if node is not None and (inner := node.get("headers")) is not None:
            node = inner
        names += [member.key for member in node.members] if node is not None else []
    return names


def has_credentials(entry: Node) -> bool:
    """Whether the client sends a credential of its own, which the gateway passes on."""
    return any(map(_SECRET_NAME.search, header_names(entry))) or any(_set(entry.get(key)) for key in _CREDENTIALS)


def signs_in(entry: Node) -> bool | None:
    """Whether the entry says that the client signs in by OAuth; None when it does not say."""
    said = [_set(node) for key in _OAUTH if (node := entry.get(key)) is not None]
    return any(said) if said else None


def is_local(url: str) -> bool:
    """Whether the server is one of this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _set(node: Node | None) -> bool:
    """Whether a value says anything but no."""
    if node is None:
        return False
    if node.kind in ("map", "list"):
        on = node.get("enabled")
        return bool(node.members or node.items) and (on is None or _set(on))
    return node.value is not None and str(node.value).strip().lower() not in _OFF
