"""Servers reached over HTTP: their entries point at the gateway, their addresses stand in `config.toml`, and back."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from clients.machines import PROGRAM, make
from mcpwatch.clients.gateway import UNSURE, Gateway
from mcpwatch.clients.plan import apply, apply_all, plan_unwrap, plan_wrap
from mcpwatch.clients.survey import survey
from mcpwatch.clients.write import KEPT_BACKUPS, NotWritten
from mcpwatch.store import config as configuration
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.paths import config_file, state_dir

WEB = "https://example.com/mcp"
SECRET = "Bearer abcdefghijklmnop0123456789"
SIGNED = {"url": WEB, "headers": {"Authorization": SECRET}}


def put(path, servers):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"mcpServers": servers}, indent=2))
    return path


def look(machine, **given):
    gateway = Gateway.configured(**given)
    return survey(machine, PROGRAM, gateway=gateway), gateway


def wrap(machine, **given):
    files, gateway = look(machine, **given)
    changes = plan_wrap(files, PROGRAM, everywhere=files, gateway=gateway)
    for change in changes:
        if change.steps:
            apply(change)
    return changes


def unwrap(machine, *servers):
    files, gateway = look(machine)
    changes = plan_unwrap(files, servers=servers, gateway=gateway, everywhere=files)
    for change in changes:
        apply(change)
    return changes


def statuses(machine):
    return {s.name: str(s.status) for file in look(machine)[0] for s in file.servers}


def url_of(path, name="web"):
    return json.loads(path.read_text())["mcpServers"][name]["url"]


def kept(changes):
    return {server.name: reason for change in changes for server, reason in change.kept}


def test_there_and_back(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    before = path.read_bytes()
    wrap(machine)
    assert url_of(path) == "http://127.0.0.1:7373/web/mcp"
    assert configuration.load().servers["web"] == configuration.HttpServer(url=WEB)
    assert stat.S_IMODE(config_file().stat().st_mode) == 0o600
    assert statuses(machine) == {"web": "watched"}
    assert wrap(machine) == []
    unwrap(machine)
    assert path.read_bytes() == before and not config_file().exists()


def test_no_file_of_ours_has_the_secret(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    wrap(machine)
    ours = [file for file in (config_file(), *state_dir().rglob("*")) if file.is_file()]
    assert len(ours) >= 4 and SECRET in path.read_text()
    assert all(SECRET[7:].encode() not in file.read_bytes() for file in ours)


CONFIGS = {
    "comments": '# mine\nretention_days = 5 # days\n\n[servers.other]\nurl = "https://other"\n',
    "crlf": '# mine\r\nretention_days = 5\r\n[servers.other]\r\nurl = "https://other"\r\n',
    "no newline at the end": '[gateway]\nport = 7373\n[servers."other"]\nurl = "https://other"',
    "dotted": "servers.other.url = 'https://other'\n",
    "empty": "",
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_configuration_keeps_its_bytes_and_its_mode(tmp_path, config):
    machine = make(tmp_path)
    put(machine.home / ".cursor/mcp.json", {"web": SIGNED, "web two": {"url": "http://localhost:5/sse"}})
    config_file().write_bytes(config.encode())
    config_file().chmod(0o640)
    wrap(machine)
    after = config_file().read_bytes()
    assert after.startswith(config.encode()) and set(configuration.load().servers) >= {"web", "web-two"}
    assert after.count(b"\r\n") in (0, after.count(b"\n"))
    unwrap(machine, "web two")
    unwrap(machine, "web")
    assert config_file().read_bytes() == config.encode() and stat.S_IMODE(config_file().stat().st_mode) == 0o640


def test_what_was_written_around_it_since_stays(tmp_path):
    machine = make(tmp_path)
    put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    wrap(machine)
    config_file().write_text(config_file().read_text() + "\n[gateway]\nport = 7373\n")
    unwrap(machine)
    assert config_file().read_text() == "\n[gateway]\nport = 7373\n"


@pytest.mark.parametrize("more", ['headers = { X = "y" }\n', "# mine\nurl2 = 1\n"])
def test_an_entry_of_ours_that_someone_changed_stays(tmp_path, more):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    wrap(machine)
    changed = config_file().read_text() + more
    files, gateway = look(machine)
    (change,) = plan_unwrap(files, gateway=gateway)
    config_file().write_text(changed)
    apply(change)
    assert config_file().read_text() == changed and url_of(path) == WEB


def test_one_server_of_several_clients_is_one(tmp_path):
    machine = make(tmp_path)
    one = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    two = put(machine.home / ".kiro/settings/mcp.json", {"the web": SIGNED, "web": SIGNED | {"url": f"{WEB}/2"}})
    wrap(machine)
    assert url_of(one) == url_of(two, "the web") == "http://127.0.0.1:7373/web/mcp"
    assert url_of(two) == "http://127.0.0.1:7373/web-2/mcp"
    assert {name: server.url for name, server in configuration.load().servers.items()} == {
        "web": WEB,
        "web-2": f"{WEB}/2",
    }
    unwrap(machine, "the web")
    assert "web" in configuration.load().servers  # the other client uses it
    unwrap(machine, "web")
    assert not config_file().exists()


def test_a_name_that_a_command_has_is_not_given_to_an_address(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"git": {"command": "npx"}})
    wrap(machine)
    other = put(machine.home / ".kiro/settings/mcp.json", {"git": SIGNED})
    wrap(machine)
    assert "run" in path.read_text() and url_of(other, "git") == "http://127.0.0.1:7373/git-2/mcp"


def test_a_server_of_the_configuration_is_used_as_it_is_there(tmp_path):
    machine = make(tmp_path)
    config = f'[servers.found]\nurl = "{WEB}"\nheaders = {{ Authorization = "${{T}}" }}\n'
    config_file().write_text(config)
    path = put(machine.home / ".cursor/mcp.json", {"web": {"url": WEB, "oauth": False}, "signed": SIGNED})
    wrap(machine)
    assert url_of(path) == "http://127.0.0.1:7373/found/mcp"
    # The configuration's headers would replace the client's.
    assert url_of(path, "signed") == "http://127.0.0.1:7373/signed/mcp"
    unwrap(machine)
    assert config_file().read_text() == config and url_of(path) == url_of(path, "signed") == WEB


def test_what_was_set_up_by_hand_is_not_taken_apart(tmp_path):
    machine = make(tmp_path)
    config_file().write_text(f'[servers.found]\nurl = "{WEB}"\nheaders = {{ Authorization = "${{T}}" }}\n')
    put(machine.home / ".cursor/mcp.json", {"web": {"url": "http://127.0.0.1:7373/found/mcp"}})
    assert statuses(machine) == {"web": "watched"} and wrap(machine) == []
    assert kept(unwrap(machine)) == {"web": "it was written by hand, and needs what config.toml has for it"}


def test_unwrap_writes_no_secret_of_the_configuration_into_a_repository(tmp_path):
    machine = make(tmp_path)
    config_file().write_text(f'[servers.found]\nurl = "{WEB}?api_key=k3y"\n')
    path = put(machine.folder / ".cursor/mcp.json", {"web": {"url": "http://127.0.0.1:7373/found/mcp"}})
    assert "written by hand" in kept(unwrap(machine))["web"]
    assert "k3y" not in path.read_text()


REASONS = {
    "placeholder": ({"url": "https://${input:host}/mcp"}, "placeholder"),
    "login": ({"url": "https://me:word@example.com/mcp"}, "holds a login"),
    "login and key": ({"url": "https://me:word@example.com/mcp?api_key=x"}, "holds a login"),
    "login with a question mark": ({"url": "https://me:a?b@example.com/mcp?api_key=x"}, "not http or https"),
    "placeholder and key": ({"url": "https://${input:host}/mcp?api_key=x"}, "placeholder"),
    "key behind a number sign": ({"url": f"{WEB}#?api_key=x"}, "may hold a secret"),
    "oauth and key": ({"url": f"{WEB}?api_key=x", "oauth": {"clientId": "x"}}, "login by OAuth"),
    "unsure, placeholder": ({"url": f"{WEB}?project=${{input:p}}"}, UNSURE),
    "secret path and key": ({"url": "https://example.com/s/0123456789abcdef0123/mcp?api_key=x"}, "may hold a secret"),
    "secret path": ({"url": "https://example.com/s/0123456789abcdef0123/mcp"}, "may hold a secret"),
    "no http": ({"url": "unix:///run/x"}, "not http or https"),
    "bad port": ({"url": "https://example.com:99999/mcp"}, "not http or https"),
    "oauth": ({"url": WEB, "oauth": {"clientId": "x"}}, "login by OAuth"),
    "unsure": ({"url": WEB}, UNSURE),
    "two addresses": ({"url": WEB, "httpUrl": WEB}, "two addresses"),
}


@pytest.mark.parametrize(("entry", "reason"), REASONS.values(), ids=REASONS)
def test_what_must_stay_as_it_is(tmp_path, entry, reason):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": entry})
    before = path.read_bytes()
    assert reason in kept(wrap(machine))["web"]
    assert path.read_bytes() == before and not config_file().exists()
    assert statuses(machine) == {"web": "http"}


@pytest.mark.parametrize(
    "entry",
    [
        {"url": "http://localhost:3000/mcp"},
        {"url": "http://[::1]/mcp"},
        {"url": f"{WEB}?readonly=true&features=a,b"},
        {"url": WEB, "oauth": False},
        {"url": WEB, "headers": {"X-Api-Key": "${input:k}"}},
        {"url": WEB, "requestOptions": {"headers": {"Authorization": "x"}}},
        {"url": WEB, "bearer_token_env_var": "T"},
    ],
    ids=lambda entry: ",".join(entry),
)
def test_what_goes_through(tmp_path, entry):
    machine = make(tmp_path)
    if "?" in entry["url"]:
        entry = entry | {"headers": {"Authorization": "x"}}
    path = put(machine.home / ".cursor/mcp.json", {"web": entry})
    wrap(machine)
    assert url_of(path) == "http://127.0.0.1:7373/web/mcp"
    assert configuration.load().servers["web"].url == entry["url"]


KEYS = {
    "exa": ("https://mcp.exa.example/mcp", "exaApiKey=s3cr%2Ft&tools=a,b"),
    "trailing slash": ("https://mcp.tavily.example/mcp/", "tavilyApiKey=s3cr+t"),
    "two": ("https://server.smithery.example/@a/b/mcp", "profile=p-1&api_key=s3cr%20t"),
    "by its looks": (WEB, "user=a1b2c3d4e5f6a7b8c9d0e1"),
    "placeholder": (WEB, "key=${env:KEY}"),
    "placeholder of an input": ("http://localhost:5/mcp", "project=${input:p}"),
    "fragment": (WEB, "key=s3cr?t&#f"),
    "old": ("https://example.com/sse", "key=s3cr%zz"),
}


@pytest.mark.parametrize(("base", "query"), KEYS.values(), ids=KEYS)
def test_a_key_in_the_address_stays_with_the_client(tmp_path, base, query):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": {"url": f"{base}?{query}"}})
    before = path.read_bytes()
    wrap(machine)
    end = "sse" if base.endswith("/sse") else "mcp"
    assert url_of(path) == f"http://127.0.0.1:7373/web/{end}?{query}"
    assert configuration.load().servers["web"] == configuration.HttpServer(url=base)
    ours = [file for file in (config_file(), *state_dir().rglob("*")) if file.is_file()]
    assert len(ours) >= 4 and all(query.encode() not in file.read_bytes() for file in ours)
    assert statuses(machine) == {"web": "watched"} and wrap(machine) == []
    unwrap(machine)
    assert path.read_bytes() == before and not config_file().exists()


def test_one_server_with_two_keys_is_one(tmp_path):
    machine = make(tmp_path)
    one = put(machine.home / ".cursor/mcp.json", {"web": {"url": f"{WEB}?api_key=one"}})
    two = put(machine.home / ".kiro/settings/mcp.json", {"other": {"url": f"{WEB}?api_key=two"}})
    before = one.read_bytes(), two.read_bytes()
    wrap(machine)
    assert url_of(one) == "http://127.0.0.1:7373/web/mcp?api_key=one"
    assert url_of(two, "other") == "http://127.0.0.1:7373/web/mcp?api_key=two"
    assert configuration.load().servers == {"web": configuration.HttpServer(url=WEB)}
    unwrap(machine, "other")
    assert statuses(machine) == {"web": "watched", "other": "http"}
    unwrap(machine)
    assert (one.read_bytes(), two.read_bytes()) == before and not config_file().exists()


def test_a_key_is_kept_when_the_port_changes(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": {"url": f"{WEB}?api_key=k3y"}})
    before = path.read_bytes()
    wrap(machine)
    config_file().write_text("gateway.port = 8000\n" + config_file().read_text())
    assert statuses(machine) == {"web": "drifted"}
    wrap(machine)
    assert url_of(path) == "http://127.0.0.1:8000/web/mcp?api_key=k3y"
    assert list(configuration.load().servers) == ["web"]
    unwrap(machine)
    assert path.read_bytes() == before


@pytest.mark.parametrize("query", ["api_key=s3cret", "user=s3cret7a1b2c3d4e5f6a7b8c9d0e1", "pat=s3cret&x=y"])
def test_a_key_in_an_address_is_not_shown(tmp_path, query):
    machine = make(tmp_path)
    put(machine.home / ".cursor/mcp.json", {"web": {"url": f"{WEB}?{query}"}})
    (file,), _ = look(machine)
    assert file.servers[0].detail == f"{WEB}?•••"
    for changes in (wrap(machine), unwrap(machine)):
        lines = changes[0].diff()
        assert len(lines) == 2 and all("?•••" in line and "s3cret" not in line for line in lines)


def test_a_query_is_not_touched_however_it_is_written(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {})
    text = '{"mcpServers": {"web": {"url": "https:\\/\\/example.com\\/mcp?key=a\\u0026b=\\/c"}}}'
    path.write_text(text)
    wrap(machine)
    pointed = text.replace("https:\\/\\/example.com\\/mcp", "http:\\/\\/127.0.0.1:7373\\/web\\/mcp")
    assert path.read_text() == pointed and url_of(path).endswith("?key=a&b=/c")
    unwrap(machine)
    assert path.read_text() == text


def test_headers_of_the_configuration_do_not_join_a_key_of_the_clients(tmp_path):
    machine = make(tmp_path)
    config_file().write_text(f'[servers.found]\nurl = "{WEB}"\nheaders = {{ Authorization = "${{T}}" }}\n')
    path = put(machine.home / ".cursor/mcp.json", {"web": {"url": f"{WEB}?api_key=k3y"}})
    wrap(machine)
    assert url_of(path) == "http://127.0.0.1:7373/web/mcp?api_key=k3y"


def test_parameters_by_hand_on_both_sides(tmp_path):
    machine = make(tmp_path)
    config_file().write_text(f'[servers.found]\nurl = "{WEB}?region=eu"\n')
    path = put(machine.home / ".cursor/mcp.json", {"web": {"url": "http://127.0.0.1:7373/found/mcp?features=a"}})
    assert statuses(machine) == {"web": "watched"} and wrap(machine) == []
    config_file().write_text(config_file().read_text() + "[gateway]\nport = 8000\n")
    assert statuses(machine) == {"web": "http"}, "someone else's, as far as is known"
    config_file().write_text(f'[servers.found]\nurl = "{WEB}?region=eu"\n')
    unwrap(machine)
    assert url_of(path) == f"{WEB}?region=eu&features=a"


def test_an_old_server_keeps_the_end_by_which_clients_know_it(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED | {"type": "sse", "url": "https://example.com/sse"}})
    before = path.read_bytes()
    wrap(machine)
    assert url_of(path) == "http://127.0.0.1:7373/web/sse" and statuses(machine) == {"web": "watched"}
    unwrap(machine)
    assert path.read_bytes() == before


def test_what_the_server_said_when_it_was_asked_counts(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": {"url": WEB}, "notes": {"url": f"{WEB}/notes"}})
    files, gateway = look(machine)
    assert all(gateway.unsure(server.entry) for server in files[0].servers)
    gateway = gateway.asked({WEB: "", f"{WEB}/notes": "no"})
    (change,) = plan_wrap(survey(machine, PROGRAM, gateway=gateway), PROGRAM, gateway=gateway)
    assert kept([change]) == {"notes": "no"}
    apply(change)
    assert url_of(path) == "http://127.0.0.1:7373/web/mcp"


def test_a_login_of_the_gateways_own_makes_it_safe(tmp_path):
    machine = make(tmp_path)
    config_file().write_text(f'[servers.found]\nurl = "{WEB}"\n')
    path = put(machine.home / ".cursor/mcp.json", {"web": {"url": WEB, "auth": "oauth"}})
    assert "OAuth" in kept(wrap(machine))["web"]
    wrap(machine, logged_in=[WEB])
    assert url_of(path) == "http://127.0.0.1:7373/found/mcp"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("port = ", "config.toml cannot be used"),
        ("[gateway]\nport = 0\n", "another port at each start"),
        ('[gateway]\ntoken_file = "~/token"\n', "wants a token"),
        ('[gateway]\nhost = "192.168.0.7"\n', "not on this machine's own address"),
    ],
)
def test_a_gateway_that_clients_cannot_use(tmp_path, config, reason):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    config_file().write_text(config)
    assert reason in kept(wrap(machine))["web"]
    assert url_of(path) == WEB and config_file().read_text() == config


def test_a_token_in_the_entry_is_enough(tmp_path):
    machine = make(tmp_path)
    config_file().write_text('[gateway]\ntoken_file = "~/token"\n')
    path = put(machine.home / ".cursor/mcp.json", {"web": {"url": WEB, "headers": {"Mcpwatch-Token": "x"}}})
    wrap(machine)
    assert url_of(path) == "http://127.0.0.1:7373/web/mcp"


def test_servers_that_nothing_can_be_added_to(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    config_file().write_text('servers = { a = { url = "https://a" } }\n')
    files, gateway = look(machine)
    (change,) = plan_wrap(files, PROGRAM, gateway=gateway)
    with pytest.raises(NotWritten, match="can be added to"):
        apply(change)
    assert url_of(path) == WEB and "web" not in config_file().read_text()


def test_a_client_that_starts_commands_only(tmp_path):
    machine = make(tmp_path)
    put(machine.home / ".config/Claude/claude_desktop_config.json", {"web": SIGNED})
    assert kept(wrap(machine)) == {"web": "Claude Desktop starts commands only"}


def test_another_port_is_drift_and_mended(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    before = path.read_bytes()
    wrap(machine)
    config_file().write_text("gateway.port = 8000\n" + config_file().read_text())
    assert statuses(machine) == {"web": "drifted"}
    wrap(machine)
    assert url_of(path) == "http://127.0.0.1:8000/web/mcp" and statuses(machine) == {"web": "watched"}
    unwrap(machine)
    assert path.read_bytes() == before and config_file().read_text() == "gateway.port = 8000\n"


def test_a_configuration_that_lost_its_entry_is_mended_or_left(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    before = path.read_bytes()
    wrap(machine)
    config_file().write_text("")
    assert statuses(machine) == {"web": "drifted"}
    wrap(machine)
    assert configuration.load().servers["web"].url == WEB and statuses(machine) == {"web": "watched"}
    config_file().unlink()
    unwrap(machine)
    assert path.read_bytes() == before and not config_file().exists()


def test_a_name_that_nobody_knows_is_said_to_be_unknown(tmp_path):
    machine = make(tmp_path)
    put(machine.home / ".cursor/mcp.json", {"web": {"url": "http://127.0.0.1:7373/who/mcp"}})
    assert statuses(machine) == {"web": "drifted"}
    assert "config.toml has no server who" in kept(wrap(machine))["web"]
    assert unwrap(machine) == []


def test_someone_elses_server_of_this_machine_is_no_gateway(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": {"url": "http://localhost:9000/web/mcp"}})
    before = path.read_bytes()
    assert statuses(machine) == {"web": "http"}
    wrap(machine)
    assert configuration.load().servers["web"].url == "http://localhost:9000/web/mcp"
    unwrap(machine)
    assert path.read_bytes() == before


def test_an_address_someone_wrote_back_is_told(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    before = path.read_bytes()
    wrap(machine)
    path.write_bytes(before)
    assert statuses(machine) == {"web": "removed"}
    wrap(machine)
    assert statuses(machine) == {"web": "watched"}


def test_when_the_clients_file_cannot_be_written_the_configuration_stays(tmp_path, monkeypatch):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    files, gateway = look(machine)
    (change,) = plan_wrap(files, PROGRAM, gateway=gateway)
    path.write_text(path.read_text() + "\n")
    with pytest.raises(NotWritten):
        apply(change)
    assert not config_file().exists()


def test_wrap_and_unwrap_are_in_the_audit(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED, "git": {"command": "npx"}})
    wrap(machine)
    unwrap(machine)
    ledger = Ledger.open()
    rows = [(row.actor, row.action, row.detail) for row in ledger.audit_since(0)]
    ledger.close()
    assert [row for row in rows if row[1] in ("wrap", "unwrap")] == [
        ("command line", "wrap", f"git (Cursor: {path})"),
        ("command line", "wrap", f"web (Cursor: {path})"),
        ("command line", "unwrap", f"web, git (Cursor: {path})"),
    ]


def test_a_state_file_that_is_broken_keeps_nobody_from_unwrapping(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"git": {"command": "npx"}})
    before = path.read_bytes()
    wrap(machine)
    for file in state_dir().glob("state.db*"):
        file.unlink()
    (state_dir() / "state.db").write_bytes(b"no database" * 1000)
    unwrap(machine)
    assert path.read_bytes() == before


def test_names_fit_into_a_path(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {".well-known/ä b": SIGNED, "日本": SIGNED | {"url": f"{WEB}/j"}})
    wrap(machine)
    assert url_of(path, ".well-known/ä b") == "http://127.0.0.1:7373/well-known-b/mcp"
    assert url_of(path, "日本") == "http://127.0.0.1:7373/server/mcp"


def test_a_configuration_that_cannot_be_written_changes_nothing(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    config_file().write_text("# mine\n")
    config_file().chmod(0o444)
    files, gateway = look(machine)
    (change,) = plan_wrap(files, PROGRAM, gateway=gateway)
    with pytest.raises(NotWritten, match="read-only"):
        apply(change)
    assert url_of(path) == WEB and config_file().read_text() == "# mine\n" and Gateway.configured().noted == {}


def test_a_configuration_in_a_folder_whose_name_is_no_text(tmp_path, monkeypatch):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": SIGNED})
    before = path.read_bytes()
    monkeypatch.setenv("MCPWATCH_CONFIG", str(tmp_path / "\udcff" / "config.toml"))
    wrap(machine)
    assert configuration.load().servers["web"].url == WEB
    unwrap(machine)
    assert path.read_bytes() == before and not config_file().exists()


def test_an_address_that_no_file_can_hold_stays(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"web": {"url": "http://localhost/\ud800"}})
    before = path.read_bytes()
    assert "unusual way" in kept(wrap(machine))["web"]
    assert path.read_bytes() == before


CLIENTS = (".cursor", ".kiro/settings", ".lmstudio", ".copilot", ".kimi", ".factory", ".junie/mcp")


def seven(machine):
    """As many clients as would push a file's oldest copies out, each with a server of its own."""
    names = {".copilot": "mcp-config.json"}
    paths = [machine.home / folder / names.get(folder, "mcp.json") for folder in CLIENTS]
    return [put(path, {f"web-{i}": SIGNED | {"url": f"{WEB}/{i}"}}) for i, path in enumerate(paths)]


def copies():
    return [path.read_bytes() for path in sorted(config_file().parent.glob(f"{config_file().name}.mcpwatch-*.bak"))]


def planned(machine):
    files, gateway = look(machine)
    return plan_wrap(files, PROGRAM, everywhere=files, gateway=gateway)


def test_several_clients_make_one_copy_of_the_configuration(tmp_path):
    machine = make(tmp_path)
    paths = seven(machine)
    before = [path.read_bytes() for path in paths]
    config_file().write_bytes(b"# mine\n")
    came = [came for _, came in apply_all(planned(machine))]
    assert len(came) == len(CLIENTS) > KEPT_BACKUPS and all(isinstance(one, Path) for one in came)
    assert copies() == [b"# mine\n"] and len(configuration.load().servers) == len(CLIENTS)
    files, gateway = look(machine)
    assert all(isinstance(one, Path) for _, one in apply_all(plan_unwrap(files, gateway=gateway, everywhere=files)))
    assert [path.read_bytes() for path in paths] == before and config_file().read_bytes() == b"# mine\n"
    assert len(copies()) == 2 and b"# mine\n" in copies()


def test_no_file_ever_leads_to_a_server_that_the_configuration_lacks(tmp_path):
    """Wherever the writing ends, also half-way: what was not reached is out of the configuration again."""
    machine = make(tmp_path)
    paths = seven(machine)
    config_file().write_bytes(b"# mine\n")
    writing = apply_all(planned(machine))
    for n in range(1, 4):
        next(writing)
        pointed = [i for i, path in enumerate(paths) if "127.0.0.1:7373" in path.read_text()]
        assert len(pointed) == n and {f"web-{i}" for i in pointed} <= set(configuration.load().servers)
    writing.close()  # as ctrl+c does
    pointed = {f"web-{i}" for i, path in enumerate(paths) if "127.0.0.1:7373" in path.read_text()}
    assert len(pointed) == 3 and set(configuration.load().servers) == pointed
    assert b"# mine\n" in copies() and len(copies()) == 2


def test_a_file_that_is_left_leaves_no_server_behind_and_one_that_another_uses_stays(tmp_path):
    machine = make(tmp_path)
    one, two, three = seven(machine)[:3]
    put(two, {"web-0": SIGNED | {"url": f"{WEB}/0"}})  # of the first client's too
    changes = planned(machine)
    for path in (one, three):
        path.write_text(path.read_text() + "\n")
    came = {change.file.path: came for change, came in apply_all(changes)}
    assert [path for path, said in came.items() if isinstance(said, NotWritten)] == [one, three]
    assert set(configuration.load().servers) == {"web-0", "web-3", "web-4", "web-5", "web-6"}
    assert url_of(two, "web-0") == "http://127.0.0.1:7373/web-0/mcp" and url_of(one, "web-0") == f"{WEB}/0"


def test_a_server_that_cannot_be_taken_out_again_is_told(tmp_path):
    machine = make(tmp_path)
    paths = seven(machine)[:2]
    writing, said = apply_all(planned(machine)), []
    for path in paths:
        path.write_text(path.read_text() + "\n")
    with pytest.raises(NotWritten, match="keeps web-0, web-1, which no file uses: it is read-only"):
        for _, came in writing:
            said.append(came)
            config_file().chmod(0o444)
    assert len(said) == len(CLIENTS)


def test_a_server_that_cannot_be_added_keeps_only_its_own_file_back(tmp_path):
    machine = make(tmp_path)
    paths = seven(machine)
    changes = planned(machine)
    config_file().write_text('[servers.web-1]\nurl = "https://another"\n')
    refused = {change.file.path: came for change, came in apply_all(changes) if isinstance(came, NotWritten)}
    assert list(refused) == [paths[1]] and "another server of the name web-1" in str(refused[paths[1]])
    assert url_of(paths[1], "web-1") == f"{WEB}/1" and url_of(paths[6], "web-6").startswith("http://127.0.0.1:7373/")
