"""What the SDK logs does not reach a terminal: it is what servers send, raw."""

from __future__ import annotations

import logging


def silence() -> None:
    """A logger without a handler prints to the terminal: give these one that does nothing."""
    for name in ("mcp", "client", "httpx2"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
