"""The gateway as a program: who may come in, one of it, its health, its configuration."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpwatch.relay import gateway_control
from mcpwatch.relay.gateway import LOOK_S
from mcpwatch.store import gateways
from mcpwatch.store.ledger import Ledger
from servers import MCPWATCH, guard_env
from servers.gateways import GatewayProcess, gateway, http_server
from servers.httpclient import HttpClient
from servers.processes import wait_until

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def rogue() -> Iterator[int]:
    with http_server("http_rogue") as port:
        yield port


@pytest.fixture
def running(rogue, tmp_path) -> Iterator[GatewayProcess]:
    with gateway(tmp_path, {"srv": f"http://127.0.0.1:{rogue}/mcp"}) as running:
        yield running


def status(running: GatewayProcess, **headers: str) -> int:
    return HttpClient(running.url()).call("plain", **headers).status


def test_pages_of_other_origins_and_rebound_names_stay_out(running):
    assert status(running) == 200
    assert status(running, Origin="http://localhost:6274") == 200
    for origin in ("http://evil.example", "null", "https://127.0.0.1.evil.example", "file://"):
        assert status(running, Origin=origin) == 403, origin
    for host in ("evil.example", "evil.example:7373", "127.0.0.1.evil.example", ""):
        assert status(running, Host=host) in (400, 403), host
    for host in ("localhost", f"localhost:{running.port}", "[::1]:80", "127.0.0.1"):
        assert status(running, Host=host) == 200, host


def test_a_configured_origin_comes_in(rogue, tmp_path):
    config = '[gateway]\norigins = ["https://app.example"]\nhosts = ["gateway.example"]\n'
    with gateway(tmp_path, {"srv": f"http://127.0.0.1:{rogue}/mcp"}, config=config) as running:
        assert status(running, Origin="https://app.example", Host="gateway.example") == 200
        assert status(running, Origin="https://other.example") == 403


def test_a_token_for_the_gateway(rogue, tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    servers = {"srv": f"http://127.0.0.1:{rogue}/mcp"}
    with gateway(tmp_path, servers, "--token-file", str(tmp_path / "token")) as running:
        assert status(running) == 401
        assert status(running, Authorization="Bearer wrong") == 401
        assert status(running, Mcpwatch_Token="wrong") == 401
        client = HttpClient(running.url())
        assert client.call("plain", Mcpwatch_Token=TOKEN, Authorization="Bearer theirs").status == 200
        assert client.call("plain", Authorization=f"Bearer {TOKEN}").status == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{rogue}/seen") as answer:
            first, second = json.load(answer)["seen"][-2:]
        assert first["headers"]["authorization"] == "Bearer theirs", "the client's own goes end to end"
        assert "authorization" not in second["headers"], "ours does not"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "token-file is needed"),
        (["--token-file", "/nonexistent"], "cannot be read"),
    ],
)
def test_it_does_not_start_open_to_others(tmp_path, arguments, said):
    env = {"MCPWATCH_STATE": str(tmp_path), "MCPWATCH_CONFIG": str(tmp_path / "config.toml")}
    ended = subprocess.run(
        [MCPWATCH, "serve", "--port", "0", *arguments], env=os.environ | env, capture_output=True, text=True
    )
    assert ended.returncode != 0
    assert said in ended.stderr


def test_names_and_paths(running):
    assert HttpClient(running.url("nobody")).call("plain").status == 404
    assert HttpClient(running.url(path="other")).call("plain").status == 404
    assert HttpClient(running.base + "/").request("GET").status == 404


def test_two_gateways_never_fight(running, rogue, tmp_path):
    env = os.environ | running.env
    for port in ("0", str(running.port)):
        ended = subprocess.run(
            [MCPWATCH, "serve", "--port", port], env=env, capture_output=True, text=True, timeout=30
        )
        assert ended.returncode != 0
        assert f"process {running.process.pid}" in ended.stderr, "the one that runs is named, whatever is taken"
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(AssertionError, match="is taken"), gateway(other, {}, "--port", str(running.port)):
        pass
    assert status(running) == 200


def test_found_by_its_row_until_it_ends(running):
    found = gateway_control.find(running.state)
    assert found.state == "up"
    assert found.health is not None
    assert found.health.pid == running.process.pid
    assert found.url == running.base
    assert list(found.health.servers) == ["srv"]
    running.process.send_signal(signal.SIGSTOP)
    assert gateway_control.find(running.state, timeout_s=0.2).state == "silent"
    running.process.send_signal(signal.SIGCONT)
    wait_until(lambda: gateway_control.find(running.state).state == "up", "its answer")
    assert gateway_control.stop(found)
    assert gateway_control.find(running.state).state == "none"
    ledger = Ledger.open(running.state)
    assert gateways.read(ledger).word == "", "it has taken its row back"
    ledger.close()


def test_after_a_kill_the_next_one_takes_over(rogue, tmp_path):
    servers = {"srv": f"http://127.0.0.1:{rogue}/mcp"}
    with gateway(tmp_path, servers) as first:
        first.process.kill()
        first.process.wait()
        assert gateway_control.find(first.state).state == "none"
        with gateway(tmp_path, servers) as second:
            assert status(second) == 200


def test_started_by_the_screen(tmp_path, monkeypatch):
    monkeypatch.setenv("MCPWATCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MCPWATCH_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "aiohttp.py").write_text("raise SystemExit('code of the folder the screen was opened in')\n")
    found = gateway_control.start(0)
    try:
        assert found.state == "up"
        assert gateway_control.start(0).row.pid == found.row.pid, "one is enough"
        assert Path(found.row.log).read_text().startswith("mcpwatch gateway: ")
    finally:
        assert gateway_control.stop(found)
    (tmp_path / "config.toml").write_text("nonsense = 1\n")
    with pytest.raises(gateway_control.NotStarted, match="nonsense"):
        gateway_control.start(0)


def test_the_configuration_is_read_again(running, rogue):
    assert HttpClient(running.url("added")).call("plain").status == 404
    config = Path(running.env["MCPWATCH_CONFIG"])
    config.write_text(
        config.read_text()
        + f'[servers.added]\nurl = "http://127.0.0.1:{rogue}/mcp"\n'
        + '[servers.unset]\nurl = "http://127.0.0.1:9/mcp"\nheaders = { A = "${NOT_SET_ANYWHERE}" }\n'
    )
    wait_until(lambda: HttpClient(running.url("added")).call("plain").status == 200, "the added server")
    unset = HttpClient(running.url("unset")).call("plain")
    assert unset.status == 502
    assert "NOT_SET_ANYWHERE" in unset.json()["error"]["message"]


def test_a_configuration_that_changes_before_the_first_request(rogue, tmp_path):
    with gateway(tmp_path, {}) as running:
        Path(running.env["MCPWATCH_CONFIG"]).write_text(f'[servers.srv]\nurl = "http://127.0.0.1:{rogue}/mcp"\n')
        client = HttpClient(running.url())
        wait_until(lambda: client.call("plain").status == 200, "the configuration to be read again")


def test_a_configuration_that_breaks_under_a_gateway_without_servers(tmp_path):
    """Failed once: the request after it failed, too."""
    with gateway(tmp_path, {}) as running:
        client, statuses = HttpClient(running.url()), set()
        statuses.add(client.call("plain").status)
        Path(running.env["MCPWATCH_CONFIG"]).write_text("servers = [")
        looked_again = time.monotonic() + 2 * LOOK_S
        while time.monotonic() < looked_again:
            statuses.add(client.call("plain").status)
        assert statuses == {404}


def test_headers_of_the_configuration(rogue, tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "s3cret")
    config = '[servers.srv]\nheaders = { Authorization = "Bearer ${SOME_TOKEN}" }\n'
    config += f'url = "http://127.0.0.1:{rogue}/mcp"\n'
    with gateway(tmp_path, {}, config=config) as running:
        assert status(running) == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{rogue}/seen") as answer:
            assert json.load(answer)["seen"][-1]["headers"]["authorization"] == "Bearer s3cret"


def test_metadata_is_relayed(running, rogue):
    client = HttpClient(running.base)
    answer = client.request("GET", path="/.well-known/oauth-protected-resource/srv/mcp")
    assert answer.json() == {
        "resource": "http://upstream/mcp",
        "path": "/.well-known/oauth-protected-resource/mcp",
    }
    answer = client.request("GET", path="/.well-known/oauth-authorization-server")
    assert answer.json()["path"] == "/.well-known/oauth-authorization-server"
    assert client.request("GET", path="/.well-known/other/srv/mcp").status == 404


def test_nothing_secret_is_logged(running):
    client = HttpClient(running.url())
    client.initialize()
    with contextlib.suppress(http.client.IncompleteRead):
        client.call("half", Authorization="Bearer s3cret").body()
    client.request("DELETE").body()
    running.process.terminate()
    output = running.process.communicate(timeout=20)[0]
    assert client.headers["Mcp-Session-Id"] not in output
    assert "s3cret" not in output
    assert "Traceback" not in output


def test_a_client_that_dribbles_its_body_is_let_go(running):
    """Neither a head nor a body may take for ever; what is waited for is bounded, and others are served meanwhile."""
    with socket.create_connection(("127.0.0.1", running.port)) as slow:
        slow.sendall(b"POST /srv/mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        started = time.monotonic()
        assert status(running) == 200
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(("limit", "served"), [("-n 160", False), ("-S -n 160", True)])
def test_more_connections_than_descriptors(rogue, tmp_path, limit, served):
    """A soft limit is raised. At the hard one, connections beyond it are closed, nothing is tried without end, and
    those that come later are served."""
    env = guard_env(tmp_path)
    Path(env["MCPWATCH_CONFIG"]).write_text(f'[servers.srv]\nurl = "http://127.0.0.1:{rogue}/mcp"\n')
    command = ["sh", "-c", f'ulimit {limit}; exec "$0" serve --port 0', MCPWATCH]
    process = subprocess.Popen(
        command, env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        running = GatewayProcess(process, env)
        with contextlib.ExitStack() as flood:
            for _ in range(200):
                one = flood.enter_context(socket.create_connection(("127.0.0.1", running.port)))
                with contextlib.suppress(ConnectionError):
                    one.sendall(b"POST /srv/mcp HTTP/1.1\r\n")
            assert answers(running) is served
        wait_until(lambda: answers(running), "an answer, once the others have left")
        process.terminate()
        assert process.communicate(timeout=20)[0] == "", "nothing of it is logged"
    finally:
        process.kill()
        process.wait()


def answers(running: GatewayProcess) -> bool:
    try:
        return status(running) == 200
    except (ConnectionError, http.client.HTTPException):
        return False
