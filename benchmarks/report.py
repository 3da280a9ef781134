"""The picture of a folder of records: one HTML page that needs no other file."""

import base64
import html
import io
import math
import statistics
from collections import defaultdict
from pathlib import Path

from benchmarks.records import read
from benchmarks.registry import BenchmarkError

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{border-bottom:1px solid #ccc;
padding:.2rem .7rem;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}img{max-width:100%}.bad{color:#a00}"""
COLUMNS = (
    "variant",
    "peer",
    "n",
    "dtype",
    "status",
    "compile [s]",
    "run, median [s]",
    "quartiles [s]",
)
COLUMNS += ("ratio to baseline", "error", "error against", "peak memory [MB]", "reason")


def one_line(row: dict) -> str:
    """A record as a line for a terminal."""
    seconds = f"{row['run_s']['median']:.4g} s" if row["run_s"] else ""
    wrong = "" if row["error"] is None else f"error {row['error']:.2g}"
    words = (f"{row['case']}: {row['variant']}", row["status"], seconds, wrong, row["reason"])
    return "  ".join(word for word in words if word)


def groups(rows: list[dict]) -> dict[tuple, list[dict]]:
    """Records that may be compared: the same case, problem, size and run."""
    together = defaultdict(list)
    for row in rows:
        together[tuple(row[k] for k in ("case", "problem", "size", "run_id"))].append(row)
    return dict(sorted(together.items()))


def ratio(row: dict, group: list[dict]) -> float | None:
    """Time of a record over that of the baseline of equal n within its group."""
    base = [
        other["run_s"]["median"]
        for other in group
        if other["variant"] == row["baseline"] and other["n"] == row["n"] and other["run_s"]
    ]
    return row["run_s"]["median"] / statistics.median(base) if base and row["run_s"] else None


def write(folder: Path) -> Path:
    """Write report.html into a folder of records.

    Parameters
    ----------
    folder : Path
        Holds the ``*.jsonl`` files.

    Returns
    -------
    Path
        The page.
    """
    rows = read(folder) if folder.is_dir() else []
    if not rows:
        raise BenchmarkError(
            f"no records in {folder}", fix="python -m benchmarks run smoke --out DIR makes some"
        )
    body = "\n".join(_section(key, group) for key, group in groups(rows).items())
    page = "<!doctype html><html lang=en><meta charset=utf-8><title>memjax benchmarks</title>"
    page += f"<style>{STYLE}</style><h1>memjax benchmarks</h1>{body}</html>\n"
    path = folder / "report.html"
    path.write_text(page, encoding="utf8")
    return path


def _section(key: tuple, group: list[dict]) -> str:
    case, problem, size, run_id = key
    first = group[0]
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    sha = f"{(first['git_sha'] or 'no commit')[:12]}{' with changes' if first['git_dirty'] else ''}"
    on = first["machine"].get("devices", "devices unknown")
    about = f"run {run_id}, size {size}, source {sha}; {first['machine']['cpu']}, "
    about += f"{first['machine']['cores']} cores, {on}; {versions}; baseline: {first['baseline']}"
    title = f"{case}: {problem}" if problem else case
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    lines = "".join(_table_row(row, group) for row in group)
    text = f"<h2>{html.escape(title)}</h2><p>{html.escape(about)}</p>{_picture(title, group)}"
    return f"{text}<table><tr>{head}</tr>{lines}</table>"


def _table_row(row: dict, group: list[dict]) -> str:
    run, peak = row["run_s"], row["peak_rss_bytes"]
    numbers = [_number(row["compile_s"]), _number(run and run["median"])]
    numbers += [f"{run['q1']:.3g} to {run['q3']:.3g}" if run else ""]
    numbers += [_number(ratio(row, group)), _number(row["error"])]
    left = [row[k] for k in ("variant", "peer", "n", "dtype", "status")]
    right = [row["reference"], f"{peak / 1e6:.0f}" if peak else "", row["reason"]]
    cells = "".join(f"<td>{html.escape(str('' if x is None else x))}</td>" for x in left)
    cells += "".join(f"<td class=n>{x}</td>" for x in numbers)
    cells += "".join(f"<td>{html.escape(x or '')}</td>" for x in right)
    return f"<tr{'' if row['status'] == 'ok' else ' class=bad'}>{cells}</tr>"


def _number(x: float | None) -> str:
    return "" if x is None else f"{x:.3g}"


def _picture(title: str, group: list[dict]) -> str:
    """Times as bars and, where there are errors, error against time; both on log axes."""
    from matplotlib.figure import Figure

    rows = [row for row in group if row["status"] == "ok"]
    if not rows:
        return "<p>Nothing to draw: no variant ended well.</p>"
    wrong = [row for row in rows if row["error"]]
    height = 1.6 + 0.4 * len(rows)
    figure = Figure(figsize=(10, max(height, 3.6) if wrong else height), layout="constrained")
    axes = figure.subplots(1, 2 if wrong else 1, squeeze=False)[0]
    _draw_times(axes[0], rows)
    if wrong:
        _draw_errors(axes[1], wrong)
    figure.suptitle(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="times of {html.escape(title)}" src="data:image/png;base64,{data}">'


def _label(row: dict) -> str:
    return row["variant"] if row["n"] in (None, 1) else f"{row['variant']}, n = {row['n']}"


def _decades(values) -> tuple[float, float]:
    """Whole decades around positive values, so that a log axis has ticks that can be read."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return 10.0**low, 10.0 ** max(high, low + 1)


def _draw_times(ax, rows: list[dict]) -> None:
    places = range(len(rows))
    median = [row["run_s"]["median"] for row in rows]
    low = [row["run_s"]["median"] - row["run_s"]["q1"] for row in rows]
    high = [row["run_s"]["q3"] - row["run_s"]["median"] for row in rows]
    label = "run, median and quartiles"
    ax.errorbar(median, places, xerr=(low, high), fmt="o", capsize=3, label=label)
    compiled = [(row["compile_s"], k) for k, row in enumerate(rows) if row["compile_s"]]
    if compiled:
        ax.plot(*zip(*compiled), "s", mfc="none", label="compilation, once")
    seen = [row["run_s"][q] for row in rows for q in ("q1", "q3")] + [c for c, _ in compiled]
    ax.set(xscale="log", xlim=_decades(seen), xlabel="time [s]")
    ax.set(yticks=places, yticklabels=[_label(row) for row in rows], ylim=(len(rows) - 0.5, -0.5))
    ax.grid(axis="x", which="both", alpha=0.3)
    ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower left", ncols=2)


def _draw_errors(ax, rows: list[dict]) -> None:
    times, errors = [row["run_s"]["median"] for row in rows], [row["error"] for row in rows]
    for row, seconds, error in zip(rows, times, errors):
        ax.plot(seconds, error, "o", label=_label(row))
    ax.set(xscale="log", yscale="log", xlim=_decades(times), ylim=_decades(errors))
    ax.set(xlabel="run time, median [s]", ylabel="error (against: see the table)")
    ax.grid(which="both", alpha=0.3)
    ax.legend()
