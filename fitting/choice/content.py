"""What a choice among models leaves beside the fit directories: comparison.json and comparison.csv."""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from memjax.errors import DataError
from memjax.files import write_json, writing

from ..fit_json import digest, versions
from .comparison import Comparison, Row

SCHEMA = 1
"""Layout of a ``comparison.json``."""

COMPARISON = "comparison.json"
"""What is in every folder of a choice."""


def write(
    found: Comparison, folder: Path, *, files: list[Path], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Write ``comparison.json`` and ``comparison.csv``; the content of the former.

    Parameters
    ----------
    found : Comparison
        The models.
    folder : Path
        An existing directory.
    files : list of Path
        Data files.
    about : mapping
        Entries beside these: kind, axes, held, seed, temperature, command, interrupted.
    """
    content = {
        "schema_version": SCHEMA,
        **about,
        "models": [asdict(r) | {"support": r.support} for r in found.rows],
        "independent": found.independent,
        "no_criteria": found.no_criteria,
        "best": {n: best.model if (best := found.best(n)) else None for n in ("score", "aic", "bic", "loss")},
        "notes": list(found.notes),
        "data": [{"file": str(f), "sha256": digest(f)} for f in files],
        "versions": versions(),
    }  # fmt: skip
    with writing(folder / "comparison.csv") as beside, beside.open("w", newline="") as out:
        table = csv.DictWriter(out, [f.name for f in fields(Row)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(r) for r in found.rows)
    write_json(folder / COMPARISON, content)
    return content


def load(folder: Path) -> dict[str, Any]:
    """The content of a folder's ``comparison.json``.

    Raises
    ------
    DataError
        If it is not what memjax writes.
    """
    path = folder / COMPARISON
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema_version"] != SCHEMA:
            raise ValueError(f"schema_version {content['schema_version']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        allowed = "a folder made by 'memjax fit --model A,B'"
        raise DataError(
            f"no choice to report on: {error}", where=str(path), allowed=allowed
        ) from error
    return content


__all__ = ["COMPARISON", "SCHEMA", "load", "write"]
