"""The gateway: what it serves, how it is, its log; starting, restarting, stopping it, and leaving while it runs."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from mcpwatch.relay.gateway_service import UNIT
from mcpwatch.tui import fmt, keys
from mcpwatch.tui.cells import Line
from mcpwatch.tui.gateway_calls import in_thread, tail
from mcpwatch.tui.gateway_view import GatewayView, facts, log_lines
from mcpwatch.tui.gateway_worker import GatewayWorker
from mcpwatch.tui.safe_text import safe_text
from mcpwatch.tui.screens.dialog import Dialog
from mcpwatch.tui.widgets.controls import FlatButton, Prose
from mcpwatch.tui.widgets.pager import Pager

if TYPE_CHECKING:
    from mcpwatch.tui.app import McpWatchApp

LOG_S = 1.0


class Asking(Dialog):
    """A question about the gateway, and what to do about it while everything else goes on."""

    def __init__(self, gateway: GatewayWorker) -> None:
        super().__init__()
        self.gateway = gateway
        self._busy = False

    def question(self) -> str:
        raise NotImplementedError

    def choices(self) -> list[FlatButton]:
        """The first has the focus."""
        raise NotImplementedError

    def body(self) -> list[Widget]:
        self._words = Prose([(self.question(), "fg")])
        self._buttons = self.choices()
        return [self._words, self.buttons(*self._buttons)]

    def on_mount(self) -> None:
        self._buttons[0].focus()

    def end(self, *, restart: bool) -> None:
        if not self._busy:
            self._busy = True
            self._words.set([("the gateway is being ended…", "accent")])
            self.run_worker(self._end(restart), exit_on_error=True)

    async def _end(self, restart: bool) -> None:
        done = await (self.gateway.restart() if restart else self.gateway.stop())
        if self.is_attached:
            self.dismiss(done)


def reached(view: GatewayView) -> str:
    """How many servers clients reach through it."""
    serving = view.found.health.servers if view.found.health is not None else {}
    return fmt.plural(len(serving), "HTTP server")


class EndScreen(Asking):
    """Before it is stopped or restarted by hand."""

    def __init__(self, gateway: GatewayWorker, *, restart: bool) -> None:
        super().__init__(gateway)
        self._restart = restart
        self.HEADING = "Restart the gateway" if restart else "Stop the gateway"

    def question(self) -> str:
        view = self.gateway.view
        text = f"It serves {reached(view)}. Sessions end, and answers under way are lost"
        if self._restart:
            return f"{text}; most clients connect again by themselves."
        text += ". Clients cannot reach these servers until it is started again: nothing passes unwatched."
        return f"{text} The service that runs it starts it at the next login." if view.service else text

    def choices(self) -> list[FlatButton]:
        return [FlatButton("Cancel", "esc", id="cancel"), FlatButton("Restart" if self._restart else "Stop", id="ok")]

    @on(FlatButton.Pressed, "#ok")
    def _ok(self) -> None:
        self.end(restart=self._restart)


class QuitGatewayScreen(Asking):
    """Leaving while a gateway runs that no service manages. Dismissed with whether to leave."""

    HEADING = "Quit"

    def question(self) -> str:
        view = self.gateway.view
        sessions = len(self.host.model.sessions)
        guarded = f"{fmt.plural(sessions, 'session')} under guard. " if sessions else ""
        return (
            f"The gateway (process {view.found.row.pid}) serves {reached(view)}. It needs no screen: kept running, it"
            " goes on watching and limiting. Stopped, clients cannot reach these servers until it is started again.\n"
            f"{guarded}Protection stays on, and so does a lock."
        )

    def choices(self) -> list[FlatButton]:
        return [
            FlatButton("Keep it running", "enter", id="keep"),
            FlatButton("Stop it", id="stop"),
            FlatButton("Cancel", "esc", id="cancel"),
        ]

    @on(FlatButton.Pressed, "#keep")
    def _keep(self) -> None:
        self.dismiss(True)

    @on(FlatButton.Pressed, "#stop")
    def _stop(self) -> None:
        self.end(restart=False)


class GatewayScreen(ModalScreen[None]):
    BINDINGS = keys.bindings("gateway", "open")

    def __init__(self, gateway: GatewayWorker) -> None:
        super().__init__()
        self.gateway = gateway
        self._facts = Pager("Gateway", "s start · r restart · x stop · esc close", id="gateway-facts")
        self._log = Pager("Log", "tab other pane", id="gateway-log")
        self._tail: list[str] = []
        self._shown: tuple[object, ...] = ()

    @property
    def host(self) -> McpWatchApp:
        return cast("McpWatchApp", self.app)

    def compose(self) -> ComposeResult:
        with Vertical(id="gateway"):
            yield self._facts
            yield self._log

    def on_mount(self) -> None:
        self._facts.focus()
        self.set_interval(LOG_S, self._read_log)
        self._read_log()
        self.gateway_changed()

    def on_resize(self) -> None:
        self._shown = ()
        self.gateway_changed()

    def gateway_changed(self) -> None:
        """At every tick: ages move, and the tail grows."""
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        width, view, ascii = self._facts.size.width - 4, self.gateway.view, self.host.ascii
        lines = facts(view, self.gateway.now(), width, ours_version=version("mcpwatch"), ascii=ascii)
        self._facts.styles.height = min(len(lines) + 2, max(8, self.size.height * 3 // 5))
        self._facts.set_lines("Gateway", lines)
        log: list[Line] = log_lines(self._tail, width, ascii=ascii)
        if (self._log.size, log) == self._shown:
            return
        following = self._log.top >= len(self._log.rows) - self._log.page_rows
        self._shown = (self._log.size, log)
        self._log.set_lines(f"Log {safe_text(view.log, limit=200, ascii=ascii)}".rstrip(), log)
        if following:
            self._log.action_edge(1)

    def _read_log(self) -> None:
        self.run_worker(self._read(), exclusive=True, group="log")

    async def _read(self) -> None:
        view = self.gateway.view
        try:
            self._tail = await in_thread(lambda: tail(view.log)) if view.log else [_elsewhere(view)]
        except FileNotFoundError:
            self._tail = ["nothing was written yet"]
        except OSError as error:
            self._tail = [f"it cannot be read: {error.strerror or error}"]

    # --- keys ---

    def action_close(self) -> None:
        self.dismiss(None)

    def action_other(self) -> None:
        (self._log if self._facts.has_focus else self._facts).focus()

    async def action_start(self) -> None:
        view = self.gateway.view
        if view.found.state != "none":
            self.host.say("It runs already.")
        elif not view.servers:
            self.host.say("No HTTP servers are configured: there is nothing for it to do.")
        else:
            self.run_worker(self.gateway.start(), group="start", exclusive=True)

    def action_restart(self) -> None:
        if self.gateway.view.found.state == "none":
            self.host.say("It does not run; s starts it.")
        else:
            self.host.push_screen(EndScreen(self.gateway, restart=True))

    async def action_stop(self) -> None:
        """Where none runs, there is nothing to ask: the next start is called off."""
        view = self.gateway.view
        if view.found.state != "none":
            self.host.push_screen(EndScreen(self.gateway, restart=False))
        elif view.phase in ("waiting", "starting"):
            self.run_worker(self.gateway.stop(), group="stop", exclusive=True)
        else:
            self.host.say("It does not run.")


def _elsewhere(view: GatewayView) -> str:
    """Where the log of a gateway is that writes no file."""
    if view.service:
        return f"its service manager keeps it: journalctl --user -u {UNIT} (launchd: the system log)"
    return "it writes to where it was started" if view.found.row.word else "there is none"
