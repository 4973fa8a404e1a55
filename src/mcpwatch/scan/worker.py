"""The scanner as a process of its own, for a host that must not share an interpreter with it.

It ends with its standard input, so with its host, however that ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading

from mcpwatch.scan.scanner import Scanner

NICE = 10  # what relays comes first


def main(host: str) -> None:
    """Scan for this host (see `ScannerStatus.host`) until standard input ends."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_until_left(Scanner(host=host)))


async def _until_left(scanner: Scanner) -> None:
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(scanner.run())

    def wait() -> None:
        while os.read(0, 1024):
            pass
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(work.cancel)

    threading.Thread(target=wait, name="mcpwatch-host", daemon=True).start()
    await work


if __name__ == "__main__":
    main(sys.argv[1])
