"""Every command in the documentation is run, page by page, on a machine of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.pages import PAGES, Block, blocks, shows
from docs.world import World

NOT_RUN_MOST = 3  # blocks of commands, over all pages
LANGUAGES = {"sh", "text", "json", "jsonc", "toml", "yaml", "powershell"}
WITH_COMMANDS = [page for page in PAGES if any(block.runs or "file" in block.notes for block in blocks(page))]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_commands_of_the_page(page: Path, tmp_path: Path) -> None:
    world = World(tmp_path)
    printed: dict[int, str] = {}
    try:
        for block in blocks(page):
            where = f"docs/{page.name}:{block.line}"
            if "file" in block.notes:
                world.write(block.notes["file"], block.text)
            elif block.runs:
                printed[block.line] = run(world, block, where)
            elif block.after is not None:
                said = printed[block.after.line]
                missing = shows(block.text, said)
                assert not missing, f"{where}: the command does not print {missing!r} there, but\n{said}"
    finally:
        world.close()


def run(world: World, block: Block, where: str) -> str:
    """Run one block; what it printed."""
    if "background" in block.notes:
        return world.start(block.text)
    if "typed" in block.notes:
        pairs = [pair.partition("=>") for pair in block.notes["typed"].split(";")]
        code, said = world.type(block.text, [(prompt.strip(), answer.strip()) for prompt, _, answer in pairs])
    else:
        code, said = world.run(block.text)
    assert code == int(block.notes.get("exit", "0")), f"{where}: exit code {code}\n{block.text}\n{said}"
    return said


def test_few_commands_are_not_run() -> None:
    exempt = [
        f"{page.name}:{block.line}: {block.notes['run']}"
        for page in PAGES
        for block in blocks(page)
        if block.language == "sh" and "run" in block.notes
    ]
    assert all(why.partition(": ")[2].startswith("no, ") for why in exempt), exempt
    assert len(exempt) <= NOT_RUN_MOST, exempt


def test_no_command_hides_in_another_language() -> None:
    for page in PAGES:
        for block in blocks(page):
            where = f"{page.name}:{block.line}"
            assert block.language in LANGUAGES, f"{where}: {block.language!r}"
            if block.language == "text" and block.after is None:
                first = block.text.lstrip("$ ").split(" ")[0]
                assert first not in ("mcpwatch", "pip", "pipx", "uv"), f"{where}: a command that is not run"


def test_what_is_printed_is_compared() -> None:
    output = "one\ntwo  2\nthree\n"
    assert shows("one\ntwo …\n", output) == ""
    assert shows("…\nthree\n", output) == ""
    assert shows("two …\n", output) == "two …"
    assert shows("one\nthree\n", output) == "three"
    assert shows("one\n…\nfour\n", output) == "four"
