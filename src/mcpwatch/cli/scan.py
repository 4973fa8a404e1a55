"""`mcpwatch scan`: ask the configured servers what they offer, and judge it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from mcpwatch.cli import ask, consent, exits, report
from mcpwatch.cli import targets as configured
from mcpwatch.cli.bar import Bar
from mcpwatch.cli.change import BY
from mcpwatch.cli.output import inert, print_json, print_line, safe
from mcpwatch.cli.state import configuration, opened
from mcpwatch.cli.targets import Configured
from mcpwatch.relay.discover import DEADLINE_S, Found, Target, discover
from mcpwatch.scan import readiness
from mcpwatch.scan.intake import take_in
from mcpwatch.scan.scanner import Scanner
from mcpwatch.store import scans
from mcpwatch.store.config import ConfigError, load
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.levels import BY_NAME, UNSCANNED

AT_ONCE: Final = 4  # servers connected to at a time
POLL_S: Final = 0.2
_OFF: Final = "not scanned: disabled"


@click.command(
    "scan",
    epilog="\b\nExamples:\n"
    "  mcpwatch scan --config ~/.cursor/mcp.json\n"
    "  mcpwatch scan github --llm\n"
    "  mcpwatch scan --yes --sarif --fail-on danger > mcpwatch.sarif",
)
@click.argument("names", metavar="[SERVER]...", nargs=-1)
@click.option(
    "--config",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A client's configuration file; may be repeated. Default: every one that is known.",
)
@click.option("--llm", is_flag=True, help="Have the model judge too. Asks once before anything leaves the machine.")
@click.option("--again", is_flag=True, help="With --llm: also what the model has judged before.")
@click.option("--withdraw", is_flag=True, help="Nothing is to be sent to the model any more. Scans nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--sarif", "as_sarif", is_flag=True, help="A SARIF 2.1.0 log.")
@click.option("--fail-on", type=click.Choice(["caution", "danger"]), help="Exit with 6 when anything is that bad.")
@click.option("--all", "show_all", is_flag=True, help="List what is safe, too.")
@click.option("--yes", "-y", is_flag=True, help="Start new commands, connect to new addresses, without asking.")
@click.option(
    "--timeout", default=DEADLINE_S, show_default=True, type=click.FloatRange(min=1, max=600), help="Seconds."
)
def command(
    names: tuple[str, ...],
    files: tuple[Path, ...],
    llm: bool,
    again: bool,
    withdraw: bool,
    as_json: bool,
    as_sarif: bool,
    fail_on: str | None,
    show_all: bool,
    yes: bool,
    timeout: float,
) -> int:
    """Connects to each server itself, as a client would, and judges every tool, prompt, resource and instruction it
    offers. A command is started, and an address that a project names or that gets variables of your environment is
    connected to, only if you let it be before, or say so now. Servers that are known but not
    configured are judged by what they last listed. The verdicts are kept: what is dangerous stays quarantined."""
    if as_json and as_sarif:
        raise click.UsageError("--json or --sarif, not both")
    if again and not llm:
        raise click.UsageError("--again goes with --llm")
    with opened() as ledger:
        if withdraw:
            _withdraw(ledger)
            return exits.OK
        if llm:
            _may_ask_the_model(ledger)
        chosen, stored, problems = _servers(ledger, names, files, strict=fail_on is not None)
        wanted = []
        for server in chosen:
            why = server.unusable or consent.agreed(ledger, server, yes=yes)
            if why:
                problems.append((server.name, why))
            else:
                wanted.append(server.target)
        named = {server.name: server for server in chosen}
        servers = sorted({target.name for target in wanted} | set(stored))
        bar = Bar()
        try:
            for found in _interruptible(_discover_all(wanted, timeout, bar)):
                take_in(ledger, found.target.name, found.definitions, found.complete)
                told = named[found.target.name]
                problems += [(found.target.name, told.unexpanded(problem)) for problem in found.problems]
            if again:
                problems += _ask_again(ledger, servers)
            if llm:
                problems += [("", said) for said in _interruptible(_ask_the_model(ledger, servers, bar))]
        finally:
            bar.clear()
        rows = [row for row in report.rows_of(ledger.judged()) if row.server in servers]
    if as_sarif:
        click.echo(report.sarif_text(rows, [(server, "", why) for server, why in problems]), nl=False)
    elif as_json:
        _print_document(rows, servers, problems)
    else:
        _print(rows, servers, problems, show_all)
    return _exit_code(rows, problems, fail_on)


# -- which servers -------------------------------------------------------------------------------------


Problems = list[tuple[str, str]]  # (server or "", sentence)


def _servers(
    ledger: Ledger, names: tuple[str, ...], files: tuple[Path, ...], *, strict: bool
) -> tuple[list[Configured], list[str], Problems]:
    """What to connect to, which servers are only known by what they listed, and what is wrong.

    A disabled server is connected to when it is named. Else that is said, and with `strict` it is wrong in a file
    that somebody else may have written: not every client knows the member that disables. So it is with a project's
    files that are not read."""
    found, wrong = configured.from_files(files) if files else configured.configured()
    if not files and (said := configured.left_out()):
        if strict and not names:
            wrong = [*wrong, said]
        else:
            _complain("", said)
    seen = {judged.server for judged in ledger.judged()} if not files else set()
    missing = set(names) - {server.name for server in found} - seen
    if missing:
        known = ", ".join(sorted({server.name for server in found} | seen)) or "none"
        raise exits.Failure(f"no such server: {', '.join(sorted(missing))}; known: {known}")
    chosen = [server for server in found if (server.name in names if names else not server.disabled)]
    problems = [("", problem) for problem in wrong]
    off = [] if names else [server for server in found if server.disabled]
    for server in off:
        if strict and server.foreign:
            problems.append((server.name, f"{_OFF}, which not every client heeds"))
        else:
            _complain(server.name, _OFF)
    stored = sorted((seen & set(names) if names else seen) - {server.name for server in chosen})
    if not chosen and not stored and not off:
        raise exits.Failure("; ".join(["no server is configured here: name a client's file with --config", *wrong]))
    return chosen, stored, problems


async def _discover_all(targets: Sequence[Target], timeout: float, bar: Bar) -> list[Found]:
    import anyio

    slots = anyio.Semaphore(AT_ONCE)
    everything: list[Found] = []

    async def one(target: Target) -> None:
        async with slots:
            everything.append(await discover(target, timeout))
        bar.show(len(everything), len(targets), target.name)

    if targets:
        bar.show(0, len(targets), "connecting")
    async with anyio.create_task_group() as tasks:
        for target in targets:
            tasks.start_soon(one, target)
    return sorted(everything, key=lambda found: found.target.name)


# -- the model -----------------------------------------------------------------------------------------


def _may_ask_the_model(ledger: Ledger) -> None:
    """Ends the command when the model cannot be asked; asks the user when they were never asked."""
    ready = readiness.look(ledger.scanner())
    if ready.state == "not-opted-in":
        _ask_consent(ledger)
        ready = readiness.look(ledger.scanner())
    if ready.state:
        raise exits.Failure(f"--llm: {ready.detail}")


def _ask_consent(ledger: Ledger) -> None:
    try:
        destination = readiness.destination(load())
    except ConfigError as error:
        raise exits.Failure(str(error)) from error
    agreed = ask.agreed(
        "The model reads whole definitions: names, descriptions and schemas of your servers' tools, prompts and"
        f" resources.\nThey are sent to {safe(destination)}. Calls and their results never are.\nSend them? [y/N] "
    )
    with ledger.transaction() as tx:
        scans.set_consent(tx, "agreed" if agreed else "declined", destination, by=BY)
    if not agreed:
        raise exits.Failure(
            "nothing is sent, and nothing was scanned; without --llm the rules judge alone", exits.DENIED
        )


def _withdraw(ledger: Ledger) -> None:
    config, _ = configuration()
    with ledger.transaction() as tx:
        scans.set_consent(tx, "withdrawn", readiness.destination(config), by=BY)
    print_line("Nothing is sent to the model any more. What it said about definitions is kept.")


def _ask_again(ledger: Ledger, servers: Sequence[str]) -> Problems:
    """Mark what the model is to look at once more."""
    problems: Problems = []
    for server in servers:
        with ledger.transaction() as tx:
            _, wait_s = scans.request_scan(tx, server, None, by=BY)
        if wait_s:
            problems.append((server, f"judged a moment ago: the model can be asked again in {wait_s:.0f} s"))
    return problems


async def _ask_the_model(ledger: Ledger, servers: list[str], bar: Bar) -> list[str]:
    """Until the model has seen all that is pending. Sentences about what kept it from that."""
    import anyio

    scanner = Scanner(ledger.path, host=BY)
    work = asyncio.create_task(scanner.once(servers))
    try:
        while not work.done():
            _show_progress(ledger, servers, bar)
            await asyncio.wait([work], timeout=POLL_S)
    finally:
        work.cancel()
        with anyio.CancelScope(shield=True), suppress(asyncio.CancelledError):
            await work
    if scanner.status == "elsewhere":
        return await _watch_other(ledger, servers, bar)
    return [] if scanner.status == "idle" else [scanner.detail or f"the model was not asked: {scanner.status}"]


async def _watch_other(ledger: Ledger, servers: list[str], bar: Bar) -> list[str]:
    """Another process has the scanner and does the work; wait for its end."""
    while True:
        status = ledger.scanner()
        if status.state not in ("running", "idle"):
            return [status.detail or f"the process that scans stopped: {status.state}"]
        if not _show_progress(ledger, servers, bar):
            return []
        await asyncio.sleep(POLL_S)


def _show_progress(ledger: Ledger, servers: list[str], bar: Bar) -> int:
    """How many definitions of these servers are still to be judged."""
    rows = [row for row in ledger.scan_progress() if row.server in servers]
    total, pending = sum(row.total for row in rows), sum(row.pending for row in rows)
    flagged, failed = sum(row.flagged for row in rows), sum(row.failed for row in rows)
    bar.show(total - pending, total, f"judged by the model, {flagged} flagged, {failed} failed")
    return pending


def _interruptible(work: Coroutine[Any, Any, list[Any]]) -> list[Any]:
    """Run it to its end. Ctrl-C lets what was started wind down first: the SDK shields its clean-up from the
    cancellation of a scope, not of a task."""
    import anyio

    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()
        with anyio.CancelScope() as scope:
            remove: Callable[[int], object] = loop.remove_signal_handler
            try:
                loop.add_signal_handler(signal.SIGINT, scope.cancel)
            except (NotImplementedError, RuntimeError):  # Windows
                remove = int
            try:
                return await work
            finally:
                remove(signal.SIGINT)
        raise KeyboardInterrupt

    return asyncio.run(main())


# -- what is printed -----------------------------------------------------------------------------------


def _print(rows: Sequence[report.Row], servers: Sequence[str], problems: Problems, show_all: bool) -> None:
    troubled = {server for server, _ in problems}
    for server in servers:
        mine = [row for row in rows if row.server == server]
        print_line(f"{safe(server)}: {report.summary(mine) if mine or server not in troubled else 'not read'}")
        report.print_rows(mine, quiet_safe=not show_all)
    for server, problem in problems:
        _complain(server, problem)
    if any(row.level.name == "danger" and row.decision != "approved" for row in rows):
        print_line(
            "Dangerous definitions are quarantined. `mcpwatch approve SERVER/TOOL` shows one and lets it pass."
        )


def _complain(server: str, problem: str) -> None:
    said = f"{server}: {problem}" if server else problem
    click.echo(inert(f"mcpwatch: {safe(said, limit=500)}"), err=True)


def _print_document(rows: Sequence[report.Row], servers: Sequence[str], problems: Problems) -> None:
    print_json(
        {
            "servers": list(servers),
            "definitions": [report.document(row) for row in rows],
            "problems": [{"server": server, "problem": problem} for server, problem in problems],
        }
    )
    sys.stdout.flush()


def _exit_code(rows: Sequence[report.Row], problems: Problems, fail_on: str | None) -> int:
    """With --fail-on what nobody could judge counts as bad: it is not known to be safe."""
    if fail_on is not None:
        worst = BY_NAME[fail_on].rank
        if any((row.level.rank >= worst or row.level is UNSCANNED) and row.decision != "approved" for row in rows):
            return exits.FOUND
    return exits.FAILED if problems else exits.OK
