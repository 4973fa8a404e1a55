"""How a definition differs from the text approved before it, or from the one seen before it."""

from __future__ import annotations

from mcpwatch.store.definitions import text_before
from mcpwatch.store.records import SeenText
from mcpwatch.tui import fmt
from mcpwatch.tui.cells import Line
from mcpwatch.tui.definition import definition_lines, heading
from mcpwatch.tui.diff_text import change_lines
from mcpwatch.tui.screens.tool import ReviewScreen, look_of
from mcpwatch.tui.shown import Room, parse
from mcpwatch.tui.tool_text import Dossier, Look


def _stamp(text: SeenText, look: Look) -> str:
    if text.decision and text.decided_utc:
        return f"{text.decision} {fmt.moment(text.decided_utc, look.zone, look.now)}"
    return f"first seen {fmt.moment(text.first_utc, look.zone, look.now)}"


def diff_lines(dossier: Dossier, look: Look, room: Room | None = None) -> list[Line]:
    """Both ends of the change, then every field that differs; the text itself when there is nothing before it."""
    text = dossier.text
    if text is None:
        return [[("The server never listed it: there is no text to compare.", "caution")]]
    old = text_before(dossier.texts, text)
    if old is None:
        said = "This is the only text seen under the name: nothing to compare it with."
        findings = dossier.findings()
        return [[(said, "dim")], *definition_lines(parse(text.json), findings, look.width, ascii=look.ascii)]
    return [
        [("- ", "diff-old"), (old.fingerprint[:12], "bold"), (f"  {_stamp(old, look)}", "dim")],
        [("+ ", "diff-new"), (text.fingerprint[:12], "bold"), (f"  {_stamp(text, look)}", "dim")],
        [],
        heading("What changed"),
        [],
        *change_lines(old.json, text.json, look.width, ascii=look.ascii, room=room),
    ]


class DiffScreen(ReviewScreen):
    TITLE_SHOWN = "Change"
    HINT = "a approve · b block · esc close"

    def lines(self, dossier: Dossier, width: int) -> list[Line]:
        line = dossier.line
        title: Line = [(f"{line.server}/", "dim"), (line.title, "bold"), (f"  {line.state}", "dim")]
        return [[], title, [], *diff_lines(dossier, look_of(self.host, width)), []]
