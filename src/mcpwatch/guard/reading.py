"""A server's definitions as its sessions see them: judged as lists pass, held by name, decided about by a person."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from sys import getsizeof
from typing import NamedTuple

from mcpwatch.guard.refusal import Refusal
from mcpwatch.guard.review import TOOL, Facts, Judge, Review
from mcpwatch.meter.tokens import estimate
from mcpwatch.store.definitions import mark_gone, save_listed, save_verdict
from mcpwatch.store.forgetting import LIST_TEXTS, UNREAD
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Call, Definition, Policy, Verdict
from mcpwatch.store.transaction import Transaction

RULES_DEADLINE_S = 10.0  # a first list waits this long for the rules to be loaded


class Writing(NamedTuple):
    """What is to be written about a page, and about how many bytes it holds until then."""

    write: Callable[[Transaction], None]
    size: int


class Reading:
    """Safe to share between threads. A session that has lists of its own brings its own `review`.

    `load_judge()` gives the rules and their version. `on_changed()` is called, under the lock, when a person's
    decision or a late verdict changed what clients may see; `news` then says of which kinds.
    """

    def __init__(
        self, server: str, load_judge: Callable[[], tuple[Judge, str]] | None, on_changed: Callable[[], None]
    ) -> None:
        self._server = server
        self._load_judge = load_judge
        self._judge: tuple[Judge, str] = (_not_judged, "")
        self._on_changed = on_changed
        self._loaded = threading.Event()
        self._lock = threading.Lock()
        self.own = Review(server)
        self._sharing: weakref.WeakSet[Review] = weakref.WeakSet()
        self._changed: set[str] = set()

    def load_rules(self) -> None:
        """Whatever comes of it, lists pass from now on; without rules what they hold is unscanned."""
        try:
            if self._load_judge is not None:
                self._judge = self._load_judge()
        finally:
            self._loaded.set()

    def share(self, review_of: Callable[[Facts], Review]) -> Review:
        """A review for a session with lists of its own."""
        with self._lock:
            review = review_of(self.own.facts)
            self._sharing.add(review)
        return review

    # -- what the file says ----------------------------------------------------------------------------

    def doubt(self) -> None:
        """Another file may be open now: read it at the next look."""
        with self._lock:
            self.own.version = -1
            self.own.facts.changes += 1  # what stands on the last file's facts stands no more

    def refresh(self, policy: Policy, ledger: Ledger) -> None:
        """Read the file again if the policy has moved. Raises StateError."""
        with self._lock:
            self._refresh(policy, ledger)

    def news(self, policy: Policy, ledger: Ledger) -> set[str]:
        """The kinds of which clients may see other definitions since the last call. Raises StateError."""
        with self._lock:
            self._refresh(policy, ledger)
            changed, self._changed = self._changed, set()
        return changed

    def _refresh(self, policy: Policy, ledger: Ledger) -> None:
        if policy.version == self.own.facts.version:
            return
        known = ledger.definitions(self._server)
        changed = self.own.load(known, strict=policy.strict, version=policy.version, sharing=self._sharing)
        if changed:
            self._changed |= changed
            self._on_changed()

    # -- what may pass ---------------------------------------------------------------------------------

    def refuses(self, call: Call, policy: Policy, ledger: Ledger, review: Review) -> Refusal | None:
        """Whether the tool of a client's call is quarantined; one that was never listed is flagged. Raises
        StateError."""
        if review.passing(call.tool, policy.version):
            return None
        with self._lock:
            if policy.version != review.facts.version:
                self._refresh(policy, ledger)
            if review.lets_pass(call.tool):
                return None
            if not review.is_listed(call.tool) and "unlisted" not in call.flags:
                call.flags = f"{call.flags},unlisted" if call.flags else "unlisted"
            return review.refusal(TOOL, call.tool)

    def held(self, kind: str, name: str | None, review: Review | None = None) -> Refusal | None:
        """Whether a prompt, a resource or a template is quarantined. A name of None could not be read."""
        with self._lock:
            return (review or self.own).refusal(kind, name)

    def page(
        self, kind: str, found: Sequence[Definition], *, first: bool, last: bool, review: Review | None = None
    ) -> tuple[set[int], Writing]:
        """Judge a page of a list. Returns the positions to leave out, and what is to be written about it."""
        self._loaded.wait(RULES_DEADLINE_S)
        judge, rules = self._judge
        review = review or self.own
        with self._lock:
            todo = review.unjudged(kind, found, rules, first=first)
            kept = found[: max(0, LIST_TEXTS - review.listed_before(kind, first=first))]
        # Outside the lock: a text made to be slow must not hold up a refusal or the panic key.
        judged = (judge(text, self._server, todo.own, todo.others) for text in todo.texts)
        verdicts = [*judged, *todo.beyond]
        with self._lock:
            hidden = review.listing(kind, found, verdicts, first=first, last=last)
            complete = review.names(kind) if last else None
            review.trim([self.own, *self._sharing])
        return hidden, Writing(
            partial(self._save, kind, tuple(kept), verdicts, complete), _held_bytes(kept, complete)
        )

    def _save(
        self,
        kind: str,
        found: tuple[Definition, ...],
        verdicts: list[Verdict],
        complete: set[tuple[str, str]] | None,
        tx: Transaction,
    ) -> None:
        sized = [(x, estimate(x.json.encode("utf-8", "surrogatepass"))) for x in found]
        save_listed(tx, self._server, sized, {v.fingerprint for v in verdicts if v.version == UNREAD})
        written = {x.fingerprint for x in found}
        for verdict in verdicts:
            if verdict.fingerprint in written:
                save_verdict(tx, verdict)
        if complete is not None:
            mark_gone(tx, self._server, kind, complete)


def _held_bytes(kept: Sequence[Definition], complete: set[tuple[str, str]] | None) -> int:
    """About what a page holds in memory until it is written."""
    return sum(getsizeof(x.json) + 1000 for x in kept) + 100 * len(complete or ())


def _not_judged(
    definition: Definition, server: str, own: Sequence[str], others: dict[str, tuple[str, ...]]
) -> Verdict:
    return Verdict(definition.fingerprint, server, "local", "", None, error="no rules were loaded")
