"""A client's file as text, its entries, and edits of them that are proven before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Literal

from mcpwatch.clients.edit import Editor, NotEditable, Splice, splice
from mcpwatch.clients.entry import Entry, Form, entries
from mcpwatch.clients.node import Node, Unreadable, plain
from mcpwatch.clients.table import ANYWHERE, Format, Place

MAX_BYTES = 64 << 20
_BOM = "\ufeff"
_FORMATS: dict[str, Format] = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}

Action = Literal["wrap", "repair", "unwrap", "point"]


@dataclass(frozen=True)
class Edit:
    """What is to be done to one entry: start it through `value` as `name`, through another program `value`, directly
    again, or point it at the address `value`."""

    action: Action
    entry: Entry
    value: str = ""
    name: str = ""


@dataclass(frozen=True)
class Document:
    """A file that was understood."""

    text: str  # without the byte order mark
    bom: bool
    root: Node
    place: Place
    cuts: tuple[Splice, ...] = ()  # what made it out of the document it was edited from
    others: tuple[Place, ...] = ()  # further places that servers are looked for in, behind those of `place`

    @classmethod
    def read(cls, data: bytes, place: Place) -> Document:
        """Raises Unreadable."""
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            valid = data[: error.start].decode("utf-8")
            raise Unreadable.at("not readable: not UTF-8 text", valid, len(valid)) from error
        bom = text.startswith(_BOM)
        text = text.removeprefix(_BOM)
        return cls(text, bom, _reader(place.format)(text), place)

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return ((_BOM if self.bom else "") + self.text).encode("utf-8")

    @cached_property
    def entries(self) -> list[Entry]:
        """Its servers, in their order."""
        return [entry for place in (self.place, *self.others) for entry in entries(self.root, place)]

    def edit(self, edits: Sequence[Edit]) -> Document:
        """With all the edits made. Raises NotEditable unless each comes out as it should, nothing else of the file
        changes, and undoing what adds mcpwatch gives back these very bytes."""
        editor = Editor(self.text, self.place.format)
        cuts = tuple(cut for edit in edits for cut in _splices(editor, edit))
        text = splice(self.text, cuts)
        try:
            edited = replace(self, text=text, root=_reader(self.place.format)(text), cuts=cuts)
        except Unreadable as error:
            raise NotEditable(f"the file would no longer be {self.place.format.upper()}") from error
        pairs = [(edit, edited._same(edit.entry)) for edit in edits]
        for edit, after in pairs:
            _check(edit, after)
        if self._others([edit.entry for edit in edits]) != edited._others([after for _, after in pairs]):
            raise NotEditable("other parts of the file would change")
        back = Editor(edited.text, self.place.format)
        undo = [Edit("unwrap", after) for edit, after in pairs if edit.action == "wrap"]
        undo += [Edit("point", after, _address(edit.entry)) for edit, after in pairs if edit.action == "point"]
        kept = [cut for edit in edits if edit.action in ("repair", "unwrap") for cut in _splices(editor, edit)]
        if splice(edited.text, [cut for edit in undo for cut in _splices(back, edit)]) != splice(self.text, kept):
            raise NotEditable("it could not be restored exactly")
        return edited

    def _same(self, entry: Entry) -> Entry:
        """The entry of that way in this document."""
        for found in self.entries:
            if found.way == entry.way:
                return found
        raise NotEditable("it would be lost")

    def _others(self, entries: Sequence[Entry]) -> object:
        """What the file says but for how these entries are started or reached."""
        hidden: dict[int, set[str]] = {}
        for entry in entries:
            form = entry.form
            if form is not None:
                hidden[id(form.holder)] = {form.command.key, self.place.args}
            elif entry.url is not None:
                hidden[id(entry.url)] = set()
        return _without(self.root, hidden)


def generic(suffix: str, data: bytes, *, every: bool = False) -> Document:
    """A file named by its path alone: format by its ending, servers at the first place where there are any, or at
    `every` such place. Raises Unreadable."""
    place = Place("", (), format=_FORMATS.get(suffix.lower(), "json"))
    document = Document.read(data, place)
    places = []
    for keys in ANYWHERE:
        for command in ("command", "cmd"):
            there = replace(place, keys=(keys,), command=command)
            found = entries(document.root, there)
            if found and (command == "cmd" or any(entry.form for entry in found)):
                if not every:
                    return replace(document, place=there)
                places.append(there)
                break
    return replace(document, place=places[0], others=tuple(places[1:])) if places else document


def _splices(editor: Editor, edit: Edit) -> list[Splice]:
    entry = edit.entry
    if edit.action == "point":
        if entry.url is None or entry.url.fixed:
            raise NotEditable(entry.url.fixed if entry.url else "it has no address")
        return editor.replace(entry.url, edit.value)
    form, wrapped = _form(entry), entry.wrapped
    if edit.action == "wrap":
        return editor.wrap(form, edit.value, edit.name)
    if wrapped is None:
        raise NotEditable("it does not go through mcpwatch")
    if edit.action == "repair":
        return editor.repair(form, edit.value)
    return editor.unwrap(form, wrapped.count, wrapped.joined)


def _check(edit: Edit, after: Entry) -> None:
    """Whether the entry came out as it should."""
    if edit.action == "point":
        good = _address(after) == edit.value
    else:
        before, now, found = _form(edit.entry).texts, _form(after).texts, after.wrapped
        if edit.action == "wrap":
            good = found is not None and found.name == edit.name and now[0] == edit.value
            good = good and found is not None and now[found.count :] == before
        elif edit.action == "repair":
            good = found is not None and now == [edit.value, *before[1:]]
        else:
            was = edit.entry.wrapped
            good = was is not None and now == before[was.count :]
    if not good:
        raise NotEditable("it would not come out right")


def _address(entry: Entry) -> str:
    return "" if entry.url is None else str(entry.url.value)


def _form(entry: Entry) -> Form:
    form = entry.form
    if form is None:
        raise NotEditable("it has no command")
    return form


def _reader(format: Format) -> Callable[[str], Node]:
    try:
        module = import_module(f"mcpwatch.clients.read_{format}")
    except ModuleNotFoundError as error:
        raise Unreadable(f"not read: the package {error.name} is missing") from error
    read: Callable[[str], Node] = module.read
    return read


def _without(node: Node, hidden: dict[int, set[str]]) -> object:
    if node.kind not in ("map", "list"):
        return None if id(node) in hidden else plain(node)
    hide = hidden.get(id(node), set())
    inner = [(member.key, _without(member.node, hidden)) for member in node.members if member.key not in hide]
    return [*inner, *(_without(item, hidden) for item in node.items)]
