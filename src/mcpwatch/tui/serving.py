"""What the screen does about the gateway: shows it, says what becomes of it, and asks about it on leaving."""

from __future__ import annotations

from mcpwatch.tui.reviewing import Reviewing
from mcpwatch.tui.screens.confirm import QuitScreen
from mcpwatch.tui.screens.gateway import GatewayScreen, QuitGatewayScreen


class Serving(Reviewing):
    async def _tick(self) -> None:
        await super()._tick()
        if self.gateway is not None:
            for text, severity in self.gateway.take_news():
                self.say(text, severity)
        self._tell_screens("gateway_changed")

    def action_gateway(self) -> None:
        if self.demo:
            self.say("This is the demo, and it runs no gateway. Without it, H shows yours.")
        elif self.gateway is None:
            self.say("This screen has nothing to do with a gateway.")
        elif not isinstance(self.screen, GatewayScreen):
            self.push_screen(GatewayScreen(self.gateway))

    async def action_quit(self) -> None:
        """At once: guards and gateway go on."""
        self.exit(0)

    def action_leave(self) -> None:
        gateway = self.gateway
        if gateway is not None and gateway.view.found.state != "none" and not gateway.view.service:
            self.push_screen(QuitGatewayScreen(gateway), self._leave)
        elif self.model.sessions or self.demo:
            self.push_screen(QuitScreen(), self._leave)
        else:
            self.exit(0)

    def _leave(self, sure: bool | None) -> None:
        if sure:
            self.exit(0)

    def action_hint_quit(self) -> None:
        self.say("ctrl+q ends the demo." if self.demo else "ctrl+q quits; protection stays on.")
