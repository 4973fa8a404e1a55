"""Files that are not what they should be are refused, with the place where."""

from __future__ import annotations

import json

import pytest

from mcpwatch.clients.document import Document, generic
from mcpwatch.clients.node import Unreadable
from mcpwatch.clients.table import Place

PLACES = {
    "json": Place("", (("mcpServers",),)),
    "toml": Place("", (("mcp_servers",),), format="toml"),
    "yaml": Place("", (("mcpServers",),), format="yaml"),
}
BROKEN = [
    ("json", '{\n  "mcpServers": {\n    "a": }\n}', 3, 10),
    ("json", '{"a": 1', 1, 8),
    ("json", '{"a" 1}', 1, 6),
    ("json", "{'a': 1}", 1, 2),
    ("json", '{"a": 1} x', 1, 10),
    ("json", '{"a": "line\nbreak"}', 1, 7),
    ("json", '{"a": 01}', 1, 7),
    ("json", '{"a": [1 2]}', 1, 10),
    ("json", "{\r\n\r\n/* no end", 3, 1),
    ("json", '{"a": nul}', 1, 7),
    ("json", "[" * 500, 1, 102),
    ("toml", 'a = 1\nb = "x\n', 2, 7),
    ("toml", "[a]\nx = 1\n[a]\n", 3, 3),
    ("yaml", "a: 1\nb: [1\n", 3, 1),
    ("yaml", "a: 1\n b: 2\n", 2, 3),
    ("yaml", "a: \x01\n", 1, 4),
    ("yaml", "a: 1\n---\nb: 2\n", 2, 1),
]


@pytest.mark.parametrize(("kind", "text", "line", "column"), BROKEN)
def test_broken_files_are_refused_with_the_place(kind, text, line, column):
    with pytest.raises(Unreadable) as refused:
        Document.read(text.encode(), PLACES[kind])
    assert (refused.value.line, refused.value.column) == (line, column), refused.value
    assert f"line {line}, column {column}" in str(refused.value)


@pytest.mark.parametrize("kind", PLACES)
def test_other_encodings_are_refused(kind):
    with pytest.raises(Unreadable, match="line 2, column 4: not readable: not UTF-8"):
        Document.read(b"#\n   \xff", PLACES[kind])


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("text", ["", "\n", "\ufeff"])
def test_empty_files_have_no_servers(kind, text):
    document = Document.read(text.encode(), PLACES[kind])
    assert document.entries == [] and document.data == text.encode()


@pytest.mark.parametrize("kind", ["toml", "yaml"])
def test_deep_nesting_is_refused(kind):
    text = ("a = " if kind == "toml" else "a: ") + "[" * 5000 + "]" * 5000
    with pytest.raises(Unreadable, match="deep"):
        Document.read(text.encode(), PLACES[kind])


def test_a_billion_laughs_do_not_grow():
    lines = ["l0: &l0 [x, x]"] + [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 60)]
    assert Document.read("\n".join(lines).encode(), PLACES["yaml"]).entries == []


def test_an_alias_of_itself_is_not_followed():
    text = "mcpServers: &m\n  a: &a {command: x, args: [y], self: *a}\n  m: *m\n"
    (entry,) = Document.read(text.encode(), PLACES["yaml"]).entries
    assert entry.reason(False) == "another part of the file is an alias of it"


def test_no_tag_is_obeyed():
    text = "mcpServers:\n  a: {command: x, args: [!!python/object/apply:os.system ['exit 1']]}\n"
    (entry,) = Document.read(text.encode(), PLACES["yaml"]).entries
    assert entry.name == "a"


def test_json_as_the_standard_library_reads_it():
    value = {"a": [1, -2.5e-3, True, None, 'ü\n\\"/\u2028'], "b": {"": {}}, "c": []}
    text = json.dumps(value)
    root = Document.read(text.encode(), PLACES["json"]).root
    assert root.get("a").items[4].value == value["a"][4]
    for member in root.members:
        assert json.loads(text[member.node.start : member.node.end]) == value[member.key]


@pytest.mark.parametrize(
    ("suffix", "text", "names"),
    [
        (".json", '{"mcpServers": {"a": {"command": "x"}}}', ["a"]),
        (".json", '{"servers": {"b": {"command": "x"}}}', ["b"]),
        (".jsonc", '{"mcp": {"c": {"command": ["x"]}}}', ["c"]),
        (".json", '{"amp.mcpServers": {"d": {"url": "http://x"}}}', ["d"]),
        (".toml", '[mcp_servers.e]\ncommand = "x"\n', ["e"]),
        (".yml", "extensions: {f: {cmd: x}}", ["f"]),
        (".yaml", "mcpServers: [{name: g, command: x}]", ["g"]),
        (".json", '{"projects": {"/p": {"mcpServers": {"h": {"command": "x"}}}}}', ["h"]),
        (".json", '{"other": 1}', []),
    ],
)
def test_a_file_named_by_its_path(suffix, text, names):
    assert [entry.name for entry in generic(suffix, text.encode()).entries] == names


def test_of_a_file_named_by_its_path_every_place_is_read_if_asked_for():
    """Failed once: the scan judged the servers of the first, and a client might read the other."""
    text = b"""{"servers": {"b": {"url": "http://x"}}, "mcpServers": {"a": {"command": "x"}},
        "extensions": {"d": {"cmd": "x"}, "theme": {}}, "mcp": {"servers": {"c": {"command": "x"}}}}"""
    found = generic(".json", text, every=True).entries
    assert [entry.way for entry in found] == [
        ("mcpServers", "a"),
        ("servers", "b"),
        ("mcp", "servers", "c"),
        ("extensions", "d"),
    ]
    assert found[1].url is not None and [entry.form is None for entry in found] == [False, True, False, False]
    assert [entry.name for entry in generic(".json", text).entries] == ["a"], "nothing more of it is wrapped"
