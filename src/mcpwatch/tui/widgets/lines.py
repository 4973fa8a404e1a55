"""A widget that is a list of finished lines, and repaints only the lines that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from mcpwatch.tui.cells import Line, fit_line, to_strip

if TYPE_CHECKING:
    from mcpwatch.tui.app import McpWatchApp

Shape = tuple[int, int, int, Style]  # width, height, version of the palette, the widget's own colours


class Lines(Widget):
    """Subclasses say what is drawn in `draw`; `redraw` compares it with what is on the screen."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._drawn: list[Line] = []
        self._strips: list[Strip] = []
        self._drawn_for: Shape | None = None
        self._base: tuple[int, Style] | None = None  # the widget's own colours, by version of the palette

    @property
    def host(self) -> McpWatchApp:
        return cast("McpWatchApp", self.app)

    def draw(self, width: int, height: int) -> list[Line]:
        """The lines for this size. Fewer than `height` leaves the rest blank."""
        raise NotImplementedError

    def _shape(self) -> Shape:
        width, height = self.size
        version = self.host.palette_version
        if self._base is None or self._base[0] != version:
            self._base = (version, self.rich_style)
        return width, height, version, self._base[1]

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.redraw()

    def redraw(self) -> None:
        if not self.is_attached or not self.display or not self.size:
            return
        shape = self._shape()
        new = shape != self._drawn_for
        changed = self._render_all(shape)
        width = shape[0]
        if new:
            self.refresh()
        elif changed:
            self.refresh(*[Region(0, y, width, 1) for y in changed])

    def _render_all(self, shape: Shape) -> list[int]:
        width, height, _, base = shape
        styles = self.host.palette
        drawn = self.draw(width, height)[:height]
        same = shape == self._drawn_for
        changed: list[int] = []
        strips: list[Strip] = []
        for y, line in enumerate(drawn):
            if same and y < len(self._drawn) and self._drawn[y] == line:
                strips.append(self._strips[y])
                continue
            strips.append(to_strip(fit_line(line, width), styles, width, base))
            changed.append(y)
        changed.extend(range(len(drawn), len(self._drawn)))
        self._drawn, self._strips, self._drawn_for = drawn, strips, shape
        return changed

    def render_line(self, y: int) -> Strip:
        shape = self._shape()
        if shape != self._drawn_for:
            self._render_all(shape)
        return self._strips[y] if y < len(self._strips) else Strip.blank(shape[0], shape[3])

    def text(self) -> str:
        """What is drawn, as plain text."""
        return "\n".join(strip.text for strip in self._strips)
