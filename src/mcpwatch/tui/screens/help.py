"""All keys, what the marks mean, what happens when something fails, and why it is locked."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from mcpwatch.store.records import Policy
from mcpwatch.tui import filters, keys
from mcpwatch.tui.cells import Line, fit, wrap
from mcpwatch.tui.levels import MARKS
from mcpwatch.tui.widgets.lock_banner import sentence
from mcpwatch.tui.widgets.pager import Pager

FAILURES = (
    ("state unreadable or damaged", "protected calls are refused, and the screen says why"),
    ("a scanning rule fails", "that definition is unscanned, and the failure is recorded"),
    ("the LLM is off, down or unclear", "unscanned, never safe"),
    ("this screen is closed or crashes", "guards go on enforcing"),
    ("the disk is full", "protected calls are refused; the rest is relayed with a warning"),
    ("a guard is killed", "its server ends with it; nothing charged is lost"),
    ("the gateway ends", "nothing passes it; this screen starts it again"),
)
FLAGS = (
    ("raw!", "hidden or control characters in a name, spelled out"),
    ("free", "exempt: neither counted nor refused"),
    ("Δ", "changed since it was approved, or seen before"),
    ("pin", "you approved it as it is"),
    ("would lock", "armed, this call would have locked"),
    ("unlisted", "called without being on the server's list"),
    ("late", "an answer that came after the lock had ended the call"),
)
_LEVELS = {
    "danger": "action required: hidden from the model, its calls refused, until you approve it",
    "caution": "action recommended: passes, flagged (held in strict mode)",
    "unscanned": "not looked at, or no verdict yet: not the same as safe",
    "safe": "scanned, nothing found",
}


def _why(policy: Policy, *, ascii: bool, width: int) -> list[Line]:
    lock = policy.lock
    if not lock.locked:
        mode = "armed: passing a limit locks" if policy.armed else "observing: limits are off, panic works"
        return [[("Not locked. ", "bold"), (f"The limits are {mode}." if policy.armed else f"{mode}.", "fg")]]
    text = sentence(lock, ascii=ascii)
    lines: list[Line] = [[(part, "danger" if i == 0 else "fg")] for i, part in enumerate(wrap(text, width))]
    more = "Protected calls are refused until someone unlocks with U. "
    more += "The password is asked." if policy.has_password else "No password is set: U, then type UNLOCK."
    return [*lines, *[[(part, "fg")] for part in wrap(f"{more} It never ends by itself.", width)]]


def help_lines(policy: Policy, width: int, *, ascii: bool = False) -> list[Line]:
    def title(text: str) -> list[Line]:
        return [[], [(text, "accent")]]

    lines: list[Line] = [*title("Locked?" if policy.lock.locked else "Protection now")]
    lines += _why(policy, ascii=ascii, width=width)
    for group, members in keys.groups().items():
        lines += title(group)
        for key in members:
            said = wrap(key.help, width - 13)
            lines.append([("  ", "fg"), (fit(key.label, 11), "key"), (said[0], "fg")])
            lines += [[(" " * 13 + part, "fg")] for part in said[1:]]
    lines += title("Safety of a tool")
    for level, mark in sorted(MARKS.items(), key=lambda item: -item[0].rank):
        said = wrap(_LEVELS[level.name], width - 17)
        lines.append([(f"  {mark.gutter}{level.mark} {mark.word:<11}", mark.style), (said[0], "fg")])
        lines += [[(" " * 16 + part, "fg")] for part in said[1:]]
    lines += title("Flags")
    for flag, means in FLAGS:
        lines += [[("  ", "fg"), (fit(flag, 11), "caution"), (part, "fg")] for part in wrap(means, width - 13)[:1]]
    lines += title("Filter")
    known = " ".join(f"{key}:" for key in filters.KEYS)
    for text, style in (
        (filters.EXAMPLE, "fg"),
        (f"keys: {known}", "dim"),
        ("every word must match; ! in front turns one round", "dim"),
    ):
        lines += [[(f"  {part}", style)] for part in wrap(text, width - 2)]
    lines += title("When something fails")
    for what, then in FAILURES:
        if width < 70:
            lines += [[("  ", "fg"), (what, "bold")], *[[(f"    {part}", "fg")] for part in wrap(then, width - 4)]]
            continue
        said = wrap(then, width - 35)
        lines.append([("  ", "fg"), (fit(what, 33), "bold"), (said[0], "fg")])
        lines += [[(" " * 35 + part, "fg")] for part in said[1:]]
    return [*lines, []]


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("dialog", "open"),
        ("q,question_mark,f1", "close", "Close"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._pager = Pager("Help", "j k scroll · esc close", id="pager")

    def compose(self) -> ComposeResult:
        yield self._pager

    def on_mount(self) -> None:
        self._pager.focus()
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def policy_changed(self) -> None:
        self._show()

    def action_close(self) -> None:
        self.dismiss(None)

    def _show(self) -> None:
        host = self.app
        lines = help_lines(host.model.policy, self._pager.size.width - 4, ascii=host.ascii)  # type: ignore[attr-defined]
        self._pager.set_lines("Help", lines)
