"""A fit directory's pictures and page, whatever the kind of its data, and what fills it."""

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas

from memjax.errors import DataError
from memjax.files import write_json
from memjax.plot import style

from .fit_json import METHODS, digest, load, write_draws
from .html import page, parameters_table, picture, provenance_table, remarks
from .kinds import kind_of


def build(folder: Path, **options: Any) -> list[str]:
    """Make pictures and ``report.html`` out of fit.json and both tables of a fit directory; names of the files.

    `options` are those of the report of its kind, such as `thresholds` of sweeps.

    Raises
    ------
    DataError
        For a kind that is not known, or tables that cannot be read.
    """
    content = load(folder)
    return kind_of(content, where=folder / "fit.json").build(content, folder, **options)


def pictures_and_sections(
    pictures: Callable[..., list[str]], sections: Callable[[dict], list[tuple[str, str]]]
) -> Callable[..., list[str]]:
    """The report of a kind that has pictures of both tables, and sections of its content: title and HTML."""

    def build(content: dict, folder: Path) -> list[str]:
        try:
            tables = [pandas.read_csv(folder / n) for n in ("measured.csv", "simulated.csv")]
        except (OSError, ValueError) as error:
            raise DataError(
                f"cannot be read: {error}", where=str(folder), fix="run 'memjax fit' again"
            ) from error
        with style():
            made = pictures(content, *tables, folder)
        whole = _page(content, sections(content), [folder / m for m in made])
        (folder / "report.html").write_text(whole, encoding="utf-8")
        return [*made, "report.html"]

    return build


def write_content(
    content: dict, folder: Path, *, files: list[Path], temperature: float, command: str
) -> None:
    """Write ``fit.json`` with its provenance; arguments as for `fill`."""
    content["bench"]["temperature"] = temperature
    content |= {
        "data": [{"file": str(f), "sha256": digest(f)} for f in files],
        "command": command,
    }
    write_json(folder / "fit.json", content)


def fill(
    content: dict, tables: tuple[pandas.DataFrame, pandas.DataFrame], folder: Path, *, files: list[Path],
    temperature: float, command: str, sample: Any = None,
) -> list[str]:  # fmt: skip
    """Fill a fit directory: fit.json with its provenance, both tables, draws if there are any, pictures and the page.

    Parameters
    ----------
    content : dict
        Of fit.json, but for its provenance.
    tables : tuple of DataFrame
        Measured and simulated.
    folder : Path
        An existing directory.
    files : list of Path
        Data files.
    temperature : float
        Ambient temperature of the fit [K].
    command : str
        The command line, for the provenance.
    sample : Sample, optional
        Draws from the posterior.

    Returns
    -------
    list of str
        Names of the files written.
    """
    write_content(content, folder, files=files, temperature=temperature, command=command)
    for table, name in zip(tables, ("measured.csv", "simulated.csv"), strict=True):
        table.to_csv(folder / name, index=False)
    names = ["fit.json", "measured.csv", "simulated.csv", *write_draws(sample, folder)]
    return [*names, *build(folder)]


def _page(content: dict, sections: list[tuple[str, str]], images: list[Path]) -> str:
    """The HTML page."""
    told = content.get("uncertainty", {})  # none of spike trains, and of memjax 0.1
    shown = "".join(picture(p, p.stem) for p in images)
    parts = "".join(f"<h2>{html.escape(title)}</h2>{body}" for title, body in sections)
    body = f"""
<h1>Fit of <code>{html.escape(content["model"])}</code>: {content["kind"]}</h1>
<p><small>{content["n_points"]} points in {content["n_sweeps"]} cycles, runs or curves</small></p>
{shown}{parts}
<h2>Parameters</h2>{parameters_table(content)}
<p><small>Sigma is one standard deviation to first order, from {html.escape(content["covariance_from"])};
a parameter counts as not determined where its sigma exceeds its value, or a quarter of a short range.
{f"Intervals: {METHODS[told['method']]}." if told else ""}</small></p>
{remarks(content, *told.get("notes", []))}
<h2>Provenance</h2>{provenance_table(content)}
"""
    return page(f"memjax fit: {content['model']}", body)
