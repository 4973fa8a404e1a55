"""`mcpwatch login` at servers and login servers that are not what they seem."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mcpwatch.cli import exits
from servers.gateways import http_server

REAL = "https://accounts.real.example"
LOGIN = ("login", "srv", "--no-browser")


class Rogue:
    """A hostile server, which the configuration has as `srv`."""

    def __init__(self, machine: Any, port: int) -> None:
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        machine.config.write_text(f'[servers.srv]\nurl = "{self.base}/mcp"\n')

    @property
    def seen(self) -> list[str]:
        with urllib.request.urlopen(f"{self.base}/seen") as answer:
            return list(json.load(answer))


@contextmanager
def rogue(machine: Any, **said: Any) -> Iterator[Rogue]:
    with http_server("http_oauth_rogue", json.dumps(said)) as port:
        yield Rogue(machine, port)


def fetched(url: str, data: bytes | None = None) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, data) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def back(address: str) -> tuple[str, str]:
    """Where the browser comes back to, and the `state` it brings."""
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))
    return query["redirect_uri"], query["state"]


def test_what_a_server_answers_is_not_obeyed_by_the_terminal(machine):
    with rogue(machine, register="no\x1b]0;OWNED\x07\x1b[2J\x1b[31mAPPROVED" + "x" * 5000):
        done = machine(*LOGIN)
    done.failed(exits.FAILED, "not logged in to srv: Registration failed: 400 no")
    assert "\x1b" not in done.out + done.err and "\x07" not in done.err
    assert len(done.err) < 500
    assert "Traceback" not in done.err


@pytest.mark.parametrize("where", ["http://[::1", "no address", "file:///etc/passwd", "http://x:99999999/"])
def test_an_address_that_is_none_is_a_sentence(machine, where):
    with rogue(machine, where=where) as server:
        machine(*LOGIN).failed(exits.FAILED, "not logged in to srv: ")
        assert server.seen == ["POST /mcp"]


@pytest.mark.parametrize(
    "changed",
    [
        {"authorization_endpoint": f"{REAL}/authorize"},
        {"token_endpoint": "http://127.0.0.1:9/token"},
        {"registration_endpoint": "http://127.0.0.1:9/register"},
    ],
)
def test_several_hosts_need_a_person(machine, changed):
    """Mix-up: the page of an honest provider, whose code goes to the one who shows it."""
    with rogue(machine, metadata=changed) as server:
        host = next(iter(changed.values())).rpartition("/")[0]
        done = machine(*LOGIN)
        done.failed(exits.FAILED, "at a terminal", host, f"login server {server.base}")
        assert "Agree at" not in done.out
        terminal = machine.terminal(*LOGIN)
        terminal.expect(host)
        terminal.answer("belong together? [y/N]", "")
        assert terminal.ends() == exits.FAILED
        assert not [one for one in server.seen if one not in ("POST /mcp", "GET /prm") and "well-known" not in one]
    assert not (machine.state.parent / "tokens.json").exists()


def test_a_person_lets_several_hosts_pass(machine):
    with rogue(machine, metadata={"authorization_endpoint": f"{REAL}/authorize"}) as server:
        terminal = machine.terminal(*LOGIN, size=(1000, 40))
        terminal.expect(f"the code goes to  {server.base}")
        terminal.answer("belong together? [y/N]", "y")
        terminal.expect("code_challenge_method=S256")
        terminal.expect("\n", 1)
        address = terminal.text.partition("Agree at: ")[2].split()[0]
        assert address.startswith(f"{REAL}/authorize?")
        callback, state = back(address)
        assert fetched(f"{callback}?code=abc&state={state}")[0] == 200
        terminal.expect("Logged in to srv")
        assert terminal.ends() == exits.OK
        assert server.seen.count("POST /register") == 1


def test_a_person_lets_only_those_pass(machine):
    """The second time the login server names others."""
    then = {"authorization_endpoint": f"{REAL}/authorize", "token_endpoint": "http://127.0.0.1:9/token"}
    with rogue(machine, metadata={"authorization_endpoint": f"{REAL}/authorize"}, then=then) as server:
        terminal = machine.terminal(*LOGIN)
        terminal.answer("belong together? [y/N]", "y")
        assert terminal.ends() == exits.FAILED
        assert "http://127.0.0.1:9" in terminal.text and "Agree at" not in terminal.text
        assert "POST /register" not in server.seen


def test_only_the_answer_to_this_login_counts(machine):
    with rogue(machine), machine.start(*LOGIN) as process:
        callback, state = back(process.stdout.readline().removeprefix("Agree at: ").strip())
        for strange in (
            "error=access_denied",
            "error=x&state=x",
            "code=abc",
            "code=abc&state=",
            "code=abc&state=x",
            f"code=abc&state={state}x",
            f"code=abc&state={state}&state={state}",
            f"code=abc&error=x&state={state}",
            f"state={state}",
        ):
            status, page = fetched(f"{callback}?{strange}")
            assert status == 400 and "logged in" not in page, strange
        assert fetched(f"{callback}?code=abc&state={state}", b"posted")[0] == 400
        assert fetched(f"{callback}/x?code=abc&state={state}")[0] == 400
        status, page = fetched(f"{callback}?code=abc&state={state}")
        assert status == 200 and "the terminal says" in page
        out, err = process.communicate(timeout=30)
        assert process.returncode == exits.OK and "Logged in to srv" in out and not err


def test_a_refusal_that_belongs_to_this_login_ends_it(machine):
    with rogue(machine), machine.start(*LOGIN) as process:
        callback, state = back(process.stdout.readline().removeprefix("Agree at: ").strip())
        status, page = fetched(f"{callback}?error=access%1b[31m_denied&state={state}")
        assert status == 200 and "refused" in page
        _, err = process.communicate(timeout=30)
        assert process.returncode == exits.FAILED and "the login was refused: access" in err and "\x1b" not in err


@pytest.mark.parametrize("methods", [None, [], ["plain"]])
def test_a_login_server_without_pkce_is_refused(machine, methods):
    """MCP 2025-11-25: when it does not say that it supports it, clients MUST refuse to proceed."""
    with rogue(machine, metadata={"code_challenge_methods_supported": methods}) as server:
        machine(*LOGIN).failed(exits.FAILED, "PKCE")
        assert "POST /register" not in server.seen


def test_a_login_server_that_does_not_describe_itself_is_refused(machine):
    with rogue(machine, metadata=None) as server:
        machine(*LOGIN).failed(exits.FAILED, "does not describe itself")
        assert "POST /register" not in server.seen


def test_a_server_of_2025_03_26_is_its_own_login_server(machine):
    with rogue(machine, where=None, logins=None, metadata=None) as server, machine.start(*LOGIN) as process:
        address = process.stdout.readline().removeprefix("Agree at: ").strip()
        assert address.startswith(f"{server.base}/authorize?")
        callback, state = back(address)
        fetched(f"{callback}?code=abc&state={state}")
        assert "Logged in to srv" in process.communicate(timeout=30)[0]


def test_metadata_of_another_host_is_not_asked_for(machine):
    with http_server("http_oauth_rogue") as other, rogue(machine, where=f"http://127.0.0.1:{other}/prm"):
        machine(*LOGIN).failed(exits.FAILED, f"http://127.0.0.1:{other}", "not the server's own")
        with urllib.request.urlopen(f"http://127.0.0.1:{other}/seen") as answer:
            assert json.load(answer) == []


INSIDE = ["http://127.0.0.1:{other}", "http://localhost:{other}", "http://10.0.0.1", "http://[::ffff:10.0.0.1]"]


@pytest.mark.parametrize("inside", INSIDE)
def test_a_server_on_the_network_names_no_login_server_in_here(machine, inside):
    """The test server is the proxy, and so also a server on the network, without one."""
    with http_server("http_oauth_rogue") as other:
        inside = inside.format(other=other)
        with rogue(machine, logins=[inside]) as server:
            machine.config.write_text('[servers.srv]\nurl = "http://192.88.99.1/mcp"\n')
            proxied = {"HTTP_PROXY": server.base, "http_proxy": server.base, "NO_PROXY": "", "no_proxy": ""}
            machine(*LOGIN, env=proxied).failed(exits.FAILED, "private network")
            assert server.seen == ["POST /mcp", "GET /prm"]
        with urllib.request.urlopen(f"http://127.0.0.1:{other}/seen") as answer:
            assert json.load(answer) == []


def test_a_server_on_the_network_names_no_endpoint_in_here(machine):
    with rogue(machine, metadata={"token_endpoint": "http://127.0.0.1:9/token"}) as server:
        machine.config.write_text('[servers.srv]\nurl = "http://192.88.99.1/mcp"\n')
        proxied = {"HTTP_PROXY": server.base, "http_proxy": server.base, "NO_PROXY": "", "no_proxy": ""}
        machine(*LOGIN, env=proxied).failed(exits.FAILED, "private network", "http://127.0.0.1:9")
        assert "POST /register" not in server.seen
