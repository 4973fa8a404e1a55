"""`mcpwatch doctor`."""

from __future__ import annotations

import click

from mcpwatch.cli import checks_setup, exits
from mcpwatch.cli.checks import CHECKS, Finding, Level
from mcpwatch.cli.output import print_json, print_line, safe

_COLOURS = {Level.GOOD: "green", Level.NOTE: "cyan", Level.WRONG: "red"}


@click.command("doctor", epilog="Example: mcpwatch doctor")
@click.option("--fetch-tokenizer", is_flag=True, help="First download the vocabulary that exact token counts need.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
def command(fetch_tokenizer: bool, as_json: bool) -> int:
    """State file, disk, configuration, dependencies, tokenizer, clock, terminal, AI clients, gateway and key: one
    line each, and below what is wrong how to mend it. Ends with exit code 1 when something is wrong."""
    if fetch_tokenizer:
        _fetch_tokenizer()
    findings = [finding for check in CHECKS for finding in check()]
    findings += checks_setup.findings(findings)
    wrong = sum(finding.level is Level.WRONG for finding in findings)
    if as_json:
        print_json({"healthy": not wrong, "findings": [finding.document() for finding in findings]})
    else:
        for finding in findings:
            _print(finding)
        print_line(f"{wrong} thing{'' if wrong == 1 else 's'} to mend." if wrong else "Nothing to mend.")
    return exits.FAILED if wrong else exits.OK


def _fetch_tokenizer() -> None:
    from mcpwatch.meter import tokenizer

    try:
        tokenizer.fetch()
    except tokenizer.FetchError as error:
        raise exits.Failure(str(error)) from error


def _print(finding: Finding) -> None:
    mark = click.style(f"{finding.level:<5}", fg=_COLOURS[finding.level], bold=finding.level is Level.WRONG)
    print_line(f"{mark}  {finding.subject:<13}  {safe(finding.text)}")
    if finding.mend:
        print_line(f"{'':<22}→ {safe(finding.mend, limit=4000)}")
