"""`mcpwatch login`: tokens for a server that asks for OAuth, obtained in a browser and added by the gateway."""

from __future__ import annotations

import asyncio
import webbrowser
from typing import TYPE_CHECKING

import click

from mcpwatch.cli import ask, exits
from mcpwatch.cli.output import safe

if TYPE_CHECKING:
    from mcpwatch.relay.oauth_checks import SeveralHosts


@click.command("login", epilog="Example: mcpwatch login notes")
@click.argument("server")
@click.option("--no-browser", is_flag=True, help="Only print the address at which to agree.")
@click.option("--forget", is_flag=True, help="Forget the tokens of this server instead.")
def command(server: str, no_browser: bool, forget: bool) -> None:
    """SERVER is one of the configuration's. Needed where the client cannot log in through the gateway by itself: most
    servers tie a token to their own URL, and clients refuse when that is not the URL they use.

    The tokens are kept beside the state file, readable by you only, and refreshed by the gateway. A client that sends
    an Authorization header of its own keeps using that.
    """
    from mcpwatch.relay.oauth_checks import NotLoggedIn, SeveralHosts
    from mcpwatch.relay.oauth_login import login, logout
    from mcpwatch.store.config import ConfigError, load

    try:
        defined = load().servers.get(server)
    except ConfigError as error:
        raise exits.Failure(str(error)) from error
    if forget:
        click.echo("Forgotten." if logout(server) else "There were no tokens.")
        return
    if defined is None:
        raise exits.Failure(f"the configuration has no server {server!r}")

    def show(address: str) -> None:
        click.echo(f"Agree at: {safe(address)}")
        if not no_browser:
            webbrowser.open(address)

    try:
        try:
            asyncio.run(login(server, defined.url, show))
        except SeveralHosts as several:
            _agree(server, several)
            asyncio.run(login(server, defined.url, show, several.hosts))
    except (NotLoggedIn, OSError) as error:
        raise exits.Failure(f"not logged in to {server}: {error}") from error
    click.echo(f"Logged in to {server}; the gateway uses it from now on.")


def _agree(server: str, several: SeveralHosts) -> None:
    """Ask whether these hosts belong together. Raises Failure, also where there is no terminal."""
    if not ask.possible():
        raise exits.Failure(
            f"not logged in to {server}: a person must say, at a terminal, that these are one: {several}"
        )
    click.echo(f"For {safe(server)} there are several hosts. Who gets the code gets your access.")
    for what, host in several.each():
        click.echo(f"  {what:<18}{safe(host)}")
    if not ask.agreed("Do you know that they belong together? [y/N] "):
        raise exits.Failure(f"not logged in to {server}: its hosts do not belong together")
