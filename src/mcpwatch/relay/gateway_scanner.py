"""The LLM scanner beside a gateway: a process of its own, started again when it fails.

In the gateway's own process it is felt. Measured while 280 definitions were judged, on a busy machine with 4 cores: a
relayed call's p99 goes from 1.5–8 ms to 30–44 ms with the scanner in a thread (whatever reads a model's answer holds
the interpreter), to 6–10 ms with it in a process of its own; the median by 3 %. That process takes 70 MB.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from asyncio import subprocess
from typing import Final

HOST: Final = "gateway"
PAUSES_S: Final = (1.0, 5.0, 30.0, 300.0)  # after it failed so many times in a row
GOOD_S: Final = 60.0  # one that ran so long has not failed at once
LEAVE_S: Final = 5.0
_log = logging.getLogger("mcpwatch.gateway")


async def host_scanner() -> None:
    """Have a scanner run until cancelled."""
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        started = loop.time()
        try:
            said = await _run()
        except OSError as error:
            said = str(error)
        failures = 1 if loop.time() - started > GOOD_S else failures + 1
        pause = PAUSES_S[min(failures, len(PAUSES_S)) - 1]
        _log.error("the scanner ended (%s); again in %g s", said, pause)
        await asyncio.sleep(pause)


async def _run() -> str:
    """One scanner, from its start to its end. Its end, in a few words."""
    process = await subprocess.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "mcpwatch.scan.worker",
        HOST,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the gateway, which then tells it
    )
    try:
        return f"exit code {await process.wait()}"
    finally:
        if process.returncode is None:
            await asyncio.shield(_end(process))


async def _end(process: subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), LEAVE_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
