"""The limits: checked as they are typed, with what saving would do said before it is done."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from mcpwatch.guard.limits import DEFAULTS, breach, format_value, loosens, parse_limit_value, unreachable
from mcpwatch.store.records import Dimension, Limit, Usage
from mcpwatch.tui import fmt, keys
from mcpwatch.tui.cells import Line, bar, fit
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.screens.dialog import Attempt
from mcpwatch.tui.widgets.controls import Field, FlatButton, Prose, Words
from mcpwatch.tui.widgets.meters import WARN_PERCENT, percent_text

MOST = 8  # rows; more limits than these are managed on the command line


def _plain(limit: Limit) -> str:
    """A limit's maximum as it is typed."""
    return format_value(limit.dimension, limit.maximum).replace(" ", "").removeprefix("$")


class LimitsScreen(Attempt):
    HEADING = "Limits"
    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings("dialog", "open"),
        ("ctrl+s", "save", "Save"),
        ("ctrl+r", "defaults", "Defaults"),
    ]

    def body(self) -> list[Widget]:
        self._rows = self._wanted()
        self._fields = [
            Field(_plain(limit) if set_already else "", id=f"limit-{i}", placeholder="no limit", goes_on=True)
            for i, (limit, _, set_already) in enumerate(self._rows)
        ]
        self._states = [Words() for _ in self._rows]
        head = Words()
        head.set([(f"{'':18}{'at most':<16}{'used now':<11}", "dim")])
        rows: list[Widget] = []
        for (limit, _, _), field, state in zip(self._rows, self._fields, self._states, strict=True):
            state.styles.width = "1fr"
            label = f"{limit.dimension} per {fmt.window_words(limit.window_s)}"
            if limit.scope != "*/*":
                label = f"{label} {safe_text(limit.scope, limit=40, lines='show')}"
            row = self.row(fit(label, 17), field, state)
            row.add_class("limit")
            rows.append(row)
        self._says = Prose(id="told")
        self._password = Field(password=True, id="secret", placeholder="only to raise a limit")
        secret = [self.row("Password", self._password)] if self.host.model.policy.has_password else []
        return [
            head,
            *rows,
            self._says,
            *secret,
            self.hint,
            self.buttons(
                FlatButton("Cancel", "esc", id="cancel"),
                FlatButton("Defaults", "ctrl+r", id="defaults"),
                FlatButton("Save", "ctrl+s", id="save"),
            ),
        ]

    def _wanted(self) -> list[tuple[Limit, int, bool]]:
        """Each limit, what is used of it, and whether it is set; the defaults that are not set come last."""
        usages: list[Usage] = list(self.host.model.usages)
        rows = [(usage.limit, usage.used, True) for usage in usages[:MOST]]
        have = {limit.key for limit, _, _ in rows}
        return [*rows, *[(limit, 0, False) for limit in DEFAULTS if limit.key not in have]]

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._fields[0])
        self.call_after_refresh(self._check)

    def on_resize(self) -> None:
        self._check()

    def _typed(self) -> tuple[list[Limit | None], list[str]]:
        """The limits as typed, None where there is none or it is wrong, and what is wrong."""
        limits: list[Limit | None] = []
        wrong: list[str] = []
        for (limit, _, set_already), field in zip(self._rows, self._fields, strict=True):
            if not field.value.strip() and not set_already:
                limits.append(None)
                continue
            try:
                maximum = parse_limit_value(limit.dimension, field.value)
            except ValueError as error:
                wrong.append(safe_text(str(error), limit=200))
                limits.append(None)
                continue
            limits.append(Limit(limit.dimension, maximum, limit.window_s, limit.scope))
        return limits, wrong

    @on(Field.Changed)
    def _check(self) -> None:
        limits, wrong = self._typed()
        for (_, used, _), limit, state in zip(self._rows, limits, self._states, strict=True):
            state.set(self._state(limit, used))
        lines: list[tuple[str, str]] = [(f"✗ {text}", "danger") for text in wrong]
        if not wrong:
            lines = self._consequences([limit for limit in limits if limit is not None])
        self._says.set(*[[line] for line in lines])

    def _state(self, limit: Limit | None, used: int) -> Line:
        if limit is None:
            return []
        usage = Usage(limit, used)
        style = "danger" if usage.percent >= 100 else "caution" if usage.percent >= WARN_PERCENT else "safe"
        full, empty = bar(usage.percent, 10)
        gauge: Line = [("▕", "dim"), (full, style), (empty, "track"), ("▏", "dim")]
        gauge = gauge if self.size.width >= 72 else []
        percent = percent_text(usage.percent)
        return [
            (f" {fmt.amount(limit.dimension, used):<10}", "fg"),
            *gauge,
            (f"{percent:>6}", style),
            (" !!" if usage.percent >= 100 else " !" if usage.percent >= WARN_PERCENT else "", style),
        ]

    def _consequences(self, limits: list[Limit]) -> list[tuple[str, str]]:
        policy = self.host.model.policy
        lines: list[tuple[str, str]] = []
        old = {limit.key: limit for limit, _, set_already in self._rows if set_already}
        for (_, used, _), limit in zip(self._rows, limits, strict=False):
            now = used + 1 if limit.dimension == Dimension.CALLS else used
            if limit != old.get(limit.key) and breach(limit, now):
                value = format_value(limit.dimension, limit.maximum)
                have = format_value(limit.dimension, used)
                then = "the next protected call locks at once" if policy.armed else "it would lock at once when armed"
                lines.append((f"! {limit.dimension} {value} is below the {have} already used: {then}.", "danger"))
        lines += [(f"≈ {text}.", "dim") for text in unreachable(limits, self.host.price_per_1k)]
        if any(loosens(old.get(limit.key), limit) for limit in limits):
            asks = "the password is asked" if policy.has_password else "no password is set, so nothing is asked"
            lines.append((f"Raises a limit: {asks}.", "caution"))
        return lines

    @on(FlatButton.Pressed, "#defaults")
    def action_defaults(self) -> None:
        have = {limit.key: limit for limit in DEFAULTS}
        for (limit, _, _), field in zip(self._rows, self._fields, strict=True):
            if limit.key in have:
                field.value = _plain(have[limit.key])

    @on(FlatButton.Pressed, "#save")
    @on(Field.Submitted, "#secret")
    def action_save(self) -> None:
        self.run_worker(self._save())

    async def _save(self) -> None:
        limits, wrong = self._typed()
        if wrong:
            self.say(wrong[0])
            return
        old = {limit.key: limit for limit, _, set_already in self._rows if set_already}
        changed = [limit for limit in limits if limit is not None and limit != old.get(limit.key)]
        if not changed:
            self.dismiss(False)
            return
        secret = self._password.value or None
        raises = any(loosens(old.get(limit.key), limit) for limit in changed)
        if raises and secret is None and self.host.model.policy.has_password:
            self.say("raising a limit asks for the password")
            self._password.focus()
            return
        fields = [self._password] if secret is not None else []
        if await self.attempt(lambda: self.host.source.set_limits(changed, secret), *fields):
            self.host.say(f"{fmt.plural(len(changed), 'limit')} saved.")
            self.dismiss(True)
