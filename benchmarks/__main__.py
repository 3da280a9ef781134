"""Command line of the benchmarks: list, run, report and peers."""

import sys
from collections import Counter
from pathlib import Path
from typing import Literal

import tyro

from benchmarks import environments, records, registry, report, runner

RESULTS = Path(__file__).parent / "results"


def list_cases() -> int:
    """Name the cases with their suites and peers, and say which peers are built."""
    for case in registry.discover().values():
        suites, peers = ", ".join(case.suites) or "-", ", ".join(case.peers) or "-"
        print(f"{case.name:16} suites: {suites:24} peers: {peers}")
    for name in environments.names():
        print(f"peer {name:16} {'built' if environments.python_of(name) else 'not built'}")
    return 0


def run(
    names: tyro.conf.Positional[tuple[str, ...]],
    /,
    size: Literal["smoke", "full"] = "smoke",
    out: Path = RESULTS,
    limit: float | None = None,
) -> int:
    """Run cases or suites and write a file of records.

    Parameters
    ----------
    names : tuple of str
        Cases or suites; "all" is every case.
    size : str
        "smoke" checks that all is right within minutes, "full" measures.
    out : Path
        Folder for the records.
    limit : float, optional
        Time limit of each case instead of its own [s].
    """
    cases = registry.discover()
    if not names:
        raise registry.BenchmarkError("no case or suite named", allowed=", ".join(("all", *cases)))
    chosen = {case.name: case for name in names for case in registry.select(name, cases)}
    path = runner.run_cases(chosen.values(), size, out=out, limit_s=limit)
    rows = records.read(path)
    for row in rows:
        print(report.one_line(row))
    counts = Counter(row["status"] for row in rows)
    print(f"{path}: " + ", ".join(f"{counts[s]} {s}" for s in records.STATUSES))
    return 1 if counts["failed"] or counts["timeout"] else 0


def make_report(directory: tyro.conf.Positional[Path], /) -> int:
    """Write report.html into a folder of records.

    Parameters
    ----------
    directory : Path
        The folder.
    """
    print(report.write(directory))
    return 0


def build_peers(only: str | None = None) -> int:
    """Build the environments of the peers.

    Parameters
    ----------
    only : str, optional
        Build this one.
    """
    for name in environments.names() if only is None else [only]:
        print(f"{name}: {environments.build(name)}")
    return 0


def main() -> int:
    """Run the command that the arguments name; 2 where they make no sense."""
    commands = {"list": list_cases, "run": run, "report": make_report, "peers": build_peers}
    try:
        return tyro.extras.subcommand_cli_from_dict(commands, prog="python -m benchmarks")
    except registry.BenchmarkError as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
