"""The page of a choice among models."""

import html
from pathlib import Path
from typing import Any

from ..html import bullets, html_table, page, picture as shown_picture, readable
from .content import load
from .figures import COLORS, picture

PICTURE = "comparison.png"
"""The picture of all models over the data."""

HEAD = ["model", "free", "points", "loss", "median residual", "AIC over the least", "support", "BIC over the least",
        "held-out score (sigma)", "held-out median", "behind the best (s.e.)", "verdict"]  # fmt: skip
"""Columns of the table."""


def table_of(content: dict[str, Any]) -> list[list[str]]:
    """Rows of the table, in words; the best held-out score, or else the least loss, first."""
    rows = sorted(content["models"], key=_order)
    bic = min((r["bic"] for r in rows if r["bic"] is not None), default=0.0)
    return [_cells(r, bic) for r in rows]


def _order(row: dict[str, Any]) -> tuple:
    """Fits with a score first, by it; those without by their loss; failures last."""
    score, loss = row["score"], row["loss"]
    return (loss is None, score is None, score if score is not None else loss or 0.0)


def _cells(row: dict[str, Any], bic: float) -> list[str]:
    """A row in words."""
    if row["failure"]:
        return [row["model"], *[""] * (len(HEAD) - 2), f"not fitted: {row['failure']}"]
    median, held = (
        f"{x:.3g} {row['unit']}" if x is not None else "" for x in (row["residual"], row["held_residual"])
    )  # fmt: skip
    return [
        row["model"],
        f"{row['free']}",
        f"{row['points'] or ''}",
        readable(row["loss"]),
        median,
        "" if row["delta_aic"] is None else f"{row['delta_aic']:.1f}",
        row["support"],
        "" if row["bic"] is None else f"{row['bic'] - bic:.1f}",
        readable(row["score"]),
        held,
        readable(row["behind"], 2),
        row["verdict"],
    ]


def build(folder: Path) -> list[str]:
    """Make the picture and ``report.html`` of a folder, out of comparison.json and the tables of its fits.

    Parameters
    ----------
    folder : Path
        A folder that ``memjax fit --model A,B`` made.

    Returns
    -------
    list of str
        Names of the files written.
    """
    content = load(folder)
    drawn = [r["model"] for r in sorted(content["models"], key=_order) if not r["failure"]]
    names, images = drawn[: len(COLORS)], ""
    notes = list(content["notes"])
    if len(drawn) > len(names):
        notes.append(f"the picture shows the first {len(names)} of {len(drawn)} models")
    if content["axes"] and names:
        picture(folder, names, tuple(content["axes"]), folder / PICTURE)
        images = shown_picture(folder / PICTURE, "measured and simulated by all models")
    links = ", ".join(f'<a href="{html.escape(n)}/report.html">{html.escape(n)}</a>' for n in drawn)
    files = [[d["file"], f"sha256 {d['sha256'][:16]}..."] for d in content["data"]]
    told = "; ".join(f"{k} {v}" for k, v in content["versions"].items())
    body = f"""<h1>Choice among models: {html.escape(content["kind"])}</h1>
{images}
<h2>Models</h2>{html_table(table_of(content), HEAD)}
<p><small>Each fit: {links}. Held out: {html.escape(content["held"] or "nothing")}.</small></p>
<h2>Remarks</h2>{bullets(notes, kind="warn")}
<h2>Provenance</h2>{html_table([*files, ["command", content["command"]], ["versions", told]], ["data", ""])}
"""
    (folder / "report.html").write_text(
        page("memjax fit: choice among models", body), encoding="utf-8"
    )
    return [*([PICTURE] if images else []), "report.html"]


__all__ = ["HEAD", "PICTURE", "build", "table_of"]
