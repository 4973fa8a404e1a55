"""What `mcpwatch doctor` looks at: one function a subject, each gives findings that say how to mend what is wrong."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from mcpwatch.cli.output import local
from mcpwatch.store import health, paths
from mcpwatch.store.config import Config, ConfigError, load
from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Dimension

MIB = 1 << 20
LEAST_FREE = 64 * MIB  # below this a guard may soon fail to record, and then refuses
_DAY_NS = 86_400 * 1_000_000_000
_SMALLEST_SCREEN = (80, 24)


class Level(StrEnum):
    GOOD = "ok"
    NOTE = "note"  # worth knowing; nothing is broken
    WRONG = "wrong"


class Finding(NamedTuple):
    level: Level
    subject: str
    text: str
    mend: str = ""  # what to do, as a command where there is one

    def document(self) -> dict[str, str]:
        """For `--json`."""
        return self._asdict() | {"level": str(self.level)}


def state_file() -> Iterator[Finding]:
    """Who may read the state, and whether it is whole and can be written."""
    path = paths.state_file()
    yield from _modes(path)
    try:
        damages = health.damages(path)
        if damages:
            yield Finding(Level.WRONG, "state file", f"{path} is damaged: {'; '.join(damages)}", _move_away(path))
            return
        ledger = Ledger.open(path)
    except StateError as error:
        yield Finding(Level.WRONG, "state file", str(error))  # which says what to do
        return
    try:
        ledger.policy(), ledger.usages()
    except StateError as error:
        yield Finding(Level.WRONG, "state file", str(error), _move_away(path))
        return
    else:
        size = sum(file.stat().st_size for file in health.files(path))
        yield Finding(Level.GOOD, "state file", f"{path} ({size / MIB:.1f} MiB), whole and writable")
        yield from _clock(ledger)
        yield from _guards(ledger)
        yield from _prices(ledger)
    finally:
        ledger.close()


def _modes(path: Path) -> Iterator[Finding]:
    if os.name != "posix":
        return
    for what, wanted in ((path.parent, 0o700), (path, 0o600)):
        try:
            mode = what.stat().st_mode & 0o777
        except OSError:
            continue  # not there yet, or opening it will say why not
        if mode & 0o077:
            text = f"{what} is open to other users (mode {mode:o})"
            yield Finding(Level.WRONG, "permissions", text, f"chmod {wanted:o} {shlex.quote(str(what))}")


def _move_away(path: Path) -> str:
    """The command that puts a damaged state aside, with the files SQLite keeps beside it: they must not meet the
    next one, which begins without a lock and a password."""
    folder = path.with_name(f"damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    files = health.files(path)
    if os.name == "nt":
        return " & ".join([f'mkdir "{folder}"', *(f'move "{file}" "{folder}"' for file in files)])
    names = " ".join(shlex.quote(str(file)) for file in files)
    there = shlex.quote(str(folder))
    return f"mkdir -m 700 {there} && mv -- {names} {there}/"


def _clock(ledger: Ledger) -> Iterator[Finding]:
    ahead_s = (ledger.clock.now() - ledger.clock.utc()) / 1e9
    if abs(ahead_s) < 60:
        yield Finding(Level.GOOD, "clock", "the ledger's clock and the system's agree")
    else:
        text = f"the system's clock was set {'back' if ahead_s > 0 else 'forward'} by {abs(ahead_s):.0f} s"
        yield Finding(Level.NOTE, "clock", f"{text}; windows are not affected, only the times shown")


def _guards(ledger: Ledger) -> Iterator[Finding]:
    live = ledger.sessions(live=True)
    gone = [session for session in live if not health.runs(session.pid)]
    yield Finding(Level.GOOD, "guards", f"{len(live) - len(gone)} running")
    if gone:
        yield Finding(Level.NOTE, "guards", f"{len(gone)} ended without a goodbye (killed, or the machine stopped)")
    for row in health.warnings_since(ledger, ledger.clock.utc() - _DAY_NS)[-3:]:
        yield Finding(Level.NOTE, "guards", f"{local(row.utc)}: {row.detail}")


def _prices(ledger: Ledger) -> Iterator[Finding]:
    """Whether a cost limit that is enforced can be reached by a call that nothing but the default prices."""
    config, policy = _config(), ledger.policy()
    priced = config.default_price_per_1k > 0 or any(price.pattern == "*/*" for price in config.prices)
    # A limit of 0 blocks all, whatever calls cost.
    if policy.armed and not priced and any(x.dimension is Dimension.COST and x.maximum for x in policy.limits):
        text = "default_price_per_1k is 0: a call no [[prices]] table matches is free, and no cost limit stops it"
        mend = f"set it above 0 in {shlex.quote(str(paths.config_file()))}, or give those tools prices"
        yield Finding(Level.NOTE, "prices", text, mend)


def disk() -> Iterator[Finding]:
    """Room for the state file to grow."""
    folder = paths.state_dir()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{free // MIB} MiB free on the disk of {folder}"
    if free < LEAST_FREE:
        yield Finding(Level.WRONG, "disk", text, "free some space: with a full disk protected calls are refused")
    elif free < _config().retention_mb * MIB:
        yield Finding(Level.NOTE, "disk", text, "free some space, or lower retention_mb in the configuration")
    else:
        yield Finding(Level.GOOD, "disk", text)


def _config() -> Config:
    try:
        return load()
    except ConfigError:
        return Config()


def configuration() -> Iterator[Finding]:
    """Whether the configuration file can be used."""
    from mcpwatch.meter.prices import PriceBook

    path = paths.config_file()
    try:
        config = load(path)
        PriceBook.from_config(config.default_price_per_1k, config.prices)
    except (ConfigError, ValueError) as error:
        meanwhile = "until then guards use the defaults, and armed ones refuse protected calls"
        mend = f"mend that in {shlex.quote(str(path))}; {meanwhile}"
        yield Finding(Level.WRONG, "configuration", str(error), mend)
        return
    yield Finding(Level.GOOD, "configuration", str(path) if path.exists() else f"defaults (there is no {path})")


def dependencies() -> Iterator[Finding]:
    """Everything mcpwatch is installed with, in a version it was made for."""
    from importlib import metadata

    versions, wrong = [f"mcpwatch {metadata.version('mcpwatch')}"], []
    for requirement in metadata.requires("mcpwatch") or ():
        wanted, _, marker = requirement.partition(";")
        if "extra" in marker:
            continue
        name = re.split(r"[<>=!~ \[]", wanted, maxsplit=1)[0]
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        versions.append(f"{name} {version}")
        if not satisfies(version, wanted.removeprefix(name)):
            wrong.append(f"{name} is {version}, {wanted.removeprefix(name)} is wanted")
    if wrong:
        mend = f"{shlex.quote(sys.executable)} -m pip install --upgrade mcpwatch"
        yield Finding(Level.WRONG, "dependencies", "; ".join(wrong), mend)
    else:
        yield Finding(Level.GOOD, "dependencies", f"Python {sys.version.split()[0]}, {', '.join(versions)}")


def satisfies(version: str, specifiers: str) -> bool:
    """Whether `9.1.2` is within `>=8.2,<10`: the two operators our own requirements use."""
    for specifier in filter(None, specifiers.replace(" ", "").split(",")):
        bound = _numbers(specifier.lstrip("<>="))
        there = _numbers(version)[: max(len(bound), 3)]
        if specifier.startswith(">=") and there < bound:
            return False
        if specifier.startswith("<") and there >= bound:
            return False
    return True


def _numbers(version: str) -> list[int]:
    numbers = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return numbers


def tokenizer() -> Iterator[Finding]:
    """Whether tokens are counted by a real vocabulary or estimated."""
    from mcpwatch.meter import tokenizer

    if tokenizer.load() is not None:
        yield Finding(Level.GOOD, "tokenizer", f"the {tokenizer.DEFAULT_ENCODING} vocabulary is at hand")
    else:
        text = "no vocabulary at hand, so tokens are only estimated"
        yield Finding(Level.NOTE, "tokenizer", text, "mcpwatch doctor --fetch-tokenizer   (downloads 4 MB)")


def program() -> Iterator[Finding]:
    """Whether the clients that start guards can find the program."""
    found = shutil.which("mcpwatch")
    if found:
        yield Finding(Level.GOOD, "program", found)
    else:
        here = Path(sys.argv[0])
        mend = f"in your clients' configuration write {here.absolute()} instead of mcpwatch"
        yield Finding(Level.NOTE, "program", "mcpwatch is not on the PATH", mend)


def terminal() -> Iterator[Finding]:
    """Whether the screen can be drawn here."""
    if not sys.stdout.isatty():
        yield Finding(Level.GOOD, "terminal", "none: the output goes elsewhere")
        return
    columns, rows = os.get_terminal_size()
    encoding = sys.stdout.encoding.lower()
    colours = "no colour (NO_COLOR)" if os.environ.get("NO_COLOR") else _colours()
    text = f"{columns}×{rows}, {colours}, {encoding}"
    if columns < _SMALLEST_SCREEN[0] or rows < _SMALLEST_SCREEN[1]:
        yield Finding(Level.NOTE, "terminal", text, "make it at least 80 columns by 24 lines for the screen")
    elif encoding not in ("utf-8", "utf8"):
        yield Finding(Level.NOTE, "terminal", text, "draw the screen with `mcpwatch --ascii`, or set a UTF-8 locale")
    else:
        yield Finding(Level.GOOD, "terminal", text)


def _colours() -> str:
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "16 million colours"
    return "256 colours" if "256" in os.environ.get("TERM", "") else "16 colours or fewer"


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    state_file,
    disk,
    configuration,
    dependencies,
    tokenizer,
    program,
    terminal,
)
