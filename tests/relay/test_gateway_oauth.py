"""Servers that ask for OAuth: the client's own token end to end, and those of `mcpwatch login`."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from servers import MCPWATCH, guard_env
from servers.gateways import gateway, http_server
from servers.httpclient import HttpClient
from servers.processes import wait_until
from servers.rawclient import RawClient


def told(port: int) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/told") as answer:
        return json.load(answer)


def login(tmp_path: Path, port: int) -> None:
    """Log in, with this test for a browser."""
    env = guard_env(tmp_path)
    Path(env["MCPWATCH_CONFIG"]).write_text(f'[servers.srv]\nurl = "http://127.0.0.1:{port}/mcp"\n')
    command = [MCPWATCH, "login", "srv", "--no-browser"]
    with subprocess.Popen(command, env=os.environ | env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("Agree at: ").strip()
        with urllib.request.urlopen(address) as page:
            assert b"logged in" in page.read()
        assert "Logged in to srv" in process.stdout.read()
        assert process.wait(30) == 0


def test_tokens_are_kept_private_and_added_by_the_gateway(tmp_path):
    with http_server("http_oauth") as port, gateway(tmp_path, {"srv": f"http://127.0.0.1:{port}/mcp"}) as running:
        client = HttpClient(running.url())
        assert client.call("plain").status == 401
        login(tmp_path, port)
        file = tmp_path / "state" / "tokens.json"
        assert file.stat().st_mode & 0o777 == 0o600
        token = json.loads(file.read_text())["srv"]["access_token"]
        wait_until(lambda: client.call("plain").status == 200, "the gateway using the token")
        assert told(port)["used"][-1] == token
        assert client.call("plain", Authorization="Bearer their own").status == 200
        assert told(port)["used"][-1] == "their own"
        forgotten = subprocess.run(
            [MCPWATCH, "login", "srv", "--forget"], env=os.environ | running.env, capture_output=True, text=True
        )
        assert "Forgotten" in forgotten.stdout
        assert "srv" not in json.loads(file.read_text())


def test_the_gateway_refreshes(tmp_path):
    with http_server("http_oauth", "--seconds", "5") as port:
        login(tmp_path, port)
        file = tmp_path / "state" / "tokens.json"
        before = json.loads(file.read_text())["srv"]
        with gateway(tmp_path, {"srv": f"http://127.0.0.1:{port}/mcp"}) as running:
            assert HttpClient(running.url()).call("plain").status == 200
            after = json.loads(file.read_text())["srv"]
            assert after["access_token"] != before["access_token"]
            assert after["refresh_token"] != before["refresh_token"], "it was rotated, and the new one is kept"
            assert told(port)["refreshed"] == 1
            assert HttpClient(running.url()).call("plain").status == 200
            assert told(port)["refreshed"] == 1
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_bridge_uses_them_too_and_one_of_many_refreshes(tmp_path):
    """The test server takes a second use of a refresh token for theft, as OAuth 2.1 has it."""
    with http_server("http_oauth", "--seconds", "5") as port, ExitStack() as ends:
        login(tmp_path, port)
        command = [MCPWATCH, "run", "--name", "srv", "--url", f"http://127.0.0.1:{port}/mcp"]
        clients = [ends.enter_context(RawClient(command, env=guard_env(tmp_path))) for _ in range(4)]
        for client in clients:
            client.send(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"plain"}}')
        for client in clients:
            assert "result" in json.loads(client.recv())
        assert told(port)["refreshed"] == 1


def test_a_bridge_to_another_url_gets_no_token(tmp_path):
    with http_server("http_oauth") as port, http_server("http_rogue") as other:
        login(tmp_path, port)
        command = [MCPWATCH, "run", "--name", "srv", "--url", f"http://127.0.0.1:{other}/mcp"]
        with RawClient(command, env=guard_env(tmp_path)) as client:
            assert "result" in client.call("plain")
        with urllib.request.urlopen(f"http://127.0.0.1:{other}/seen") as answer:
            assert all("authorization" not in one["headers"] for one in json.load(answer)["seen"])


def test_a_token_is_for_its_server_only(tmp_path):
    """The configuration names another URL under the same name: what was for the old one does not go there."""
    with http_server("http_oauth") as port, http_server("http_rogue") as other:
        login(tmp_path, port)
        with gateway(tmp_path, {"srv": f"http://127.0.0.1:{other}/mcp"}) as running:
            assert HttpClient(running.url()).call("plain").status == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{other}/seen") as answer:
            assert "authorization" not in json.load(answer)["seen"][-1]["headers"]


def test_a_server_that_wants_no_login(tmp_path):
    with http_server("http_rogue") as port:
        env = guard_env(tmp_path)
        Path(env["MCPWATCH_CONFIG"]).write_text(f'[servers.srv]\nurl = "http://127.0.0.1:{port}/mcp"\n')
        done = subprocess.run(
            [MCPWATCH, "login", "srv", "--no-browser"], env=os.environ | env, capture_output=True, text=True
        )
        assert done.returncode != 0
        assert "did not ask for a login" in done.stderr
