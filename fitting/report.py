"""A fit directory, whatever the kind of its data: what fills it, its pictures and its page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas

from memjax.errors import DataError
from memjax.plot import style
from memjax.runtime.files import is_inside, write_json

from .figures import save_all
from .fit_json import common_content, digest, load, methods_in_words, write_draws
from .kinds import Kind, Origin, kind_of, kinds
from .page.blocks import Block, Code, Note, Picture, Section
from .page.fit_blocks import parameter_tables, provenance, remarks, summary, verdict_alert
from .page.render import write_page
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
        what = f"a part in {name!r:.80}"
        raise DataError(what, where=str(folder), allowed="a folder within that of the fit")
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
    """Make the pictures of both tables and the page of a fit directory, by its kind; names of the files."""
    kind: Any = kind_of(content, where=folder / "fit.json")
    tables = [read_table(folder / f"{name}.csv") for name in TABLES]
    with style():
        figures = kind.pictures(content, *tables, folder)
        names = save_all(figures, folder)
    shown = [Picture(folder / f"{n}.png", n) for n in figures]
    fit_page(content, [*shown, *(kind.sections(content) if kind.sections else ())], folder)
    return [*names, "report.html"]


def read_table(path: Path) -> pandas.DataFrame:
    """A table of a fit directory.

    Raises
    ------
    DataError
        Where it cannot be read.
    """
    try:
        return pandas.read_csv(path)
    except (OSError, ValueError) as error:
        fix = "run 'memjax fit' again"
        raise DataError(f"cannot be read: {error}", where=str(path), fix=fix) from error


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
    content = with_origin(content, origin)
    write_json(folder / "fit.json", content)
    write_draws(sample, folder)
    if drawn:
        build(folder)
    else:
        fit_page(content, [], folder)


def with_origin(content: dict, origin: Origin) -> dict:
    """The content of ``fit.json`` with where the fit comes from."""
    content["bench"]["temperature"] = origin.temperature
    content["data"] = [{"file": str(f), "sha256": digest(f)} for f in origin.files]
    return content | {"command": origin.command, "config": dict(origin.config)}


def fit_page(content: dict, blocks: Sequence[Block], folder: Path) -> None:
    """Write ``report.html``: what a kind has to show, then parameters, remarks and provenance."""
    kind = kind_of(content, where=folder / "fit.json")
    advice = kind.advice(content) if kind.advice else ()
    whole = [*blocks, parameters_section(content)]
    label = f": {content['kind']}"
    write_fit_page(content, whole, folder, label=label, advice=advice, series=kind.series)


def write_fit_page(
    content: dict, blocks: Sequence[Block], folder: Path, *, label: str = "", advice: Sequence[str] = (),
    series: str, notes: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write ``report.html``: blocks below the summary and the verdict, and above remarks and provenance.

    `label` stands behind the model in the heading, `notes` among the remarks; for the others see `summary`.
    """
    remarked = [*notes, *content.get("uncertainty", {}).get("notes", [])]
    whole = [
        summary(content, advice=advice, series=series),
        *verdict_alert(content),
        *blocks,
        remarks(content, *remarked),
        provenance(content),
    ]
    model = content["model"]
    write_page(folder, f"memjax fit: {model}", ["Fit of ", Code(model), label], whole)


def parameters_section(content: dict, *blocks: Block, more: str = "") -> Section:
    """Parameters, how their table is to be read, and what else a kind says of them."""
    known = content.get("uncertainty")  # none of spike trains, and of memjax 0.1
    intervals = f" Intervals: {methods_in_words(known)}." if known else ""
    note = (
        f"Sigma is one standard deviation to first order, from {content['covariance_from']}; why a parameter is not "
        f"determined stands among the remarks.{intervals}{more}"
    )
    return Section("Parameters", [*parameter_tables(content), Note(note), *blocks])
