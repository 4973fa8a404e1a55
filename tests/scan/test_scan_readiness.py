"""Whether the model may be asked: configuration, consent and key together (B12, B19)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from mcpwatch.scan.key import ApiKey, KeyProblem
from mcpwatch.scan.readiness import MISTRAL, Readiness, look
from mcpwatch.store import scans
from mcpwatch.store.config import Config, ConfigError, Scanner
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.scans import ScannerStatus

KEY = ApiKey("sk-secret-123", "test")
ELSEWHERE = "https://models.example.org"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(tmp_path / "state.db")
    yield ledger
    ledger.close()


def answer(ledger: Ledger, consent: str, destination: str = MISTRAL) -> ScannerStatus:
    with ledger.transaction() as tx:
        scans.set_consent(tx, consent, destination, by="test")
    return ledger.scanner()


def at(status: ScannerStatus, *, key: ApiKey | None = KEY, **scanner: object) -> Readiness:
    config = Config(scanner=Scanner(**scanner))  # type: ignore[arg-type]
    return look(status, load_config=lambda: config, find_key=lambda: key)


def test_b12_without_an_answer_nothing_leaves_the_machine(ledger: Ledger) -> None:
    found = at(ledger.scanner())
    assert (found.state, found.opted_in) == ("not-opted-in", False)
    assert MISTRAL in found.detail


def test_an_agreement_lasts_until_it_is_withdrawn(ledger: Ledger) -> None:
    assert at(answer(ledger, "agreed")).state == ""
    assert at(answer(ledger, "withdrawn")).state == "not-opted-in"
    assert at(answer(ledger, "withdrawn"), llm=True).state == "not-opted-in", "the last word was no"
    assert at(answer(ledger, "agreed")).opted_in
    actions = [(row.action, row.detail) for row in ledger.audit_since(0)]
    assert actions[0] == ("llm-consent", f"agreed: {MISTRAL}") and len(actions) == 4


def test_the_configuration_can_agree_where_the_question_was_declined(ledger: Ledger) -> None:
    status = answer(ledger, "declined")
    assert at(status).state == "not-opted-in"
    assert at(status, llm=True).state == ""


def test_an_agreement_holds_for_the_server_that_was_asked_about(ledger: Ledger) -> None:
    status = answer(ledger, "agreed")
    assert at(status, server_url=ELSEWHERE).state == "not-opted-in"
    assert at(answer(ledger, "agreed", ELSEWHERE), server_url=ELSEWHERE).state == ""


def test_a_server_on_this_machine_needs_neither_consent_nor_key(ledger: Ledger) -> None:
    found = at(ledger.scanner(), key=None, server_url="http://127.0.0.1:9/v1")
    assert found.state == "" and not found.opted_in
    reviewer = found.reviewer(0, date.today)
    assert reviewer.local and reviewer.off() is None


def test_b12_no_key_is_said(ledger: Ledger) -> None:
    found = at(answer(ledger, "agreed"), key=None)
    assert found.state == "no-key" and "MISTRAL_API_KEY" in found.detail


def test_b19_a_key_that_cannot_be_used_is_said_without_showing_it(ledger: Ledger) -> None:
    def broken() -> ApiKey:
        raise KeyProblem(".env: MISTRAL_API_KEY is not a key\x1b[31m")

    found = look(answer(ledger, "agreed"), load_config=Config, find_key=broken)
    assert found.state == "no-key" and "is not a key" in found.detail and "\x1b" not in found.detail


@pytest.mark.parametrize("url", ["http://models.example.org", "ftp://x", "https://user:pw@x.org"])
def test_a_server_url_not_to_be_used_is_a_broken_configuration(ledger: Ledger, url: str) -> None:
    assert at(answer(ledger, "agreed"), server_url=url).state == "bad-config"


def test_a_configuration_that_cannot_be_read_asks_nothing(ledger: Ledger) -> None:
    def broken() -> Config:
        raise ConfigError("config.toml: not valid TOML")

    found = look(answer(ledger, "agreed"), load_config=broken, find_key=lambda: KEY)
    assert found.state == "bad-config" and "not valid TOML" in found.detail


def test_what_matters_for_asking_makes_the_identity(ledger: Ledger) -> None:
    status = answer(ledger, "agreed")
    same = at(status, key=ApiKey("sk-secret-123", "another place"))
    assert at(status).identity == same.identity
    changes = [at(status, key=ApiKey("other", "test")), at(status, model="m"), at(status, budget_tokens_per_day=1)]
    assert len({str(found.identity) for found in [same, *changes]}) == 4
