"""The gateway as a service of the user's session: a systemd unit, or a launchd agent."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

UNIT: Final = "mcpwatch-gateway.service"
LABEL: Final = "io.mcpwatch.gateway"
PASSED_ON: Final = ("MCPWATCH_STATE", "MCPWATCH_CONFIG")
COMMAND_S: Final = 30.0


class Unsupported(Exception):
    """No service manager that we know. One sentence."""


class Service(msgspec.Struct, frozen=True):
    """A file that makes the gateway a service, and the commands round it."""

    path: Path
    text: str
    after_install: tuple[tuple[str, ...], ...]
    before_uninstall: tuple[tuple[str, ...], ...]
    after_uninstall: tuple[tuple[str, ...], ...]
    is_running: tuple[str, ...]
    restart: tuple[str, ...]


def service(arguments: Sequence[str] = (), platform: str = sys.platform) -> Service:
    """The service of this platform; `arguments` are those of `mcpwatch serve`. Raises `Unsupported`."""
    command = [sys.executable, "-P", "-m", "mcpwatch", "serve", *arguments]
    environment = {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}
    if platform == "darwin":
        return _launchd(command, environment)
    if platform.startswith("linux"):
        return _systemd(command, environment)
    raise Unsupported(f"mcpwatch writes services for systemd and launchd; {platform} has neither")


def _systemd(command: Sequence[str], environment: Mapping[str, str]) -> Service:
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    systemctl = ("systemctl", "--user")
    return Service(
        folder / UNIT,
        unit(command, environment),
        ((*systemctl, "daemon-reload"), (*systemctl, "enable", "--now", UNIT)),
        ((*systemctl, "disable", "--now", UNIT),),
        ((*systemctl, "daemon-reload"),),
        (*systemctl, "is-active", "--quiet", UNIT),
        (*systemctl, "restart", UNIT),
    )


def unit(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """A systemd user unit."""
    lines = [
        "[Unit]",
        "Description=mcpwatch gateway for MCP servers over HTTP",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={' '.join(map(_quoted, command))}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(environment.items())),
        "Restart=on-failure",
        "RestartSec=2",
        "NoNewPrivileges=yes",
        "UMask=0077",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    """A word of a unit file (systemd.syntax(7), "Quoting")."""
    if any(ord(c) < 32 for c in word):
        raise Unsupported(f"{word!r} cannot be written into a unit file")
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{word}"' if not word or set(word) & set(" \t'\";\\") else word


def _launchd(command: Sequence[str], environment: Mapping[str, str]) -> Service:
    path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    domain = f"gui/{os.getuid()}"
    return Service(
        path,
        agent(command, environment),
        (("launchctl", "bootstrap", domain, str(path)),),
        (("launchctl", "bootout", f"{domain}/{LABEL}"),),
        (),
        ("launchctl", "print", f"{domain}/{LABEL}"),
        ("launchctl", "kickstart", "-k", f"{domain}/{LABEL}"),
    )


def agent(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """A launchd agent (launchd.plist(5))."""
    keys = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "EnvironmentVariables": dict(environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Interactive",
        "Umask": 0o077,
    }
    return plistlib.dumps(keys).decode()


def install(found: Service) -> list[str]:
    """Write the file and start the service. Returns what could not be run, to be told. Raises OSError."""
    found.path.parent.mkdir(parents=True, exist_ok=True)
    temporary = found.path.with_name(f".{found.path.name}.new")
    temporary.write_text(found.text, "utf-8")
    temporary.replace(found.path)
    return _run(found.after_install)


def uninstall(found: Service) -> list[str]:
    """Stop the service and remove its file; no error when it is not there. Raises OSError."""
    if not found.path.exists():
        return []
    problems = _run(found.before_uninstall)
    found.path.unlink(missing_ok=True)
    return problems + _run(found.after_uninstall)


def is_running(found: Service) -> bool:
    """Whether the service manager says so."""
    return not _run((found.is_running,))


def restart(found: Service) -> list[str]:
    """Have the service manager end the gateway and start it anew. Returns what could not be run, to be told."""
    return _run((found.restart,))


def _run(commands: Sequence[Sequence[str]]) -> list[str]:
    problems = []
    for command in commands:
        if shutil.which(command[0]) is None:
            problems.append(f"there is no {command[0]} here; run when there is: {' '.join(command)}")
            continue
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            problems.append(f"{' '.join(command)}: {error}")
            continue
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            problems.append(f"{' '.join(command)}: {said[-1] if said else f'exit code {done.returncode}'}")
    return problems
