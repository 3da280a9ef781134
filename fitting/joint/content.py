"""What the folder of a joint fit holds: fit.json, and a fit directory for each file."""

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..fit_json import common_content
from ..kinds import Origin
from ..report import fill, write as write_part
from .fit import JointFit, Part


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
    origins = fit.origins or tuple((part.fit.files, {}) for part in fit.parts)
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
