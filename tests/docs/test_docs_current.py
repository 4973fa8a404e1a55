"""What the documentation says of the code is what the code says: generated pages, lists of names, snippets."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from docs.pages import DOCS, PAGES, Block, blocks, prose
from mcpwatch.cli.exits import MEANING
from mcpwatch.clients.document import generic
from mcpwatch.clients.table import CLIENTS
from mcpwatch.guard import password
from mcpwatch.guard.limits import DEFAULTS, format_value, period
from mcpwatch.meter.media import ITEM_TOKENS
from mcpwatch.meter.prices import genai_model_prices
from mcpwatch.scan import prompt, run
from mcpwatch.scan.capabilities import BADGES
from mcpwatch.scan.mistral import ATTEMPTS, SLOTS
from mcpwatch.store import config

SOURCES = DOCS.parent / "src" / "mcpwatch"
BLOCKS = [(page, block) for page in PAGES for block in blocks(page)]


def generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = generator()


@pytest.mark.parametrize("name", MADE.PAGES)
def test_generated_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == MADE.page(name), f"docs/{name}: run python docs/generate.py"


def text(name: str) -> str:
    """A page on one line, so that a sentence is found however it is broken."""
    return " ".join((DOCS / name).read_text("utf-8").split())


def test_a18_a20_password_and_limits_as_documented() -> None:
    page = text("limits-and-prices.md")
    for limit in DEFAULTS:
        shown = format_value(limit.dimension, limit.maximum)
        assert f"| {limit.dimension} | {shown} in any {period(limit.window_s)} |" in page
    assert f"At least {password.MIN_CHARACTERS} characters" in page
    waits = [password.wait_after(failures) for failures in range(1, 5)]
    assert (
        waits == [0, 0, 2, 4]
        and "After the third wrong password in a row there is a wait of 2 seconds, then 4" in page
    )
    assert password.LONGEST_WAIT_S == 3600 and "up to an hour" in page
    assert f"counts {ITEM_TOKENS:,} tokens".replace(",", " ") in page
    assert str(config.Config().default_price_per_1k) in page


def test_a26_every_refusal_code_is_documented() -> None:
    codes = set(re.findall(r'code="([a-z-]+)"', (SOURCES / "guard" / "refusal.py").read_text("utf-8")))
    codes |= set(re.findall(r'code="([a-z-]+)"', (SOURCES / "guard" / "review.py").read_text("utf-8")))
    assert {"state", "call-cap", "quarantined", "unlisted"} <= codes
    table = {
        code
        for row in re.findall(r"^\| (`.+?) \|", prose(DOCS / "limits-and-prices.md"), re.M)
        for code in re.findall(r"`([a-z-]+)`", row)
    }
    assert table == codes | {"panic", "calls", "tokens", "cost", "replaced"}


def test_every_table_of_the_state_file_is_documented() -> None:
    made = set(re.findall(r"CREATE TABLE (\w+)", (SOURCES / "store" / "schema.sql").read_text("utf-8")))
    rows = re.findall(r"^\| (`.+?) \|", prose(DOCS / "privacy.md").partition("## What is stored")[2], re.M)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == made


def test_every_environment_variable_is_documented() -> None:
    used = {
        name
        for path in SOURCES.rglob("*.py")
        for name in re.findall(r"[\"'](MCPWATCH_[A-Z_]+)[\"']", path.read_text())
    }
    used.discard("MCPWATCH_DEMO_CHANGE_AFTER")  # between the demo and its own server
    assert used == {name for name in MADE.VARIABLES if name.startswith("MCPWATCH_")}


def test_scanner_figures_as_documented() -> None:
    page = text("scanner.md")
    scanner = config.Scanner()
    assert f"`{scanner.model}`" in page
    said = (
        f"Up to {prompt.DEFINITION_MAX:,} characters",
        f"At most {SLOTS} requests at a time, {ATTEMPTS} attempts each, {run.DEFINITIONS_A_DAY} definitions a day",
        f"{scanner.budget_tokens_per_day:,} tokens a day",
    )
    for sentence in said:
        assert sentence.replace(",000", " 000") in page, sentence
    assert all(f"`{badge}`" in page for badge in BADGES)


def test_exit_codes_as_documented() -> None:
    assert "exit code 6" in text("scanner.md") and "judged" in MEANING[6]
    assert "exit code 4" in text("limits-and-prices.md") and "locked" in MEANING[4]


def test_quick_start_names_every_client() -> None:
    page = text("quick-start.md")
    missing = {client.name for client in CLIENTS if client.name not in page}
    assert missing <= {"VS Code Insiders"}


@pytest.mark.parametrize(
    ("page", "block"),
    [pair for pair in BLOCKS if pair[1].notes.get("file") == "config.toml"],
    ids=lambda value: value.stem if isinstance(value, Path) else str(value.line),
)
def test_configuration_snippet_is_valid(page: Path, block: Block, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(block.text, "utf-8")
    for price in config.load(file).prices:
        if price.model is not None:
            assert min(genai_model_prices(price.model)) > 0


@pytest.mark.parametrize(
    ("page", "block"),
    [pair for pair in BLOCKS if pair[1].notes.get("file", "config.toml") != "config.toml"],
    ids=lambda value: value.stem if isinstance(value, Path) else str(value.line),
)
def test_client_snippet_is_understood(page: Path, block: Block) -> None:
    suffix = Path(block.notes["file"]).suffix
    servers = generic(suffix, block.text.encode()).entries
    assert servers
    for server in servers:
        assert server.url is not None or server.form is not None
        if server.form is not None and server.form.texts[0].endswith("mcpwatch"):
            assert server.form.texts[1:3] == ["run", "--name"]


def test_every_snippet_can_be_parsed() -> None:
    for page, block in BLOCKS:
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)
        else:
            assert block.language != "yaml" or "file" in block.notes, f"{page.name}:{block.line}"
