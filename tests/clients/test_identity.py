"""Unwrapping is the inverse of wrapping, byte for byte, in whatever file, whatever was edited elsewhere since."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clients.machines import PROGRAM
from clients.odd_files import Odd
from mcpwatch.clients.document import Document, Edit
from mcpwatch.clients.entry import Entry
from mcpwatch.clients.names import Names
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
