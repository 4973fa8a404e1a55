"""A client made with the Python SDK 1.x, straight to our servers and through mcpwatch, compared answer by answer.

`python tests/conformance/sdk1.py [--venv DIR]`

Makes a virtual environment with `mcp` 1.x (in DIR, where it stays; else in a folder that is removed). The client of
sdk1_session.py tells one session each: over stdio, directly and behind `mcpwatch run`; over Streamable HTTP, answered
as events and as JSON, directly and behind `mcpwatch serve`; over stdio to the HTTP server by `mcpwatch run --url`.

Exits 1 when a story differs, when a server outlives its session, or when anything could not be installed or run. Not
part of pytest: it needs the package index.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from servers import MCPWATCH, guard_command, guard_env, server_command  # noqa: E402
from servers.gateways import gateway, http_server  # noqa: E402
from servers.processes import marked  # noqa: E402

SDK = "mcp>=1.20,<2"
MARK = "MCPWATCH_TEST_MARK"
LEAVE_S = 10.0  # for the processes of a session, after its end
STEPS_LEAST = 30  # of a story; fewer, and the session did not run as it should


def install(directory: Path) -> Path:
    """An interpreter with the SDK 1.x. Raises SystemExit."""
    python = directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(directory, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SDK]
        try:
            done = subprocess.run(command, timeout=300)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SystemExit(f"pip cannot install {SDK}: {error}") from error
        if done.returncode:
            raise SystemExit(f"pip cannot install {SDK}: is the package index reachable?")
    return python


def story(python: Path, kind: str, *target: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """What a session to this target tells; `left` are processes that outlive it. Raises SystemExit."""
    mark = secrets.token_hex(8)
    # The SDK hands on only a few variables to a command: `env` puts ours back.
    words = [f"{name}={value}" for name, value in ({MARK: mark} | (env or {})).items()]
    prefix = ["/usr/bin/env", *words] if kind == "stdio" else []
    command = [str(python), str(HERE / "sdk1_session.py"), kind, *prefix, *target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise SystemExit(f"the session with {' '.join(target)} failed:\n{done.stderr[-3000:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    if len(told) < STEPS_LEAST:
        raise SystemExit(f"the session with {' '.join(target)} told only {len(told)} things")
    deadline = time.monotonic() + LEAVE_S
    while (left := marked(f"{MARK}={mark}")) and time.monotonic() < deadline:
        time.sleep(0.02)
    return told | {"left": len(left)}


def differences(direct: dict[str, Any], relayed: dict[str, Any], but: frozenset[str]) -> list[str]:
    """One line for each thing that is told otherwise."""
    return [
        f"{step}:\n    direct  {short(direct.get(step))}\n    relayed {short(relayed.get(step))}"
        for step in sorted((direct.keys() | relayed.keys()) - but)
        if direct.get(step) != relayed.get(step)
    ]


def short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 300 else f"{text[:200]} … ({len(text)} characters)"


def compare(python: Path, directory: Path) -> int:
    """Number of differences over all ways."""
    env = guard_env(directory)
    everything = server_command("everything")
    with contextlib.ExitStack() as ends:

        def served(*options: str) -> str:
            return f"http://127.0.0.1:{ends.enter_context(http_server('http_everything', *options))}/mcp"

        # A server for each story: what one session changes there, the next would see.
        urls = {"events": served(), "json": served("--json")}
        direct = {kind: served(*(["--json"] if kind == "json" else [])) for kind in urls}
        bridged = served()
        running = ends.enter_context(gateway(directory / "gateway", urls))
        pool = ends.enter_context(ThreadPoolExecutor(4))
        stories = {
            "stdio": pool.submit(story, python, "stdio", *everything),
            "stdio, mcpwatch run": pool.submit(story, python, "stdio", *guard_command("srv", everything), env=env),
            "mcpwatch run --url": pool.submit(
                story, python, "stdio", MCPWATCH, "run", "--name", "bridged", "--url", bridged, env=env
            ),
        }
        for kind in urls:
            stories[f"http, {kind}"] = pool.submit(story, python, "http", direct[kind])
            stories[f"http, {kind}, mcpwatch serve"] = pool.submit(story, python, "http", running.url(kind))
        told = {way: future.result() for way, future in stories.items()}
    failed = 0
    for way, relayed, but in (
        ("stdio", "stdio, mcpwatch run", frozenset[str]()),
        ("http, events", "http, events, mcpwatch serve", frozenset[str]()),
        ("http, json", "http, json, mcpwatch serve", frozenset[str]()),
        ("http, events", "mcpwatch run --url", frozenset({"after the end"})),
    ):
        lines = differences(told[way], told[relayed], but)
        if told[relayed]["left"]:
            lines.append(f"{told[relayed]['left']} processes outlive their session")
        failed += len(lines)
        print(f"{relayed}: {len(told[way])} things told, {len(lines)} differences")
        for line in lines:
            print(f"  {line}")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, metavar="DIR", help="keep the virtual environment, for the next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "gateway").mkdir()
        python = install((options.venv or directory / "sdk1").absolute())
        return 1 if compare(python, directory) else 0


if __name__ == "__main__":
    sys.exit(main())
