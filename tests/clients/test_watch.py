"""Looking again only at what changed."""

from __future__ import annotations

import json
import os

from clients.machines import PROGRAM, make
from mcpwatch.clients import watch as module
from mcpwatch.clients.plan import apply, plan_wrap
from mcpwatch.clients.watch import Watch


def put(path, servers):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"mcpServers": servers}))
    return path


def statuses(files):
    return [str(server.status) for file in files for server in file.servers]


def test_nothing_is_read_again_until_a_file_came_changed_or_went(tmp_path, monkeypatch):
    machine = make(tmp_path)
    surveys = []
    survey = module.survey
    monkeypatch.setattr(module, "survey", lambda *args, **more: surveys.append(1) or survey(*args, **more))
    watch = Watch(machine, PROGRAM)
    assert watch.look() == [] and watch.look() is None and len(surveys) == 1
    path = put(machine.home / ".cursor/mcp.json", {"a": {"command": "x"}})
    assert statuses(watch.look()) == ["unwatched"] and watch.look() is None
    path.write_text(json.dumps({"mcpServers": {"a": {"command": "x"}, "b": {"command": "y"}}}))
    assert len(statuses(watch.look())) == 2 and watch.look() is None
    put(machine.folder / ".mcp.json", {"c": {"command": "z"}})
    assert len(statuses(watch.look())) == 3 and watch.look() is None
    path.unlink()
    assert len(statuses(watch.look())) == 1 and watch.look() is None
    assert len(surveys) == 5
    assert watch.look(anew=True) is not None


def test_a_file_that_keeps_its_size_and_a_wrapper_that_is_noted_are_changes(tmp_path):
    machine = make(tmp_path)
    path = put(machine.home / ".cursor/mcp.json", {"a": {"command": "x"}})
    watch = Watch(machine, PROGRAM)
    files = watch.look()
    stat = path.stat()
    path.write_text(path.read_text().replace('"x"', '"y"'))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    files = watch.look()
    assert files is not None and watch.look() is None
    before = path.read_bytes()
    (change,) = plan_wrap(files, PROGRAM)
    apply(change)
    assert statuses(watch.look()) == ["watched"]
    path.write_bytes(before)
    assert statuses(watch.look()) == ["removed"]
