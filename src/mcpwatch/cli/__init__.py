"""Command line of mcpwatch."""


def main() -> None:
    """Entry point, filled in by the commands."""
    raise SystemExit("mcpwatch: commands are not wired yet")
