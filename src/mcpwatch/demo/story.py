"""The demo as a story with an end: each chapter happens on real processes, or the demo fails.

A limit trips and locks; calls are refused; a wrong password does not unlock, the right one does; the panic key
stops everything; a poisoned tool is neither listed nor callable; a definition changes, shows as a diff, and works
again once a person has approved exactly that text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from mcpwatch.demo.agent import AgentEvent, Pace, run_agent
from mcpwatch.demo.stage import PASSWORD, Stage, prepare
from mcpwatch.guard import approval, lock
from mcpwatch.protocol.diff import field_changes
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Dimension, Limit

BY = "demo"
PACE = Pace(first=0.5, last=0.08, ramp=4.0, after_refusal=0.4)
Say = Callable[[str], None]


class StoryError(Exception):
    """A chapter did not happen. The text says which."""


@dataclass
class _Watch:
    """What the agent reports, and a way to wait for it."""

    say: Say
    events: list[AgentEvent] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, event: AgentEvent) -> None:
        self.events.append(event)
        self._news.set()
        name = "/".join(filter(None, (event.server, event.tool)))
        self.say(f"  {event.kind:9} {name:24} {' '.join(event.text.split())[:90]}")

    async def seen(self, what: Callable[[AgentEvent], bool], *, after: int = 0) -> AgentEvent:
        """The first event from position `after` on that is `what`; waits for it."""
        while True:
            for event in self.events[after:]:
                if what(event):
                    return event
            self._news.clear()
            await self._news.wait()


async def tell(folder: Path, *, seconds: float, say: Say) -> None:
    """Play the whole story within `seconds`. Raises StoryError with the chapter that did not happen."""
    stage = prepare(folder, change_after_s=max(2.0, seconds / 12))
    watch = _Watch(say)
    stop = asyncio.Event()
    agent = asyncio.create_task(run_agent(stage.commands, on_event=watch, stop=stop, pace=PACE, env=stage.env))
    ledger = Ledger.open(stage.state)
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        for title, chapter in _CHAPTERS:
            say(f"• {title}")
            try:
                async with asyncio.timeout_at(deadline):
                    await chapter(stage, ledger, watch)
            except TimeoutError:
                raise StoryError(f"did not happen within {seconds:g} s: {title}") from None
    finally:
        ledger.close()
        stop.set()
        await asyncio.wait([agent])
    agent.result()


async def _trips(stage: Stage, ledger: Ledger, watch: _Watch) -> None:
    event = await watch.seen(lambda e: e.kind == "refused" and "protected tools are locked" in e.text)
    found = ledger.policy().lock
    if not found.locked or found.code not in ("calls", "tokens", "cost") or found.reason not in event.text:
        raise StoryError(f"the lock does not say what the agent was told: {found}")
    watch.say(f"  LOCKED: {found.reason}; the agent was told so")


async def _unlocks(stage: Stage, ledger: Ledger, watch: _Watch) -> None:
    try:
        await asyncio.to_thread(lock.unlock, ledger, "not the password", by=BY)
    except lock.Denied as denied:
        watch.say(f"  {denied}")
    else:
        raise StoryError("a wrong password unlocked")
    if not ledger.policy().lock.locked:
        raise StoryError("a wrong password unlocked")
    await _unlock(ledger, watch)


async def _raises(stage: Stage, ledger: Ledger, watch: _Watch) -> None:
    more = [Limit(Dimension.CALLS, 100_000, 60)]
    try:
        await asyncio.to_thread(lock.set_limits, ledger, more, None, by=BY)
    except lock.Denied as denied:
        watch.say(f"  {denied}")
    else:
        raise StoryError("a limit was raised without the password")
    await asyncio.to_thread(lock.set_limits, ledger, more, PASSWORD, by=BY)
    if ledger.policy().lock.locked:  # the agent may have passed the old limit meanwhile
        await _unlock(ledger, watch)


async def _panics(stage: Stage, ledger: Ledger, watch: _Watch) -> None:
    here = len(watch.events)
    lock.lock(ledger, by=BY)
    await watch.seen(lambda e: e.kind == "refused" and "panic key" in e.text, after=here)
    watch.say(f"  LOCKED: {ledger.policy().lock.reason}")
    await _unlock(ledger, watch)


async def _unlock(ledger: Ledger, watch: _Watch) -> None:
    """With the password; then calls pass again, and it does not lock at once."""
    here = len(watch.events)
    await asyncio.to_thread(lock.unlock, ledger, PASSWORD, by=BY)
    await watch.seen(lambda e: e.kind == "called", after=here)
    if ledger.policy().lock.locked:
        raise StoryError("it locked again at once")
    watch.say("  UNLOCKED: calls pass again")


async def _hides_poison(stage: Stage, ledger: Ledger, watch: _Watch) -> None:
    listed = await watch.seen(lambda e: e.kind == "listed" and e.server == "calendar")
    if "add_event" in listed.text:
        raise StoryError("the poisoned tool reached the agent's list")
    await watch.seen(lambda e: e.kind == "refused" and e.tool == "add_event" and "quarantined" in e.text)
    poisoned = next(tool for tool in ledger.tools() if (tool.server, tool.name) == ("calendar", "add_event"))
    verdicts = ledger.verdicts("calendar", poisoned.fingerprint)
    if not verdicts or verdicts[0].score is None:
        raise StoryError("the poisoned tool has no verdict")
    watch.say(f"  calendar/add_event: score {verdicts[0].score:.0f}, {verdicts[0].reason}")


async def _shows_rug_pull(stage: Stage, ledger: Ledger, watch: _Watch) -> None:
    here = len(watch.events)
    while len(texts := ledger.texts("calendar", "tool", "list_events")) < 2:
        await watch.seen(lambda e: True, after=len(watch.events))
    for change in field_changes(texts[0].json, texts[-1].json):
        watch.say(f"  {change.path}\n    - {change.old}\n    + {change.new}")
    await watch.seen(
        lambda e: e.kind == "refused" and e.tool == "list_events" and "quarantined" in e.text, after=here
    )
    here = len(watch.events)
    await asyncio.to_thread(
        approval.approve, ledger, "calendar", "tool", "list_events", texts[-1].fingerprint, PASSWORD, by=BY
    )
    await watch.seen(lambda e: e.kind == "changed" and e.server == "calendar", after=here)
    await watch.seen(lambda e: e.kind == "called" and e.tool == "list_events", after=here)
    watch.say("  approved: the agent was told to list again, and the call passed")


_Chapter = Callable[[Stage, Ledger, _Watch], Awaitable[None]]
_CHAPTERS: tuple[tuple[str, _Chapter], ...] = (
    ("an agent works, faster and faster, until a limit locks", _trips),
    ("a wrong password does not unlock; the right one does", _unlocks),
    ("raising a limit asks for the password", _raises),
    ("one key stops everything, until the password unlocks it", _panics),
    ("a poisoned tool is neither listed nor callable", _hides_poison),
    ("a definition that changed is held until a person approves it", _shows_rug_pull),
)
