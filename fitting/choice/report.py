"""What a choice among models leaves beside its fit directories: a table, a picture, a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from memjax.plot import style
from memjax.plot.style import MUTED
from memjax.runtime.files import write_json, writing

from ..constants import COMPARISON
from ..figures import axes_grid, save_all
from ..fit_json import SCHEMA, digest, load, versions
from ..kinds import Kind, kind_of
from ..page.blocks import Block, Bullets, Link, Note, Picture, Section, Table, Text
from ..page.fit_blocks import data_rows, readable, versions_row
from ..page.render import write_page
from ..report import folder_of_part
from .comparison import Comparison, best

COLORS = ("#d1495b", "#00798c", "#edae49", "#66418a", "#3d7a3b", "#8c564b")
"""Of the models that are drawn; no picture of more is legible."""

_SHOWN = 20  # curves that are drawn at the most

_UNITS = {"V": "Voltage", "A": "|Current|", "s": "Time", "ohm": "Resistance", "S": "Conductance"}

HEAD = ["model", "free", "residuals", "loss", "median residual", "AIC, over least", "support", "AICc", "BIC",
        "held-out (sigma)", "held-out median", "behind best (s.e.)", "verdict"]  # fmt: skip
"""Columns of the table."""

_HELD = """Held-out (sigma): root mean square of the residuals of what took no part in a fit, over their standard
deviation; behind best: how much larger their squares are than those of the best, in standard errors."""

LONG = ("residuals", "AICc", "BIC", "held-out median")
"""Those for which a terminal has no room."""


def figure_of(folder: Path, models: Sequence[str], kind: Kind) -> Any:
    """Measured values grey, those of each model in a colour of its own: all in one panel, then one by one if several.

    `folder` is that of a choice, with a fit directory for each model; `kind` says which columns are drawn.
    """
    axes = kind.curve[:2] if kind.curve else ("", "")
    measured = pandas.read_csv(folder / models[0] / "measured.csv")
    read = kind.curve.simulated if kind.curve else None
    places = [folder / n for n in models]
    tables = [read(load(p)) if read else pandas.read_csv(p / "simulated.csv") for p in places]
    titles = ["all models", *models] if len(models) > 1 else models
    columns = min(len(titles), 4)
    rows = -(-len(titles) // columns)
    size = {"width": 4.2, "height": 3.6 + 0.4 / rows}
    figure, grid = axes_grid(columns, rows, **size, sharex=True, sharey=True)
    grid = grid.ravel()
    for k, ax in enumerate(grid):
        ax.set_visible(k < len(titles))
        _lines(ax, measured, axes, color=MUTED, lw=1.8, alpha=0.7, label="measured")
        for n, name in enumerate(models):
            if k in (0, n + 1):
                _lines(ax, tables[n], axes, color=COLORS[n], lw=1.2, label=name)
        ax.set_title(titles[k] if k < len(titles) else "", fontsize=11)
    _scaled(grid, np.abs(measured[axes[1]].to_numpy()), axes)
    handles = grid[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=len(models) + 1)
    return figure


def _lines(ax: Any, table: pandas.DataFrame, axes: Sequence[str], label: str, **look: Any) -> None:
    """Curves of a table, sweep by sweep; the median of cycles where a column numbers these."""
    x, y = axes
    if "cycle" in table:
        table = table.groupby(x)[y].median().reset_index()
    curves = [c for _, c in table.groupby("sweep", sort=False)] if "sweep" in table else [table]
    for n in np.unique(np.linspace(0, len(curves) - 1, _SHOWN).astype(int)):
        ax.plot(curves[n][x], np.abs(curves[n][y]), label="" if n else label, **look)


def _scaled(grid: Any, size: np.ndarray, axes: Sequence[str]) -> None:
    """Labels, and a logarithmic axis where what was measured spans more than a decade."""
    low, high = np.quantile(size[size > 0], [0.01, 1.0]) if np.any(size > 0) else (0.0, 1.0)
    if high > 10 * low > 0:
        grid[0].set(yscale="log", ylim=(low / 5, high * 3))
    else:
        grid[0].set_ylim(low - 0.3 * (high - low), high + 0.3 * (high - low))
    units = [c.rpartition("_") for c in axes]
    for ax in grid:
        ax.set(**{f"{at}label": f"{_UNITS.get(u, c)} ({u})" if mark else c
                  for at, c, (_, mark, u) in zip("xy", axes, units)})  # fmt: skip
        ax.label_outer()


def write(
    comparison: Comparison, folder: Path, *, files: list[Path], entries: Mapping[str, Any]
) -> None:
    """Write ``comparison.json`` and ``comparison.csv``: the models, the files and what else there is to say."""
    content = {"schema_version": SCHEMA, **entries, **vars(comparison)}
    content["best"] = {
        k: best(comparison.rows, k).get("model") for k in ("score", "aic", "bic", "loss")
    }
    content["data"] = [{"file": str(f), "sha256": digest(f)} for f in files]
    with writing(folder / "comparison.csv") as temporary:
        pandas.DataFrame(comparison.rows).to_csv(temporary, index=False)
    write_json(folder / COMPARISON, content | {"versions": versions()})


def ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Best first, by held-out score, of those without one by loss; failures last."""
    number = lambda x: (x is None, x or 0.0)  # noqa: E731
    return sorted(rows, key=lambda r: (bool(r["failure"]), *number(r["score"]), *number(r["loss"])))


def table_of(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Rows of `fitting.choice.comparison.Comparison` for reading, best first; criteria over the least of each."""
    least = {k: min((r[k] for r in rows if r[k] is not None), default=0.0) for k in ("aicc", "bic")}
    return [_cells(r, least) for r in ranked(rows)]


def _cells(row: dict[str, Any], least: dict[str, float]) -> list[str]:
    """A row for reading."""
    if row["failure"]:
        return [row["model"], *[""] * (len(HEAD) - 2), "not fitted"]
    number = lambda x, text="": "" if x is None else f"{x:.3g}{text}"  # noqa: E731
    aic, *others = (
        "" if row[k] is None else f"{row[k] - x:.1f}"
        for k, x in {"delta_aic": 0.0, **least}.items()
    )
    held = [readable(row["score"]), number(row["held_residual"], f" {row['unit']}")]
    return [
        row["model"], f"{row['free']}", f"{row['points']}", readable(row["loss"]),
        number(row["residual"], f" {row['unit']}"), aic, row["support"] or "", *others, *held,
        readable(row["behind"], 2), row["verdict"] or "",
    ]  # fmt: skip


def build(content: dict, folder: Path, *, drawn: bool = True) -> list[str]:
    """Make the picture, if it is `drawn`, and ``report.html`` of a choice, out of comparison.json and tables of fits;
    their names.
    """
    rows, pictures = ranked(content["rows"]), []
    fitted = [r["model"] for r in rows if not r["failure"]]
    for name in fitted:
        folder_of_part(folder, name)
    notes = [*content["notes"], *(f"{r['model']}: {r['failure']}" for r in rows if r["failure"])]
    notes += ["interrupted: what was reached is compared"] * content["interrupted"]
    # A fit is written before its curves are simulated: an interrupt between leaves none.
    curves = [n for n in fitted if (folder / n / "measured.csv").exists()]
    if left := [n for n in fitted if n not in curves]:
        notes.append(f"no curves of {', '.join(left)}: interrupted before they were simulated")
    if len(curves) > len(COLORS):
        notes.append(f"the picture shows the first {len(COLORS)} of {len(curves)} models")
    kind, explanation = kind_of(content, where=folder / COMPARISON), content.get("explanation")
    blocks: list[Block] = [Text(f"{explanation}.")] if explanation else []
    if not drawn and curves:
        notes.append(
            "no picture: interrupted before it was drawn, 'memjax report' of this folder draws it"
        )
    elif kind.curve is not None and curves:
        with style():
            shown = figure_of(folder, curves[: len(COLORS)], kind)
            pictures = save_all({"comparison": shown}, folder)
        blocks.append(Picture(folder / pictures[0], "measured, and by all models"))
    origin = [*data_rows(content), ["command", content["command"]], versions_row(content)]
    written = [n for n in (r["model"] for r in rows) if (folder / n / kind.file).exists()]
    links = [x for n in written for x in (", ", Link(n, f"{n}/report.html"))][1:]
    held = f". Held out: {content['held']}. {_HELD}" if content["held"] else ". Held out: nothing."
    pages = Note(["The fits: ", *links, held])
    blocks += [
        Section("Models", [Table(HEAD, table_of(rows)), pages]),
        Section("Remarks", [Bullets(notes, look="warn")]),
        Section("Provenance", [Table(["", ""], origin)]),
    ]
    write_page(folder, "memjax fit: models", f"Choice among models: {content['kind']}", blocks)
    return [*pictures, "report.html"]
