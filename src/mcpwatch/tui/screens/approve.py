"""Approving one exact text. Shown first, in full.

What is held now asks for the password, or without one for a typed word; what was not shown in full for the word in
any case. Nothing here is done by a single key.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from mcpwatch.store.database import StateError
from mcpwatch.store.definitions import text_before
from mcpwatch.store.levels import UNSCANNED
from mcpwatch.tui import keys
from mcpwatch.tui.cells import Line, wrap
from mcpwatch.tui.definition import definition_lines, finding_lines, heading
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.rows import ToolKey, ToolLine
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.screens.dialog import Attempt
from mcpwatch.tui.screens.diff import diff_lines
from mcpwatch.tui.screens.tool import dossier_of, look_of
from mcpwatch.tui.shown import NOT_KEPT, Room, not_shown, parse, whole
from mcpwatch.tui.source import Text
from mcpwatch.tui.tool_text import Dossier
from mcpwatch.tui.widgets.controls import Field, FlatButton, Words
from mcpwatch.tui.widgets.pager import Pager

WORD = "APPROVE"


def frees(line: ToolLine) -> bool:
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
        self._secret: Field | None = None
        self._word: Field | None = None
        self._drawn = False
        self._cancel_button = FlatButton("Cancel", "esc", id="cancel")

    def compose(self) -> ComposeResult:
        yield Vertical(*self.body(), id="box")

    @property
    def asks(self) -> bool:
        """Whether what is approved is held now, or unscanned."""
        raise NotImplementedError

    @property
    def wants_word(self) -> bool:
        """Whether it takes the typed word whatever `asks` does; known for sure once it was read."""
        raise NotImplementedError

    def body(self) -> list[Widget]:
        self._has = self.host.model.policy.has_password
        rows: list[Widget] = []
        if self.asks and self._has:
            self._secret = Field(password=True, id="secret")
            rows.append(self.row("Password", self._secret))
        if self.wants_word or (self.asks and not self._has):
            rows.insert(0, self._word_row())
        ok = FlatButton(self.VERB, "enter" if rows else "ctrl+s", id="ok")
        return [self.pager, self._says, *rows, self.hint, self.buttons(self._cancel_button, ok)]

    def _word_row(self) -> Horizontal:
        self._word = Field(id="word", placeholder=f"type {WORD}")
        return self.row(f"Type {WORD}", self._word)

    @property
    def _fields(self) -> list[Field]:
        return [field for field in (self._word, self._secret) if field is not None]

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(next(iter(self._fields), self._cancel_button))
        self.run_worker(self._read_and_show, exclusive=True, group="read")  # type: ignore[arg-type]

    async def _read_and_show(self) -> None:
        await self.read()
        if not self.is_attached:
            return
        if self.wants_word and self._word is None:
            await self.query_one("#box").mount(self._word_row(), after=self._says)
            self.set_focus(self._word)
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        self.show()
        self._drawn = True

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
    @on(Field.Submitted, "#word")
    def action_approve(self) -> None:
        if not (self._drawn and self.ready()):
            return
        empty = next((field for field in self._fields if not field.value), None)
        if empty is not None:
            empty.focus()
        elif self._word is not None and self._word.value != WORD:
            self._word.clear()
            self._word.focus()
            self.say(f"that is not the word {WORD}")
        else:
            self.run_worker(self._approve(self._secret.value if self._secret is not None else None))

    def ready(self) -> bool:
        """Whether there is something to approve."""
        raise NotImplementedError

    async def _approve(self, secret: str | None) -> None:
        if await self.attempt(lambda: self.work(secret), *self._fields):
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
        self._hidden = ""  # what of it is not shown
        self._outdated = False
        self._approved = line.review == "approved"
        if self._approved:
            self.VERB = "Take the approval back"

    @property
    def asks(self) -> bool:
        return not self._approved and frees(self._line)

    @property
    def wants_word(self) -> bool:
        return bool(self._hidden) and not self._approved

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
        else:
            _, self._hidden = _shown(self._dossier, self.host, self.pager.size.width - 4)

    def ready(self) -> bool:
        return self._dossier is not None and self._dossier.text is not None and not self._outdated

    def show(self) -> None:
        line, dossier = self._line, self._dossier
        title = f"{self.VERB}? {line.server}/{line.title}"
        if self._error or dossier is None:
            self.pager.set_lines(title, [[], [(self._error or "reading…", "caution" if self._error else "dim")]])
            return
        lines, _ = _shown(dossier, self.host, self.pager.size.width - 4)
        self.pager.set_lines(title, lines)
        if self._outdated:
            self.explain(
                "The server changed this text while you were reading: close, and look at the new one.", "danger"
            )
        elif dossier.text is None:
            self.explain("The server never listed this tool: there is no text to approve.", "caution")
        elif self._approved:
            self.explain("It is approved. Without the approval it is judged by its score again.")
        elif self._hidden:
            self.explain(f"{self._hidden} What you did not read passes, too.", "caution")
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


def _shown(dossier: Dossier, host: object, width: int) -> tuple[list[Line], str]:
    """Level, evidence, the change where there is one, and the whole text; and what of these is not shown."""
    look = look_of(host, width)  # type: ignore[arg-type]
    line = dossier.line
    mark = MARKS[line.level]
    score = "" if line.score is None else f" {line.score:.0f} of 100"
    lines: list[Line] = [[], [(f"{mark.level.mark} {mark.word}{score}", mark.style), (f"  {line.state}", "dim")]]
    text = dossier.text
    if text is None:
        return lines, ""
    findings = dossier.findings()
    value = parse(text.json)
    change, room = Room(), Room()
    if text_before(dossier.texts, text) is not None:
        lines += [[], *diff_lines(dossier, look, change)]
    if findings:
        lines += [[], heading("Evidence")]
        for finding in findings:
            lines += [[], *finding_lines(value, finding, width, ascii=look.ascii)]
    lines += definition_lines(value, findings, width, ascii=look.ascii, room=room)
    lines += [[]] if whole(text.json) else [[], [(f"! {NOT_KEPT}", "caution")], []]
    hidden = change.hidden + room.hidden
    return lines, not_shown(hidden) if hidden else "" if whole(text.json) else NOT_KEPT
