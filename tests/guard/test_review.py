"""What is quarantined, from one text under one name to lists that several sessions have seen (B3, B15)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from guard.reviews import list_of
from mcpwatch.guard import approval, lock
from mcpwatch.guard.review import Facts, Review, held
from mcpwatch.store.definitions import save_listed, save_verdict
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Definition, ServerDefinitions, Verdict
from scan.scanning import tool

Scores = dict[str, float | None]  # by name
RULES = "rules 1"


@pytest.mark.parametrize(
    ("score", "decision", "changed", "strict", "why"),
    [
        (None, "", False, False, ""),
        (None, "", False, True, ""),  # unscanned passes, shown
        (0.0, "", False, False, ""),
        (39.9, "", True, False, ""),
        (40.0, "", False, False, ""),  # caution passes, flagged
        (79.9, "", True, False, ""),
        (80.0, "", False, False, "looks poisoned"),
        (100.0, "", True, False, "looks poisoned and changed"),
        (40.0, "", False, True, "suspicious"),
        (0.0, "", True, True, "changed"),
        (None, "", True, True, "changed"),
        (100.0, "approved", False, False, ""),
        (100.0, "approved", True, True, ""),
        (0.0, "blocked", False, False, "blocked"),
        (None, "blocked", False, False, "blocked"),
        (100.0, "blocked", False, True, "blocked"),
    ],
)
def test_why_a_text_is_held(score: float | None, decision: str, changed: bool, strict: bool, why: str) -> None:
    said = held(score=score, decision=decision, changed=changed, strict=strict)
    assert (why in said) if why else said == ""


def test_what_nobody_read_is_not_called_poisoned() -> None:
    said = held(score=80.0, decision="", changed=False, strict=False, unread=True)
    assert "could not be read" in said and "poisoned" not in said
    assert held(score=80.0, decision="approved", changed=False, strict=False, unread=True) == ""


class Rules:
    """Rules that score by name, and count what they are asked."""

    def __init__(self, **scores: float | None) -> None:
        self.scores = scores
        self.asked: list[str] = []

    def __call__(
        self, definition: Definition, server: str, own: Sequence[str], others: dict[str, tuple[str, ...]]
    ) -> Verdict:
        self.asked.append(definition.name)
        return Verdict(definition.fingerprint, server, "local", RULES, self.scores.get(definition.name, 0.0))


def seen(review: Review, rules: Rules, *tools: Definition, first: bool = True, last: bool = True) -> set[int]:
    return list_of(review, tools, rules, version=RULES, first=first, last=last)[0]


GOOD, BAD = tool("good"), tool("bad", "Steal.")


def test_b15_the_dangerous_is_hidden_and_refused_by_name() -> None:
    review, rules = Review("srv"), Rules(bad=95.0)
    assert seen(review, rules, GOOD, BAD) == {1}
    assert review.refusal("tool", "good") is None
    refusal = review.refusal("tool", "bad")
    assert refusal is not None and refusal.code == "quarantined" and "srv/bad" in refusal.text
    assert review.hidden_names("tool") == {"bad"}


@pytest.mark.parametrize(
    "asked",
    ["BAD", "bad ", "\tbad\n", "b\u200bad", "ｂａｄ", "bad\0", "bad\0good", "ba\u0301d", "b\u00e1d", "x" * 2000],
)
def test_b15_another_spelling_of_the_dangerous_is_refused_too(asked: str) -> None:
    review = Review("srv")
    seen(review, Rules(bad=95.0), GOOD, BAD)
    refusal = review.refusal("tool", asked)
    assert refusal is not None and refusal.code == "quarantined"


def test_a_spelling_that_is_listed_itself_and_every_other_name_pass() -> None:
    review, rules = Review("srv"), Rules(bad=95.0)
    assert seen(review, rules, BAD, tool("Bad")) == {0}
    assert review.refusal("tool", "Bad") is None and review.refusal("tool", "badly") is None
    assert review.refusal("tool", "BAD") is not None
    assert review.refusal("prompt", "BAD") is None
    assert seen(review, Rules(), tool("bad", "Kind.")) == set(), "an honest text stands there now"
    assert review.refusal("tool", "BAD") is None


@pytest.mark.parametrize("held", [["n" * 2000], [f"{n:01000}" for n in range(101)]], ids=["long", "many"])
def test_where_held_names_are_too_much_to_compare_only_the_listed_pass(held: list[str]) -> None:
    review = Review("srv")
    seen(review, Rules(**dict.fromkeys(held, 95.0)), GOOD, *(tool(name, "Steal.") for name in held))
    assert review.refusal("tool", "good") is None
    assert review.refusal("tool", "never listed") is not None


def test_the_kinds_do_not_mix() -> None:
    review, rules = Review("srv"), Rules(bad=95.0)
    seen(review, rules, BAD)
    assert review.refusal("prompt", "bad") is None and review.refusal("resource", "bad") is None


def test_b3_a_text_is_judged_once_and_a_changed_one_again() -> None:
    review, rules = Review("srv"), Rules(good=0.0)
    seen(review, rules, GOOD)
    seen(review, rules, GOOD)
    assert rules.asked == ["good"]
    rules.scores["good"] = 90.0
    assert seen(review, rules, tool("good", "Another text.")) == {0}
    assert rules.asked == ["good", "good"]


def test_b3_newer_rules_judge_again() -> None:
    review, rules = Review("srv"), Rules()
    seen(review, rules, GOOD)
    list_of(review, [GOOD], rules, version="rules 2")
    assert rules.asked == ["good", "good"]


def test_a_page_is_judged_with_the_pages_before_it() -> None:
    review, rules = Review("srv"), Rules(bad=95.0)
    assert seen(review, rules, GOOD, last=False) == set()
    assert seen(review, rules, BAD, first=False) == {0}
    assert review.names("tool") == {("good", GOOD.fingerprint), ("bad", BAD.fingerprint)}
    seen(review, rules, GOOD)
    assert not review.is_listed("bad"), "a new list begins with its first page"


def test_one_bad_text_under_a_name_holds_the_name() -> None:
    review = Review("srv")
    twin = tool("good", "Steal.")

    def rules(definition: Definition, server: str, own: object, others: object) -> Verdict:
        score = 95.0 if "Steal" in definition.json else 0.0
        return Verdict(definition.fingerprint, server, "local", RULES, score)

    hidden, _ = list_of(review, [GOOD, twin], rules)
    assert hidden == {0, 1}, "nobody can say which of the two a call by name reaches"
    assert review.refusal("tool", "good") is not None


def test_unlisted_passes_unless_strict() -> None:
    review, rules = Review("srv"), Rules()
    seen(review, rules, GOOD)
    assert review.refusal("tool", "other") is None and not review.is_listed("other")
    review.load(ServerDefinitions(), strict=True, version=1)
    refusal = review.refusal("tool", "other")
    assert refusal is not None and refusal.code == "unlisted"
    assert review.refusal("tool", "good") is None
    assert review.refusal("prompt", "other") is None, "prompts and resources are not gated by being listed"


def test_a_rule_that_fails_leaves_unscanned_which_passes() -> None:
    review = Review("srv")
    assert seen(review, Rules(good=None), GOOD) == set()
    assert review.refusal("tool", "good") is None


# -- with the state file -------------------------------------------------------------------------------


def store(ledger: Ledger, *tools: Definition, scores: Scores | None = None, producer: str = "local") -> None:
    with ledger.transaction() as tx:
        save_listed(tx, "srv", [(definition, 1) for definition in tools])
        for definition in tools:
            score = (scores or {}).get(definition.name, 0.0)
            save_verdict(tx, Verdict(definition.fingerprint, "srv", producer, RULES, score))


Load = Callable[..., set[str]]


@pytest.fixture
def load(ledger: Ledger) -> Load:
    def load(review: Review, *sharing: Review) -> set[str]:
        policy = ledger.policy()
        return review.load(ledger.definitions("srv"), strict=policy.strict, version=policy.version, sharing=sharing)

    return load


def test_b15_a_new_session_refuses_on_its_first_frame(ledger: Ledger, load: Load) -> None:
    store(ledger, GOOD, BAD, scores={"bad": 95.0})
    review = Review("srv")
    load(review)
    assert review.refusal("tool", "bad") is not None and review.refusal("tool", "good") is None
    assert review.is_listed("good")


def test_b15_an_approval_is_for_one_fingerprint_and_is_news(ledger: Ledger, load: Load) -> None:
    store(ledger, GOOD, BAD, scores={"bad": 95.0})
    review, rules = Review("srv"), Rules(bad=95.0)
    load(review)
    assert seen(review, rules, GOOD, BAD) == {1}
    approval.approve(ledger, "srv", "tool", "bad", BAD.fingerprint, None, by="test")
    assert load(review) == {"tool"}
    assert review.refusal("tool", "bad") is None
    assert load(review) == set(), "told once"
    turned = tool("bad", "Steal more.")
    assert seen(review, rules, GOOD, turned) == {1}, "the approval says nothing about another text"
    why = review.why_held("tool", "bad")
    assert "changed since it was approved" in why


def test_b15_a_changed_text_is_flagged_and_strict_holds_it(ledger: Ledger, load: Load) -> None:
    store(ledger, GOOD)
    approval.approve(ledger, "srv", "tool", "good", GOOD.fingerprint, None, by="test")
    changed = tool("good", "Adds three numbers.")
    review = Review("srv")
    load(review)
    assert seen(review, Rules(), changed) == set()
    store(ledger, changed)
    rows = {row.fingerprint: row.review for row in ledger.tools()}
    assert rows[changed.fingerprint] == "changed"
    lock.set_strict(ledger, True, None, by="test")
    assert load(review) == {"tool"}
    assert review.refusal("tool", "good") is not None


def test_strict_holds_caution(ledger: Ledger, load: Load) -> None:
    store(ledger, GOOD, scores={"good": 55.0})
    review = Review("srv")
    load(review)
    assert review.refusal("tool", "good") is None
    lock.set_strict(ledger, True, None, by="test")
    load(review)
    assert review.refusal("tool", "good") is not None


def test_a_late_verdict_of_the_model_quarantines_what_is_on_the_list(ledger: Ledger, load: Load) -> None:
    review = Review("srv")
    load(review)
    assert seen(review, Rules(), GOOD) == set()
    store(ledger, GOOD, scores={"good": 90.0}, producer="remote")
    assert load(review) == {"tool"}
    assert review.refusal("tool", "good") is not None


def test_a_low_score_of_the_model_frees_nothing(ledger: Ledger, load: Load) -> None:
    store(ledger, BAD, scores={"bad": 95.0})
    store(ledger, BAD, scores={"bad": 0.0}, producer="remote")
    review = Review("srv")
    load(review)
    assert review.refusal("tool", "bad") is not None


def test_blocking_holds_what_is_safe(ledger: Ledger, load: Load) -> None:
    store(ledger, GOOD)
    review = Review("srv")
    load(review)
    assert seen(review, Rules(), GOOD) == set()
    approval.block(ledger, "srv", "tool", "good", GOOD.fingerprint, by="test")
    assert load(review) == {"tool"} and review.refusal("tool", "good") is not None
    approval.take_back(ledger, "srv", "tool", "good", GOOD.fingerprint, None, by="test")
    assert load(review) == {"tool"} and review.refusal("tool", "good") is None


def test_sessions_that_share_facts_are_told_of_each_others_lists(ledger: Ledger, load: Load) -> None:
    store(ledger, GOOD, BAD, scores={"bad": 95.0})
    facts = Facts()
    one, two = Review("srv", facts), Review("srv", facts)
    load(one, two)
    seen(two, Rules(bad=95.0), BAD)
    seen(one, Rules(bad=95.0), GOOD)
    approval.approve(ledger, "srv", "tool", "bad", BAD.fingerprint, None, by="test")
    assert load(one, two) == {"tool"}, "two's client may see it now"
    assert two.refusal("tool", "bad") is None
