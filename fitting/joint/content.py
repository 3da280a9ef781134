"""What the folder of a joint fit holds: fit.json, and a fit directory for each file."""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..fit_json import common_content, write_draws
from ..report import build, write_content
from .fit import JointFit, Part


def folder_of(label: str, place: int) -> str:
    """Name of the folder of a file, from its label and its place."""
    return f"{place + 1}-" + re.sub(r"[^\w.+-]+", "_", label)


def _of_part(part: Part, folder: str, kind: str) -> dict[str, Any]:
    """What one file says, in ``fit.json``."""
    own = {n: part.fit.values[n] for n in part.fit.problem.free if n not in part.shares}
    return {
        "label": part.label,
        "kind": kind,
        "folder": folder,
        "weight": part.weight,
        "shares": part.shares,
        "own": own,
        "alone": {n: [part.alone.values[n], part.alone.std[n]] for n in part.alone.free},
        "undetermined_alone": list(part.alone.undetermined),
        "rise": part.rise,
        "determines": part.determines,
        "p": part.p,
        "contradicts": part.contradicts,
    }


def write(
    fit: JointFit,
    folder: Path,
    *,
    kinds: Sequence[str],
    writers: Sequence[Callable[[Any, Path], Any]],
    **about: Any,
) -> list[str]:
    """Fill the folder of a joint fit; ``writer(fit, folder)`` fills that of each part, of the kinds that are named."""
    names = [folder_of(p.label, k) for k, p in enumerate(fit.parts)]
    for part, name, writer in zip(fit.parts, names, writers, strict=True):
        (folder / name).mkdir()
        writer(part.fit, folder / name)
    content = common_content(
        fit,
        kind="joint fit",
        n_points=sum(p.residuals for p in fit.parts),
        n_sweeps=len(fit.parts),
        covariance_from="the information of all files and the prior",
        seed=fit.seed,
        notes=list(fit.notes),
        warnings=list(fit.warnings),
        reader=[],
    )
    parts = zip(fit.parts, names, kinds, strict=True)
    content["stages"] = [asdict(s) for s in fit.stages]
    content["files"] = [_of_part(part, name, kind) for part, name, kind in parts]
    write_content(content, folder, **about)
    return ["fit.json", *write_draws(fit.sample, folder), *build(folder)]
