"""`mcpwatch wrap`, and what it has in common with `unwrap`: which files, the preview, the question, the writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from mcpwatch.cli import ask, exits
from mcpwatch.cli.output import print_line, safe
from mcpwatch.clients import routes
from mcpwatch.clients.address import apart
from mcpwatch.clients.gateway import Gateway
from mcpwatch.clients.plan import Change, apply_all, plan_wrap
from mcpwatch.clients.program import NoProgram, program
from mcpwatch.clients.surroundings import Surroundings
from mcpwatch.clients.survey import ConfigFile, select, survey
from mcpwatch.clients.table import BY_ID, Scope
from mcpwatch.clients.write import NotWritten
from mcpwatch.store.config import ConfigError, load
from mcpwatch.store.paths import config_file

F = TypeVar("F", bound=Callable[..., Any])

_SAID = {
    "wrap": "through mcpwatch, as",
    "repair": "through this mcpwatch, as",
    "unwrap": "directly",
    "point": "through the gateway, as",
}


def options(command: F) -> F:
    """The options of `wrap` and `unwrap`."""
    for option in reversed(
        (
            click.option(
                "--client", "-c", "clients", multiple=True, type=click.Choice(sorted(BY_ID)), help="Only this client."
            ),
            click.option("--server", "-s", "servers", multiple=True, help="Only servers of this name, or pattern."),
            click.option("--project", is_flag=True, help="The files of the project here, not your own."),
            click.option(
                "--file",
                "-f",
                "files",
                multiple=True,
                type=click.Path(path_type=Path),
                help="This file, whichever client reads it.",
            ),
            click.option("--dry-run", "-n", is_flag=True, help="Only show what would change."),
            click.option("--yes", "-y", is_flag=True, help="Do not ask."),
        )
    ):
        command = option(command)
    return command


@click.command(
    "wrap", epilog="\b\nExamples:\n  mcpwatch wrap --dry-run\n  mcpwatch wrap --client cursor --server 'git*'"
)
@options
@click.option("--probe", is_flag=True, help="Ask servers reached over HTTP whether they want a login.")
def command(
    clients: Sequence[str],
    servers: Sequence[str],
    project: bool,
    files: Sequence[Path],
    dry_run: bool,
    yes: bool,
    probe: bool,
) -> int:
    """Finds the servers in your AI clients' files and has each started through mcpwatch. Shows what would change, and
    asks; a copy of each file is kept beside it (of one in a repository: in mcpwatch's state folder), and `mcpwatch
    unwrap` restores every byte. Done twice, it changes nothing. A project's files are often shared with others, who
    need mcpwatch at the same path: they are left alone without --project.

    A server with an address gets the gateway's address, and its own goes into config.toml; headers stay where they
    are. One that signs in by OAuth stays as it is: the login holds for its own address. Where an entry does not say
    whether it does, only the server knows: with --probe each such server is sent one message without credentials."""
    gateway = at_gateway()
    found = chosen(clients, project, files, gateway)
    check_names(found, servers)
    if probe:
        gateway = _asked(gateway, found, servers)
        found = chosen(clients, project, files, gateway)
    changes = plan_wrap(found, here(), everywhere=everywhere(gateway), servers=servers, gateway=gateway)
    return carry_out(found, changes, dry_run=dry_run, yes=yes, idle="Nothing to wrap.")


def at_gateway() -> Gateway:
    """The gateway, and which servers it has a login for."""
    from mcpwatch.relay.oauth_tokens import read_all

    return Gateway.configured(logged_in=[grant.url for grant in read_all().values()])


def everywhere(gateway: Gateway) -> list[ConfigFile]:
    """Every client's files, whatever the options name."""
    return survey(Surroundings.here(), here(), gateway=gateway)


def _asked(gateway: Gateway, files: Sequence[ConfigFile], servers: Sequence[str]) -> Gateway:
    """The same, with what the servers said of which nothing else tells whether they want a login."""
    from mcpwatch.cli.probe import answers

    entries = [server.entry for file in files for server in select(file.servers, servers) if file.client.http]
    urls = [str(entry.url.value) for entry in entries if entry.form is None and entry.url and gateway.unsure(entry)]
    return gateway.asked(answers(apart(url)[0] for url in urls if gateway.origin_of(url) is None))


def here() -> str:
    """The path clients are to start."""
    try:
        return program()
    except NoProgram as error:
        raise exits.Failure(str(error)) from error


def chosen(clients: Sequence[str], project: bool, files: Sequence[Path], gateway: Gateway) -> list[ConfigFile]:
    """The files the options name."""
    if files and (clients or project):
        raise click.UsageError("--file names a file by itself: leave --client and --project out")
    missing = [path for path in files if not path.exists()]
    if missing:
        raise click.UsageError(f"no such file: {missing[0]}")
    scope: Scope = "project" if project else "user"
    absolute = [path.absolute() for path in files]
    found = survey(Surroundings.here(), here(), clients=clients, scopes=(scope,), files=absolute, gateway=gateway)
    if not found:
        where = "in this project" if project else "on this machine"
        whose = " and ".join(BY_ID[client].name for client in clients) or "an AI client"
        raise exits.Failure(f"no configuration of {whose} was found {where} (`mcpwatch clients` says where it looks)")
    return found


def check_names(files: Sequence[ConfigFile], servers: Sequence[str]) -> None:
    """A pattern that matches no server is a mistake."""
    everything = [server for file in files for server in file.servers]
    for pattern in servers:
        if not select(everything, (pattern,)):
            raise exits.Failure(f"no server is called {pattern} (`mcpwatch clients` lists them)")


def carry_out(files: Sequence[ConfigFile], changes: Sequence[Change], *, dry_run: bool, yes: bool, idle: str) -> int:
    """Show the changes, ask, and make them; the exit code."""
    unread = [file for file in files if file.error]
    for change in changes:
        _show(change)
    for file in unread:
        print_line(f"{_title(file)}\n  left alone: {safe(file.error)}")
    _show_routes(changes)
    code = exits.FAILED if unread else exits.OK
    changes = [change for change in changes if change.steps]
    if not changes:
        print_line(idle)
        return code
    if dry_run:
        print_line("Nothing was changed (--dry-run).")
        return code
    if not yes:
        _ask(len(changes))
    return _write(changes) or code


def _ask(count: int) -> None:
    if not ask.possible():
        raise exits.Failure("nothing was changed: no terminal to ask at; --yes goes without asking", exits.DENIED)
    answer = ask.word(f"Change {'this file' if count == 1 else f'these {count} files'}? [y/N] ")
    if answer.lower() not in ("y", "yes"):
        raise exits.Failure("nothing was changed")


def _write(changes: Sequence[Change]) -> int:
    code = exits.OK
    try:
        for change, came in apply_all(changes):
            if isinstance(came, NotWritten):
                click.echo(safe(f"mcpwatch: {change.file.path}: not changed: {came}", limit=4000), err=True)
                code = exits.FAILED
            else:
                copy = came.name if came.parent == change.file.path.parent else str(came)
                print_line(
                    f"Changed {safe(str(change.file.path), limit=4000)}\n  as it was: {safe(copy, limit=4000)}"
                )
    except NotWritten as error:
        click.echo(safe(f"mcpwatch: {error}", limit=4000), err=True)
        code = exits.FAILED
    if code == exits.OK:
        print_line("Restart the clients, or have them reload their servers, for this to take effect.")
    _tell_of_gateway(any(change.routes for change in changes))
    return code


def _tell_of_gateway(concerned: bool) -> None:
    """Servers with an address are reached only while the gateway runs; it is neither started nor ended by the way.
    `concerned`: such servers were put behind it."""
    from mcpwatch.relay import gateway_control
    from mcpwatch.store.database import StateError

    port = Gateway.configured().port
    try:
        found, needed = gateway_control.find(), bool(load().servers)
    except (StateError, ConfigError):
        return
    if not needed:
        if found.state != "none":
            print_line(
                f"The gateway still runs (process {found.row.pid}), and no server is left for it:"
                " `mcpwatch serve --stop` ends it."
            )
    elif not concerned:
        return
    elif found.state == "none":
        print_line(
            "The gateway does not run, and those servers are reached through it: `mcpwatch service install` starts it"
            " now and at every login, `mcpwatch serve` until it is ended."
        )
    elif found.row.port != port:
        print_line(
            f"The gateway that runs listens on port {found.row.port}, not on {port} as config.toml has it: start it"
            " again without --port."
        )


def _show_routes(changes: Sequence[Change]) -> None:
    """What goes into our own configuration."""
    try:
        lines = routes.added({name: url for change in changes for name, url in change.routes.items()})
    except NotWritten as error:
        raise exits.Failure(safe(str(error), limit=4000)) from error
    if lines:
        print_line(click.style(f"mcpwatch: {safe(str(config_file()), limit=4000)}", bold=True))
        for line in lines:
            print_line("    " + click.style(safe(f"+ {line}", limit=400, lines="show"), fg="green"))


def _show(change: Change) -> None:
    print_line(_title(change.file))
    for step in change.steps:
        note = " (disabled at present)" if step.server.disabled else ""
        guard = "" if step.action == "unwrap" else f" {step.guard}"
        print_line(f"  {safe(step.server.name, limit=60)}: {_SAID[step.action]}{safe(guard, limit=110)}{note}")
    for server, reason in change.kept:
        print_line(f"  {safe(server.name, limit=60)}: stays as it is: {safe(reason)}")
    for line in change.diff():
        colour = "red" if line.startswith("-") else "green"
        print_line("    " + click.style(safe(line, limit=400, lines="show"), fg=colour))


def _title(file: ConfigFile) -> str:
    return click.style(f"{file.client.name}: {safe(str(file.path), limit=4000)}", bold=True)
