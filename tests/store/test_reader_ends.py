from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_KEEPS_IT_OPEN = """
import asyncio, sys
from pathlib import Path
from mcpwatch.store.reader import Reader

reader = asyncio.run(Reader.open(Path(sys.argv[1])))
"""


def test_a_program_ends_although_its_reader_is_open(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _KEEPS_IT_OPEN, str(tmp_path / "state.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert done.returncode == 0, done.stderr
