"""The gateway as clients' files see it: the address of each server there, and the server behind an address.

An entry keeps everything but its address. Headers stay in it, and so does a query that may be a key: the client
sends them, and the gateway passes them on. The rest of the address goes into `config.toml` (`routes`), and so it must
not be a secret itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from mcpwatch.clients import routes
from mcpwatch.clients.address import apart, has_credentials, has_key, header_names, is_local, not_copied, signs_in
from mcpwatch.clients.entry import Entry
from mcpwatch.clients.names import Names, safe_name
from mcpwatch.store import config as configuration
from mcpwatch.store.config import HttpServer

TOKEN_HEADER = "mcpwatch-token"
UNSURE = "whether it wants a login by OAuth is not known: --probe asks it"
_ADDRESS = re.compile(
    r"http://(127\.0\.0\.1|localhost|\[::1\])(?::(\d{1,5}))?/([^/?#]+)/(?:mcp|sse)/?(?:\?(.*))?", re.DOTALL
)
_NOT_IN_PATHS = re.compile(r"-*(?:[^A-Za-z0-9._~-]+-*)+")
_OPEN_HOSTS = ("0.0.0.0", "::", "")
_LOGIN = "it wants a login by OAuth, which holds for its own address only: see `mcpwatch login --help`"


@dataclass(frozen=True)
class Gateway:
    """One look at the configuration. `problem` says why nothing can go through the gateway."""

    host: str = "127.0.0.1"
    port: int = 7373
    servers: Mapping[str, HttpServer] = field(default_factory=dict)
    noted: Mapping[str, str] = field(default_factory=dict)  # name → address of those that wrapping put there
    token: bool = False  # requests must bring a word
    problem: str = ""
    logged_in: frozenset[str] = frozenset()  # addresses that `mcpwatch login` has a token for
    answers: Mapping[str, str] = field(default_factory=dict)  # address → what it said when asked: "" or a reason

    @classmethod
    def configured(cls, *, logged_in: Collection[str] = ()) -> Gateway:
        """The one that `config.toml` describes. It need not be running."""
        noted = routes.noted()
        try:
            config = configuration.load()
        except configuration.ConfigError as error:
            return cls(noted=noted, problem=f"config.toml cannot be used ({error})")
        gateway, problem = config.gateway, ""
        host = "127.0.0.1" if gateway.host in _OPEN_HOSTS else gateway.host
        host = f"[{host}]" if ":" in host else host
        if gateway.port == 0:
            problem = "the gateway has another port at each start (port = 0 in config.toml)"
        elif host not in ("127.0.0.1", "localhost", "[::1]"):
            problem = f"the gateway listens on {host} (host in config.toml), not on this machine's own address"
        return cls(
            host,
            gateway.port,
            config.servers,
            noted,
            gateway.token_file is not None,
            problem,
            frozenset(logged_in),
        )

    def asked(self, answers: Mapping[str, str]) -> Gateway:
        """The same, with what servers said when they were asked: address → "" or a reason to leave them alone."""
        return replace(self, answers=answers)

    # -- addresses ---------------------------------------------------------------------------------------

    def address(self, name: str, url: str, query: str = "") -> str:
        """Where a client reaches the server of that name, with a query of its own. Some take a server whose address
        ends in `/sse` for one of 2024-11-05: that end is kept."""
        end = "sse" if url.partition("?")[0].rstrip("/").endswith("/sse") else "mcp"
        return f"http://{self.host}:{self.port}/{name}/{end}" + (f"?{query}" if query else "")

    def name_at(self, address: str) -> str:
        """The name in an address of this gateway, whether it knows it or not; "" for any other address."""
        match = _ADDRESS.fullmatch(address)
        return match[3] if match is not None and int(match[2] or 80) == self.port else ""

    def stands_at(self, address: str) -> bool:
        """Whether this is the address of a server it knows."""
        return self.name_at(address) in self.servers

    def origin_of(self, address: str, guard: str = "") -> tuple[str, str] | None:
        """The server's own address behind one of the gateway's, and the query that the client keeps; None for any
        other. `guard`: the name under which the entry was wrapped, by which an address of another port is known."""
        match = _ADDRESS.fullmatch(address)
        if match is None or (int(match[2] or 80) != self.port and match[3] != guard):
            return None
        server = self.servers.get(match[3])
        own = server.url if server is not None else self.noted.get(match[3])
        return None if own is None else (own, match[4] or "")

    # -- entries -----------------------------------------------------------------------------------------

    def reason(self, entry: Entry) -> str:
        """Why an entry must keep its own address, or ""."""
        url, _ = _parts(entry)
        why = not_copied(url)
        if why or self.problem:
            return why or self.problem
        if self.token and TOKEN_HEADER not in (name.lower() for name in header_names(entry.node)):
            return "the gateway wants a token (token_file): write it into the entry, as the header Mcpwatch-Token"
        if url in self.logged_in:
            return ""
        if signs_in(entry.node):
            return _LOGIN
        return self.answers.get(url, UNSURE) if self.unsure(entry) else ""

    def unsure(self, entry: Entry) -> bool:
        """Whether only the server itself can say if its client signs in by OAuth."""
        url, _ = _parts(entry)
        if not_copied(url) or url in self.logged_in or signs_in(entry.node) is not None:
            return False
        return not (is_local(url) or _is_signed(entry))

    def name_for(self, entry: Entry, url: str, names: Names) -> str:
        """What the gateway calls the server: one name for one address. Headers that the configuration adds would
        replace the client's own: an entry that has credentials needs another name then."""
        for name in names.of((url,)):
            known = self.servers.get(name)
            if known is None or not (known.headers and _is_signed(entry)):
                return name
        slug = _NOT_IN_PATHS.sub("-", safe_name(entry.name)).strip(".-") or "server"
        return names.give(slug, (url,))


def _parts(entry: Entry) -> tuple[str, str]:
    return apart("" if entry.url is None else str(entry.url.value))


def _is_signed(entry: Entry) -> bool:
    """Whether the client sends a credential of its own, in a header or in the address."""
    return has_credentials(entry.node) or has_key(_parts(entry)[1])
