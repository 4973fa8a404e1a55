"""A machine with AI clients in a folder, as the screen finds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mcpwatch.clients.plan import apply, plan_wrap
from mcpwatch.clients.surroundings import Surroundings
from mcpwatch.clients.survey import survey
from mcpwatch.clients.watch import Watch
from mcpwatch.tui.wiring import Wiring, gateway_configured

PROGRAM = "/opt/mcpwatch/bin/mcpwatch"
TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ"


def machine(folder: Path) -> Surroundings:
    """A home with a project in it."""
    home = folder / "home"
    project = home / "acme"
    (project / ".git").mkdir(parents=True, exist_ok=True)
    return Surroundings("linux", home, {}, project)


def put(path: Path, servers: dict[str, Any], key: str = "mcpServers") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({key: servers}, indent=2))
    return path


def stdio(*words: str, **more: Any) -> dict[str, Any]:
    return {"command": words[0], "args": list(words[1:]), **more}


def wrap_all(here: Surroundings, *names: str) -> None:
    for change in plan_wrap(survey(here, PROGRAM), PROGRAM, servers=names):
        if change.steps:
            apply(change)


def busy(folder: Path) -> Surroundings:
    """Clients of every kind: wrapped, unwrapped, drifted, a wrapper taken away, disabled, broken, at an address."""
    here = machine(folder)
    cursor = put(
        here.home / ".cursor/mcp.json",
        {
            "github": stdio("npx", "-y", "@modelcontextprotocol/server-github", env={"GITHUB_TOKEN": TOKEN}),
            "postgres": stdio("uvx", "mcp-server-postgres"),
        },
    )
    wrap_all(here, "postgres")
    servers = json.loads(cursor.read_text())["mcpServers"]
    servers["postgres"] = stdio("uvx", "mcp-server-postgres")  # someone took the wrapper away
    put(cursor, servers)
    put(
        here.home / ".config/Claude/claude_desktop_config.json",
        {
            "filesystem": stdio(PROGRAM, "run", "--name", "filesystem", "--", "npx", "-y", "server-filesystem", "."),
            "fetch": stdio("uvx", "mcp-server-fetch", "--api-key", "hunter2hunter2"),
            "old": stdio("/gone/bin/mcpwatch", "run", "--name", "old", "--", "uvx", "old-server"),
            "puppeteer": stdio("npx", "-y", "server-puppeteer", disabled=True),
        },
    )
    put(
        here.home / ".gemini/settings.json",
        {
            "sentry": {"httpUrl": "https://mcp.sentry.dev/mcp"},
            "search": {"httpUrl": "https://search.example/mcp", "headers": {"X-Api-Key": "hunter2hunter2"}},
        },
    )
    codex = here.home / ".codex/config.toml"
    codex.parent.mkdir()
    codex.write_text('[mcp_servers.notes]\ncommand = "npx"\nargs = ["notes"\n')
    put(here.folder / ".mcp.json", {"build": stdio("make", "mcp")})
    return here


def wiring(here: Surroundings, *, every: float = 0.05) -> Wiring:
    return Wiring(Watch(here, PROGRAM, configured=gateway_configured), every=every)
