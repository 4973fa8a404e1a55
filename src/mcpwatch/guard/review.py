"""Which definitions of one server may pass: quarantine, approval, and what changed since an approval.

Decisions hang on fingerprints: approving a text says nothing about the next one under the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from mcpwatch.guard.refusal import Refusal
from mcpwatch.guard.standing import Standing
from mcpwatch.store.forgetting import UNREAD
from mcpwatch.store.levels import CAUTION, CAUTION_FROM, DANGER, DANGER_FROM, level_of
from mcpwatch.store.records import Definition, ServerDefinitions, Verdict

TOOL, RESOURCE, TEMPLATE = "tool", "resource", "template"
MOST_JUDGED = 1000  # definitions of one list: beyond it they are held unread, or the list would hide poison
MOST_READ = 4_000_000  # characters of one page: some seconds' work where all of it was made to be slow
MOST_COMPARED = 100_000  # characters of held names or URIs; where there are more, what is not listed is held
MOST_SHOWN = 200  # characters of a name in a refusal
MOST_REMEMBERED = 10_000  # names off the list, and texts that hold nothing, remembered of one server
MOST_LISTED = 50_000  # names of one list: what pages without end bring beyond is left out of them

# Judges one definition by the rules: (definition, server, this server's tool names, other servers' tool names).
Judge = Callable[[Definition, str, Sequence[str], dict[str, tuple[str, ...]]], Verdict]


def held(*, score: float | None, decision: str, changed: bool, strict: bool, unread: bool = False) -> str:
    """Why a definition is quarantined, in a few words for a person; "" when it passes. `unread`: no rules did."""
    if decision == "blocked":
        return "the user blocked it"
    if decision == "approved":
        return ""
    level = level_of(score)
    if level is DANGER and unread:
        return "its definition could not be read: its list is too long"
    if level is DANGER:
        return "its definition looks poisoned" + (" and changed since it was approved" if changed else "")
    if strict and changed:
        return "its definition changed since it was approved"
    if strict and level is CAUTION:
        return "its definition is suspicious and strict mode holds it"
    return ""


class Unjudged(NamedTuple):
    """What is to be judged of a page: `texts`, with the names of the server's tools (one that stands twice on the
    list, twice) and those of the other servers. What is `beyond` the cap has its verdict."""

    texts: list[Definition]
    own: tuple[str, ...]
    others: dict[str, tuple[str, ...]]
    beyond: list[Verdict]


Listed = dict[str, set[str]]
"""name → fingerprints on a list now."""


class Facts:
    """What is known of one server's definitions beside what a session has seen listed. Used under the gate's lock."""

    def __init__(self) -> None:
        self.listed: dict[str, Listed] = {}  # by kind, as the file has them
        self.texts: dict[str, Listed] = {}  # by kind: what stood under each name when it was last listed
        self.latest: dict[str, Listed] = {}  # the last complete list of a kind: sessions that saw the same share it
        self.scores: dict[str, float] = {}
        self.versions: dict[str, str] = {}
        self.reviews: dict[tuple[str, str, str], str] = {}
        self.inventory: dict[str, tuple[str, ...]] = {}
        self.approved_names: set[tuple[str, str]] = set()
        self.strict = False
        self.version = -1  # of the policy this was read under
        self.trim_at = MOST_REMEMBERED  # texts known: with more, what counts no longer is forgotten
        self.changes = 0  # grows with everything that may change an answer about a name

    def load(self, known: ServerDefinitions, *, strict: bool, version: int) -> None:
        """Take over what the file says."""
        self.changes += 1
        listed: dict[str, Listed] = {}
        for kind, name, fingerprint in known.listed:
            listed.setdefault(kind, {}).setdefault(name, set()).add(fingerprint)
        self.listed = listed
        for kind, name, fingerprint in known.gone:
            if name not in listed.get(kind, {}):
                self.texts.setdefault(kind, {}).setdefault(name, {fingerprint})
        for fingerprint, score in known.scores.items():
            # What this session judged and the file does not hold yet counts until it does.
            unsaved = self.versions.get(fingerprint) not in (None, known.versions.get(fingerprint))
            self.scores[fingerprint] = max(score, self.scores.get(fingerprint, 0.0)) if unsaved else score
        self.versions.update(known.versions)
        self.reviews = dict(known.reviews)
        self.approved_names = {(k, n) for (k, n, _), decision in self.reviews.items() if decision == "approved"}
        self.inventory = dict(known.inventory)
        self.strict, self.version = strict, version

    def dangerous(self, fingerprint: str) -> bool:
        """Whether a text was read, and may be held for what it says."""
        return self.versions.get(fingerprint) != UNREAD and self.scores.get(fingerprint, 0.0) >= CAUTION_FROM


class Review:
    """The definitions of one server as one session knows them. Used under the gate's lock.

    Sessions that share `facts` agree about verdicts and decisions; each has seen lists of its own.
    """

    def __init__(self, server: str, facts: Facts | None = None) -> None:
        self._server = server
        self.facts = facts if facts is not None else Facts()
        self._seen: dict[str, Listed] = {}  # kinds this session has seen a list of: newer than the file's
        self._passing: set[str] = set()  # listed tools that nothing held, when
        self._passing_at = -1  # the facts had changed so often
        self.standing = Standing()
        self._forms: dict[str, tuple[dict[str, str], str]] = {}  # by kind: see `_held_forms`
        self._forms_at = -1

    @property
    def version(self) -> int:
        """Of the policy under which the facts were read."""
        return self.facts.version

    @version.setter
    def version(self, version: int) -> None:
        self.facts.version = version

    def load(
        self, known: ServerDefinitions, *, strict: bool, version: int, sharing: Iterable[Review] = ()
    ) -> set[str]:
        """Take over what the file says. Returns the kinds whose visible definitions changed by it, for this session
        or for one `sharing` its facts."""
        lists = self._lists([self, *sharing])
        before = [(kind, listed, self._hidden_of(kind, listed)) for kind, listed in lists]
        first = self.version < 0
        self.facts.load(known, strict=strict, version=version)
        return set() if first else {kind for kind, now, names in before if self._hidden_of(kind, now) != names}

    def _lists(self, reviews: Iterable[Review]) -> list[tuple[str, Listed]]:
        """(kind, list) of every list somebody has seen; what many have seen, once."""
        lists = {id(listed): (kind, listed) for kind, listed in self.facts.listed.items() if kind not in self._seen}
        for review in reviews:
            lists.update({id(listed): (kind, listed) for kind, listed in review._seen.items()})
        return list(lists.values())

    # -- lists -----------------------------------------------------------------------------------------

    def unjudged(self, kind: str, found: Sequence[Definition], rules: str, *, first: bool) -> Unjudged:
        """What of a page the rules of this version have not read. For judging without the gate's lock, before
        `listing`; `first` says whether it is the first page of the list."""
        texts = {d.fingerprint: d for d in found}
        page = [d.name for d in texts.values() if d.kind == TOOL]
        listed = self._listed(TOOL)
        if first:  # a new list: what the old one had beside it are names, no twins
            fresh = set(page)
            names = [*page, *(name for name in listed if name not in fresh)]
        else:
            names = [*page, *(name for name, here in listed.items() for _ in here)]
        room = max(0, MOST_JUDGED - self.listed_before(kind, first=first))
        todo = Unjudged([], tuple(names[:MOST_JUDGED]), self.facts.inventory, [])
        characters = 0
        for place, definition in enumerate(texts.values()):
            if self.facts.versions.get(definition.fingerprint) == rules:
                continue
            characters += len(definition.json)
            if place < room and characters <= MOST_READ:
                todo.texts.append(definition)
            else:
                todo.beyond.append(_too_many(definition, self._server))
        return todo

    def listing(
        self, kind: str, found: Sequence[Definition], verdicts: Iterable[Verdict], *, first: bool, last: bool
    ) -> set[int]:
        """A page of a list has come, and these verdicts were made on it. Returns the positions to hide."""
        facts = self.facts
        facts.changes += 1
        names = self._seen.get(kind)
        if first or names is None:
            names = self._seen[kind] = {}
        elif names is facts.latest.get(kind):
            names = self._seen[kind] = {name: set(fingerprints) for name, fingerprints in names.items()}
        if len(names) >= MOST_LISTED:
            hidden = set(range(len(found)))
        else:
            hidden = self._seen_page(kind, names, found, verdicts)
        if last:
            if facts.latest.get(kind) == names:
                self._seen[kind] = facts.latest[kind]
            else:
                facts.latest[kind] = names
        return hidden

    def _seen_page(
        self, kind: str, names: Listed, found: Sequence[Definition], verdicts: Iterable[Verdict]
    ) -> set[int]:
        texts = self.facts.texts.setdefault(kind, {})
        for definition in found:
            names.setdefault(definition.name, set()).add(definition.fingerprint)
            texts.pop(definition.name, None)  # the last listed stands last
            texts[definition.name] = names[definition.name]
        for verdict in verdicts:
            self._judged(verdict)
        return {i for i, definition in enumerate(found) if self.why_held(kind, definition.name)}

    def trim(self, reviews: Iterable[Review]) -> None:
        """Forget, the oldest first, what is neither on a list of these reviews nor held nor decided about: a server
        may list new names without end. What was not read counts as never seen; of what is held, the newest stay."""
        facts = self.facts
        if len(facts.versions) <= facts.trim_at:
            return
        facts.changes += 1
        here = [facts.listed, facts.latest, *(review._seen for review in reviews), self._seen]
        live = {fingerprint for _, _, fingerprint in facts.reviews}
        for kind, texts in facts.texts.items():
            listed: set[str] = set().union(*(lists.get(kind, {}) for lists in here))
            decided = {name for of, name, _ in facts.reviews if of == kind}
            off = [name for name in texts if name not in listed and name not in decided]
            off.sort(key=lambda name: any(map(facts.dangerous, texts[name])))
            for name in off[: max(0, len(off) - MOST_REMEMBERED)]:
                del texts[name]
            live.update(*texts.values())
        for lists in here:
            for names in lists.values():
                live.update(*names.values())
        others = [f for f in facts.versions if f not in live]
        others.sort(key=facts.dangerous)
        for fingerprint in others[: max(0, len(others) - MOST_REMEMBERED)]:
            facts.versions.pop(fingerprint)
            facts.scores.pop(fingerprint, None)
        facts.trim_at = len(facts.versions) + MOST_REMEMBERED

    def listed_before(self, kind: str, *, first: bool) -> int:
        """Names that earlier pages of the list have brought."""
        return 0 if first else len(self._seen.get(kind, ()))

    def _judged(self, verdict: Verdict) -> None:
        facts = self.facts
        unread = facts.versions.get(verdict.fingerprint) == UNREAD
        facts.versions[verdict.fingerprint] = verdict.version
        if verdict.score is not None and unread:
            facts.scores[verdict.fingerprint] = verdict.score
        elif verdict.score is not None:
            facts.scores[verdict.fingerprint] = max(verdict.score, facts.scores.get(verdict.fingerprint, 0.0))

    # -- decisions -------------------------------------------------------------------------------------

    def why_held(self, kind: str, name: str) -> str:
        """Why the definition under this name is quarantined, if any text of it is; "" when it passes."""
        # Off the list, or on a page not seen again yet, it is still what it was when last listed.
        texts = self._listed(kind).get(name) or self.facts.texts.get(kind, {}).get(name, set())
        return self._why_any(kind, name, texts)

    def _why_asked(self, kind: str, name: str | None) -> str:
        """Why a request about this name is refused, also where it only may mean what is held; None may be any."""
        why = self.why_held(kind, name or "")
        if why:
            return why
        return self._why_uri(name) if kind in (RESOURCE, TEMPLATE) else self._why_spelling(kind, name)

    def _why_spelling(self, kind: str, name: str | None) -> str:
        """Servers trim names and fold their case: another spelling of a held name is held, unless it is listed
        itself."""
        if name is not None and name in self._listed(kind):
            return ""
        forms, why = self._held_forms(kind)
        if not why:
            return ""
        from mcpwatch.protocol import names  # unicodedata: not before something is held

        if name is None or not forms or len(name) > names.LONGEST:
            return why
        return next((forms[form] for form in names.forms(name) if form in forms), "")

    def _held_forms(self, kind: str) -> tuple[dict[str, str], str]:
        """(form → why, any why) of the kind's held names, remembered until something changes. No forms where there
        is too much to compare."""
        if self._forms_at != self.facts.changes:
            self._forms.clear()
            self._forms_at = self.facts.changes
        found = self._forms.get(kind)
        if found is None:
            held = self._all_held(kind)
            forms: dict[str, str] = {}
            if held:
                from mcpwatch.protocol import names

                if sum(map(len, held)) <= MOST_COMPARED and max(map(len, held)) <= names.LONGEST:
                    forms = {form: why for name, why in held.items() for form in names.forms(name)}
            found = self._forms[kind] = forms, next(iter(held.values()), "")
        return found

    def _why_uri(self, name: str | None) -> str:
        """Resources are asked for by URI: one that may mean a held one is held, and one that a held template may
        make, unless it is listed itself."""
        held = {kind: self._all_held(kind) for kind in (RESOURCE, TEMPLATE)}
        if not any(held.values()):
            return ""
        from mcpwatch.protocol import uris  # urllib and unicodedata: not before something is held

        much = sum(len(each) for names in held.values() for each in names) > MOST_COMPARED
        if name is None or (much and name not in self._listed(RESOURCE)):
            return next((why for names in held.values() for why in names.values()), "")
        if much:
            return ""
        for uri, why in held[RESOURCE].items():
            if uris.same(uri, name):
                return why
        if name in self._listed(RESOURCE):
            return ""
        return next((why for form, why in held[TEMPLATE].items() if uris.makes(form, name)), "")

    def _all_held(self, kind: str) -> dict[str, str]:
        """name → why, of everything of the kind that is held, on the list or off it."""
        names = self.facts.texts.get(kind, {}).keys() | self._listed(kind).keys()
        return {name: why for name in names if (why := self.why_held(kind, name))}

    def _listed(self, kind: str) -> Listed:
        seen = self._seen.get(kind)
        return seen if seen is not None else self.facts.listed.get(kind, {})

    def _why_any(self, kind: str, name: str, fingerprints: Iterable[str]) -> str:
        return next(filter(None, (self._why(kind, name, f) for f in fingerprints)), "")

    def _why(self, kind: str, name: str, fingerprint: str) -> str:
        facts = self.facts
        decision = facts.reviews.get((kind, name, fingerprint), "")
        return held(
            score=facts.scores.get(fingerprint),
            decision=decision,
            changed=decision != "approved" and (kind, name) in facts.approved_names,
            strict=facts.strict,
            unread=facts.versions.get(fingerprint) == UNREAD,
        )

    def hidden_names(self, kind: str) -> frozenset[str]:
        """Names on the list that the client may not see."""
        return self._hidden_of(kind, self._listed(kind))

    def _hidden_of(self, kind: str, listed: Listed) -> frozenset[str]:
        return frozenset(name for name, fingerprints in listed.items() if self._why_any(kind, name, fingerprints))

    def names(self, kind: str) -> set[tuple[str, str]]:
        """(name, fingerprint) of everything on the list."""
        return {(name, f) for name, fingerprints in self._listed(kind).items() for f in fingerprints}

    def is_listed(self, tool: str) -> bool:
        """Whether the server ever listed this tool, as far as is known."""
        return tool in self._listed(TOOL)

    def passing(self, tool: str, version: int) -> bool:
        """Whether `lets_pass` is known to hold under the policy of this version; needs no lock."""
        facts = self.facts
        return facts.version == version and self._passing_at == facts.changes and tool in self._passing

    def lets_pass(self, tool: str) -> bool:
        """Whether a tool is listed and nothing holds it: true of nearly every call, and remembered until something
        changes."""
        if self._passing_at != self.facts.changes:
            self._passing.clear()
            self._passing_at = self.facts.changes
        if tool in self._passing:
            return True
        passes = self.is_listed(tool) and self.refusal(TOOL, tool) is None
        if passes:
            self._passing.add(tool)
        return passes

    def refusal(self, kind: str, name: str | None) -> Refusal | None:
        """Refuse what is quarantined; in strict mode also a tool that was never listed. A name of None could not be
        read, and is refused where anything of its kind is."""
        why = self._why_asked(kind, name)
        shown = f"{self._server}/{'?' if name is None else name[:MOST_SHOWN]}"
        if why:
            return Refusal(
                code="quarantined",
                text=f"mcpwatch refused {shown}: {why}. It stays quarantined until the user approves it on the"
                " mcpwatch screen. Do not retry; tell the user.",
                retry="after the user approves the definition",
            )
        if self.facts.strict and kind == TOOL and not self.is_listed(name or ""):
            return Refusal(
                code="unlisted",
                text=f"mcpwatch refused {shown}: the server never listed a tool of this name, and strict mode lets"
                " only listed tools pass. List the tools, or tell the user.",
                retry="after the server has listed the tool",
            )
        return None


def _too_many(definition: Definition, server: str) -> Verdict:
    detail = f"not read: its list has more than {MOST_JUDGED:,} definitions or {MOST_READ:,} characters"
    finding = {
        "rule": "list_too_long", "tier": "hard", "category": "oversize", "score": DANGER_FROM,
        "detail": detail, "path": "", "evidence": "", "decoded": "", "encoding": "",
    }  # fmt: skip
    findings = msgspec.json.encode([finding]).decode()
    return Verdict(definition.fingerprint, server, "local", UNREAD, DANGER_FROM, reason=detail, findings=findings)
