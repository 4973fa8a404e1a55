"""Foreign text must never reach anything that parses markup."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mcpwatch.tui

SOURCES = sorted(Path(mcpwatch.tui.__path__[0]).rglob("*.py"))
PARSERS = {
    "Static", "Label", "DataTable", "OptionList", "RichLog", "Markdown", "Tree", "Select", "Collapsible", "Button",
    "Checkbox", "Tab", "from_markup", "print",
}  # fmt: skip
TITLES = {"border_title", "border_subtitle", "tooltip"}


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def wrong(source: str) -> Iterator[str]:
    """What in a module could parse markup, or print."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = name_of(node.func)
            if name in PARSERS:
                yield name
            if name == "notify" and not any(
                k.arg == "markup" and isinstance(k.value, ast.Constant) and k.value.value is False
                for k in node.keywords
            ):
                yield "notify"
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            is_content = isinstance(node.value, ast.Call) and name_of(node.value.func) == "Content"
            if not is_content:
                yield from (name for target in targets if (name := name_of(target)) in TITLES)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_b16_nothing_parses_markup_or_prints(path: Path) -> None:
    assert list(wrong(path.read_text("utf-8"))) == []


def test_the_search_finds_what_it_forbids() -> None:
    bad = """
box.border_title = f"{name}"
self.notify(text)
self.notify(text, markup=True)
yield Static(f"{name}")
Text.from_markup(name)
print(name)
"""
    assert sorted(wrong(bad)) == ["Static", "border_title", "from_markup", "notify", "notify", "print"]
    assert list(wrong("box.border_title = Content(x)\nself.notify(x, markup=False)")) == []


def test_no_module_is_too_long() -> None:
    assert all(len(path.read_text("utf-8").splitlines()) <= 400 for path in SOURCES)
