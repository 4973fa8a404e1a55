"""Unwrapping is the inverse of wrapping, byte for byte, in whatever file, whatever was edited elsewhere since."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.machines import PROGRAM, make
from clients.odd_files import Odd
from mcpwatch.clients.document import Document, Edit
from mcpwatch.clients.entry import Entry
from mcpwatch.clients.gateway import Gateway
from mcpwatch.clients.names import Names
from mcpwatch.clients.plan import apply, plan_unwrap, plan_wrap
from mcpwatch.clients.survey import survey
from mcpwatch.clients.table import Place

PLACES = {
    "json": Place("", (("mcpServers",),)),
    "toml": Place("", (("mcp_servers",),), format="toml"),
    "yaml": Place("", (("mcpServers",),), format="yaml"),
}


def movable(entry: Entry) -> bool:
    return not entry.reason(placeholders=True)


def wrap_all(document: Document) -> Document:
    names = Names()
    entries = [entry for entry in document.entries if movable(entry)]
    assert entries and all(entry.form for entry in entries)
    return document.edit(
        [Edit("wrap", e, PROGRAM, names.give(e.name, e.form.texts)) for e in entries if e.form is not None]
    )


def unwrap_all(document: Document) -> Document:
    return document.edit([Edit("unwrap", entry) for entry in document.entries if entry.wrapped])


@pytest.mark.parametrize("kind", PLACES)
@given(random=st.randoms(use_true_random=False), bom=st.booleans())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_unwrap_is_the_inverse_of_wrap(kind, random, bom):
    text = getattr(Odd(random), kind)()
    before = Document.read((("\ufeff" if bom else "") + text).encode(), PLACES[kind])
    wrapped = wrap_all(before)
    assert {entry.name for entry in wrapped.entries if entry.wrapped} == {e.name for e in before.entries}
    for old, new in zip(before.entries, wrapped.entries, strict=True):
        assert old.form is not None and new.form is not None and new.wrapped is not None
        assert new.form.texts[0] == PROGRAM and new.form.texts[1] == "run"
        assert new.form.texts[new.wrapped.count :] == old.form.texts
    assert unwrap_all(wrapped).data == before.data


@pytest.mark.parametrize("kind", PLACES)
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_after_edits_elsewhere_the_rest_is_restored(kind, random):
    text = getattr(Odd(random), kind)()
    wrapped = wrap_all(Document.read(text.encode(), PLACES[kind]))
    edited = wrapped.data.decode().replace("MARK", "another word")
    again = Document.read(edited.encode(), PLACES[kind])
    assert unwrap_all(again).data.decode() == text.replace("MARK", "another word")


@pytest.mark.parametrize("kind", PLACES)
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_entry_at_a_time_in_any_order(kind, random):
    text = getattr(Odd(random), kind)()
    document = Document.read(text.encode(), PLACES[kind])
    ways = [entry.way for entry in document.entries]
    for action in ("wrap", "unwrap"):
        random.shuffle(ways)
        for i, way in enumerate(ways):
            (entry,) = [entry for entry in document.entries if entry.way == way]
            document = document.edit([Edit(action, entry, PROGRAM, f"n{i}")])
    assert document.text == text


FILES = {"json": ".cursor/mcp.json", "toml": ".codex/config.toml", "yaml": ".continue/config.yaml"}


def changes_of(machine, plan):
    """What a plan makes of the machine; it is done."""
    gateway = Gateway.configured()
    files = survey(machine, PROGRAM, gateway=gateway)
    assert not any(file.error for file in files), files
    changes = [c for c in plan(files, gateway) if c.steps]
    for change in changes:
        apply(change)
    return changes


@pytest.mark.parametrize("kind", FILES)
@given(random=st.randoms(use_true_random=False), own=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_files_and_configuration_are_what_they_were(monkeypatch, kind, random, own):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        monkeypatch.setenv("MCPWATCH_STATE", str(folder / "state"))
        monkeypatch.setenv("MCPWATCH_CONFIG", str(folder / "config.toml"))
        machine, odd = make(folder), Odd(random, web=True)
        path, config = machine.home / FILES[kind], folder / "config.toml"
        path.parent.mkdir(parents=True)
        text = getattr(odd, kind)()
        path.write_bytes(text.encode())
        ours = odd.config() if own else None
        if ours is not None:
            config.write_bytes(ours.encode())

        changes = changes_of(machine, lambda files, gateway: plan_wrap(files, PROGRAM, gateway=gateway))
        for change in changes:
            for step in change.steps:
                assert step.action == ("point" if step.server.entry.form is None else "wrap")
        wrapped = path.read_bytes()
        assert changes_of(machine, lambda files, gateway: plan_wrap(files, PROGRAM, gateway=gateway)) == []
        assert path.read_bytes() == wrapped

        for file in (path, config):
            if file.exists():  # a name at the gateway is ours, and stays
                file.write_bytes(re.sub(rb"MARK(?!-name)", b"another word", file.read_bytes()))
        changes_of(machine, lambda files, gateway: plan_unwrap(files, gateway=gateway, everywhere=files))
        assert path.read_bytes().decode() == text.replace("MARK", "another word")
        assert (config.read_bytes().decode() if config.exists() else None) == (
            ours if ours is None else ours.replace("MARK", "another word")
        )
