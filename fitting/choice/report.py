"""What a choice among models leaves beside its fit directories: a table, a picture, a page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas

from memjax.plot import style
from memjax.runtime.files import write_json, writing

from ..constants import COMPARISON
from ..figures import save_all
from ..fit_json import SCHEMA, digest, versions
from ..kinds import kind_of
from ..page.blocks import Block, Bullets, Link, Note, Picture, Section, Table, Text
from ..page.fit_blocks import data_rows, readable, versions_row
from ..page.render import write_page
from ..report import folder_of_part
from .comparison import Comparison, best
from .figures import COLORS, figure_of

HEAD = ["model", "free", "points", "loss", "median residual", "AIC, over least", "support", "AICc", "BIC",
        "held-out (sigma)", "held-out median", "behind best (s.e.)", "verdict"]  # fmt: skip
"""Columns of the table."""

LONG = ("points", "AICc", "BIC", "held-out median")
"""Those for which a terminal has no room."""


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


def build(content: dict, folder: Path) -> list[str]:
    """Make the picture and ``report.html`` of a choice, out of comparison.json and tables of fits; their names."""
    rows, pictures = ranked(content["rows"]), []
    drawn = [r["model"] for r in rows if not r["failure"]]
    for name in drawn:
        folder_of_part(folder, name)
    notes = [*content["notes"], *(f"{r['model']}: {r['failure']}" for r in rows if r["failure"])]
    notes += ["interrupted: what was reached is compared"] * content["interrupted"]
    if len(drawn) > len(COLORS):
        notes.append(f"the picture shows the first {len(COLORS)} of {len(drawn)} models")
    kind, explanation = kind_of(content, where=folder / COMPARISON), content.get("explanation")
    blocks: list[Block] = [Text(f"{explanation}.")] if explanation else []
    if kind.curve is not None:
        with style():
            shown = figure_of(folder, drawn[: len(COLORS)], kind)
            pictures = save_all({"comparison": shown}, folder)
        blocks.append(Picture(folder / pictures[0], "measured, and by all models"))
    origin = [*data_rows(content), ["command", content["command"]], versions_row(content)]
    blocks += [
        Section("Models", [Table(HEAD, table_of(rows)), _fits(drawn, content["held"])]),
        Section("Remarks", [Bullets(notes, look="warn")]),
        Section("Provenance", [Table(["", ""], origin)]),
    ]
    write_page(folder, "memjax fit: models", f"Choice among models: {content['kind']}", blocks)
    return [*pictures, "report.html"]


def _fits(names: list[str], held: str) -> Note:
    """The ways to the pages of the fits, and what was held out of them."""
    links = [x for n in names for x in (", ", Link(n, f"{n}/report.html"))][1:]
    return Note(["The fits: ", *links, f". Held out: {held or 'nothing'}."])
