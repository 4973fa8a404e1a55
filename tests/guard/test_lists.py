"""Lists as the review takes them: long ones, doubled names, scores that move."""

import time
from collections.abc import Sequence

import pytest

from guard.reviews import list_of
from mcpwatch.guard import review as rules
from mcpwatch.guard.review import MOST_JUDGED, Facts, Review
from mcpwatch.store.levels import DANGER, level_of
from mcpwatch.store.records import Definition, ServerDefinitions, Verdict


def test_b17_beyond_the_cap_a_definition_is_a_finding_and_not_read() -> None:
    judged: list[str] = []

    def judge(definition: Definition, server: str, own: Sequence[str], others: dict[str, tuple[str, ...]]) -> Verdict:
        assert len(own) <= MOST_JUDGED
        judged.append(definition.name)
        return Verdict(definition.fingerprint, server, "local", "v1", 0.0)

    review = Review("s")
    found = [Definition("tool", f"t{i}", f"f{i}", "{}") for i in range(MOST_JUDGED + 500)]
    pages = found[:700], found[700:]
    verdicts = []
    for n, page in enumerate(pages):
        hidden, made = list_of(review, page, judge, first=n == 0, last=n == 1)
        assert bool(hidden) == (n == 1)
        verdicts += made
    assert len(judged) == MOST_JUDGED
    assert len(verdicts) == len(found)
    assert all(level_of(v.score) is DANGER and "list_too_long" in v.findings for v in verdicts[MOST_JUDGED:])


def test_a_name_that_stands_twice_reaches_the_rules_twice() -> None:
    seen: list[Sequence[str]] = []

    def judge(definition: Definition, server: str, own: Sequence[str], others: dict[str, tuple[str, ...]]) -> Verdict:
        seen.append(own)
        return Verdict(definition.fingerprint, server, "local", "v1", 0.0)

    twins = [Definition("tool", "pay", "f1", "{}"), Definition("tool", "pay", "f2", "{}")]
    list_of(Review("s"), twins, judge)
    assert seen == [("pay", "pay"), ("pay", "pay")]


def test_a_score_lowered_in_the_file_is_followed_and_an_unsaved_one_is_not_lost() -> None:
    review = Review("s")
    text = Definition("tool", "pay", "f1", "{}")
    listed = (("tool", "pay", "f1"),)
    list_of(review, [text], lambda d, *_: Verdict(d.fingerprint, "s", "local", "v2", 90.0), version="v2")
    old = ServerDefinitions(listed=listed, scores={"f1": 10.0}, versions={"f1": "v1"})
    review.load(old, strict=False, version=1)
    assert review.refusal("tool", "pay") is not None, "the file is behind"
    for version, score in ((2, 95.0), (3, 20.0)):
        review.load(
            ServerDefinitions(listed=listed, scores={"f1": score}, versions={"f1": "v2"}),
            strict=False,
            version=version,
        )
        assert (review.refusal("tool", "pay") is None) == (score < 80)


def _review(*pages: list[Definition]) -> Review:
    """A review that has seen these pages of one list; a text whose fingerprint begins with "bad" is danger."""
    review = Review("s")
    for n, page in enumerate(pages):
        _see(review, page, first=n == 0, last=n == len(pages) - 1)
    return review


def _see(review: Review, page: list[Definition], *, first: bool, last: bool) -> None:
    def judge(definition: Definition, *_: object) -> Verdict:
        score = 90.0 if definition.fingerprint.startswith("bad") else 0.0
        return Verdict(definition.fingerprint, "s", "local", "v1", score)

    list_of(review, page, judge, first=first, last=last)


PAY, EVIL = Definition("tool", "pay", "good", "{}"), Definition("tool", "evil", "bad", "{}")


def test_b15_a_tool_that_leaves_the_list_stays_held() -> None:
    review = _review([PAY, EVIL])
    _see(review, [], first=True, last=True)
    assert review.refusal("tool", "evil") is not None
    assert review.refusal("tool", "pay") is None


def test_b15_a_tool_of_a_later_page_stays_held_while_the_list_is_read_again() -> None:
    review = _review([PAY], [EVIL])
    _see(review, [PAY], first=True, last=False)
    assert review.refusal("tool", "evil") is not None


def test_b15_what_is_gone_is_held_by_a_new_session_too_until_a_passing_text_stands_there() -> None:
    review = Review("s")
    gone = ServerDefinitions(gone=(("tool", "evil", "bad"),), scores={"bad": 90.0}, versions={"bad": "v1"})
    review.load(gone, strict=False, version=1)
    assert review.refusal("tool", "evil") is not None
    _see(review, [Definition("tool", "evil", "mended", "{}")], first=True, last=True)
    assert review.refusal("tool", "evil") is None


def test_b17_a_text_that_was_not_read_is_read_when_there_is_room() -> None:
    many = [Definition("tool", f"t{i}", f"f{i}", "{}") for i in range(MOST_JUDGED + 1)]
    review = _review(many)
    last = many[-1]
    assert review.refusal("tool", last.name) is not None
    _see(review, [last], first=True, last=True)
    assert review.refusal("tool", last.name) is None


# -- what is asked for by URI ----------------------------------------------------------------------


def _resources(**scores: float) -> Review:
    """A review of a server that lists these resources and templates, each with its score."""
    review = Review("s")
    for kind in ("resource", "template"):
        found = [
            Definition(kind, name, f"{name}:{score}", "{}")
            for name, score in scores.items()
            if ("{" in name) is (kind == "template")
        ]
        list_of(review, found, lambda d, *_: Verdict(d.fingerprint, "s", "local", "v1", scores[d.name]), kind=kind)
    return review


def test_b15_every_spelling_of_a_held_resource_is_held() -> None:
    review = _resources(**{"memo://x": 90.0, "memo://y": 0.0})
    for kind in ("resource", "template"):
        for uri in ("memo://x", "MEMO://x", "memo://%78", "memo://x/", "memo://y/../x#a"):
            assert review.refusal(kind, uri) is not None, uri
        assert review.refusal(kind, "memo://y") is None
        assert review.refusal(kind, None) is not None, "what cannot be read may be any"
    assert review.refusal("prompt", None) is None


def test_b15_what_a_held_template_makes_is_held_unless_it_is_listed_itself() -> None:
    review = _resources(**{"memo://{id}": 90.0, "memo://own": 0.0, "file:///{name}": 0.0})
    for uri in ("memo://7", "MEMO://7", "memo://a/b", "memo://{id}", "MEMO://{id}", "memo://OWN"):
        assert review.refusal("resource", uri) is not None, uri
        assert review.refusal("template", uri) is not None, uri
    for uri in ("memo://own", "file:///a", "file:///{name}"):
        assert review.refusal("resource", uri) is None, uri


def test_b15_a_clean_twin_of_a_held_resource_is_no_way_to_it() -> None:
    review = _resources(**{"memo://x": 90.0, "MEMO://x": 0.0})
    assert review.refusal("resource", "MEMO://x") is not None


def test_b15_a_resource_that_leaves_the_list_stays_held_in_every_spelling() -> None:
    review = _resources(**{"memo://x": 90.0})
    review.listing("resource", [], [], first=True, last=True)
    assert review.refusal("resource", "MEMO://x") is not None


def test_b15_where_too_much_is_held_to_compare_only_what_is_listed_passes() -> None:
    many = {f"memo://{n}/" + "%61" * 1000: 90.0 for n in range(100)}
    review = _resources(**many, **{"memo://own": 0.0})
    started = time.perf_counter()
    assert review.refusal("resource", "other://x") is not None
    assert review.refusal("resource", "memo://own") is None
    assert time.perf_counter() - started < 1.0


def test_a_refusal_quotes_a_long_uri_only_in_part() -> None:
    refusal = _resources(**{"memo://{id}": 90.0}).refusal("resource", "memo://" + "a" * 100_000)
    assert refusal is not None and len(refusal.text) < 600


def storm(review: Review, lists: int, names: int, score: float = 0.0) -> None:
    """Lists of names that were never on one before."""

    def judge(definition: Definition, *_: object) -> Verdict:
        return Verdict(definition.fingerprint, "s", "local", "v1", score)

    for _ in range(lists):
        n = review.facts.changes
        list_of(review, [Definition("tool", f"t{n}.{i}", f"f{n}.{i}", "{}") for i in range(names)], judge)
        review.trim([review])


def test_names_without_end_are_forgotten_but_for_those_that_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed once: whatever a server ever listed stayed in the guard's memory."""
    monkeypatch.setattr(rules, "MOST_REMEMBERED", 100)
    facts = Facts()
    review, other = Review("s", facts), Review("s", facts)
    facts.trim_at = 100
    one = [Definition("tool", "theirs", "theirs", "{}")]
    list_of(other, one, lambda d, *_: Verdict(d.fingerprint, "s", "local", "v1", 45.0))
    facts.reviews[("tool", "blocked", "blocked")] = "blocked"
    list_of(
        review,
        [Definition("tool", name, name, "{}") for name in ("blocked", "poison", "plain")],
        lambda d, *_: Verdict(d.fingerprint, "s", "local", "v1", 100.0 if d.name == "poison" else 0.0),
    )
    for _ in range(30):
        storm(review, 1, 50)
        review.trim([review, other])
        assert len(facts.versions) <= 450 and len(facts.texts["tool"]) <= 300
    assert review.refusal("tool", "poison") and review.refusal("tool", "blocked")
    assert "theirs" in facts.versions and "plain" not in facts.texts["tool"]
    assert review.facts.scores["theirs"] == 45.0, "another session lists it"


def test_held_names_without_end_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_REMEMBERED", 100)
    review = Review("s")
    review.facts.trim_at = 100
    storm(review, 30, 50, score=100.0)
    assert len(review.facts.versions) <= 450 and len(review.facts.scores) <= 450
    newest = max(review.facts.texts["tool"], key=lambda name: int(name[1:].split(".")[0]))
    assert review.refusal("tool", newest)


def test_a_text_that_is_back_after_it_was_forgotten_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_REMEMBERED", 100)
    review = Review("s")
    review.facts.trim_at = 100
    page = [Definition("tool", "plain", "plain", "{}")]
    list_of(review, page, lambda d, *_: Verdict(d.fingerprint, "s", "local", "v1", 0.0))
    storm(review, 30, 50)
    assert [d.name for d in review.unjudged("tool", page, "v1", first=True).texts] == ["plain"]


def test_pages_without_end_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_LISTED", 100)
    review = Review("s")
    for n in range(5):
        page = [Definition("tool", f"t{n}.{i}", f"f{n}.{i}", "{}") for i in range(50)]
        hidden, _ = list_of(
            review, page, lambda d, *_: Verdict(d.fingerprint, "s", "local", "v1", 0.0), first=n == 0, last=False
        )
        assert len(hidden) == (0 if n < 2 else 50)
    assert len(review.names("tool")) == 100
