"""The commands, in one table. `--help` and completion read the table; a module is imported when its command runs."""

from __future__ import annotations

from importlib import import_module
from inspect import cleandoc
from typing import Any, NamedTuple

import click

from mcpwatch.cli import exits
from mcpwatch.cli.output import colour, screen_possible


class Entry(NamedTuple):
    where: str  # module:attribute below mcpwatch.cli
    section: str
    summary: str


WATCH, PROTECT, TUNE, SHELL = "See what happens", "Stop and allow", "What is protected, and how", "This program"
SETUP = "Your AI clients"

COMMANDS = {
    "run": Entry("group:run_comes_first", WATCH, "Guard one MCP server; your AI client starts this in its place."),
    "serve": Entry("serve:command", WATCH, "Run the gateway that guards MCP servers reached over HTTP."),
    "service": Entry("service:command", WATCH, "Start the gateway with your session: install, uninstall, status."),
    "login": Entry("login:command", WATCH, "Log in to a server that asks for OAuth, for the gateway."),
    "demo": Entry("demo:command", WATCH, "Show it all on real processes, with nothing of yours involved."),
    "status": Entry("status:command", WATCH, "Say whether tools are locked, and how much of each limit is used."),
    "log": Entry("log:command", WATCH, "List recorded calls; follow them as they happen."),
    "audit": Entry("audit:command", WATCH, "List what was done to the protection: by whom, and when."),
    "scan": Entry("scan:command", WATCH, "Ask configured servers what they offer, and judge it."),
    "findings": Entry("findings:command", WATCH, "List what was found in the definitions servers list."),
    "lock": Entry("lock:command", PROTECT, "Refuse every protected call from now on. Asks for nothing."),
    "unlock": Entry("unlock:command", PROTECT, "Let protected calls pass again. Asks for the password."),
    "arm": Entry("modes:arm", PROTECT, "Enforce the limits: passing one locks."),
    "observe": Entry("modes:observe", PROTECT, "Meter, and mark what would have locked, but refuse nothing."),
    "strict": Entry("modes:strict", PROTECT, "Hold definitions in doubt and refuse tools never listed, or not."),
    "password": Entry("password:command", PROTECT, "Set or change the password that loosening asks for."),
    "approve": Entry("approve:approve", PROTECT, "Let exactly one text of a definition pass, after showing it."),
    "unapprove": Entry("approve:unapprove", PROTECT, "Take an approval back."),
    "block": Entry("block:block", PROTECT, "Quarantine a definition, whatever its score. Asks for nothing."),
    "unblock": Entry("block:unblock", PROTECT, "Take a block back. Asks for the password."),
    "limits": Entry("limits:command", TUNE, "Show, set or remove limits on calls, tokens and cost."),
    "protect": Entry("patterns:protect", TUNE, "Protect the tools that match a pattern."),
    "unprotect": Entry("patterns:unprotect", TUNE, "Take a protecting pattern away."),
    "exempt": Entry("patterns:exempt", TUNE, "Exempt the tools that match a pattern from protection."),
    "unexempt": Entry("patterns:unexempt", TUNE, "Take an exemption away."),
    "clients": Entry("clients:command", SETUP, "List the AI clients here, their servers, and which are watched."),
    "wrap": Entry("wrap:command", SETUP, "Put mcpwatch before the servers your AI clients start."),
    "unwrap": Entry("unwrap:command", SETUP, "Take it away again, byte for byte."),
    "doctor": Entry("doctor:command", SHELL, "Check everything mcpwatch depends on, and say how to mend it."),
    "eval": Entry("eval:command", SHELL, "Measure the rules on a labelled corpus."),
    "completions": Entry("completions:command", SHELL, "Print completions for your shell."),
}


class Program(click.Group):
    """A group whose commands are the table's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.where.partition(":")
        command: click.Command = getattr(import_module(f"mcpwatch.cli.{module}"), attribute)
        if not (command.help or "").startswith(entry.summary):
            command.help = f"{entry.summary}\n\n{cleandoc(command.help or '')}"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, entry in COMMANDS.items():
            sections.setdefault(entry.section, []).append((name, entry.summary))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in exits.MEANING.items()])
        with formatter.section("Example"):
            formatter.write_text("mcpwatch run --name notes -- npx my-notes-server")


@click.command("run", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run_comes_first(arguments: tuple[str, ...]) -> None:
    """`mcpwatch run` is started before any of this is imported; here come those who put options in front of it."""
    raise click.UsageError("write `mcpwatch run …`: options in front of `run` mean nothing to it")


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"mcpwatch {version('mcpwatch')}")
        ctx.exit()


@click.group(cls=Program, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--ascii", is_flag=True, help="Draw the screen with ASCII characters only.")
@click.option("--mouse/--no-mouse", default=True, help="Whether the screen takes the mouse.")
@click.option("--theme", help="Theme of the screen; $MCPWATCH_THEME sets it for good.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say which version."
)
@click.pass_context
def program(ctx: click.Context, **screen: Any) -> int | None:
    """Watch and guard the calls between AI clients and their MCP servers.

    Without a command: the screen. Protection does not depend on it; the guards your clients start enforce it.
    """
    ctx.color = colour()
    if ctx.invoked_subcommand is not None:
        return None
    if not screen_possible():
        raise exits.Failure(
            "the screen needs a terminal, standard error too; `mcpwatch status` says the same in words"
        )
    from mcpwatch.cli.screen import show

    return show(**screen)
