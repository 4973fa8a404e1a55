"""`mcpwatch run --url`: guard an MCP server reached over HTTP, for a client that can only start commands."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from mcpwatch.cli.run import UsageError, checked
from mcpwatch.relay.child import complain

USAGE_ERROR = 2


def main(argv: Sequence[str]) -> int:
    """Run the bridge with the arguments that follow `run`. Returns the exit code."""
    from mcpwatch.guard.gate import Gate
    from mcpwatch.relay.bridge import Bridge
    from mcpwatch.relay.http_headers import Unset, expanded
    from mcpwatch.relay.http_upstream import checked_url, shown
    from mcpwatch.scan.local import load_judge

    try:
        name, address, headers = parse(argv)
        url = checked_url(address)
        server = name or (url.host or "server")
        bridge = Bridge(server, url, expanded(with_configured(server, address, headers)))
    except (UsageError, Unset, ValueError) as error:
        complain(f"{error} (see `mcpwatch run --help`)")
        return USAGE_ERROR
    make = functools.partial(Gate, server=server, transport="http", command=shown(url), load_judge=load_judge)
    return bridge.run(make)


def with_configured(server: str, address: str, given: Mapping[str, str]) -> dict[str, str]:
    """The given headers, and those the configuration has for this server: only where its URL is the same, since they
    are for nobody else."""
    from mcpwatch.store.config import ConfigError, load

    try:
        defined = load().servers.get(server)
    except ConfigError as error:
        complain(f"no headers of the configuration are used: {error}")
        return dict(given)
    if defined is None or not defined.headers:
        return dict(given)
    if defined.url != address:
        complain(f"the headers of [servers.{server}] are not used: they are for another URL")
        return dict(given)
    names = {name.lower() for name in given}
    return {name: value for name, value in defined.headers.items() if name.lower() not in names} | dict(given)


def parse(argv: Sequence[str]) -> tuple[str | None, str, dict[str, str]]:
    """(name, URL, headers) of the arguments. Raises `UsageError`."""
    rest = list(argv)
    name, url = None, ""
    headers: dict[str, str] = {}
    while rest:
        option, equals, value = rest.pop(0).partition("=")
        if option not in ("--name", "--url", "--header"):
            raise UsageError(f"with --url there is no {option}")
        if not equals:
            if not rest:
                raise UsageError(f"{option} needs a value")
            value = rest.pop(0)
        if option == "--name":
            name = checked(value)
        elif option == "--url":
            url = value
        else:
            header, colon, content = value.partition(":")
            if not colon or not header.strip():
                raise UsageError(f"--header {value!r}: a header is written NAME: VALUE")
            headers[header.strip()] = content.strip()
    return name, url, headers
