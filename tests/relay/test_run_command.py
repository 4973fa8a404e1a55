"""`mcpwatch run`: its words, its names, and how little it loads before the server runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mcpwatch.cli.run import HELP, UsageError, parse
from mcpwatch.clients.names import default_name
from servers import MCPWATCH, guard_env


@pytest.mark.parametrize(
    ("argv", "name", "command"),
    [
        (["--name", "n", "--", "a", "--name", "b"], "n", ["a", "--name", "b"]),
        (["--name=n", "a"], "n", ["a"]),
        (["a", "--name", "b"], "a", ["a", "--name", "b"]),
        (["--", "--odd"], "odd", ["--odd"]),
        (["--", "a", "--", "b"], "a", ["a", "--", "b"]),
        (["a", "-h"], "a", ["a", "-h"]),
    ],
)
def test_our_options_end_where_the_command_begins(argv, name, command):
    assert parse(argv) == (name, command)


@pytest.mark.parametrize(
    "argv",
    [[], ["--"], ["--name"], ["--name", "n"], ["--name", "", "a"], ["--name", "a/b", "c"], ["--nme", "x", "a"]],
)
def test_mistakes_are_named(argv):
    with pytest.raises(UsageError):
        parse(argv)


@pytest.mark.parametrize("argv", [["-h"], ["--help"], ["--name", "x", "--help"]])
def test_help_is_asked_for(argv):
    assert parse(argv) is None


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("npx -y @modelcontextprotocol/server-filesystem@1.2.3 /home", "server-filesystem"),
        ("npx @scope/notes", "notes"),
        ("uvx mcp-server-git --repository .", "mcp-server-git"),
        ("python -m my_server.main", "my_server.main"),
        ("/usr/bin/python3 /opt/notes/server.py --x", "notes"),
        ("node ./dist/index.js", "dist"),
        ("node /srv/weather/build/index.js", "weather"),
        ("docker run -i --rm ghcr.io/github/github-mcp-server", "github-mcp-server"),
        ("./bin/my-server --stdio", "my-server"),
        (r"C:\Tools\notes.exe", "notes"),
        ("env TOKEN=x notes", "notes"),
        ("cmd /c npx notes", "notes"),
        ("python", "python"),
        ("/", "server"),
        ("--", "server"),
        ("a*b[c]?", "a-b-c"),
    ],
)
def test_a_name_is_made_from_the_command(command, name):
    assert default_name(command.split(" ")) == name


def run(*argv: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([MCPWATCH, "run", *argv], env=env, capture_output=True, text=True, timeout=30, check=False)


def test_what_the_command_line_says(tmp_path):
    import os

    env = os.environ | guard_env(tmp_path)
    assert run("--help", env=env).stdout == HELP
    mistake = run("--nme", "x", env=env)
    assert (mistake.returncode, mistake.stdout) == (2, "")
    assert mistake.stderr.count("\n") == 1
    missing = run("--", "no-such-server-anywhere", env=env)
    assert (missing.returncode, missing.stdout) == (127, "")
    assert missing.stderr == (
        "mcpwatch: cannot find the command 'no-such-server-anywhere': check its spelling, or give its full path\n"
    )


HEAVY = {"asyncio", "textual", "mcp", "pydantic", "mistralai", "tiktoken", "httpx2", "httpx", "click", "starlette"}


def test_nothing_heavy_is_loaded_on_the_way_to_the_first_answer():
    """Everything a guard imports, the rules of the scanner included; and next to nothing before the server runs."""
    early = "import sys; import mcpwatch.cli, mcpwatch.cli.run; print(*sys.modules)"
    late = "import mcpwatch.guard.gate, mcpwatch.relay.stdio, mcpwatch.scan.local; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", f"{early}; {late}"], capture_output=True, text=True, check=True)
    before, after = (set(line.split()) for line in shown.stdout.splitlines())
    assert HEAVY & after == set()
    assert {"msgspec", "sqlite3", "subprocess", "logging", "json", "re"} & before <= loaded_by_python_itself()


def loaded_by_python_itself() -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(shown.stdout.split())
