"""The app without its keys: what it holds, its looks, and what it leaves behind when it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Literal

from textual.app import App
from textual.filter import LineFilter, Monochrome
from textual.worker import WorkerFailed

from mcpwatch.store.paths import state_dir
from mcpwatch.tui import crash, palette
from mcpwatch.tui.gateway_worker import GatewayWorker
from mcpwatch.tui.line_filters import Ascii, NoColour, Scrub
from mcpwatch.tui.model import Model
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.screens.main import MainScreen
from mcpwatch.tui.source import DataSource
from mcpwatch.tui.wiring import Wiring
from mcpwatch.tui.workers import HostedWorker, ModelScanner

NO_WIRING = "This screen leaves the clients' files alone: `mcpwatch clients` lists them."
NO_WIRING_DEMO = (
    "This is the demo, and it leaves your clients' files alone. Without it, w lists their servers and wraps them;"
    " so do `mcpwatch clients` and `mcpwatch wrap`."
)


class Shell(App[int], inherit_bindings=False):
    CSS_PATH = "app.tcss"
    TITLE = "mcpwatch"
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT = 4

    def __init__(
        self,
        source: DataSource,
        *,
        ascii: bool = False,
        theme: str = "dark",
        notice: str = "",
        now: Callable[[], int] = time.time_ns,
        zone: tzinfo | None = None,
        price_per_1k: float = 0.003,
        workers: Sequence[HostedWorker] = (),
        files: Path | None = None,
        tune_gc: bool = False,
        demo: bool = False,
        wiring: Wiring | None = None,
    ) -> None:
        self.palette_version = 0
        self.palette = palette.styles(palette.THEMES[0], no_color=False)
        super().__init__()
        self.source = source
        self.ascii = ascii
        self.notice = safe_text(notice, limit=200)  # a text of ours: the line filter draws its marks in ASCII
        self.now, self.zone = now, zone
        self.price_per_1k = price_per_1k
        self.workers_hosted = tuple(workers)
        self.model = Model(ascii=ascii)
        self.wiring = wiring or Wiring(None, problem=NO_WIRING_DEMO if demo else NO_WIRING)
        self.wiring.ascii = ascii
        self.paused = False
        self.demo = demo  # everything goes away with the screen
        self.ticks = 0  # for tests: how many times the screen has caught up with the state
        self.crash_line = ""  # what is left to say on the terminal after a failure
        self._files = files
        self._tune_gc = tune_gc
        self._line_filters = [
            *([NoColour()] if self.no_color else []),
            Scrub(),
            *([Ascii()] if ascii else []),
        ]
        for known in palette.THEMES:
            self.register_theme(known)
        self.theme = f"mcpwatch-{theme}" if theme in palette.NAMES else palette.THEMES[0].name
        self._refresh_palette()
        self.main = MainScreen()

    @property
    def files(self) -> Path:
        """The private folder where the screen leaves copies, exports and crash reports."""
        return self._files or state_dir()

    @property
    def scanner(self) -> ModelScanner | None:
        """The scanner this screen hosts, if it does."""
        return next((worker for worker in self.workers_hosted if isinstance(worker, ModelScanner)), None)

    @property
    def gateway(self) -> GatewayWorker | None:
        """The proxy worker this screen hosts, if it does."""
        return next((worker for worker in self.workers_hosted if isinstance(worker, GatewayWorker)), None)

    # --- looks ---

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*(f for f in super().get_line_filters() if not isinstance(f, Monochrome)), *self._line_filters]

    def _refresh_palette(self) -> None:
        self.palette = palette.styles(self.current_theme, no_color=self.no_color)
        self.palette_version += 1

    def _watch_theme(self, theme_name: str) -> None:
        super()._watch_theme(theme_name)
        self._refresh_palette()
        if self.is_running:
            for screen in self.screen_stack:
                screen.refresh(repaint=True, recompose=False)
                for widget in screen.query("*"):
                    widget.refresh()

    def action_theme(self) -> None:
        names = [theme.name for theme in palette.THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def say(self, text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """A short message. Never what somebody typed."""
        self.notify(safe_text(text, limit=300, ascii=self.ascii), severity=severity, markup=False)

    # --- failing ---

    def _handle_exception(self, error: Exception) -> None:
        """One line on the terminal, the traceback without locals in a private file."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
            cause = error.error if isinstance(error, WorkerFailed) else error
            self.crash_line = crash.report(cause, self.files)
        self._close_messages_no_wait()
