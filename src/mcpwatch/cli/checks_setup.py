"""What `mcpwatch doctor` looks at beside its own files: the AI clients here, the gateway, the scanner's key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from mcpwatch.cli.checks import Finding, Level
from mcpwatch.cli.wrap import at_gateway
from mcpwatch.clients.gateway import Gateway
from mcpwatch.clients.program import NoProgram, program
from mcpwatch.clients.surroundings import Surroundings
from mcpwatch.clients.survey import ConfigFile, Server, Status, survey
from mcpwatch.store.config import ConfigError, load
from mcpwatch.store.database import StateError
from mcpwatch.store.paths import config_file
from mcpwatch.tui.fmt import plural

_AMISS = {
    Status.DRIFTED: (Level.WRONG, "not through this mcpwatch, or not for certain"),
    Status.REMOVED: (Level.NOTE, "wrapped once, and changed back by someone"),
    Status.UNWATCHED: (Level.NOTE, "not wrapped"),
    Status.HTTP: (Level.NOTE, "reached at an address, past mcpwatch"),
}
_NAMED = 5


def clients() -> Iterator[Finding]:
    """Whether mcpwatch stands before the servers of the clients here."""
    files = _files()
    for file in files:
        if file.error:
            text = f"{file.client.name}: {file.path} is not understood: {file.error}"
            yield Finding(Level.NOTE, "clients", text, "mend the file, then look again with `mcpwatch clients`")
    servers = [server for file in files for server in file.servers if not server.disabled]
    counts = Counter(server.status for server in servers)
    watched, used = counts[Status.WATCHED], f"{plural(len(servers), 'server')} in use"
    yield Finding(Level.GOOD, "clients", f"{used} in {plural(len(files), 'file')}, {watched} watched")
    for status, (level, text) in _AMISS.items():
        names = [server.name for server in servers if server.status is status]
        if names:
            shown = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
            ours = any(not server.reason for server in servers if server.status is status)
            mend = "mcpwatch wrap" if ours else "`mcpwatch clients` says why each is left alone"
            yield Finding(level, "clients", f"{text}: {shown}", mend)
    for name in list(dict.fromkeys(server.shared for server in servers if server.shared))[:_NAMED]:
        text = f"several command lines are called {name}, and share its limits, exemptions and verdicts"
        yield Finding(Level.WRONG, "clients", text, "`mcpwatch clients` shows which: give each a --name of its own")


def gateway() -> Iterator[Finding]:
    """Whether the gateway runs, or can, where clients reach it, and reaches its servers."""
    from mcpwatch.relay import gateway_control
    from mcpwatch.relay.gateway_access import Refused, read_token

    try:
        settings = load()
        read_token(settings.gateway)
        waiting = sorted(settings.servers)
    except ConfigError:
        waiting = []  # said of the configuration
    except Refused as error:
        waiting = []
        yield Finding(Level.WRONG, "gateway", str(error), f"mend `token_file` under [gateway] in {config_file()}")
    try:
        found = gateway_control.find()
    except StateError:
        return  # said of the state file
    wanted = at_gateway()
    used = [server.name for file in _files(wanted) for server in file.servers if _through(server)]
    if found.state == "none":
        start = "mcpwatch service install"
        if used:
            text = f"not running, and reached through it: {', '.join(used[:_NAMED])}"
            yield Finding(Level.WRONG, "gateway", text, start)
        elif waiting:
            text = f"not running, and {config_file()} has servers for it: {', '.join(waiting[:_NAMED])}"
            yield Finding(Level.NOTE, "gateway", text, start)
        else:
            yield Finding(Level.GOOD, "gateway", "none, and none needed")
    elif found.health is None:
        yield Finding(Level.WRONG, "gateway", gateway_control.summary(found), f"kill {found.row.pid}")
    elif used and found.row.port != wanted.port:
        text = f"it listens on port {found.row.port}, and clients look for it on {wanted.port}"
        yield Finding(Level.WRONG, "gateway", text, f"start it again with --port {wanted.port}")
    elif not (found.health.servers or found.health.problems or used):
        yield Finding(Level.NOTE, "gateway", gateway_control.summary(found), "mcpwatch serve --stop")
    else:
        yield Finding(Level.GOOD, "gateway", gateway_control.summary(found))
        for name, problem in found.health.problems.items():
            login = f"mcpwatch login {name}"
            entry = (
                f"mend [servers.{name}] in {config_file()}, or set that where the gateway is started, and restart it"
            )
            yield Finding(Level.WRONG, "gateway", f"{name}: {problem}", login if login in problem else entry)


def key() -> Iterator[Finding]:
    """Whether the LLM scanner has a key; it needs one only when it is to be used."""
    from mcpwatch.scan.key import NAME, KeyProblem, find

    try:
        found, wanted = find(), load().scanner.llm
    except KeyProblem as error:
        yield Finding(Level.WRONG, "key", str(error), f"write it as {NAME}=… on one line")
    except ConfigError:
        return  # said of the configuration
    else:
        if found is not None:
            yield Finding(Level.GOOD, "key", f"{NAME} from {found.source}")
        elif wanted:
            yield Finding(Level.WRONG, "key", f"the scanner is on and there is no {NAME}", f"export {NAME}=…")
        else:
            yield Finding(Level.GOOD, "key", f"no {NAME}, and none needed: the rules judge by themselves")


def _files(wanted: Gateway | None = None) -> list[ConfigFile]:
    try:
        ours = program()
    except NoProgram:
        ours = ""  # then nothing is this mcpwatch
    return survey(Surroundings.here(), ours, gateway=wanted or at_gateway())


def _through(server: Server) -> bool:
    """Whether a server in use is reached through the gateway."""
    return server.status is Status.WATCHED and server.entry.form is None and not server.disabled


def findings(before: Iterable[Finding]) -> Iterator[Finding]:
    """All of it; `before` is what was found of our own files. A state file that is damaged is not opened again, since
    that may change which files there are to put away."""
    damaged = any(found.level is Level.WRONG and found.subject == "state file" for found in before)
    yield from clients()
    if not damaged:
        yield from gateway()
    yield from key()
