"""`mcpwatch serve`: the gateway for servers reached over HTTP."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Coroutine
from importlib import import_module
from typing import Any

import click
import msgspec

from mcpwatch.cli import exits
from mcpwatch.cli.output import print_line

SWITCH_S = 0.0001
"""How long the recorder may keep the interpreter while a frame waits; Python's own 5 ms are felt."""


@click.command("serve", epilog="Example: mcpwatch serve --port 7373")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on. Default 7373; 0: any that is free.")
@click.option("--host", help="Address to listen on. Default 127.0.0.1: this machine only.")
@click.option("--token-file", help="File with a word of 16 characters or more that every request must bring.")
@click.option("--scan/--no-scan", default=None, help="Have the LLM scanner run too, in a process beside it.")
@click.option("--stop", is_flag=True, help="End the gateway that runs; no screen starts it again by itself.")
@click.option("--log", "log_file", default="", hidden=True, help="Where what we print goes, for others to find.")
def command(
    port: int | None, host: str | None, token_file: str | None, scan: bool | None, stop: bool, log_file: str
) -> None:
    """Give your client http://127.0.0.1:7373/NAME/mcp in place of the server's URL, and the server to mcpwatch:

    \b
      [servers.NAME]
      url = "https://example.com/mcp"
      headers = { Authorization = "Bearer ${EXAMPLE_TOKEN}" }

    in config.toml (`mcpwatch doctor` says where it is). The file is read again when it changes. A token for the
    gateway goes into the header Mcpwatch-Token, or into Authorization where the server wants none of its own.
    """
    if stop:
        return _stop()
    from mcpwatch.relay.gateway import Gateway, Refused
    from mcpwatch.store.config import ConfigError, load
    from mcpwatch.store.database import StateError

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    given = {"port": port, "host": host, "token_file": token_file, "scan": scan}
    try:
        settings = msgspec.structs.replace(load().gateway, **{k: v for k, v in given.items() if v is not None})
        _run(Gateway(settings, _load_judge).run(log=log_file))
    except (Refused, ConfigError, StateError) as error:
        raise exits.Failure(str(error)) from error


def _stop() -> None:
    from mcpwatch.cli.change import BY, changing
    from mcpwatch.relay import gateway_control, processes
    from mcpwatch.store import gateways

    with changing() as ledger:
        row = gateways.read(ledger)
        found = gateway_control.look(row)
        if found.state == "none":
            print_line("No gateway runs.")
            return
        if found.state == "silent" and not processes.is_gateway(row.pid):
            raise exits.Failure(f"process {row.pid} does not answer, and may be something else by now: look at it")
        gateways.stop(ledger, row, BY)
    if not gateway_control.stop(found):
        raise exits.Failure(f"the gateway does not end: kill -9 {row.pid}")
    print_line(f"Ended the gateway, process {row.pid}.")


def _run(work: Coroutine[Any, Any, None]) -> None:
    sys.setswitchinterval(SWITCH_S)
    try:
        loops = import_module("uvloop")
    except ImportError:
        loops = asyncio
    loops.run(work)


def _load_judge():
    from mcpwatch.scan.local import load_judge

    return load_judge()
