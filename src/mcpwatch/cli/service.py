"""`mcpwatch service`: the gateway started with the user's session."""

from __future__ import annotations

import click

from mcpwatch.cli import exits


@click.group("service", epilog="Example: mcpwatch service install")
def command() -> None:
    """Writes a systemd user unit, or a launchd agent, that runs `mcpwatch serve`."""


@command.command("install")
@click.option(
    "--port", type=click.IntRange(1, 65_535), help="Port to listen on. Default: the configuration's, or 7373."
)
def install(port: int | None) -> None:
    """Write the unit and start the gateway, now and at every login."""
    from mcpwatch.relay import gateway_service as services

    found = _service(["--port", str(port)] if port is not None else [])
    try:
        problems = services.install(found)
    except OSError as error:
        raise exits.Failure(f"{found.path}: {error.strerror}") from error
    click.echo(f"Written: {found.path}")
    _tell(problems, "The gateway runs, and will at every login.")


@command.command("uninstall")
def uninstall() -> None:
    """Stop the gateway and remove the unit."""
    from mcpwatch.relay import gateway_service as services

    found = _service()
    was_there = found.path.exists()
    try:
        problems = services.uninstall(found)
    except OSError as error:
        raise exits.Failure(f"{found.path}: {error.strerror}") from error
    _tell(problems, f"Removed: {found.path}" if was_there else f"Nothing to remove at {found.path}")


@command.command("status")
def status() -> None:
    """Say whether the unit is there, whether it runs, and what the gateway says."""
    from mcpwatch.relay import gateway_control
    from mcpwatch.relay import gateway_service as services
    from mcpwatch.store.database import StateError

    found = _service()
    if found.path.exists():
        running = services.is_running(found)
        click.echo(f"Service: {found.path}, {'running' if running else 'not running'}")
    else:
        click.echo("Service: not installed")
    try:
        click.echo(f"Gateway: {gateway_control.summary(gateway_control.find())}")
    except StateError as error:
        raise exits.Failure(str(error)) from error


def _service(arguments: list[str] | None = None):
    from mcpwatch.relay import gateway_service as services

    try:
        return services.service(arguments or [])
    except services.Unsupported as error:
        raise exits.Failure(str(error)) from error


def _tell(problems: list[str], done: str) -> None:
    if problems:
        raise exits.Failure("; ".join(problems))
    click.echo(done)
