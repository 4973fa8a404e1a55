"""The pictures of the documentation are those of this program."""

from __future__ import annotations

import importlib.util

import pytest

from docs.pages import DOCS
from mcpwatch.clients.table import CLIENTS

_SPEC = importlib.util.spec_from_file_location("docs_pictures", DOCS / "pictures.py")
assert _SPEC is not None and _SPEC.loader is not None
PICTURES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(PICTURES)


@pytest.mark.parametrize("client", [client.id for client in CLIENTS])
def test_picture_is_up_to_date(client: str) -> None:
    drawn = PICTURES.draw(client)
    assert drawn == (DOCS / "pictures" / f"{client}.svg").read_text("utf-8"), "run python docs/pictures.py"
    assert "@font-face" not in drawn and "t0ken" not in drawn


def test_there_are_no_others() -> None:
    assert {path.stem for path in (DOCS / "pictures").iterdir()} == {client.id for client in CLIENTS}
