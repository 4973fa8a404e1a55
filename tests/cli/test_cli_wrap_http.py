"""Servers with an address as a person wraps them, and what a client then reaches: real servers, the real gateway."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from mcpwatch.cli import exits
from mcpwatch.store.config import load
from servers.gateways import GatewayProcess, http_server
from servers.httpclient import HttpClient

SECRET = "Bearer abcdefghijklmnop0123456789"


@pytest.fixture
def home(machine, monkeypatch) -> Path:
    """The machine's home, where nothing is yet; commands run in a project."""
    home, project = machine.folder / "home", machine.folder / "project"
    home.mkdir()
    (project / ".git").mkdir(parents=True)
    monkeypatch.chdir(project)
    machine.env = {k: v for k, v in machine.env.items() if k != "XDG_CONFIG_HOME"} | {"HOME": str(home)}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        machine.config.write_text(f"[gateway]\nport = {free.getsockname()[1]}\n")
    return home


def put(home: Path, **servers) -> Path:
    path = home / ".cursor/mcp.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"mcpServers": servers}, indent=2))
    return path


def url_of(path: Path, name: str) -> str:
    return json.loads(path.read_text())["mcpServers"][name]["url"]


def test_what_the_client_then_reaches_is_the_server_behind_the_gateway(machine, home):
    with (
        http_server("http_everything") as port,
        http_server("http_everything", "--sse") as old,
        http_server("http_oauth") as signed,
    ):
        path = put(
            home,
            things={"url": f"http://127.0.0.1:{port}/mcp"},
            old={"type": "sse", "url": f"http://127.0.0.1:{old}/sse"},
            own={"url": f"http://127.0.0.1:{signed}/mcp", "headers": {"Authorization": "Bearer their own"}},
        )
        before, config = path.read_bytes(), machine.config.read_bytes()
        done = machine("wrap", "--yes")
        assert done.code == 0 and "things: through the gateway, as things" in done.out, done
        assert "The gateway does not run" in done.out and "mcpwatch service install" in done.out
        assert "Nothing to wrap." in machine("wrap", "--yes").out

        gateway = GatewayProcess(machine.start("serve"), machine.env)
        try:
            assert url_of(path, "things") == gateway.url("things")
            client = HttpClient(url_of(path, "things"))
            assert client.initialize().status == 200
            reply = client.call("echo")
            assert reply.status == 200 and next(reply.frames())["id"] == 1
            signed_in = HttpClient(url_of(path, "own"))
            assert signed_in.call("plain").status == 401
            assert signed_in.call("plain", Authorization="Bearer their own").status == 200
            stream = HttpClient(url_of(path, "old")).request("GET")
            assert next(stream.events())["event"] == "endpoint"
            stream.leave()
            assert "3 watched" in machine("clients").out
        finally:
            gateway.process.terminate()
            gateway.process.communicate()
        with machine.ledger() as ledger:
            assert {row.server for row in ledger.latest_calls(50) if row.method == "tools/call"} == {"things", "own"}
        assert machine("unwrap", "--yes").code == 0
        assert path.read_bytes() == before and machine.config.read_bytes() == config


def test_a_key_in_the_address_reaches_the_server_and_nothing_else(machine, home):
    key = "exaApiKey=k3y-of-mine%2F&x=1"
    with http_server("http_rogue") as port:
        path = put(home, things={"url": f"http://127.0.0.1:{port}/mcp?{key}"})
        before = path.read_bytes()
        shown = [machine("clients"), machine("clients", "--json"), machine("wrap", "--yes")]
        gateway = GatewayProcess(machine.start("serve"), machine.env)
        try:
            assert url_of(path, "things") == f"{gateway.url('things')}?{key}"
            client = HttpClient(url_of(path, "things"))
            assert client.initialize().status == 200 and client.call("plain").status == 200
            client.request("DELETE").body()
            shown += [machine("clients"), machine("clients", "--json"), machine("doctor"), machine("log")]
            assert '"watched"' in shown[4].out and "1 watched" in shown[3].out
        finally:
            gateway.process.terminate()
            logged = gateway.process.communicate()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/seen") as answer:
            assert [one["target"] for one in json.load(answer)["seen"]] == [f"/mcp?{key}"] * 3
        shown.append(machine("unwrap", "--yes"))
        assert all("k3y-of-mine" not in done.out + done.err for done in shown) and "k3y-of-mine" not in logged
        ours = [file for file in (machine.config, *machine.state.parent.rglob("*")) if file.is_file()]
        assert all(b"k3y-of-mine" not in file.read_bytes() for file in ours)
        assert path.read_bytes() == before


def test_a_scan_brings_the_key_of_the_client_too(machine, home):
    with http_server("http_rogue") as port:
        put(home, things={"url": f"http://127.0.0.1:{port}/mcp?api_key=k3y-of-mine%2F"})
        assert machine("wrap", "--yes").code == 0
        done = machine("scan", "--yes")
        assert "evil" in done.out and "k3y-of-mine" not in done.out + done.err, done
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/seen") as answer:
            assert {one["target"] for one in json.load(answer)["seen"]} == {"/mcp?api_key=k3y-of-mine%2F"}
    broken = machine("scan", "--yes")
    assert broken.code == exits.FAILED and "k3y-of-mine" not in broken.out + broken.err, broken


def test_the_configuration_is_in_the_preview_and_secrets_are_not(machine, home):
    path = put(home, web={"url": "https://example.com/mcp", "headers": {"Authorization": SECRET}})
    before, config = path.read_bytes(), machine.config.read_bytes()
    done = machine("wrap", "--dry-run")
    assert done.code == 0 and f"mcpwatch: {machine.config}" in done.out
    assert "+ [servers.web]" in done.out and '+ url = "https://example.com/mcp"' in done.out
    assert SECRET not in done.out + done.err
    assert path.read_bytes() == before and machine.config.read_bytes() == config


HOST = "server.invalid"  # this machine, under a name by which it is not known to be


class Answers(BaseHTTPRequestHandler):
    """Servers of every kind, by path: METHOD → status."""

    KINDS: ClassVar = {
        "/open": {"POST": 200},
        "/old/sse": {"POST": 405, "GET": 200},
        "/signed": {"POST": 401},
        "/forbidden": {"POST": 403},
        "/page": {"POST": 404, "GET": 404},
    }
    seen: ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        self.seen.append((self.command, self.path))
        assert self.headers["Authorization"] is None
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.KINDS[self.path].get(self.command, 200))
        self.send_header("Content-Length", "0")
        if self.path == "/open":
            self.send_header("Mcp-Session-Id", "s1")
        self.end_headers()

    do_GET = do_DELETE = do_POST

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answers() -> Iterator[int]:
    """A machine with these servers; its port."""
    Answers.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_probing_tells_servers_apart(machine, home, answers):
    entries = {path.strip("/"): {"url": f"http://{HOST}:{answers}{path}"} for path in Answers.KINDS}
    project = {"url": f"http://{HOST}:{answers}/open?project=${{input:p}}"}  # asked without it
    path = put(home, **entries, nobody={"url": f"http://{HOST}:1/mcp"}, project=project)
    assert "7 http" in machine("clients").out
    assert "stays as it is: whether it wants a login by OAuth is not known" in machine("wrap", "--yes").out
    assert Answers.seen == []
    done = machine("wrap", "--yes", "--probe", env=named(machine.folder))
    assert done.code == 0, done
    assert "signed: stays as it is: it wants a login" in done.out
    assert "forbidden: stays as it is: it wants a login" in done.out
    assert "page: stays as it is: it does not answer as an MCP server does (HTTP status 404)" in done.out
    assert "nobody: stays as it is: " in done.out and "cannot be reached" in done.out
    port = load(machine.config).gateway.port
    assert url_of(path, "open") == f"http://127.0.0.1:{port}/open/mcp"
    assert url_of(path, "project") == f"http://127.0.0.1:{port}/open/mcp?project=${{input:p}}"
    assert url_of(path, "old/sse") == f"http://127.0.0.1:{port}/old-sse/sse"
    assert ("DELETE", "/open") in Answers.seen


def named(folder: Path) -> dict[str, str]:
    """An environment in which Python finds this machine under another name."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site/sitecustomize.py").write_text(
        "import socket\n"
        "asked = socket.getaddrinfo\n"
        f"socket.getaddrinfo = lambda h, *a, **k: asked('127.0.0.1' if h == {HOST!r} else h, *a, **k)\n"
    )
    return {"PYTHONPATH": str(folder / "site")}


def test_a_login_of_the_gateways_own_makes_a_server_safe(machine, home):
    path = put(home, web={"url": "https://example.com/mcp"})
    machine.config.write_text(machine.config.read_text() + '[servers.mine]\nurl = "https://example.com/mcp"\n')
    tokens = machine.state.parent / "tokens.json"
    tokens.parent.mkdir(exist_ok=True)
    tokens.write_text('{"mine": {"url": "https://example.com/mcp", "access_token": "t"}}')
    assert machine("wrap", "--yes").code == 0
    assert url_of(path, "web").endswith("/mine/mcp")


def test_a_gateway_on_another_port_is_told(machine, home):
    path = put(home, web={"url": "http://localhost:9/mcp"})
    gateway = GatewayProcess(machine.start("serve", "--port", "0"), machine.env)
    try:
        done = machine("wrap", "--yes")
    finally:
        gateway.process.terminate()
        gateway.process.communicate()
    assert f"The gateway that runs listens on port {gateway.port}, not on" in done.out, done
    assert str(load(machine.config).gateway.port) in url_of(path, "web")


def test_a_configuration_that_cannot_be_used_keeps_only_addresses_from_being_wrapped(machine, home):
    path = put(home, web={"url": "http://localhost:9/mcp"}, git={"command": "npx"})
    machine.config.write_text("port = ")
    done = machine("wrap", "--yes")
    assert done.code == 0 and "web: stays as it is: config.toml cannot be used" in done.out, done
    assert url_of(path, "web") == "http://localhost:9/mcp" and '"run"' in path.read_text()
    assert machine("unwrap", "--yes").code == 0 and '"run"' not in path.read_text()


def test_a_read_only_configuration_is_told_and_nothing_is_changed(machine, home):
    path = put(home, web={"url": "http://localhost:9/mcp"})
    before = path.read_bytes()
    machine.config.chmod(0o444)
    done = machine("wrap", "--yes")
    assert done.code == exits.FAILED and "config.toml: it is read-only" in done.err, done
    assert path.read_bytes() == before


def test_wrapping_seven_clients_leaves_the_configuration_as_it_was_among_its_copies(machine, home):
    folders = (".cursor", ".kiro/settings", ".lmstudio", ".kimi", ".factory", ".junie/mcp", ".gemini/config")
    for i, folder in enumerate(folders):
        (home / folder).mkdir(parents=True)
        name = "mcp_config.json" if folder == ".gemini/config" else "mcp.json"
        (home / folder / name).write_text(
            json.dumps({"mcpServers": {f"s{i}": {"url": f"http://localhost:{i + 1}/"}}})
        )
    before = machine.config.read_bytes()
    done = machine("wrap", "--yes")
    assert done.code == 0 and done.out.count("as it was:") == 7, done
    assert [copy.read_bytes() for copy in machine.config.parent.glob("config.toml.mcpwatch-*.bak")] == [before]
    assert set(load(machine.config).servers) == {f"s{i}" for i in range(7)}
