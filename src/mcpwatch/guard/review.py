"""Which definitions of one server may pass: quarantine, approval, and what changed since an approval.

Decisions hang on fingerprints: approving a text says nothing about the next one under the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mcpwatch.guard.refusal import Refusal
from mcpwatch.store.levels import CAUTION, DANGER, level_of
from mcpwatch.store.records import Definition, ServerDefinitions, Verdict

TOOL = "tool"

# Judges one definition by the rules: (definition, server, this server's tool names, other servers' tool names).
Judge = Callable[[Definition, str, Sequence[str], dict[str, tuple[str, ...]]], Verdict]


def held(*, score: float | None, decision: str, changed: bool, strict: bool) -> str:
    """Why a definition is quarantined, in a few words for a person; "" when it passes."""
    if decision == "blocked":
        return "the user blocked it"
    if decision == "approved":
        return ""
    level = level_of(score)
    if level is DANGER:
        return "its definition looks poisoned" + (" and changed since it was approved" if changed else "")
    if strict and changed:
        return "its definition changed since it was approved"
    if strict and level is CAUTION:
        return "its definition is suspicious and strict mode holds it"
    return ""


class Review:
    """The definitions of one server as this session knows them. Used under the gate's lock."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._listed: dict[str, dict[str, set[str]]] = {}  # kind → name → fingerprints on the list now
        self._own: set[str] = set()  # kinds this session has seen a list of: newer than the file's
        self._scores: dict[str, float] = {}
        self._versions: dict[str, str] = {}
        self._reviews: dict[tuple[str, str, str], str] = {}
        self._inventory: dict[str, tuple[str, ...]] = {}
        self._approved_names: set[tuple[str, str]] = set()
        self._strict = False
        self.version = -1  # of the policy this was read under

    def load(self, known: ServerDefinitions, *, strict: bool, version: int) -> set[str]:
        """Take over what the file says. Returns the kinds whose visible definitions changed by it."""
        before = {kind: self.hidden_names(kind) for kind in self._listed}
        for kind in {kind for kind, _, _ in known.listed} - self._own:
            self._listed[kind] = {}
        for kind, name, fingerprint in known.listed:
            if kind not in self._own:
                self._listed[kind].setdefault(name, set()).add(fingerprint)
        for fingerprint, score in known.scores.items():
            self._scores[fingerprint] = max(score, self._scores.get(fingerprint, 0.0))
        self._versions.update(known.versions)
        self._reviews = dict(known.reviews)
        self._approved_names = {(k, n) for (k, n, _), decision in self._reviews.items() if decision == "approved"}
        self._inventory = dict(known.inventory)
        self._strict, first, self.version = strict, self.version < 0, version
        return set() if first else {kind for kind, names in before.items() if names != self.hidden_names(kind)}

    # -- lists -----------------------------------------------------------------------------------------

    def listing(
        self, kind: str, found: Sequence[Definition], judge: Judge, rules: str, *, first: bool, last: bool
    ) -> tuple[set[int], list[Verdict]]:
        """A page of a list has come. Returns the positions to hide, and the verdicts made now.

        `rules` is the version of the rules; a text they have judged is not judged again.
        """
        if first:
            self._listed[kind] = {}
        self._own.add(kind)
        names = self._listed.setdefault(kind, {})
        for definition in found:
            names.setdefault(definition.name, set()).add(definition.fingerprint)
        verdicts = [
            self._judged(judge(definition, self._server, tuple(self._listed.get(TOOL, {})), self._inventory))
            for definition in {d.fingerprint: d for d in found}.values()
            if self._versions.get(definition.fingerprint) != rules
        ]
        hidden = {i for i, definition in enumerate(found) if self.why_held(kind, definition.name)}
        return hidden, verdicts

    def _judged(self, verdict: Verdict) -> Verdict:
        self._versions[verdict.fingerprint] = verdict.version
        if verdict.score is not None:
            self._scores[verdict.fingerprint] = max(verdict.score, self._scores.get(verdict.fingerprint, 0.0))
        return verdict

    # -- decisions -------------------------------------------------------------------------------------

    def why_held(self, kind: str, name: str) -> str:
        """Why the definition under this name is quarantined, if any text of it is; "" when it passes."""
        return next(filter(None, (self._why(kind, name, f) for f in self._fingerprints(kind, name))), "")

    def _fingerprints(self, kind: str, name: str) -> Iterable[str]:
        return self._listed.get(kind, {}).get(name, ())

    def _why(self, kind: str, name: str, fingerprint: str) -> str:
        decision = self._reviews.get((kind, name, fingerprint), "")
        return held(
            score=self._scores.get(fingerprint),
            decision=decision,
            changed=decision != "approved" and (kind, name) in self._approved_names,
            strict=self._strict,
        )

    def hidden_names(self, kind: str) -> frozenset[str]:
        """Names on the list that the client may not see."""
        return frozenset(name for name in self._listed.get(kind, {}) if self.why_held(kind, name))

    def names(self, kind: str) -> set[tuple[str, str]]:
        """(name, fingerprint) of everything on the list."""
        return {(name, f) for name, fingerprints in self._listed.get(kind, {}).items() for f in fingerprints}

    def is_listed(self, tool: str) -> bool:
        """Whether the server ever listed this tool, as far as is known."""
        return tool in self._listed.get(TOOL, {})

    def refusal(self, kind: str, name: str) -> Refusal | None:
        """Refuse what is quarantined; in strict mode also a tool that was never listed."""
        why = self.why_held(kind, name)
        shown = f"{self._server}/{name}"
        if why:
            return Refusal(
                code="quarantined",
                text=f"mcpwatch refused {shown}: {why}. It stays quarantined until the user approves it on the"
                " mcpwatch screen. Do not retry; tell the user.",
                retry="after the user approves the definition",
            )
        if self._strict and kind == TOOL and not self.is_listed(name):
            return Refusal(
                code="unlisted",
                text=f"mcpwatch refused {shown}: the server never listed a tool of this name, and strict mode lets"
                " only listed tools pass. List the tools, or tell the user.",
                retry="after the server has listed the tool",
            )
        return None
