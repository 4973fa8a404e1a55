"""Whether two names of tools or prompts may mean one to a server that compares them loosely."""

from __future__ import annotations

import unicodedata
from fnmatch import fnmatchcase
from typing import Final

LONGEST: Final = 1024
"""Characters of a name that is compared: normalising takes the square of its marks. A longer one may mean any."""


def forms(name: str) -> set[str]:
    """What a reader makes of the name that trims, folds case, normalises Unicode or stops at a NUL. Two names that
    share a form may mean one definition; coarser than any server, on purpose."""
    return {_form(text) for text in (name, name.partition("\0")[0])}


def may_mean(name: str, glob: str) -> bool:
    """Whether such a reader may take the name for one that the shell glob matches."""
    return len(name) > LONGEST or any(fnmatchcase(form, _form(glob)) for form in forms(name))


def bare(text: str) -> str:
    """Compatibility forms replaced; marks, control and format characters left out."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if unicodedata.category(c)[0] not in "CM")


def _form(name: str) -> str:
    return bare(name).strip().upper().casefold()
