"""`mcpwatch eval`: how well the rules do on a labelled corpus, for those who work on them."""

from __future__ import annotations

from pathlib import Path

import click

from mcpwatch.cli import exits
from mcpwatch.cli.output import print_json
from mcpwatch.scan import corpus_eval


@click.command("eval", epilog="Example: mcpwatch eval corpus.jsonl --json")
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(corpus: Path, as_json: bool) -> None:
    """CORPUS is JSON Lines: `tool` (a definition), `label` (malicious or benign), and where known `attack`, `group`,
    `server`, `tags`. A definition counts as flagged from caution upwards."""
    try:
        result = corpus_eval.evaluate(corpus)
    except corpus_eval.BadCorpus as error:
        raise exits.Failure(str(error)) from error
    if as_json:
        print_json(result)
    else:
        click.echo(corpus_eval.table(result), nl=False)
