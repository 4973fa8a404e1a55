"""`mcpwatch findings`: what was found in the definitions that servers list."""

from __future__ import annotations

import click

from mcpwatch.cli import report
from mcpwatch.cli.output import print_line
from mcpwatch.cli.state import opened
from mcpwatch.scan.export import json_lines


@click.command(
    "findings",
    epilog="\b\nExamples:\n  mcpwatch findings\n  mcpwatch findings --json | jq -r '.detector' | sort | uniq -c",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines: one finding a line.")
@click.option("--sarif", "as_sarif", is_flag=True, help="A SARIF 2.1.0 log.")
@click.option("--server", help="Only definitions of this server.")
@click.option("--gone", is_flag=True, help="Also what servers no longer list.")
@click.option("--all", "show_all", is_flag=True, help="List what is safe, too.")
def command(as_json: bool, as_sarif: bool, server: str | None, gone: bool, show_all: bool) -> None:
    """The worst first: each definition that rules or model flagged, or that nobody could judge, with the text that
    gave it away."""
    if as_json and as_sarif:
        raise click.UsageError("--json or --sarif, not both")
    with opened() as ledger:
        rows = report.rows_of(ledger.judged(server, gone=gone))
    if as_sarif:
        click.echo(report.sarif_text(rows), nl=False)
    elif as_json:
        for line in json_lines(finding for row in rows for finding in row.findings()):
            click.echo(line, nl=False)
    else:
        report.print_rows(rows, quiet_safe=not show_all)
        print_line(report.summary(rows))
