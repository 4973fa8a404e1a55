"""`mcpwatch clients`: which AI clients are here, their servers, and which of those mcpwatch stands before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from mcpwatch.cli.output import cell, print_json, print_line, safe, table
from mcpwatch.cli.wrap import at_gateway, everywhere, here
from mcpwatch.clients.surroundings import Surroundings
from mcpwatch.clients.survey import ConfigFile, Server, Status
from mcpwatch.clients.table import CLIENTS, Client
from mcpwatch.store.mask import masked

_COLOURS = {
    Status.WATCHED: "green",
    Status.UNWATCHED: "yellow",
    Status.DRIFTED: "red",
    Status.REMOVED: "red",
    Status.HTTP: "cyan",
}
_MARKS = {Status.WATCHED: "+", Status.UNWATCHED: "-", Status.DRIFTED: "!", Status.REMOVED: "!", Status.HTTP: "~"}


@click.command("clients", epilog="Example: mcpwatch clients --json")
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
@click.option(
    "--all", "everything", is_flag=True, help="Also the clients that are not here, and where each is looked for."
)
def command(as_json: bool, everything: bool) -> None:
    """Your own files and those of the project here. Reads them and changes nothing."""
    surroundings = Surroundings.here()
    files = everywhere(at_gateway())
    if as_json:
        print_json(_document(surroundings, files))
        return
    for file in files:
        _print(file)
    if everything:
        _print_missing(surroundings, files)
    elif not files:
        print_line("No AI client's configuration was found (`mcpwatch clients --all` says where it is looked for).")
    _print_summary([server for file in files for server in file.servers])


def _document(surroundings: Surroundings, files: list[ConfigFile]) -> dict[str, Any]:
    return {
        "program": here(),
        "clients": [
            {
                "id": client.id,
                "name": client.name,
                "source": client.source,
                "unverified": client.unverified or None,
                "found": any(file.client is client for file in files),
                "looked_for": _looked_for(surroundings, client),
                "files": [_file(file) for file in files if file.client is client],
            }
            for client in CLIENTS
        ],
    }


def _file(file: ConfigFile) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "scope": file.scope,
        "error": file.error or None,
        "servers": [
            {
                "name": server.name,
                "status": str(server.status),
                "guard": server.guard or None,
                "detail": masked(server.detail) or None,
                "reason": server.reason or None,
                "disabled": server.disabled,
                "behind": server.proxy or None,
                "project": server.project or None,
                "shares_name": server.shared or None,
            }
            for server in file.servers
        ],
    }


def _looked_for(surroundings: Surroundings, client: Client) -> list[str]:
    return list(dict.fromkeys(str(path) for place in client.places for path in surroundings.paths(place)))


def _print(file: ConfigFile) -> None:
    title = f"{file.client.name}: {safe(str(file.path), limit=4000)}"
    print_line(click.style(title, bold=True) + (" (project)" if file.scope == "project" else ""))
    if file.error:
        print_line(f"  not understood: {safe(file.error)}")
    elif not file.servers:
        print_line("  no servers")
    lines = table([_row(server) for server in file.servers]) if file.servers else []
    for server, line in zip(file.servers, lines, strict=True):
        print_line(click.style(line, fg=_COLOURS[server.status]))


def _row(server: Server) -> tuple[str, ...]:
    remarks = [_said(server)]
    if server.proxy:
        remarks.append(f"behind {server.proxy}")
    if server.project:
        remarks.append(f"for {safe(server.project, limit=200)}")
    if server.shared:
        remarks.append(
            f"another command line is called {safe(server.shared, limit=110)} too: they share limits, exemptions"
            " and verdicts"
        )
    if server.disabled:
        remarks.append("disabled at present")
    return (_MARKS[server.status], cell(server.name, limit=60), str(server.status), "; ".join(filter(None, remarks)))


def _said(server: Server) -> str:
    if server.status is Status.WATCHED:
        return f"as {safe(server.guard, limit=110)}" if server.guard not in ("", server.name) else server.reason
    if server.status is Status.DRIFTED:
        if server.reason:
            return safe(server.reason)
        if server.entry.form is None:
            return (
                f"not the gateway's address any longer ({safe(server.detail, limit=300)}): `mcpwatch wrap` mends it"
            )
        return f"started through {safe(server.detail, limit=300)}, not this mcpwatch: `mcpwatch wrap` mends it"
    if server.status is Status.REMOVED:
        return "; ".join(filter(None, ("it was wrapped, and is no longer", safe(server.reason))))
    return safe(server.reason)


def _print_missing(surroundings: Surroundings, files: list[ConfigFile]) -> None:
    for client in CLIENTS:
        if not any(file.client is client for file in files):
            print_line(f"{client.name}: not found")
            for path in _looked_for(surroundings, client):
                print_line(f"  {safe(path, limit=4000)}")
            if client.unverified:
                print_line(f"  not found in its documentation: {client.unverified}")


def _print_summary(servers: Sequence[Server]) -> None:
    counts = Counter(server.status for server in servers)
    if counts:
        print_line(", ".join(f"{counts[status]} {status}" for status in Status if counts[status]))
    if any(server.status is not Status.WATCHED and not server.reason for server in servers):
        print_line("`mcpwatch wrap` has mcpwatch stand before those that it does not.")
