"""Who may use the gateway, however they spell it; and what it tells, and logs, of what it was sent."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from yarl import URL

from mcpwatch.relay import gateway_control
from mcpwatch.relay.gateway_access import Refused, name_of, read_token
from mcpwatch.relay.http_upstream import checked_url, shown
from mcpwatch.store.config import Gateway
from servers.gateways import GatewayProcess, gateway, http_server
from servers.httpclient import HttpClient

TOKEN = "a-token-of-some-length"
SECRET = "b7Qx9fK2mLz8Rt4vWy1n"
BODY = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"plain","arguments":{}}}'


@pytest.fixture(scope="module")
def rogue() -> Iterator[int]:
    with http_server("http_rogue") as port:
        yield port


@pytest.fixture(scope="module")
def running(rogue, tmp_path_factory) -> Iterator[GatewayProcess]:
    directory = tmp_path_factory.mktemp("access")
    with gateway(directory, {"srv": f"http://127.0.0.1:{rogue}/mcp"}) as running:
        yield running


def exchange(port: int, data: bytes, *, ends: bool = False) -> bytes:
    """What comes back for these bytes (`ends`: and no more of them) until the other side hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(data)
        if ends:
            line.shutdown(socket.SHUT_WR)
        came = b""
        while part := line.recv(1 << 16):
            came += part
        return came


def call(port: int, *lines: str, target: str = "/srv/mcp") -> int:
    """The status of a call with these header lines."""
    head = "\r\n".join([f"POST {target} HTTP/1.1", *lines, "Connection: close", f"Content-Length: {len(BODY)}"])
    came = exchange(port, head.encode("latin-1") + b"\r\n\r\n" + BODY)
    return int(came.split(b" ", 2)[1]) if came.startswith(b"HTTP/") else 0


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:80@evil.example",
        "http://localhost@evil.example",
        "http://127.0.0.1:7373@evil.example:80",
        "http://user:word@localhost",
        "http://localhost:80.evil.example",
        "http://localhost:evil",
        "http://localhost:99999",
        "http://localhost:",
        "http://localhost/",
        "http://localhost#evil.example",
        "http://localhost\\evil.example",
        "http://localhost.",
        "http://localhost.evil.example",
        "http://127.0.0.1.",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0.0.0.0",
        "http://[::1]evil.example",
        "http://[::1",
        "http://[::1]:80@evil.example",
        "http://[0:0:0:0:0:0:0:1]",
        "http://[::ffff:127.0.0.1]",
        "http://[::1%lo]",
        "http://[evil.example]",
        "http:localhost",
        "//localhost",
        "localhost",
        "null",
        "",
        "ftp://localhost",
        "chrome-extension://localhost",
        "http://evil.example http://localhost",
        "http://localhost,http://evil.example",
    ],
)
def test_an_origin_in_any_other_spelling_stays_out(running, origin):
    assert call(running.port, "Host: 127.0.0.1", f"Origin: {origin}") == 403


@pytest.mark.parametrize(
    "origin", ["http://localhost", "https://localhost:6274", "http://127.0.0.1:80", "http://[::1]:8080"]
)
def test_a_page_of_this_machine_comes_in(running, origin):
    assert call(running.port, "Host: 127.0.0.1", f"Origin: {origin}") == 200


def test_two_origins_or_two_hosts_are_none(running):
    good, bad = "http://localhost", "http://evil.example"
    for pair in ((good, bad), (bad, good)):
        assert call(running.port, "Host: localhost", *(f"Origin: {origin}" for origin in pair)) == 403
    assert call(running.port, "Host: localhost", "Host: evil.example") in (400, 403)
    assert call(running.port, "Host: evil.example", "Host: localhost") in (400, 403)
    assert call(running.port) in (400, 403), "no Host at all"


@pytest.mark.parametrize(
    "host",
    [
        "localhost:80@evil.example",
        "localhost@evil.example",
        "localhost.",
        "localhost:",
        "localhost:http",
        "localhost:99999",
        "[::1]evil.example",
        "[::1].evil.example",
        "[evil.example]",
        "evil.example:127.0.0.1",
        "127.0.0.1/evil.example",
        "127.1",
        "0.0.0.0",
    ],
)
def test_a_host_in_any_other_spelling_stays_out(running, host):
    assert call(running.port, f"Host: {host}") in (400, 403)


def test_names_of_this_machine_as_they_may_be_written(running):
    for host in ("LOCALHOST", "Localhost:7373", "127.0.0.1:1", "[::1]", "[::1]:7373"):
        assert call(running.port, f"Host: {host}") == 200, host


def test_a_target_with_a_host_of_its_own_is_refused(running):
    for target in ("http://evil.example/srv/mcp", "http://localhost/srv/mcp", "evil.example:80", "*"):
        assert call(running.port, "Host: localhost", target=target) in (400, 403, 404), target
    assert call(running.port, "Host: localhost", target="http://evil.example/srv/mcp") == 403


def test_the_name_in_an_authority():
    assert name_of("Example.COM:443") == "example.com"
    assert name_of("[FE80::1]:1") == "fe80::1"
    assert name_of("exämple.com") is None


# -- what it tells ---------------------------------------------------------------------------------------


def test_health_is_for_those_with_the_token(rogue, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    servers = {"srv": f"http://127.0.0.1:{rogue}/mcp"}
    with gateway(tmp_path, servers, "--token-file", str(tmp_path / "token")) as running:
        client = HttpClient(running.base)
        path = gateway_control.HEALTH
        assert client.request("GET", path=path).status == 401
        assert client.request("GET", path=path, Mcpwatch_Token="wrong" * 4).status == 401
        assert client.request("GET", path=path, Mcpwatch_Token=TOKEN).json()["servers"] == servers
        found = gateway_control.find(running.state)
        assert found.state == "up", "the user's own programs read the word in the state file"
        word = found.row.word
        assert client.request("GET", path=path, Mcpwatch_Token=word).status == 200
        assert HttpClient(running.url()).call("plain", Mcpwatch_Token=word).status == 401, "good for health alone"


def test_a_pipe_in_place_of_the_token_file_is_refused_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "token")
    with pytest.raises(Refused, match="not a regular file"):
        read_token(Gateway(token_file=str(tmp_path / "token")))


def test_health_without_a_token_is_for_this_machine(running):
    client = HttpClient(running.base)
    assert client.request("GET", path=gateway_control.HEALTH).status == 200
    assert client.request("GET", path=gateway_control.HEALTH, Origin="http://evil.example").status == 403
    assert client.request("GET", path=gateway_control.HEALTH, Host="evil.example").status == 403


def test_no_url_is_shown_with_its_secrets(tmp_path):
    servers = {
        "login": f"http://user:{SECRET}@127.0.0.1:9/mcp",
        "query": f"http://127.0.0.1:9/mcp?key={SECRET}#{SECRET}",
        "path": f"http://127.0.0.1:9/s/{SECRET}/mcp",
        "none": f"ftp://{SECRET}",
        "port": f"http://127.0.0.1:{SECRET}/mcp",
    }
    with gateway(tmp_path, servers) as running:
        health = HttpClient(running.base).request("GET", path=gateway_control.HEALTH).body()
        assert SECRET.encode() not in health
        assert json.loads(health)["servers"]["query"] == "http://127.0.0.1:9/mcp"
        for name in servers:
            answer = HttpClient(running.url(name)).call("plain")
            assert answer.status == 502
            assert SECRET.encode() not in answer.body()
        running.process.terminate()
        assert SECRET not in running.process.communicate(timeout=20)[0]
    state = Path(running.env["MCPWATCH_STATE"])
    assert all(SECRET.encode() not in file.read_bytes() for file in state.iterdir())


def test_a_url_as_it_is_shown():
    assert shown(URL("https://example.com/servers/notes-and-more/mcp")) == (
        "https://example.com/servers/notes-and-more/mcp"
    )
    assert shown(URL("https://example.com/6a1f0c52-2f3e-4c11-9a6d-5e1c0d7b8f90/mcp")) == "https://example.com/•••/mcp"
    with pytest.raises(ValueError, match="no http or https URL"):
        checked_url("http://[::1/")


# -- what it logs ----------------------------------------------------------------------------------------


def test_what_is_not_http_leaves_no_traceback_in_the_log(running, tmp_path, rogue):
    head = b"POST /srv/mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    garbage = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(64),
        b"nonsense\r\n\r\n",
        b"GET /srv/mcp\r\n\r\n",
        b"POST  /srv/mcp HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"G\0T / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        head + b"Content-Length: -1\r\n\r\n",
        head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n0\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        head + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        head + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        head + b"Content-Encoding: gzip\r\nContent-Length: 90\r\n\r\n" + b"{" * 90,
        head + b"Content-Length: 50\r\n\r\n{",
        head + b"Bad Header : x\r\n\r\n",
        head + b"X: a\x01b\r\n\r\n",
        head + b"X: " + b"a" * (1 << 17) + b"\r\n\r\n",
        head + b"".join(b"X-%d: y\r\n" % n for n in range(40_000)) + b"\r\n",
        head + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n",
        head + b"Expect: strange\r\nContent-Length: 4\r\n\r\n{}{}",
        head + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /srv/" + b"a" * (1 << 17) + b" HTTP/1.1\r\n\r\n",
        b"GET /%ff%00/mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /.well-known/oauth-protected-resource/%zz/\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ]
    with gateway(tmp_path, {"srv": f"http://127.0.0.1:{rogue}/mcp"}) as running:
        for data in garbage:
            try:
                exchange(running.port, data, ends=True)
            except ConnectionError:
                pass  # it hung up on us, as it may
            assert call(running.port, "Host: localhost") == 200, data[:80]
        running.process.terminate()
        logged = running.process.communicate(timeout=20)[0]
    assert "Traceback" not in logged
    assert len(logged) < 2000, "garbage does not fill the log"


# -- on Windows ------------------------------------------------------------------------------------------


def test_looking_for_the_gateway_sends_no_signal_on_windows(running, monkeypatch):
    """There, os.kill(pid, 0) is TerminateProcess."""
    killed = []
    monkeypatch.setattr("mcpwatch.store.health.os.name", "nt")
    monkeypatch.setattr("os.kill", lambda *arguments: killed.append(arguments))
    row = gateway_control.GatewayRow("not the word", os.getpid(), "127.0.0.1", running.port)
    assert gateway_control.look(row).state == "none"
    assert not killed
