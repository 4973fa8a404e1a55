"""Lists as the review takes them: long ones, doubled names, scores that move."""

from collections.abc import Sequence

from mcpwatch.guard.review import MOST_JUDGED, Review
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
        hidden, made = review.listing("tool", page, judge, "v1", first=n == 0, last=n == 1)
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
    Review("s").listing("tool", twins, judge, "v1", first=True, last=True)
    assert seen == [("pay", "pay"), ("pay", "pay")]


def test_a_score_lowered_in_the_file_is_followed_and_an_unsaved_one_is_not_lost() -> None:
    review = Review("s")
    text = Definition("tool", "pay", "f1", "{}")
    listed = (("tool", "pay", "f1"),)
    review.listing(
        "tool", [text], lambda d, *_: Verdict(d.fingerprint, "s", "local", "v2", 90.0), "v2", first=True, last=True
    )
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

    review.listing("tool", page, judge, "v1", first=first, last=last)


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
