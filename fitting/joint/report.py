"""The folder of a joint fit, and its page: what each file says of each parameter, and which contradict the others."""

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..fit_json import common_content
from ..kinds import Origin
from ..page.blocks import Block, Link, Note, Picture, Section, Table, Text
from ..report import build as build_part, fill, fit_page, folder_of_part, write as write_part
from ..solve_call import config_of
from .fit import JointFit, Part

_MOST = 0.5  # share of the files, below which the prior says more of a parameter

_SHARES = """Shares of what is known of a parameter, the others free; what is left of 1 is the prior's. Alone: value and
sigma of the file's own fit."""

_RISE = """Rise: by how much the loss of a file, weighed by the errors that its own fit states, is higher with the
values of all files than with its own. p: probability of so large a rise where the device is the same."""


def folder_of(label: str, place: int) -> str:
    """Name of the folder of a file, from its label and its place."""
    return f"{place + 1}-" + re.sub(r"[^\w.+-]+", "_", label)


def _of_part(part: Part, folder: str, kind: str) -> dict[str, Any]:
    """What one file says, in ``fit.json``."""
    values = {n: part.fit.values[n] for n in part.fit.problem.free if n not in part.shares}
    return {
        "label": part.label,
        "kind": kind,
        "folder": folder,
        "weight": part.weight,
        "shares": part.shares,
        "own": values,
        "alone": {n: [part.alone.values[n], part.alone.std[n]] for n in part.alone.free},
        "undetermined_alone": list(part.alone.undetermined),
        "rise": part.rise,
        "determines": part.determines,
        "p": part.p,
        "contradicts": part.contradicts,
        "verdict": part.fit.verdict and part.fit.verdict.word,
    }


def write(fit: JointFit, folder: Path, origin: Origin, *, drawn: bool = True) -> None:
    """Fill the folder of a joint fit, with a folder for each part in it."""
    files = []
    origins = fit.origins or tuple((part.fit.files, config_of(part.alone)) for part in fit.parts)
    for k, (part, (paths, config)) in enumerate(zip(fit.parts, origins, strict=True)):
        name = folder_of(part.label, k)
        (folder / name).mkdir()
        origin_of_part = replace(origin, files=paths, config=config)
        write_part(part.fit, folder / name, origin_of_part, drawn=drawn)
        files.append(_of_part(part, name, part.fit.kind))
    content = common_content(
        fit,
        kind="joint fit",
        n_points=sum(p.residuals for p in fit.parts),
        n_sweeps=len(fit.parts),
        covariance_from="the information of all files and the prior",
        seed=fit.seed,
        reader=[],
        stages=[asdict(s) for s in fit.stages],
        files=files,
    )
    fill(content, folder, origin, drawn=drawn, sample=fit.sample)


def build(content: dict, folder: Path) -> list[str]:
    """Make the pages of all files, and ``report.html`` above them; names of the files."""
    files, shown = [], []
    for part in content["files"]:
        place = folder_of_part(folder, part["folder"])
        names = build_part(place)
        files += [f"{part['folder']}/{n}" for n in names]
        shown.append(_section(part, place, names))
    sections = [
        Section("What each file says", [_shares(content), Note(_SHARES)]),
        Section("Whether the files agree", [_agreement(content), Note(_RISE)]),
        *_stages(content),
        *shown,
    ]
    fit_page(content, sections, folder)
    return [*files, "report.html"]


def _section(part: dict, place: Path, names: list[str]) -> Section:
    """A file's first picture, with the way to its page."""
    first = [n for n in names if n.endswith(".png")][:1]
    blocks: list[Block] = [Picture(place / n, part["label"], part["folder"]) for n in first]
    blocks.append(Text([Link("All of this file", f"{part['folder']}/report.html")]))
    return Section(f"{part['label']}: {part['kind']}", blocks)


def _shares(content: dict) -> Table:
    """Share of each file in what is known of each parameter, and what it said alone."""
    files, rows = content["files"], []
    for name in content["free"]:
        known = [p["alone"].get(name) for p in files]
        texts = ["" if x is None else f" (alone {x[0]:.4g} ± {x[1]:.2g})" for x in known]
        pairs = zip(files, texts, strict=True)
        rows.append([name, *(f"{100 * p['shares'][name]:.0f} %{text}" for p, text in pairs)])
    return Table(["parameter", *(p["label"] for p in files)], rows)


def _stages(content: dict) -> list[Section]:
    """What was known after each file, where these were fitted one after the other."""
    stages = content.get("stages")
    if not stages:
        return []
    cell = lambda s, n: f"{s['values'][n]:.4g} ± {s['std'][n]:.2g}"  # noqa: E731
    rows = [[n, *(cell(s, n) for s in stages)] for n in content["free"]]
    text = "Each file, with what was known before as its prior; the last column is what this page reports."
    table = Table(["parameter", *(f"after {s['label']}" for s in stages)], rows)
    return [Section("One after the other", [table, Note(text)])]


def _agreement(content: dict) -> Table:
    """Rise of the loss of each file."""
    words = {True: "contradicts the others", False: "agrees"}
    numbers = lambda p: [f"{p['determines']:.1f}", f"{p['rise']:.3g}", f"{p['p']:.2g}"]  # noqa: E731
    rows = [[p["label"], p["kind"], *numbers(p), words[p["contradicts"]]] for p in content["files"]]
    return Table(["file", "kind", "combinations determined", "rise", "p", ""], rows)


def advice(content: dict) -> list[str]:
    """Which of the files, or none, bears on what is not determined; which contradict the others."""
    files, sentences = content["files"], []
    for name in (n for n in content["undetermined"] if n in content["free"]):
        best = max(files, key=lambda part: part["shares"].get(name, 0.0))
        share, whole = best["shares"].get(name, 0.0), sum(p["shares"].get(name, 0.0) for p in files)
        if whole < _MOST:
            sentences.append(
                f"Something that {name} acts on: {100 * (1 - whole):.0f} % of what is known of it is the prior's."
            )
        else:
            sentences.append(
                f"More like {best['label']}: of all files it knows most of {name} ({100 * share:.0f} %)."
            )
    for part in files:
        if part["contradicts"]:
            text = "again, with the others and of one device in one state"
            sentences.append(f"{part['label']} {text}: it contradicts them (p {part['p']:.2g}).")
    return sentences
