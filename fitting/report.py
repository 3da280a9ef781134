"""A fit directory, whatever the kind of its data: what fills it, its pictures and its page."""

import html
from pathlib import Path
from typing import Any

import pandas

from memjax.errors import DataError
from memjax.plot import style
from memjax.runtime.files import is_inside, write_json

from .figures import drawings
from .fit_json import common_content, digest, load, methods_in_words, write_draws
from .html import (
    page,
    parameters_table,
    picture,
    provenance_table,
    remarks,
    summary,
    verdict_heading,
)
from .kinds import Kind, Origin, kind_of, kinds
from .result import AbstractFit

TABLES = ("measured", "simulated")
"""Tables that every fit directory holds but those of joint fits."""


def opened(folder: Path) -> tuple[Kind, dict]:
    """The kind of a fit directory, and its content.

    Raises
    ------
    DataError
        Where it holds no fit, or one of a kind that is not known.
    """
    for kind in kinds().values():
        if kind.file != "fit.json" and (folder / kind.file).exists():
            return kind, load(folder, kind.file)
    content = load(folder)
    return kind_of(content, where=folder / "fit.json"), content


def folder_of_part(folder: Path, name: str) -> Path:
    """Folder of a part of a fit, within that of the whole.

    Raises
    ------
    DataError
        For a name that leads out of it: pages and pictures are written to parts.
    """
    if not is_inside(name):
        raise DataError(
            f"a part in {name!r:.80}", where=str(folder), allowed="a folder within that of the fit"
        )
    return folder / name


def build(folder: Path, **options: Any) -> list[str]:
    """Make pictures and ``report.html`` out of the content and the tables of a fit directory; names of the files.

    `options` are those of the report of its kind, see `fitting.kinds.Kind.report_options`.

    Raises
    ------
    DataError
        For a kind that is not known, or tables that cannot be read.
    """
    kind, content = opened(folder)
    make = kind.build or build_page
    return make(content, folder, **options)


def build_page(content: dict, folder: Path) -> list[str]:
    """Make the pictures of both tables and the page of a fit directory, with the sections of its kind."""
    kind: Any = kind_of(content, where=folder / "fit.json")
    try:
        tables = [pandas.read_csv(folder / f"{name}.csv") for name in TABLES]
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot be read: {error}", where=str(folder), fix="run 'memjax fit' again"
        ) from error
    with style():
        names = kind.pictures(content, *tables, folder)
    parts = [picture(folder / n, n.removesuffix(".png")) for n in names]
    for title, body in kind.sections(content) if kind.sections else ():
        parts.append(f"<h2>{html.escape(title)}</h2>{body}")
    fit_page(content, "".join(parts), folder)
    return [*names, *drawings(folder, names), "report.html"]


def write(fit: Any, folder: Path, origin: Origin, *, drawn: bool = True) -> None:
    """Fill a fit directory: fit.json, tables, draws if there are any, pictures and the page.

    Where nothing is `drawn` there are no tables and no pictures, which take simulations.
    """
    kind = kinds()[fit.kind]
    if kind.write is not None:
        kind.write(fit, folder, origin, drawn=drawn)
        return
    of_kind: Any = kind
    content = of_kind.content(fit)
    if isinstance(fit, AbstractFit):
        content = common_content(fit, kind=kind.label, seed=fit.seed, **content)
    tables = of_kind.tables(fit) if drawn else {}
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    fill(content, folder, origin, drawn=drawn, sample=fit.sample)


def fill(
    content: dict, folder: Path, origin: Origin, *, drawn: bool = True, sample: Any = None
) -> None:
    """Write ``fit.json`` with its provenance, and draws if there are any; make pictures and page of what lies there.

    Parameters
    ----------
    content : dict
        Of fit.json, but for its provenance.
    folder : Path
        A fit directory with its tables.
    origin : Origin
        Where the fit comes from.
    drawn : bool
        Whether there are pictures.
    sample : Sample, optional
        Draws from the posterior.
    """
    content["bench"]["temperature"] = origin.temperature
    content["data"] = [{"file": str(f), "sha256": digest(f)} for f in origin.files]
    content["command"] = origin.command
    content["config"] = dict(origin.config)
    write_json(folder / "fit.json", content)
    write_draws(sample, folder)
    if drawn:
        build(folder)
    else:
        fit_page(content, "", folder)


def fit_page(content: dict, head: str, folder: Path) -> None:
    """Write ``report.html``: what a kind has to show, then parameters, remarks and provenance."""
    about = content.get("uncertainty", {})  # none of spike trains, and of memjax 0.1
    advice = kind_of(content, where=folder / "fit.json").advice
    body = f"""
<h1>Fit of <code>{html.escape(content["model"])}</code>: {content["kind"]}</h1>
{summary(content, advice=advice(content) if advice else ())}
{verdict_heading(content)}
{head}
<h2>Parameters</h2>{parameters_table(content)}
<p><small>Sigma is one standard deviation to first order, from {html.escape(content["covariance_from"])};
a parameter counts as not determined where its sigma exceeds its value, or a quarter of a short range.
{f"Intervals: {methods_in_words(about)}." if about else ""}</small></p>
{remarks(content, *about.get("notes", []))}
<details><summary><b>Provenance</b></summary>{provenance_table(content)}</details>
"""
    whole = page(f"memjax fit: {content['model']}", body)
    (folder / "report.html").write_text(whole, encoding="utf-8")
