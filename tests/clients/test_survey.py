"""What is found, and what is said of it; names that are given to what is wrapped."""

from __future__ import annotations

import json
import os
import sys

import pytest

from clients.machines import PROGRAM, make
from mcpwatch.clients.names import Names, safe_name
from mcpwatch.clients.plan import apply, plan_unwrap, plan_wrap
from mcpwatch.clients.survey import Status, survey
from mcpwatch.clients.write import NotWritten


def put(path, servers):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"mcpServers": servers}, indent=2))
    return path


def stdio(*words):
    return {"command": words[0], "args": list(words[1:])}


def statuses(files):
    return {server.name: str(server.status) for file in files for server in file.servers}


def test_every_status(tmp_path):
    machine = make(tmp_path)
    put(
        machine.home / ".cursor/mcp.json",
        {
            "ours": stdio(PROGRAM, "run", "--name", "ours", "--", "x"),
            "old": stdio("/gone/bin/mcpwatch", "run", "--name", "old", "--", "x"),
            "bare": stdio("mcpwatch", "run", "--", "x"),
            "module": stdio(sys.executable, "-P", "-m", "mcpwatch", "run", "--", "x"),
            "loose": stdio(sys.executable, "-m", "mcpwatch", "run", "--", "x"),
            "python": stdio("python3", "-I", "-m", "mcpwatch", "run", "--", "x"),
            "plain": stdio("x"),
            "web": {"url": "https://x"},
            "behind": stdio("pipelock", "mcp", "proxy", "--", PROGRAM, "run", "--", "x"),
            "junk": "text",
            "nothing": {},
        },
    )
    files = survey(machine, PROGRAM)
    assert statuses(files) == {
        "ours": "watched",
        "old": "drifted",
        "bare": "drifted",
        "module": "watched",
        "loose": "drifted",
        "python": "drifted",
        "plain": "unwatched",
        "web": "http",
        "behind": "drifted",
    }
    (change,) = plan_wrap(files, PROGRAM)
    assert [(step.server.name, step.action) for step in change.steps] == [
        ("old", "repair"),
        ("bare", "repair"),
        ("plain", "wrap"),
    ]
    apply(change)
    files = survey(machine, PROGRAM)
    assert [name for name, status in statuses(files).items() if status == "drifted"] == ["loose", "python", "behind"]
    assert set(statuses(files).values()) == {"watched", "http", "drifted"}
    assert [change.steps for change in plan_wrap(files, PROGRAM)] == [()]


def test_a_wrapper_someone_took_away(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"a": stdio("x"), "b": stdio("y")})
    before = path.read_text()
    apply(plan_wrap(survey(machine, PROGRAM), PROGRAM)[0])
    path.write_text(before)
    assert statuses(survey(machine, PROGRAM)) == {"a": "removed", "b": "removed"}
    apply(plan_wrap(survey(machine, PROGRAM), PROGRAM)[0])
    apply(plan_unwrap(survey(machine, PROGRAM))[0])
    assert statuses(survey(machine, PROGRAM)) == {"a": "unwatched", "b": "unwatched"}
    assert path.read_text() == before


def test_no_secret_is_copied_into_our_files(tmp_path):
    machine = make(tmp_path)
    secret = "hunter2-correct-horse"
    entry = stdio("npx", "-y", "x", "--anything", secret) | {"env": {"K": secret}}
    put(machine.home / ".cursor/mcp.json", {"a": entry})
    (change,) = plan_wrap(survey(machine, PROGRAM), PROGRAM)
    apply(change)
    ours = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert ours and all(secret.encode() not in path.read_bytes() for path in ours)
    assert all(path.stat().st_mode & 0o077 == 0 for path in ours)


def test_the_preview_masks_secrets(tmp_path):
    machine = make(tmp_path)
    path = machine.home / ".cursor/mcp.json"
    put(path, {"a": stdio("npx", "--api-key", "hunter2") | {"env": {"API_TOKEN": "opensesame"}}})
    path.write_text(json.dumps(json.loads(path.read_text())))  # one line, which changes as a whole
    (change,) = plan_wrap(survey(machine, PROGRAM), PROGRAM)
    text = "\n".join(change.diff())
    assert PROGRAM in text and "hunter2" not in text and "opensesame" not in text


def test_the_preview_of_a_long_line_is_what_differs(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".claude.json", {"a": stdio("npx")})
    path.write_text(json.dumps({"history": ["x" * 50_000], **json.loads(path.read_text())}))
    lines = plan_wrap(survey(machine, PROGRAM), PROGRAM)[0].diff()
    assert [line[0] for line in lines] == ["-", "+"] and all(len(line) < 400 for line in lines)
    assert PROGRAM in lines[1]


def test_a_large_file_with_many_like_lines_is_previewed_line_by_line(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".claude.json", {f"s{i}": stdio("npx", "-y") for i in range(10)})
    history = [{"display": "the same", "pasted": {}} for _ in range(20_000)]
    path.write_text(json.dumps({**json.loads(path.read_text()), "history": history}, indent=2))
    lines = plan_wrap(survey(machine, PROGRAM), PROGRAM)[0].diff()
    assert len(lines) == 40  # of each server the command and where its arguments begin
    assert [line[:23] for line in lines[:4]] == [
        '-       "command": "npx',
        '+       "command": "/op',
        '-       "args": [',
        '+       "args": ["run",',
    ]


def test_a_broken_file_does_not_hide_the_others(tmp_path):
    machine = make(tmp_path)
    put(machine.home / ".cursor/mcp.json", {"a": stdio("x")})
    broken = machine.home / ".gemini/settings.json"
    broken.parent.mkdir()
    broken.write_text('{"mcpServers": {,}}')
    files = survey(machine, PROGRAM)
    assert {file.client.id: file.error for file in files} == {
        "cursor": "",
        "gemini-cli": "line 1, column 17: not valid JSON: a key in double quotes, or }, is missing here",
    }
    assert len(plan_wrap(files, PROGRAM)) == 1


def test_one_file_reached_by_two_paths_is_one(tmp_path):
    machine = make(tmp_path)
    path = put(tmp_path / "dotfiles/mcp.json", {"a": stdio("x")})
    for link in (machine.home / ".cursor/mcp.json", machine.home / ".kiro/settings/mcp.json"):
        link.parent.mkdir(parents=True)
        link.symlink_to(path)
    assert [file.client.id for file in survey(machine, PROGRAM)] == ["cursor"]


def test_scopes(tmp_path):
    machine = make(tmp_path)
    put(machine.home / ".cursor/mcp.json", {"mine": stdio("x")})
    put(machine.folder / ".cursor/mcp.json", {"shared": stdio("x")})
    assert statuses(survey(machine, PROGRAM)) == {"mine": "unwatched", "shared": "unwatched"}
    assert list(statuses(survey(machine, PROGRAM, scopes=("user",)))) == ["mine"]
    assert list(statuses(survey(machine, PROGRAM, scopes=("project",)))) == ["shared"]
    assert survey(machine, PROGRAM, clients=("zed",)) == []


def test_claude_codes_local_scope_names_its_project(tmp_path):
    machine = make(tmp_path)
    text = json.dumps({"projects": {"/p/one": {"mcpServers": {"a": stdio("x")}}}, "mcpServers": {"a": stdio("y")}})
    (machine.home / ".claude.json").write_text(text)
    (file,) = survey(machine, PROGRAM)
    assert [(server.name, server.project) for server in file.servers] == [("a", ""), ("a", "/p/one")]
    (change,) = plan_wrap([file], PROGRAM)
    assert [step.guard for step in change.steps] == ["a", "a-2"]  # two servers, two names


def test_the_same_server_in_two_clients_has_one_name_and_others_do_not(tmp_path):
    machine = make(tmp_path)
    put(machine.home / ".cursor/mcp.json", {"git": stdio("npx", "git"), "x/y": stdio("x"), "x-y": stdio("z")})
    put(machine.home / ".codeium/windsurf/mcp_config.json", {"git": stdio("npx", "git")})
    put(machine.home / ".kiro/settings/mcp.json", {"git": stdio("uvx", "git")})
    guards = {
        (change.file.client.id, step.server.name): step.guard
        for change in plan_wrap(survey(machine, PROGRAM), PROGRAM)
        for step in change.steps
    }
    assert guards == {
        ("cursor", "git"): "git",
        ("cursor", "x/y"): "x-y",
        ("cursor", "x-y"): "x-y-2",
        ("windsurf", "git"): "git",
        ("kiro", "git"): "git-2",
    }


def test_names_already_given_are_kept_in_mind(tmp_path):
    machine = make(tmp_path)
    put(machine.home / ".cursor/mcp.json", {"git": stdio("npx", "git")})
    apply(plan_wrap(survey(machine, PROGRAM), PROGRAM)[0])
    put(machine.home / ".kiro/settings/mcp.json", {"git": stdio("uvx", "other")})
    kiro = survey(machine, PROGRAM, clients=("kiro",))
    (change,) = plan_wrap(kiro, PROGRAM, everywhere=survey(machine, PROGRAM))
    assert [step.guard for step in change.steps] == ["git-2"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("plain", "plain"),
        ("@scope/pkg", "scope-pkg"),
        ("a*b[c]?", "a-b-c"),
        ("tab\there\x1b", "tab-here"),
        ("日本 🐴", "日本 🐴"),
        ("///", "server"),
        ("", "server"),
        ("\u202e", "server"),
        ("x" * 300, "x" * 100),
    ],
)
def test_names_are_what_run_takes(name, safe):
    from mcpwatch.cli.run import checked

    assert safe_name(name) == checked(safe) == safe


def test_numbers_fit_the_length():
    names = Names()
    assert [len(names.give("x" * 120, (str(i),))) for i in range(12)] == [100] * 12


def test_a_change_after_the_preview_is_refused(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"a": stdio("x")})
    (change,) = plan_wrap(survey(machine, PROGRAM), PROGRAM)
    put(path, {"a": stdio("x"), "b": stdio("y")})
    theirs = path.read_bytes()
    with pytest.raises(NotWritten):
        apply(change)
    assert path.read_bytes() == theirs and statuses(survey(machine, PROGRAM)) == {"a": "unwatched", "b": "unwatched"}


def test_one_entry_that_cannot_be_edited_does_not_keep_the_others(tmp_path):
    machine = make(tmp_path)
    path = machine.home / ".continue/config.yaml"
    path.parent.mkdir()
    path.write_text("mcpServers:\n- {name: a, command: x}\n- name: b\n  command: x,y\n  args: [z]\n")
    (change,) = plan_wrap(survey(machine, PROGRAM), PROGRAM)
    assert [step.server.name for step in change.steps] == ["a"]
    assert [server.name for server, _ in change.kept] == ["b"]
    assert Status.UNWATCHED in {server.status for server in survey(machine, PROGRAM)[0].servers}


def test_the_preview_hides_every_value_of_variables_and_headers(tmp_path):
    """Even on the line that changes, and under a name that says nothing."""
    machine = make(tmp_path)
    path = machine.home / ".cursor/mcp.json"
    put(path, {"a": stdio("npx", "x") | {"env": {"K": "opensesame"}}, "b": stdio("y") | {"env": {"Z": "tango"}}})
    path.write_text(json.dumps(json.loads(path.read_text())))
    codex = machine.home / ".codex/config.toml"
    codex.parent.mkdir()
    codex.write_text('mcp_servers.c = { command = "z", args = [], env = { K = "charlie" } }\n')
    changes = plan_wrap(survey(machine, PROGRAM), PROGRAM)
    text = "\n".join(line for change in changes for line in change.diff())
    assert len(changes) == 2 and text.count("•••") == 6
    assert PROGRAM in text and not [word for word in ("opensesame", "tango", "charlie") if word in text]


def test_a_pipe_in_the_place_of_a_file_is_told_and_not_waited_for(tmp_path):
    machine = make(tmp_path)
    path = machine.home / ".cursor/mcp.json"
    path.parent.mkdir()
    path.write_text('{"mcpServers": {"git": {"command": "npx"}}}')
    (change,) = plan_wrap(survey(machine, PROGRAM), PROGRAM)
    path.unlink()
    os.mkfifo(path)
    (file,) = survey(machine, PROGRAM)
    assert file.error == "cannot be read: it is not a regular file" and not file.servers
    with pytest.raises(NotWritten, match="it is not a regular file"):
        apply(change)


def test_a_name_in_a_projects_file_takes_none_from_the_users_own(tmp_path):
    """It would take over patterns: limits, exemptions, verdicts."""
    machine = make(tmp_path)
    put(machine.home / ".claude.json", {"notes": stdio("npx", "real-notes")})
    put(machine.folder / ".mcp.json", {"innocent": stdio(PROGRAM, "run", "--name", "notes", "--", "./evil")})
    everything = survey(machine, PROGRAM)
    own = survey(machine, PROGRAM, scopes=("user",))
    (change,) = plan_wrap(own, PROGRAM, everywhere=everything)
    assert [step.guard for step in change.steps] == ["notes"]
    assert {step.guard for change in plan_wrap(everything[::-1], PROGRAM) for step in change.steps} == {"notes"}
    apply(change)
    shared = {server.name: server.shared for file in survey(machine, PROGRAM) for server in file.servers}
    assert shared == {"notes": "notes", "innocent": "notes"}


def test_a_name_we_gave_in_a_project_is_given_to_no_other(tmp_path):
    machine = make(tmp_path)
    put(machine.folder / ".mcp.json", {"git": stdio("npx", "theirs")})
    apply(plan_wrap(survey(machine, PROGRAM), PROGRAM)[0])
    put(machine.home / ".claude.json", {"git": stdio("npx", "mine")})
    everything = survey(machine, PROGRAM)
    guards = [step.guard for change in plan_wrap(everything, PROGRAM) for step in change.steps]
    assert guards == ["git-2"]
    assert not any(server.shared for file in everything for server in file.servers)


@pytest.mark.parametrize(
    ("entry", "shared"),
    [
        (stdio(PROGRAM, "run", "--name", "notes", "--", "./evil"), True),
        (stdio(PROGRAM, "run", "--", "./bin/notes"), True),  # the name it has by itself
        (stdio(PROGRAM, "run", "--name", "notes", "--url", "https://evil.example/mcp"), True),
        (stdio("/other/mcpwatch", "run", "--name", "notes", "--", "./evil"), True),
        (stdio(PROGRAM, "run", "--name", "notes", "--", "npx", "real-notes"), False),
        (stdio(PROGRAM, "run", "--name", "other", "--", "./evil"), False),
        (stdio(PROGRAM, "run", "--name", "notes", "--", "./evil") | {"disabled": True}, False),
        (stdio("./evil"), False),
        ({"url": "https://notes.example/mcp"}, False),
    ],
)
def test_one_name_of_different_command_lines_is_marked(tmp_path, entry, shared):
    machine = make(tmp_path)
    put(
        machine.home / ".cursor/mcp.json",
        {"mine": stdio(PROGRAM, "run", "--name", "notes", "--", "npx", "real-notes")},
    )
    put(machine.folder / ".mcp.json", {"notes": entry})
    found = [server.shared for file in survey(machine, PROGRAM) for server in file.servers]
    assert found == (["notes", "notes"] if shared else ["", ""])


def test_a_projects_link_to_a_file_elsewhere_is_left_alone(tmp_path):
    machine = make(tmp_path)
    own = put(machine.home / ".cursor/mcp.json", {"mine": stdio("x") | {"env": {"TOKEN": "secret"}}})
    (machine.folder / ".mcp.json").symlink_to(own)  # of a client that is looked for before the file's own
    (machine.folder / ".kiro").symlink_to(own.parent)
    (own.parent / "settings").mkdir()
    put(own.parent / "settings/mcp.json", {"other": stdio("y")})
    files = {file.path: file for file in survey(machine, PROGRAM)}
    assert files[own].servers and not files[own].error
    for name in (".mcp.json", ".kiro/settings/mcp.json"):
        file = files[machine.folder / name]
        assert not file.servers and file.error.startswith("a link out of the project, to ")
    assert plan_wrap(survey(machine, PROGRAM, scopes=("project",)), PROGRAM) == []
    (named,) = survey(machine, PROGRAM, files=[machine.folder / ".mcp.json"])
    assert [server.name for server in named.servers] == ["mine"]


def test_a_link_within_the_project_is_followed(tmp_path):
    machine = make(tmp_path)
    put(machine.folder / "shared/mcp.json", {"a": stdio("x")})
    (machine.folder / ".mcp.json").symlink_to("shared/mcp.json")
    assert statuses(survey(machine, PROGRAM)) == {"a": "unwatched"}


def test_copies_of_a_file_in_a_repository_are_kept_outside_of_it(tmp_path):
    machine = make(tmp_path)
    path = put(machine.folder / ".mcp.json", {"a": stdio("x") | {"env": {"TOKEN": "secret"}}})
    before = path.read_bytes()
    for _ in range(4):
        apply(plan_wrap(survey(machine, PROGRAM), PROGRAM)[0])
        copy = apply(plan_unwrap(survey(machine, PROGRAM))[0])
    assert path.read_bytes() == before and [p.name for p in machine.folder.iterdir()] == [".git", ".mcp.json"]
    assert copy.is_relative_to(tmp_path / "state") and len(list(copy.parent.iterdir())) == 5
    assert copy.stat().st_mode & 0o077 == 0 and copy.parent.stat().st_mode & 0o077 == 0


def test_a_file_of_very_many_servers_is_left_alone(tmp_path):
    machine = make(tmp_path)
    put(machine.home / ".cursor/mcp.json", {f"s{i}": stdio("x") for i in range(1_000)})
    (file,) = survey(machine, PROGRAM)
    assert len(file.servers) == 1_000
    put(machine.home / ".cursor/mcp.json", {f"s{i}": stdio("x") for i in range(1_001)})
    (file,) = survey(machine, PROGRAM)
    assert file.error == "it has 1,001 servers: no more than 1,000 are read" and not file.servers


@pytest.mark.parametrize("bad", [{3}, {0, 7, 8, 29}, set(range(30))])
def test_those_that_cannot_be_edited_are_told_from_the_others(tmp_path, bad):
    machine = make(tmp_path)
    path = machine.home / ".continue/config.yaml"
    path.parent.mkdir()
    commands = ["x,y" if i in bad else "x" for i in range(30)]
    entries = [f"- name: s{i}\n  command: {command}\n  args: [z]\n" for i, command in enumerate(commands)]
    path.write_text("mcpServers:\n" + "".join(entries))
    (change,) = plan_wrap(survey(machine, PROGRAM), PROGRAM)
    assert [step.server.name for step in change.steps] == [f"s{i}" for i in range(30) if i not in bad]
    assert {server.name for server, _ in change.kept} == {f"s{i}" for i in bad}
    assert "too many" not in "".join(why for _, why in change.kept)


def test_very_many_that_cannot_be_edited_are_given_up(tmp_path):
    machine = make(tmp_path)
    path = machine.home / ".continue/config.yaml"
    path.parent.mkdir()
    path.write_text("mcpServers:\n" + "".join(f"- name: s{i}\n  command: x,y\n  args: [z]\n" for i in range(200)))
    (change,) = plan_wrap(survey(machine, PROGRAM), PROGRAM)
    assert not change.steps and len(change.kept) == 200
    assert {why for _, why in change.kept} >= {"too many servers of the file cannot be edited"}
