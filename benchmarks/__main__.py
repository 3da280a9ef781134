"""Command line of the benchmarks: list, run, compare, report and peers."""

import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import tyro

from benchmarks import compare, environments, records, registry, report, runner
from memjax.errors import MemjaxError
from memjax.runtime.cluster import Cluster

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
    resume: tyro.conf.FlagCreatePairsOff[bool] = False,
    scheduler: str | None = None,
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
    resume : bool
        Leave out cases of which the folder holds whole records, of the same commit, versions, size and machine.
    scheduler : str, optional
        Address of a scheduler of dask.distributed, as tcp://HOST:8786, whose workers run a case each at a time.
    """
    cases = registry.discover()
    if not names:
        raise registry.BenchmarkError("no case or suite named", allowed=", ".join(("all", *cases)))
    chosen = {case.name: case for name in names for case in registry.select(name, cases)}
    with nullcontext() if scheduler is None else _cluster(scheduler) as cluster:
        if resume:
            for name in _completed(out, size, tuple(chosen), cluster):
                del chosen[name]
            if not chosen:
                print("nothing is left to run")
                return 0
        path = runner.run_cases(chosen.values(), size, out=out, limit_s=limit, cluster=cluster)
    rows = records.read(path)
    for row in rows:
        print(report.one_line(row))
    counts = Counter(row["status"] for row in rows)
    print(f"{path}: " + ", ".join(f"{counts[s]} {s}" for s in records.STATUSES))
    return 1 if counts["failed"] or counts["timeout"] else 0


def _cluster(address: str) -> Cluster:
    """The workers of a scheduler; says where several share a machine."""
    cluster = Cluster(address, identity=runner.identity, note=lambda text: print(f"note: {text}"))
    hosts = Counter(w.rpartition(":")[0].rpartition("/")[2] for w in cluster.workers())
    for host, count in hosts.items():
        if count > 1:
            print(f"note: {count} workers run on {host}: each makes the times of the others longer")
    return cluster


def _completed(
    out: Path, size: str, names: tuple[str, ...], cluster: Cluster | None = None
) -> list[str]:
    """Which cases need not be run again; says of each where its records are, and why there are none."""
    now = records.provenance()
    if now["git_dirty"] or now["git_sha"] is None:
        print("resume: the source has changes that no commit holds, so that every case is run")
    for part in sorted(out.glob("*.part")):
        print(f"resume: {part} holds a case that did not end, or that runs now; it is not used")
    completed = runner.completed_cases(out, size, cluster)
    for name in (name for name in names if name in completed):
        rows = completed[name]
        print(f"resume: {name} is not run again: {len(rows)} records of run {rows[0]['run_id']}")
    return [name for name in names if name in completed]


def compare_records(
    before: tyro.conf.Positional[Path],
    after: tyro.conf.Positional[Path],
    /,
    noise: float = 0.03,
    false_alarm: float = 0.01,
) -> int:
    """Compare the times of two sets of records; exit status 1 where something became slower or fails now.

    A measurement is slower where the ratio of its times (medians) is above 1.1 and further from 1 than the scatter of
    both sets explains: of repeats, by their quartiles, and of runs, by `--noise` or by what several runs of a folder
    show. The column +- is how far a ratio may be from 1 by chance. Compilation and peers are shown, not judged.

    Parameters
    ----------
    before, after : Path
        Two files, or folders with several runs of one commit each, which tell smaller changes apart.
    noise : float
        Relative standard deviation of a time between runs of the same code, at least.
    false_alarm : float
        Probability that a rerun of the same code has a measurement called slower.
    """
    sets = [records.read(path) for path in (before, after)]
    origins = [compare.check_origin(rows, str(path)) for rows, path in zip(sets, (before, after))]
    rows = compare.compare(*sets, noise=noise, false_alarm=false_alarm)
    print(compare.table(rows), end="\n\n")
    for part, value in origins[0].items():
        if value != origins[1][part]:
            print(f"{part}: {value} before, {origins[1][part]} after")
    if origins[0]["machine"] != origins[1]["machine"]:
        print("the machines differ: the ratios compare them, too")
    print(compare.summary(rows))
    return 1 if compare.is_worse(rows) else 0


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
    commands = {"list": list_cases, "run": run, "compare": compare_records}
    commands |= {"report": make_report, "peers": build_peers}
    try:
        return tyro.extras.subcommand_cli_from_dict(commands, prog="python -m benchmarks")
    except MemjaxError as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: interrupted; run --resume leaves out what has ended", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
