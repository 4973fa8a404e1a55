"""What `mcpwatch doctor` says of the clients here, of the gateway and of the key."""

from __future__ import annotations

import json
import socket

import pytest

from mcpwatch.cli import exits
from servers import MCPWATCH
from servers.gateways import GatewayProcess
from servers.processes import wait_until


@pytest.fixture
def home(machine, monkeypatch):
    """The machine's home, where nothing is yet; commands run in it."""
    home = machine.folder / "home"
    (home / ".cursor").mkdir(parents=True)
    monkeypatch.chdir(home)
    machine.env.pop("XDG_CONFIG_HOME", None)
    machine.env.pop("MISTRAL_API_KEY", None)
    return home


def put(home, **servers):
    (home / ".cursor/mcp.json").write_text(json.dumps({"mcpServers": servers}))


def said(machine, subject):
    """(level, text, mend) of each finding about it."""
    found = json.loads(machine("doctor", "--json").out)["findings"]
    return [(row["level"], row["text"], row["mend"]) for row in found if row["subject"] == subject]


def test_servers_that_are_not_watched(machine, home):
    put(
        home, git={"command": "npx"}, off={"command": "npx", "disabled": True}, web={"url": "https://example.com/mcp"}
    )
    (home / ".gemini").mkdir()
    (home / ".gemini/settings.json").write_text("{")
    found = said(machine, "clients")
    assert ("ok", "2 servers in use in 2 files, 0 watched", "") in found
    assert ("note", "not wrapped: git", "mcpwatch wrap") in found
    (broken,) = [text for _, text, _ in found if text.startswith("Gemini CLI")]
    assert "not understood: line 1, column 2" in broken
    (past,) = [row for row in found if "past mcpwatch" in row[1]]
    assert past[0] == "note" and "mcpwatch clients" in past[2]
    assert machine("doctor").code == 0
    (home / ".gemini/settings.json").unlink()
    put(home, git={"command": "npx"})
    assert ("ok", "1 server in use in 1 file, 0 watched", "") in said(machine, "clients")
    put(home, git={"command": "npx"}, web={"url": "https://example.com/mcp"})

    machine("wrap", "--yes", "--file", str(home / ".cursor/mcp.json"))
    assert ("ok", "2 servers in use in 1 file, 1 watched", "") in said(machine, "clients")
    text = (home / ".cursor/mcp.json").read_text()
    command = json.loads(text)["mcpServers"]["git"]["command"]
    (home / ".cursor/mcp.json").write_text(text.replace(command, "/gone/mcpwatch"))
    assert ("wrong", "not through this mcpwatch, or not for certain: git", "mcpwatch wrap") in said(
        machine, "clients"
    )
    assert machine("doctor").code == exits.FAILED


def test_one_name_for_two_servers(machine, home):
    run = ["run", "--name", "notes", "--"]
    put(
        home,
        notes={"command": MCPWATCH, "args": [*run, "npx"]},
        other={"command": MCPWATCH, "args": [*run, "./evil"]},
    )
    (found,) = [row for row in said(machine, "clients") if "several command lines are called notes" in row[1]]
    assert found[0] == "wrong" and "--name" in found[2]
    assert machine("clients").out.count("another command line is called notes too") == 2
    put(home, notes={"command": MCPWATCH, "args": [*run, "npx"]})
    assert "another command line" not in machine("clients").out


def test_the_gateway_that_servers_need(machine, home):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    machine.config.write_text(f"[gateway]\nport = {port}\n")
    assert said(machine, "gateway") == [("ok", "none, and none needed", "")]
    put(home, web={"url": "http://localhost:9/mcp"})
    machine("wrap", "--yes")
    assert said(machine, "gateway") == [
        ("wrong", "not running, and reached through it: web", "mcpwatch service install")
    ]
    for arguments, level in (((), "ok"), (("--port", "0"), "wrong")):
        gateway = GatewayProcess(machine.start("serve", *arguments), machine.env)
        try:
            ((found, text, _),) = said(machine, "gateway")
        finally:
            gateway.process.terminate()
            gateway.process.communicate()
        assert found == level and str(gateway.port) in text


def test_a_gateway_that_no_server_needs_any_longer(machine, home):
    """It stayed, and no command ended it."""
    put(home, web={"url": "http://localhost:9/mcp"})
    machine("wrap", "--yes")
    gateway = GatewayProcess(machine.start("serve", "--port", "0"), machine.env)
    try:
        pid = gateway.process.pid
        done = machine("unwrap", "--yes").out
        assert f"The gateway still runs (process {pid}), and no server is left for it" in done
        wait_until(lambda: said(machine, "gateway")[0][0] == "note", "the gateway noticing")
        ((_, text, mend),) = said(machine, "gateway")
        assert "no servers configured" in text and mend == "mcpwatch serve --stop"
        assert machine("serve", "--stop").out == f"Ended the gateway, process {pid}.\n"
        assert gateway.process.wait(15) == 0
        assert machine("serve", "--stop").out == "No gateway runs.\n"
        assert "gateway-stop" in machine("audit").out
    finally:
        gateway.process.kill()
        gateway.process.communicate()


def test_a_gateway_that_was_set_up_by_hand(machine, home):
    server = '[servers.web]\nurl = "http://localhost:9/mcp"\nheaders = { A = "${NOT_SET_ANYWHERE}" }\n'
    machine.config.write_text('[gateway]\ntoken_file = "/nonexistent"\n' + server)
    (token,) = [row for row in said(machine, "gateway") if row[0] == "wrong"]
    assert "/nonexistent cannot be read" in token[1] and "token_file" in token[2]
    machine.config.write_text(server)
    ((level, text, mend),) = said(machine, "gateway")
    assert (level, mend) == ("note", "mcpwatch service install") and text.endswith("has servers for it: web")
    gateway = GatewayProcess(machine.start("serve", "--port", "0"), machine.env)
    try:
        (problem,) = [row for row in said(machine, "gateway") if row[0] == "wrong"]
    finally:
        gateway.process.terminate()
        gateway.process.communicate()
    assert "NOT_SET_ANYWHERE is not set" in problem[1] and f"[servers.web] in {machine.config}" in problem[2]


def test_the_key(machine, home):
    assert said(machine, "key")[0][0] == "ok" and "none needed" in said(machine, "key")[0][1]
    machine.config.write_text("[scanner]\nllm = true\n")
    assert said(machine, "key")[0][0] == "wrong"
    (home / ".env").write_text("MISTRAL_API_KEY=abcdefgh12345678\n")
    ((level, text, _),) = said(machine, "key")
    assert level == "ok" and text == f"MISTRAL_API_KEY from {home}/.env"
    assert "abcdefgh12345678" not in machine("doctor").out
    (home / ".env").write_text("MISTRAL_API_KEY='abc\n")
    ((level, text, _),) = said(machine, "key")
    assert level == "wrong" and "abc" not in text
