"""Approving all that a server lists and that is not dangerous: the list, then every text in full."""

from __future__ import annotations

from collections.abc import Sequence

from mcpwatch.store.database import StateError
from mcpwatch.store.definitions import text_before
from mcpwatch.store.levels import DANGER, SAFE
from mcpwatch.store.records import SeenText
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line
from mcpwatch.tui.definition import definition_lines, finding_lines, heading, indented
from mcpwatch.tui.diff_text import change_lines
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.rows import ToolLine, sort_tools
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.screens.approve import Approval, frees, text_of
from mcpwatch.tui.screens.tool import dossier_of
from mcpwatch.tui.shown import NOT_KEPT, Room, not_shown, parse, whole
from mcpwatch.tui.tool_text import Dossier


class ApproveServerScreen(Approval):
    """Everything a server lists that is neither dangerous nor decided about."""

    def __init__(self, server: str, lines: Sequence[ToolLine]) -> None:
        super().__init__()
        self._server = server
        mine = sort_tools((x for x in lines if x.key[0] == server and x.listed), "severity")
        self._open = [x for x in mine if x.level is not DANGER and x.review in ("", "changed")]
        self._left = [x for x in mine if x not in self._open]
        self._dossiers: list[Dossier] = []
        self._hidden = ""  # what of the texts is not shown
        self._error = ""

    @property
    def asks(self) -> bool:
        return any(frees(line) for line in self._open)

    @property
    def wants_word(self) -> bool:
        unsafe = any(line.level is not SAFE for line in self._open)
        return bool(self._hidden) or (unsafe and self._secret is None)

    async def read(self) -> None:
        try:
            dossiers = [await dossier_of(self.host, line) for line in self._open]
        except StateError as error:
            self._error = safe_text(str(error), limit=300)
        else:
            self._dossiers = [dossier for dossier in dossiers if dossier.text is not None]
            _, self._hidden = self._texts(self.pager.size.width - 4)

    def ready(self) -> bool:
        return bool(self._dossiers)

    def show(self) -> None:
        shown = self.host.model.name(self._server)
        lines = [[], *self._list(), *self._texts(self.pager.size.width - 4)[0], []]
        if self._error:
            lines = [[], [(self._error, "caution")]]
        self.pager.set_lines(f"Approve what {shown} lists?", lines)
        n = len(self._dossiers)
        if not n:
            self.explain("Nothing is left to approve." if not self._error else "", "caution")
        elif self._hidden:
            self.explain(
                f"{self._hidden} To read one by itself: esc, then enter on it, or d for its change.", "caution"
            )
        else:
            self.explain(
                f"Approving lets exactly {'this text' if n == 1 else f'these {n} texts'} of {shown} pass;"
                " from then on a change is flagged, and held in strict mode."
            )

    def _list(self) -> list[Line]:
        """Every definition with its level and length; then what is not approved, and why."""
        lines = [
            [*_headline(dossier.line), (f"  {fmt.plural(len(dossier.text.json), 'character')}", "dim")]
            for dossier in self._dossiers
            if dossier.text is not None
        ]
        if self._left:
            lines += [[], heading("Left as it is"), []]
            for line in self._left:
                why = line.review or "dangerous: approve it by itself, after reading it"
                lines.append([(f"  {line.title}", "fg"), (f"  {why}", "dim")])
        return lines

    def _texts(self, width: int) -> tuple[list[Line], str]:
        """Every text in full, with what changed in it and what was found; and what of them is not shown."""
        room = Room()
        kept = True
        lines: list[Line] = []
        for dossier in self._dossiers:
            text = dossier.text
            if text is None:
                continue
            lines += [[], [("─" * max(0, width), "dim")], *indented(_headline(dossier.line), width, "")]
            lines += _text_lines(dossier, text, width, self.host.ascii, room)
            kept = kept and whole(text.json)
        return lines, not_shown(room.hidden) if room.hidden else "" if kept else NOT_KEPT

    async def work(self, secret: str | None) -> None:
        await self.host.source.approve([text_of(dossier.line) for dossier in self._dossiers], secret)

    def done(self) -> str:
        shown = self.host.model.name(self._server)
        return f"Approved: {fmt.plural(len(self._dossiers), 'definition')} of {shown}."


def _headline(line: ToolLine) -> Line:
    mark = MARKS[line.level]
    score = "" if line.score is None else f" {line.score:.0f}"
    return [(f"{mark.level.mark} {mark.word}{score:<4}", mark.style), (f"  {line.title}", "bold")]


def _text_lines(dossier: Dossier, text: SeenText, width: int, ascii: bool, room: Room) -> list[Line]:
    value, findings = parse(text.json), dossier.findings()
    lines: list[Line] = []
    for finding in findings:
        lines += finding_lines(value, finding, width, ascii=ascii)
    old = text_before(dossier.texts, text)
    if old is not None:
        changes = change_lines(old.json, text.json, width - 4, ascii=ascii, room=room)
        lines += [[("    changed:", "caution")], *([("    ", "fg"), *change] for change in changes)]
    lines += definition_lines(value, findings, width, ascii=ascii, room=room)
    return lines if whole(text.json) else [*lines, [], [(f"! {NOT_KEPT}", "caution")]]
