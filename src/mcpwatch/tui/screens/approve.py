"""Approving: one exact text, or all that a server lists and that is not dangerous. Shown first, in full.

What is held now asks for the password, or without one for a typed word; nothing here is done by a single key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widget import Widget

from mcpwatch.store.database import StateError
from mcpwatch.store.definitions import text_before
from mcpwatch.store.levels import DANGER, UNSCANNED
from mcpwatch.tui import fmt, keys
from mcpwatch.tui.cells import Line, wrap
from mcpwatch.tui.definition import definition_lines, finding_lines, heading, parse
from mcpwatch.tui.diff_text import change_lines
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.rows import ToolKey, ToolLine, sort_tools
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.screens.dialog import Attempt
from mcpwatch.tui.screens.diff import diff_lines
from mcpwatch.tui.screens.tool import dossier_of, look_of
from mcpwatch.tui.source import Text
from mcpwatch.tui.tool_text import Dossier
from mcpwatch.tui.widgets.controls import Field, FlatButton, Words
from mcpwatch.tui.widgets.pager import Pager

WORD = "APPROVE"


def _frees(line: ToolLine) -> bool:
    return bool(line.why) or line.level is UNSCANNED


def text_of(line: ToolLine) -> Text:
    server, kind, name = line.key
    return server, kind, name, line.fingerprint


class Approval(Attempt):
    """What is approved above, the controls below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("dialog", "open"),
        ("ctrl+s", "approve", "Approve"),
        ("pagedown,ctrl+f", "scroll_text(1)", "Scroll"),
        ("pageup,ctrl+b", "scroll_text(-1)", "Scroll"),
        ("down", "scroll_line(1)", "Scroll"),
        ("up", "scroll_line(-1)", "Scroll"),
    ]
    VERB = "Approve"

    def __init__(self) -> None:
        super().__init__()
        self.pager = Pager("…", "↑ ↓ pgup pgdn scroll", id="shown")
        self._says = Words(id="says", height=2)
        self._field: Field | None = None
        self._cancel_button = FlatButton("Cancel", "esc", id="cancel")

    def compose(self) -> ComposeResult:
        yield Vertical(*self.body(), id="box")

    @property
    def asks(self) -> bool:
        """Whether what is approved is held now, or unscanned."""
        raise NotImplementedError

    def body(self) -> list[Widget]:
        self._has = self.host.model.policy.has_password
        rows: list[Widget] = []
        if self.asks:
            self._field = Field(password=self._has, id="secret", placeholder="" if self._has else f"type {WORD}")
            rows.append(self.row("Password" if self._has else f"Type {WORD}", self._field))
        ok = FlatButton(self.VERB, "enter" if self._field else "ctrl+s", id="ok")
        return [self.pager, self._says, *rows, self.hint, self.buttons(self._cancel_button, ok)]

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._field or self._cancel_button)
        self.run_worker(self.read, exclusive=True, group="read")  # type: ignore[arg-type]

    def on_resize(self) -> None:
        self.call_after_refresh(self.show)

    async def read(self) -> None:
        """Read what is shown."""
        raise NotImplementedError

    def show(self) -> None:
        """Draw what was read."""
        raise NotImplementedError

    async def work(self, secret: str | None) -> None:
        raise NotImplementedError

    def done(self) -> str:
        raise NotImplementedError

    def explain(self, text: str, style: str = "fg") -> None:
        lines = wrap(text, max(20, self._says.size.width))[:2]
        self._says.set(*[[(line, style)] for line in lines])

    def action_scroll_text(self, by: int) -> None:
        self.pager.action_page(by)

    def action_scroll_line(self, by: int) -> None:
        self.pager.action_move(by)

    @on(FlatButton.Pressed, "#ok")
    @on(Field.Submitted, "#secret")
    def action_approve(self) -> None:
        if not self.ready():
            return
        typed = self._field.value if self._field is not None else ""
        if self._field is not None and not typed:
            self._field.focus()
        elif self._field is not None and not self._has and typed != WORD:
            self._field.clear()
            self.say(f"that is not the word {WORD}")
        else:
            self.run_worker(self._approve(typed if self._has and typed else None))

    def ready(self) -> bool:
        """Whether what would be approved has been shown."""
        raise NotImplementedError

    async def _approve(self, secret: str | None) -> None:
        if await self.attempt(lambda: self.work(secret), *([self._field] if self._field else [])):
            self.host.say(self.done())
            self.dismiss(True)


class ApproveScreen(Approval):
    """One text: exactly the one that was on the list when the dialogue opened."""

    def __init__(self, line: ToolLine) -> None:
        super().__init__()
        self.tool_key: ToolKey = line.key
        self._line = line
        self._dossier: Dossier | None = None
        self._error = ""
        self._outdated = False
        self._approved = line.review == "approved"
        if self._approved:
            self.VERB = "Take the approval back"

    @property
    def asks(self) -> bool:
        return not self._approved and _frees(self._line)

    def definitions_changed(self) -> None:
        now = self.host.model.tool(self.tool_key)
        if now is not None and now.fingerprint != self._line.fingerprint:
            self._outdated = True
            self.show()

    async def read(self) -> None:
        try:
            self._dossier = await dossier_of(self.host, self._line)
        except StateError as error:
            self._error = safe_text(str(error), limit=300)
        self.call_after_refresh(self.show)

    def ready(self) -> bool:
        return self._dossier is not None and self._dossier.text is not None and not self._outdated

    def show(self) -> None:
        line, dossier = self._line, self._dossier
        title = f"{self.VERB}? {line.server}/{line.title}"
        if self._error or dossier is None:
            self.pager.set_lines(title, [[], [(self._error or "reading…", "caution" if self._error else "dim")]])
            return
        self.pager.set_lines(title, _shown(dossier, self.host, self.pager.size.width - 4))
        if self._outdated:
            self.explain(
                "The server changed this text while you were reading: close, and look at the new one.", "danger"
            )
        elif dossier.text is None:
            self.explain("The server never listed this tool: there is no text to approve.", "caution")
        elif self._approved:
            self.explain("It is approved. Without the approval it is judged by its score again.")
        else:
            held = f"Held now: {line.why}. " if line.why else ""
            self.explain(f"{held}Approving lets exactly this text pass; the next change is looked at anew.")

    async def work(self, secret: str | None) -> None:
        if self._approved:
            await self.host.source.take_back(text_of(self._line), secret)
        else:
            await self.host.source.approve([text_of(self._line)], secret)

    def done(self) -> str:
        said = "No longer approved" if self._approved else "Approved"
        return f"{said}: {self._line.server}/{self._line.title}."


def _shown(dossier: Dossier, host: object, width: int) -> list[Line]:
    """Level, evidence, and the change; or the whole text where there is nothing before it."""
    look = look_of(host, width)  # type: ignore[arg-type]
    line = dossier.line
    mark = MARKS[line.level]
    score = "" if line.score is None else f" {line.score:.0f} of 100"
    lines: list[Line] = [[], [(f"{mark.level.mark} {mark.word}{score}", mark.style), (f"  {line.state}", "dim")]]
    text = dossier.text
    if text is None:
        return lines
    findings = dossier.findings()
    value = parse(text.json)
    if text_before(dossier.texts, text) is not None:
        lines += [[], *diff_lines(dossier, look)]
    if findings:
        lines += [[], heading("Evidence")]
        for finding in findings:
            lines += [[], *finding_lines(value, finding, width, ascii=look.ascii)]
    return [*lines, *definition_lines(value, findings, width, ascii=look.ascii), []]


class ApproveServerScreen(Approval):
    """Everything a server lists that is neither dangerous nor decided about."""

    def __init__(self, server: str, lines: Sequence[ToolLine]) -> None:
        super().__init__()
        self._server = server
        mine = sort_tools((x for x in lines if x.key[0] == server and x.listed), "severity")
        self._open = [x for x in mine if x.level is not DANGER and x.review in ("", "changed")]
        self._left = [x for x in mine if x not in self._open]
        self._dossiers: list[Dossier] = []
        self._error = ""

    @property
    def asks(self) -> bool:
        return any(_frees(line) for line in self._open)

    async def read(self) -> None:
        try:
            dossiers = [await dossier_of(self.host, line) for line in self._open]
        except StateError as error:
            self._error = safe_text(str(error), limit=300)
        else:
            self._dossiers = [dossier for dossier in dossiers if dossier.text is not None]
        self.call_after_refresh(self.show)

    def ready(self) -> bool:
        return bool(self._dossiers)

    def show(self) -> None:
        host = self.host
        shown = host.model.name(self._server)
        width = self.pager.size.width - 4
        lines: list[Line] = [[]]
        for dossier in self._dossiers:
            lines += [*_brief(dossier, width, ascii=host.ascii), []]
        if self._left:
            lines += [heading("Left as it is"), []]
            for line in self._left:
                why = line.review or "dangerous: approve it by itself, after reading it"
                lines.append([(f"  {line.title}", "fg"), (f"  {why}", "dim")])
        if self._error:
            lines = [[], [(self._error, "caution")]]
        self.pager.set_lines(f"Approve what {shown} lists?", lines)
        n = len(self._dossiers)
        if not n:
            self.explain("Nothing is left to approve." if not self._error else "", "caution")
        else:
            self.explain(
                f"Approving lets exactly {'this text' if n == 1 else f'these {n} texts'} of {shown} pass;"
                " from then on a change is flagged, and held in strict mode."
            )

    async def work(self, secret: str | None) -> None:
        await self.host.source.approve([text_of(dossier.line) for dossier in self._dossiers], secret)

    def done(self) -> str:
        shown = self.host.model.name(self._server)
        return f"Approved: {fmt.plural(len(self._dossiers), 'definition')} of {shown}."


def _brief(dossier: Dossier, width: int, *, ascii: bool) -> list[Line]:
    """Name, level, what it says of itself; the change where it changed, the evidence where there is some."""
    line, text = dossier.line, dossier.text
    mark = MARKS[line.level]
    score = "" if line.score is None else f" {line.score:.0f}"
    lines: list[Line] = [
        [(f"{mark.level.mark} {mark.word}{score:<4}", mark.style), (f"  {line.title}", "bold")],
    ]
    value = parse(text.json) if text is not None else None
    about = value.get("description", value.get("instructions", "")) if isinstance(value, dict) else ""
    said = safe_text(about, limit=1000, ascii=ascii) if isinstance(about, str) else ""
    lines += [[("    " + part, "fg")] for part in wrap(said, max(20, width - 4))] if said else []
    for finding in dossier.findings():
        lines += finding_lines(value, finding, width, ascii=ascii)
    old = text_before(dossier.texts, text) if text is not None else None
    if old is not None and text is not None:
        changes = change_lines(old.json, text.json, width - 4, ascii=ascii)
        lines += [[("    changed:", "caution")], *([("    ", "fg"), *change] for change in changes)]
    return lines
