"""What a gate stands on: the state file, opened, reopened and watched in a thread of the gate's own."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mcpwatch.guard import refusal
from mcpwatch.guard.breaker import Breaker
from mcpwatch.guard.measure import Measure
from mcpwatch.guard.reading import Reading
from mcpwatch.guard.refusal import Refusal
from mcpwatch.guard.review import Judge
from mcpwatch.meter.prices import PriceBook
from mcpwatch.protocol.tasks import Tasks
from mcpwatch.store import config as configuration
from mcpwatch.store.database import StateError, storable
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.recorder import RETRY_S, Recorder
from mcpwatch.store.records import Call, Policy
from mcpwatch.store.retention import Retention
from mcpwatch.store.transaction import Transaction

OPEN_DEADLINE_S = 10.0  # a first gated call waits this long for the state file
IDLE_WATCH_S = 0.5  # how often a person's decision is looked for while nothing goes on
WATCH_S = 0.05  # how often a lock is looked for while protected calls are open
KEPT_BYTES = 65_536  # of a body while it waits to be recorded; longer ones are measured at once


class GateState:
    """The part of a gate that opens the state file, notices what others do to it, and writes.

    `on_lock(refusal)` is called from a thread of the gate, again and again every 50 ms, while the lock is on and
    admitted protected calls are still open. `on_visible(kinds)` is called from the same thread when a person's
    decision, or a late verdict, changed which definitions of these kinds the client may see. `load_judge()` gives
    the rules and their version; it runs in the thread that opens the state file.
    """

    def __init__(
        self,
        *,
        server: str,
        transport: str,
        command: str,
        on_lock: Callable[[Refusal], None],
        on_visible: Callable[[set[str]], None] = lambda kinds: None,
        load_judge: Callable[[], tuple[Judge, str]] | None = None,
        state: Path | None = None,
        shared: bool = False,
    ) -> None:
        self._server = server = storable(server)
        self._on_lock = on_lock
        self._on_visible = on_visible
        self._state = state
        self._numbers = itertools.count(1)
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._busy = threading.Event()
        self._reading = Reading(server, load_judge, self._busy.set)
        self.tasks = Tasks()
        self._open: set[int] = set()  # numbers of admitted protected calls without an answer
        self._breaker: Breaker | None = None
        self._ledger: Ledger | None = None
        self._problem: StateError | None = None
        self._unrecorded: StateError | None = None  # why the recorder cannot write
        self._measure = Measure(server)
        self._misconfigured = ""  # why the configuration cannot be used
        self._tried = 0.0
        self._opening = threading.Lock()
        self.kept = KEPT_BYTES  # of a body: of a longer one a call brings its beginning, and the frame it came in
        self._recorder = Recorder(
            server=server,
            transport=transport,
            pid=os.getpid(),
            command=command,
            measure=self._measured_for_record,
            settle=self._settle,
            on_state=self._state_changed,
            shared=shared,
        )
        threading.Thread(target=self._start, name="mcpwatch-watch", daemon=True).start()

    def _look(self, wait_s: float = OPEN_DEADLINE_S) -> tuple[Breaker | None, Policy | None]:
        """The breaker and the policy in force; (None, None) while the state file fails or is not open yet."""
        breaker = self._usable(wait_s)
        return (None, None) if breaker is None else (breaker, breaker.policy())

    def _usable(self, wait_s: float = OPEN_DEADLINE_S) -> Breaker | None:
        """The breaker, unless the state file fails or is not open yet."""
        if not self._ready.is_set() and not self._ready.wait(wait_s):
            return None
        if self._breaker is None or self._problem is not None:
            self._reopen()
        if self._problem is not None or self._unrecorded is not None:
            return None
        return self._breaker

    # -- opening ---------------------------------------------------------------------------------------

    def _start(self) -> None:
        try:
            self._prepare()
        except Exception as error:  # noqa: BLE001 - a gate that fails refuses
            self._unrecorded = StateError(f"the guard could not start: {type(error).__name__}: {error}")
        finally:
            self._ready.set()
        self._watch_state()

    def _prepare(self) -> None:
        self._reading.load_rules()
        try:
            config = configuration.load()
            self._measure.prices = PriceBook.from_config(config.default_price_per_1k, config.prices)
        except (configuration.ConfigError, ValueError) as error:
            config = configuration.Config()
            self._misconfigured = str(error)
            self._recorder.warn(f"configuration not used: {error}")
        if config.record == "full":
            self.kept = config.max_frame_mb << 20
        self._reopen()
        self._recorder.start(
            record=config.record,
            retention=Retention(days=config.retention_days, megabytes=config.retention_mb),
            path=self._state,
        )
        self._ready.set()
        if config.tokenizer == "auto":
            self._load_tokenizer()
        prices = self._measure.prices
        if prices.needs_resolving:
            prices.resolve()
            for problem in prices.problems:
                self._recorder.warn(problem)

    def _load_tokenizer(self) -> None:
        try:
            self._measure.load_tokenizer()
        except Exception as error:  # noqa: BLE001 - without exact counts a guard goes on estimating
            self._recorder.warn(f"tokens stay estimates: {type(error).__name__}: {error}")

    def _reopen(self) -> None:
        """Open the state file, at most once a second while it fails."""
        with self._opening:
            now = time.monotonic()
            if self._tried and now - self._tried < RETRY_S:
                return
            self._tried = now
            try:
                if self._ledger is not None:
                    if self._ledger.replaced():
                        self._recorder.warn("the state file was replaced, and with it lock, limits and password")
                    self._ledger.close()
                breaker = Breaker(self._server, Ledger.open(self._state), self._measured)
                try:
                    if self._breaker is not None:
                        breaker.inherit(self._breaker)
                    breaker.policy()
                except StateError:
                    breaker.ledger.close()
                    raise
                self._ledger, self._breaker = breaker.ledger, breaker
                self._reading.doubt()
                self._problem = None
            except StateError as error:
                self._problem = error

    def _state_changed(self, error: StateError | None) -> None:
        """The recorder's word on the state file. What is not recorded is not charged, so its failure is everyone's
        until it succeeds; its success clears only its own."""
        self._unrecorded = error
        if error is not None:
            self._problem = error
            self._tried = 0.0

    # -- measuring -------------------------------------------------------------------------------------

    def _measured(self, calls: Sequence[Call]) -> bool:
        """A flood of observed calls is measured by rate. Says whether it was."""
        flood = self._recorder.flooded and not (self._breaker is not None and self._breaker.armed)
        if flood:
            self._measure.measure_flood(calls)
        else:
            for call in calls:
                self._measure.measure(call)
        return flood

    def _measured_for_record(self, calls: Sequence[Call]) -> None:
        """In the recorder's thread, where there is time for exact counts unless calls come in a flood."""
        if self._measured(calls):
            return
        for call in calls:
            if not self._recorder.flooded:
                self._measure.refine(call)

    def _settle(self, tx: Transaction) -> None:
        # The recorder may write to the next file already, while the breaker still knows what held in the last.
        if self._breaker is not None and not self._breaker.ledger.replaced():
            self._breaker.settle(tx)

    # -- the watch -------------------------------------------------------------------------------------

    def _watch_state(self) -> None:
        """Every 50 ms while protected calls are open, every half second otherwise."""
        while not self._stop.is_set():
            if not self._open:
                self._busy.wait(IDLE_WATCH_S)
            self._busy.clear()
            if not self._stop.wait(WATCH_S):
                self._look_around()

    def _look_around(self) -> None:
        if self._problem is None and self._ledger is not None and self._ledger.replaced():
            self._problem, self._tried = StateError("the state file was replaced by another"), 0.0
        try:
            breaker, policy = self._look()
            if breaker is None or policy is None:
                return
            changed = self._reading.news(policy, breaker.ledger)
        except StateError as error:
            self._problem = error
            return
        if changed:
            self._on_visible(changed)
        if policy.lock.locked and self._open:
            self._on_lock(refusal.ended(policy.lock, self._server))
