from __future__ import annotations

import subprocess
import sys

import pytest

from mcpwatch.cli import exits
from mcpwatch.cli.group import COMMANDS

NESTED = [("limits", "show"), ("limits", "set"), ("limits", "remove")]
ALL = [(name,) for name in COMMANDS if name != "run"] + NESTED
HEAVY = {"textual", "mcp", "mistralai", "tiktoken", "httpx", "httpx2", "pydantic", "asyncio", "starlette", "rich"}


@pytest.mark.parametrize("name", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(machine, name):
    done = machine(*name, "--help")
    assert done.code == 0 and done.err == ""
    assert f"mcpwatch {name[0]}" in done.out.partition("Example")[2]
    if len(name) == 1:
        assert COMMANDS[name[0]].summary.partition(".")[0] in " ".join(done.out.split())
    assert not machine.state.exists()


def test_help_names_every_command_and_exit_code(machine):
    out = " ".join(machine("--help").out.split())
    for name, entry in COMMANDS.items():
        assert f"{name} {entry.summary}" in out
    for code, meaning in exits.MEANING.items():
        assert f"{code} {meaning}" in out


def imported(machine, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "mcpwatch", *arguments],
        capture_output=True,
        text=True,
        env=machine.env,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize("name", [("status",), ("status", "--json"), ("log",), ("lock",), ("limits",)], ids=" ".join)
def test_commands_import_nothing_heavy(machine, name):
    modules = imported(machine, *name)
    assert "mcpwatch.store.ledger" in modules  # the measure works
    assert not {module.partition(".")[0] for module in modules} & HEAVY


def test_help_imports_no_command(machine):
    modules = imported(machine, "--help")
    assert "mcpwatch.cli.group" in modules
    assert "mcpwatch.cli.status" not in modules
    assert not modules & {"sqlite3", "msgspec", "mcpwatch.store.ledger", "mcpwatch.guard.lock"}


def test_run_is_dispatched_before_click_is_imported():
    program = (
        "import sys, types\n"
        "run = types.ModuleType('mcpwatch.cli.run')\n"
        "run.main = lambda argv: print(argv, 'click' in sys.modules) or 7\n"
        "sys.modules['mcpwatch.cli.run'] = run\n"
        "import mcpwatch.cli\n"
        "mcpwatch.cli.run = run\n"
        "sys.exit(mcpwatch.cli.main(['run', '--name', 'x', '--', 'server', '--help']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 7, done.stderr
    assert done.stdout == "['--name', 'x', '--', 'server', '--help'] False\n"


def test_unknown_command_is_one_line(machine):
    machine("sttus").failed(exits.USAGE, "sttus", "mcpwatch --help")


def test_hostile_argument_is_not_echoed_raw(machine):
    assert "LOCKED: ␛]0;owned␇." in machine("lock", "\x1b]0;owned\x07").out
    assert "\x1b" not in machine("\x1b]0;owned\x07").err


def test_options_before_run_are_refused(machine):
    machine("--ascii", "run", "--name", "x", "--", "server").failed(exits.USAGE, "mcpwatch run")


def test_version(machine):
    assert machine("--version").out.startswith("mcpwatch 0.")


def test_full_disk_behind_stdout_is_one_line(machine):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mcpwatch", "--help"], stdout=full, stderr=subprocess.PIPE, env=machine.env
        )
    assert done.returncode == exits.FAILED
    assert done.stderr.count(b"\n") == 1


def test_closed_pipe_is_quiet(machine):
    process = machine.start("--help")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(30) == exits.PIPE


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(machine, shell):
    done = machine("completions", shell)
    assert done.code == 0 and "_MCPWATCH_COMPLETE" in done.out


def test_completion_knows_the_commands(machine):
    asked = {"_MCPWATCH_COMPLETE": "bash_complete", "COMP_WORDS": "mcpwatch un", "COMP_CWORD": "1"}
    done = machine(env=asked)
    assert {"plain,unlock", "plain,unprotect", "plain,unexempt"} <= set(done.out.split())
    assert all(line.startswith("plain,un") for line in done.out.split())
