"""One golden file a client: what wrapping makes of it, on every system, with every kind of line ending."""

from __future__ import annotations

import pytest

from clients.machines import PROGRAM, SYSTEMS, golden, make
from mcpwatch.clients.gateway import Gateway
from mcpwatch.clients.plan import apply, plan_unwrap, plan_wrap
from mcpwatch.clients.survey import Status, survey
from mcpwatch.clients.table import BY_ID, CLIENTS
from mcpwatch.store import config as configuration
from mcpwatch.store.paths import config_file

NAMES = [client.id for client in CLIENTS]
ENDINGS = {
    "lf": lambda data: data,
    "crlf": lambda data: data.replace(b"\n", b"\r\n"),
    "bom": lambda data: b"\xef\xbb\xbf" + data,
    "no newline at the end": lambda data: data.rstrip(b"\n"),
}


def placed(machine, client, data):
    path = next(path for place in BY_ID[client].places for path in machine.paths(place))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def look(machine):
    gateway = Gateway.configured()
    return survey(machine, PROGRAM, gateway=gateway), gateway


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("client", NAMES)
def test_wrap_and_unwrap(tmp_path, client, system):
    machine = make(tmp_path, system)
    path = placed(machine, client, golden(client, "before"))

    files, gateway = look(machine)
    assert [(file.client.id, file.path, file.error) for file in files] == [(client, path, "")]
    (change,) = plan_wrap(files, PROGRAM, gateway=gateway)
    apply(change)
    assert path.read_bytes() == golden(client, "after")
    assert any(step.action == "point" for step in change.steps) == BY_ID[client].http
    assert set(configuration.load().servers) == set(change.routes)

    files, gateway = look(machine)
    assert all(not change.steps for change in plan_wrap(files, PROGRAM, gateway=gateway))
    wrapped = {step.server.name for step in change.steps}
    assert {server.name for server in files[0].servers if server.status is Status.WATCHED} == wrapped != set()
    (change,) = plan_unwrap(files, gateway=gateway)
    apply(change)
    assert path.read_bytes() == golden(client, "before") and not config_file().exists()
    files, gateway = look(machine)
    assert plan_unwrap(files, gateway=gateway) == []


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("client", NAMES)
def test_line_endings_and_marks_stay(tmp_path, client, ending):
    machine = make(tmp_path)
    before, after = ENDINGS[ending](golden(client, "before")), ENDINGS[ending](golden(client, "after"))
    placed(machine, client, before)
    files, gateway = look(machine)
    (change,) = plan_wrap(files, PROGRAM, gateway=gateway)
    assert change.after == after
    apply(change)
    files, gateway = look(machine)
    (change,) = plan_unwrap(files, gateway=gateway)
    assert change.after == before
