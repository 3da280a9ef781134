"""The board of ratios over time: how long each variant of a case takes over its baseline, commit by commit."""

import statistics
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks.records import ROOT, read
from benchmarks.report import groups

HISTORY = Path(__file__).parent / "history"
"""Records that are committed, of runs whose source was a commit of this history."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Ratios of one measurement at several commits.

    Parameters
    ----------
    case, problem, size, variant, baseline : str
        What was measured, and what its time was divided by.
    peer : str or None
        The other library that ran it; None where memjax did.
    n : int or None
        Size of the problem, where there is one.
    machine : str
        Processor and number of cores.
    ratios : dict of str to tuple of float
        By commit: median, least and largest ratio of all runs there.
    """

    case: str
    problem: str
    size: str
    variant: str
    baseline: str
    peer: str | None
    n: int | None
    machine: str
    ratios: dict[str, tuple[float, float, float]]

    @property
    def label(self) -> str:
        """Variant with its size."""
        return self.variant if self.n in (None, 1) else f"{self.variant}, n = {self.n}"


def _reference(row: dict, group: list[dict], run: list[dict]) -> tuple[str, float] | None:
    """The baseline of equal n and its time [s]; where the group has none of that name, the first variant of memjax.

    A peer in an environment of its own states no problem and no n: its name says what it ran ("snnTorch, batch 8"), as
    does that of the variant of memjax.
    """
    named = any(x["variant"] == row["baseline"] and x["n"] == row["n"] for x in group)
    if row["peer"] and not row["problem"] and not named:
        words = set(row["variant"].split(", "))
        group = [x for x in run if words.issuperset(x["variant"].split(", ")[1:])]
        row = row | {"n": next((x["n"] for x in group if x["variant"].startswith("memjax")), None)}
    alike = [x for x in group if x["n"] == row["n"] and x["run_s"] and x["status"] == "ok"]
    named = [x for x in alike if x["variant"] == row["baseline"]]
    own = [x for x in alike if x["variant"].startswith("memjax")]
    base = named or [x for x in own if x["variant"] == own[0]["variant"]]
    if not base:
        return None
    return base[0]["variant"], statistics.median(x["run_s"]["median"] for x in base)


def lines(rows: list[dict]) -> list[Line]:
    """Ratios of all variants but the baselines, from records that ended well and whose source is a commit."""
    found: dict[tuple, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    rows = [row for row in rows if row["git_sha"] and not row["git_dirty"]]
    for (case, _, size, run_id), group in groups(rows).items():
        run = [x for x in rows if (x["case"], x["size"], x["run_id"]) == (case, size, run_id)]
        for row in (row for row in group if row["status"] == "ok" and row["run_s"]):
            base = _reference(row, group, run)
            if base is None or row["variant"] == base[0]:
                continue
            machine = f"{row['machine']['cpu']}, {row['machine']['cores']} cores"
            on = row["machine"].get("devices", "cpu")
            machine += "" if on.startswith("cpu") else f", {on}"
            key = (
                *(row[k] for k in ("case", "problem", "size", "variant", "peer", "n")),
                *base[:1],
            )
            found[(*key, machine)][row["git_sha"]].append(row["run_s"]["median"] / base[1])
    every = []
    for (case, problem, size, variant, peer, n, baseline, machine), values in found.items():
        ratios = {c: (statistics.median(x), min(x), max(x)) for c, x in values.items()}
        about = {"variant": variant, "baseline": baseline, "peer": peer, "n": n, "machine": machine}
        every.append(Line(case=case, problem=problem, size=size, ratios=ratios, **about))
    return every


def commits(rows: list[dict]) -> list[tuple[str, str]]:
    """Commits of the records and the day of each, in the order of the history; outside of one, of their measurement."""
    first: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row["time"]):
        if row["git_sha"] and not row["git_dirty"]:
            first.setdefault(row["git_sha"], row["time"])
    words = ["git", "-C", str(ROOT), "show", "-s", "--format=%cI"]
    for sha in first:
        day = subprocess.run([*words, sha], capture_output=True, text=True, check=False)
        if day.returncode == 0:
            first[sha] = day.stdout.strip()
    return sorted(((sha, when[:10]) for sha, when in first.items()), key=lambda x: first[x[0]])


def table(rows: list[dict]) -> str:
    """The board in Markdown, a table for each case."""
    columns, text = commits(rows), ""
    for case, own in _by_case(lines(rows)).items():
        head = [f"`{sha[:7]}`<br>{day}" for sha, day in columns]
        text += f"## {case}\n\n| variant | problem | over |" + "".join(f" {c} |" for c in head)
        text += "\n|---|---|---|" + "---:|" * len(columns) + "\n"
        for line in own:
            cells = [_cell(line.ratios.get(sha)) for sha, _ in columns]
            first = [line.label, line.problem, line.baseline]
            text += "| " + " | ".join([*first, *cells]) + " |\n"
        text += "\n"
    return text


def _by_case(every: list[Line]) -> dict[str, list[Line]]:
    """Lines of each case."""
    cases: dict[str, list[Line]] = defaultdict(list)
    for line in every:
        cases[line.case].append(line)
    return dict(sorted(cases.items()))


def _cell(values: tuple[float, float, float] | None) -> str:
    """Median, and the range of several runs."""
    if values is None:
        return ""
    middle, low, high = values
    return f"{middle:.3g}" if low == high else f"{middle:.3g} ({low:.3g} to {high:.3g})"


def draw(rows: list[dict], path: Path) -> None:
    """Ratios over the commits, a panel for each case and what its times are divided by."""
    from matplotlib.figure import Figure

    panels: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines(rows):
        panels[
            (f"{line.case}: {line.problem}" if line.problem else line.case, line.baseline)
        ].append(line)
    columns = commits(rows)
    place = {sha: k for k, (sha, _) in enumerate(columns)}
    count = max(len(panels), 1)
    figure = Figure(figsize=(10.0, 2.9 * count), layout="constrained")
    axes = figure.subplots(count, 1, squeeze=False)[:, 0]
    for ax, ((title, baseline), own) in zip(axes, sorted(panels.items())):
        for k, line in enumerate(own):
            points = sorted((place[sha], *values) for sha, values in line.ratios.items())
            x, middle, low, high = (list(values) for values in zip(*points))
            look = dict(
                color=f"C{k % 10}", marker="os^Dv"[k // 10 % 5], ls="--" if line.peer else "-"
            )
            ends = [[a - b for a, b in zip(*pair)] for pair in ((middle, low), (high, middle))]
            ax.errorbar(x, middle, yerr=ends, ms=4, lw=1.2, capsize=3, label=line.label, **look)
        ax.axhline(1, color="#9aa5b1", lw=0.8)
        ax.set(yscale="log", ylabel=f"Time over\n{baseline}", title=title)
        ax.set_xticks(range(len(columns)), [f"{sha[:7]}\n{day[5:]}" for sha, day in columns])
        ax.set_xlim(-0.4, len(columns) - 0.6)
        ax.grid(alpha=0.25)
        ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.savefig(path, format="png", dpi=130)


def history() -> list[dict]:
    """All committed records."""
    return read(HISTORY) if any(HISTORY.glob("*.jsonl")) else []
