"""What an entry says: who starts it, why it must stay, and that edits which would not come out right are refused."""

from __future__ import annotations

import json

import pytest

from clients.machines import PROGRAM
from mcpwatch.clients.document import Document, Edit
from mcpwatch.clients.edit import NotEditable
from mcpwatch.clients.entry import wrapped
from mcpwatch.clients.table import Place

JSON = Place("", (("mcpServers",),))
YAML = Place("", (("mcpServers",),), format="yaml")
TOML = Place("", (("mcp_servers",),), format="toml")


def entry_of(text: str, place: Place = JSON):
    return Document.read(text.encode(), place).entries[0]


def server(**fields):
    return entry_of(json.dumps({"mcpServers": {"a": fields}}))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["/x/mcpwatch", "run", "--name", "n", "--", "s"], ("n", 5, False)),
        (["/x/mcpwatch", "run", "--name=n", "--", "s"], ("n", 4, True)),
        (["mcpwatch", "run", "s", "--name", "x"], ("", 2, False)),
        (["C:\\x\\mcpwatch.exe", "run", "--", "s"], ("", 3, False)),
        (["/x/python3.12", "-m", "mcpwatch", "run", "--name", "n", "s"], ("n", 6, False)),
        (["python", "-I", "-m", "mcpwatch", "run", "s"], ("", 5, False)),
        (["/x/mcpwatch", "run", "--", "mcpwatch", "run", "s"], ("", 3, False)),
        (["/x/mcpwatch", "run", "--other", "s"], None),
        (["/x/mcpwatch", "run", "--name"], None),
        (["/x/mcpwatch", "run", "--"], None),
        (["/x/mcpwatch", "status"], None),
        (["/x/mcpwatch"], None),
        (["python", "-m", "other", "run", "s"], None),
        (["npx", "mcpwatch", "run", "s"], None),
        ([], None),
    ],
)
def test_command_lines_through_mcpwatch(words, found):
    result = wrapped(words)
    assert (None if result is None else (result.name, result.count, result.joined)) == found


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"command": "~/bin/s"}, "begins with ~"),
        ({"command": "${env:X}/s"}, "placeholder"),
        ({"command": "$HOME/s"}, "placeholder"),
        ({"command": "%APPDATA%\\s.exe"}, "placeholder"),
        ({"command": "s", "args": "-y"}, "arguments are not a list"),
        ({"command": "s", "args": None}, "arguments are not a list"),
        ({"command": 7}, "not a text"),
        ({"command": ""}, "not a text"),
        ({"command": []}, "not a text"),
        ({"command": "s", "url": "http://x"}, "a command and an address"),
        ({"command": "s", "dev": {"debug": {"type": "node"}}}, "debugged"),
        ({"url": "http://x"}, "over HTTP"),
    ],
)
def test_reasons_to_leave_an_entry_alone(fields, reason):
    assert reason in server(**fields).reason(placeholders=False)


def test_placeholders_move_where_the_client_expands_them():
    assert server(command="${env:X}/s").reason(placeholders=True) == ""
    assert server(command=["${env:X}/s"]).reason(placeholders=False) == ""  # it is in the list already
    assert server(command="s", args=["${input:key}"], dev={"watch": "x"}).reason(placeholders=False) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"mcpServers": {"a": {"command": "x", "command": "y"}}}', "'command' appears twice"),
        ('{"mcpServers": {"a": {"command": "x", "env": {}, "env": {}}}}', "'env' appears twice"),
        ('{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}', "two servers"),
    ],
)
def test_what_parsers_disagree_about_stays(text, reason):
    assert reason in entry_of(text).reason(True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x: &c npx\nmcpServers: {a: {command: *c}}", "an alias"),
        ("mcpServers: {a: {command: &c npx}}\nx: *c", "another part of the file"),
        ("mcpServers: &s {a: {command: npx}}\nx: *s", "another part of the file"),
        ("b: &b {env: {}}\nmcpServers: {a: {<<: *b, command: npx}}", "merged"),
        ('mcpServers: {a: {command: "np\\\n  x"}}', "several lines"),
        ("mcpServers:\n  a:\n    command: |\n      npx\n", "several lines"),
        ("mcpServers: {a: {command: 7}}", "not a text"),
    ],
)
def test_yaml_that_is_more_than_it_seems_stays(text, reason):
    assert reason in entry_of(text, YAML).reason(True)


@pytest.mark.parametrize(
    ("fields", "proxy"),
    [
        ({"command": "pipelock", "args": ["mcp", "proxy", "--", "npx"]}, "pipelock"),
        ({"command": "uvx", "args": ["mcp-scan", "proxy"]}, "mcp-scan"),
        ({"command": "uvx", "args": ["mcp-scan@latest", "proxy"]}, "mcp-scan"),
        ({"command": "uvx", "args": ["--from", "mcp-scan==0.1", "mcp-scan", "proxy"]}, "mcp-scan"),
        ({"command": "uvx", "args": ["--from=x", "mcp-scan[proxy]>=0.3", "proxy"]}, "mcp-scan"),
        ({"command": "npx", "args": ["-y", "@scope/mcpproxy@1.2", "--", "npx", "x"]}, "mcpproxy"),
        ({"command": "npx", "args": ["mcpproxy-go@^2.0.0-rc.1"]}, "mcpproxy-go"),
        ({"command": "npx", "args": ["mcpproxy-go@next"]}, "mcpproxy-go"),
        ({"command": "uvx", "args": ["mcp-scan@latest", "inspect"]}, ""),
        (
            {
                "command": "npx",
                "args": ["thv-like@1.0", "mcpproxy-gone", "thv@", "x@thv", "thv[", "thv@1host.example/a"],
            },
            "",
        ),
        ({"command": "docker", "args": ["mcp", "gateway", "run"]}, "docker"),
        ({"command": "docker", "args": ["run", "-i", "x"]}, ""),
        ({"command": PROGRAM, "args": ["run", "--name", "a", "--", "thv", "run", "x"]}, "thv"),
    ],
)
def test_other_proxies_are_named(fields, proxy):
    assert server(**fields).proxy == proxy


def test_mcpwatch_behind_another_program():
    found = server(command="pipelock", args=["mcp", "proxy", "--", "/x/mcpwatch", "run", "--", "npx"])
    assert found.inside and found.wrapped is None
    assert server(command="uvx", args=["mcpwatch@latest", "run", "--", "npx"]).inside
    assert not server(command=PROGRAM, args=["run", "--", "npx"]).inside


def test_disabled():
    assert server(command="x", disabled=True).disabled
    assert server(command="x", enabled=False).disabled
    assert not server(command="x", enabled=True, disabled=False).disabled


def edited(text: str, action: str = "unwrap", place: Place = JSON) -> str:
    document = Document.read(text.encode(), place)
    return document.edit([Edit(action, document.entries[0], PROGRAM, "n")]).text


def test_a_wrapper_that_was_reformatted_is_undone():
    text = """{"mcpServers": {"a": {
      "args": [
        "run",
        "--name",
        "a",
        "--",
        "npx", // the runner
        "-y"
      ],
      "command": "/x/mcpwatch"
    }}}"""
    assert json.loads(edited(text).replace("// the runner", "")) == {
        "mcpServers": {"a": {"command": "npx", "args": ["-y"]}}
    }
    assert "// the runner" in edited(text)


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (["run", "--name=a", "--", "npx"], None),
        (["run", "--name=a", "--", "npx", "added"], ["added"]),
        (["run", "--name", "a", "--", "npx"], []),
        (["run", "npx", "-y"], ["-y"]),
    ],
)
def test_a_wrapper_another_program_wrote_anew_is_undone(args, left):
    for indent in (None, 2):
        for order in (("command", "args", "env"), ("args", "command", "env"), ("env", "command", "args")):
            entry = {"command": "/x/mcpwatch", "args": args, "env": {"A": "b"}}
            text = json.dumps({"mcpServers": {"a": {key: entry[key] for key in order}}}, indent=indent)
            wanted = {"command": "npx", "args": left, "env": {"A": "b"}}
            if left is None:
                del wanted["args"]
            assert json.loads(edited(text)) == {"mcpServers": {"a": wanted}}


def test_a_wrapper_rewritten_as_block_yaml_is_undone():
    text = "mcpServers:\n- name: a\n  command: /x/mcpwatch\n  args:\n  - run\n  - {}\n  - --\n  - npx\n  env: {{}}\n"
    assert edited(text.format("--name=a"), place=YAML) == "mcpServers:\n- name: a\n  command: npx\n  env: {}\n"
    both = text.format("--name\n  - a")
    assert edited(both, place=YAML) == "mcpServers:\n- name: a\n  command: npx\n  env: {}\n"


def test_repair_changes_the_program_only():
    text = '{"mcpServers": {"a": {"command": "/old/mcpwatch" , "args": ["run", "--", "npx"]}}}'
    assert edited(text, "repair") == text.replace("/old/mcpwatch", PROGRAM)


def test_an_edit_that_cannot_be_undone_is_refused():
    # A plain word with a comma is one word on a line of its own, and two between brackets.
    text = "mcpServers: [{name: z, command: z}]\nx: 1\n"
    assert "mcpwatch" in edited(text, "wrap", YAML)
    with pytest.raises(NotEditable):
        edited("mcpServers:\n- name: a\n  command: a,b\n  args: [x]\n", "wrap", YAML)
    with pytest.raises(NotEditable):
        edited("mcpServers:\n- name: a\n  ? command\n  : npx\n", "wrap", YAML)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (JSON, '{"mcpServers": {"a": {"url": "%s"}}}'),
        (TOML, "mcp_servers.a.url='%s' # mine"),
        (TOML, '[mcp_servers.a]\nurl = "%s"'),
        (YAML, "mcpServers:\n- name: a\n  url: %s # mine\n"),
        (YAML, "mcpServers: [{name: a, url: '%s'}]"),
    ],
)
def test_an_address_keeps_the_way_it_is_written(place, text):
    document = Document.read((text % "https://example.com/mcp").encode(), place)
    pointed = document.edit([Edit("point", document.entries[0], "http://127.0.0.1:1/a/mcp")])
    assert pointed.text == text % "http://127.0.0.1:1/a/mcp"


def test_slashes_may_be_escaped_and_nothing_else():
    text = r'{"mcpServers": {"a": {"url": "https:\/\/example.com\/mcp"}}}'
    document = Document.read(text.encode(), JSON)
    pointed = document.edit([Edit("point", document.entries[0], "http://127.0.0.1:1/a/mcp")])
    assert pointed.text == text.replace(r"https:\/\/example.com\/mcp", r"http:\/\/127.0.0.1:1\/a\/mcp")
    odd = Document.read(text.replace("example", r"\u0065xample").encode(), JSON)
    with pytest.raises(NotEditable, match="unusual"):
        odd.edit([Edit("point", odd.entries[0], "http://127.0.0.1:1/a/mcp")])
