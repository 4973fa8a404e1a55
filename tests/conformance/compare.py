"""The official conformance suite, straight to a server and through the gateway, compared check by check.

`python tests/conformance/compare.py [--node-modules DIR] [--url URL]`

Installs the suite and a Node that can run it with npm (into DIR, where they stay; else into a folder that is
removed), starts the server of tests/servers/http_conformance.py (or takes the one at URL) and a gateway, runs what
each revision of the protocol requires by both ways, and prints every check that differs.

Exits 1 when one does, when the suite finds fewer checks than it is known to have, or when anything could not be
installed or run. Not part of pytest: it needs npm.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from servers.gateways import gateway, http_server  # noqa: E402

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
NODE = "node@24.21.0"  # the suite wants 22 or newer, and this machine's may be older
REVISIONS = {"2025-11-25": 84, "2026-07-28": 160}
"""revision → checks the suite makes at least; fewer, and it did not run as it should."""

Checks = dict[str, list[tuple[str, str]]]  # scenario → (check, status), in order


def install(modules: Path) -> Path:
    """The folder of the suite's programs. Raises SystemExit."""
    programs = modules / "node_modules" / ".bin"
    if not (programs / "conformance").exists() or not (programs / "node").exists():
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise SystemExit(
                "the conformance suite is an npm package, and there is no npm with a node here: install Node.js (any"
                " version with npm; the one that runs the suite is installed with it), or run `pytest` alone"
            )
        command = [npm, "install", "--no-audit", "--no-fund", "--loglevel", "error", "--prefix", str(modules)]
        try:
            done = subprocess.run([*command, NODE, SUITE], timeout=300)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SystemExit(f"npm cannot install the conformance suite: {error}") from error
        if done.returncode:
            raise SystemExit("npm cannot install the conformance suite")
    return programs


def run(programs: Path, url: str, revision: str, output: Path) -> Checks:
    """What the suite finds at this URL."""
    command = [str(programs / "conformance"), "server", "--url", url, "--requirements", revision]
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, "--output-dir", str(output)],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )
    found: Checks = {}
    for file in sorted(output.rglob("checks.json")):
        scenario = re.sub(r"-\d{4}-\d\d-\d\dT.*$", "", file.parent.name)
        found[scenario] = sorted((check["id"], check["status"]) for check in json.loads(file.read_text()))
    if not found:
        raise SystemExit(f"the suite found nothing at {url}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return found


def differences(direct: Checks, relayed: Checks) -> list[str]:
    """One line for each check that is not the same by both ways."""
    lines = []
    for scenario in sorted(direct.keys() | relayed.keys()):
        ours, theirs = relayed.get(scenario, []), direct.get(scenario, [])
        lines += [f"{scenario}: direct {check}" for check in theirs if theirs.count(check) != ours.count(check)]
        lines += [f"{scenario}: relayed {check}" for check in ours if theirs.count(check) != ours.count(check)]
    return lines


def compare(programs: Path, url: str, directory: Path) -> int:
    """Number of differences over all revisions."""
    failed = 0
    with gateway(directory / "gateway", {"srv": url}) as running:
        for revision, least in REVISIONS.items():
            started = time.monotonic()
            # One after the other: what a run changes at the server is heard by all that listen to it.
            direct = run(programs, url, revision, directory / f"direct-{revision}")
            relayed = run(programs, running.url(), revision, directory / f"relayed-{revision}")
            lines = differences(direct, relayed)
            checks = sum(map(len, direct.values()))
            passed = sum(status == "SUCCESS" for found in direct.values() for _, status in found)
            if checks < least:
                lines.append(f"only {checks} checks, at least {least} were expected")
            failed += len(lines)
            print(
                f"{revision}: {len(direct)} scenarios, {checks} checks, {passed} passed directly,"
                f" {len(lines)} differences, {time.monotonic() - started:.1f} s"
            )
            for line in lines:
                print(f"  {line}")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node-modules", type=Path, metavar="DIR", help="keep what npm installs, for the next time")
    parser.add_argument("--url", help="a server that runs already, in place of our own")
    options = parser.parse_args()
    with contextlib.ExitStack() as ends:
        directory = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        programs = install((options.node_modules or directory / "npm").resolve())
        (directory / "gateway").mkdir()
        url = options.url
        if url is None:
            url = f"http://127.0.0.1:{ends.enter_context(http_server('http_conformance'))}/mcp"
        return 1 if compare(programs, url, directory) else 0


if __name__ == "__main__":
    sys.exit(main())
