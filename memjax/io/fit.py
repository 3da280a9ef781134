"""The numbers of a fit that a simulation needs, out of its ``fit.json``."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import MemjaxError, ModelError
from ..runtime.documents import is_finite_number, load_json

SCHEMA_VERSION = 1
"""Layout of ``fit.json`` that this version reads."""

_FLAGS = ("reversed", "compliance_by_sweep")
"""What a bench has that is no number."""

_LAYOUT = "the fit.json of a 'memjax fit'"
_FOLDER = "a folder made by 'memjax fit'"


@dataclass(frozen=True, kw_only=True)
class FitFile:
    r"""Results of a fit in a file.

    Parameters
    ----------
    model : str
        Name of the device model.
    values : dict of str to float, int or str
        Parameters [SI], and settings.
    bench : dict of str to float, bool or None
        Elements, compliance, temperature and point time [SI]; whether the device is reversed, and whether each sweep
        had a compliance of its own.
    relative, floor : float
        Read noise: standard deviation of ln\|i\|, and of what is added [A]; 0 where there is
        none.
    spread : dict of str to float
        Standard deviation of the logarithm of parameters that vary from sweep to sweep.
    std : dict of str to float
        Standard deviations of free parameters [SI], where the fit gives one.
    correlations : tuple of (str, str, float)
        Correlations of the logarithms of two parameters of `spread`; pairs that are not named vary apart.
    """

    model: str
    values: dict[str, Any]
    bench: dict[str, float | bool | None]
    relative: float
    floor: float
    spread: dict[str, float]
    std: dict[str, float] = field(default_factory=dict)
    correlations: tuple[tuple[str, str, float], ...] = ()

    def correlation(self, names: Sequence[str]) -> Float[np.ndarray, "names names"] | None:
        """Correlations of some parameters of `spread`; None where each varies by itself."""
        matrix = np.eye(len(names))
        for a, b, r in self.correlations:
            if a in names and b in names:
                j, k = names.index(a), names.index(b)
                matrix[j, k] = matrix[k, j] = r
        return matrix if self.correlations else None


def fit_file(path: str | Path) -> Path:
    """The file of a fit, which its folder may stand for."""
    return Path(path) / "fit.json" if os.path.isdir(path) else Path(path)


def fit_content(
    path: str | Path, *, error: type[MemjaxError] = ModelError, inside: str = "fit.json"
) -> dict[str, Any]:
    """Content of a ``fit.json``, or of another file of that layout.

    Parameters
    ----------
    path : str or Path
        The file, or the directory of the fit.
    error : type
        Of the error.
    inside : str
        Name of the file in a directory.

    Raises
    ------
    MemjaxError
        Of that type, if it cannot be read or is no fit. Where a folder holds fits instead, it names them.
    """
    # Not Path.is_dir, which fails for names that are too long.
    if os.path.isdir(path):
        folder, path = path, Path(path) / inside
        if not path.exists():
            what = f"no {inside} in the folder"
            raise error(what, where=str(folder), allowed=_FOLDER, fix=other_fits(folder))
    where = str(path)
    content = load_json(path, error, what="cannot be read as a fit", allowed=_LAYOUT)
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version is None:
        raise error("no fit", where=where, allowed=_LAYOUT)
    if version != SCHEMA_VERSION:
        raise error(
            f"schema_version {version!r:.60}",
            where=where,
            allowed=f"schema_version {SCHEMA_VERSION}",
            fix="fit the data again",
        )
    return content


def other_fits(folder: str | Path) -> str:
    """What to name in place of a folder that is none of a fit: the fits in it, as a batch and a choice hold them."""
    inside = sorted(Path(folder).glob("*/fit.json")) or sorted(Path(folder).glob("fits/*.json"))
    names = [str(f.parent if f.name == "fit.json" else f) for f in inside]
    more = ", ..." if len(names) > 4 else ""
    return f"name a fit in it: {', '.join(names[:4])}{more}" if names else "check the path"


def load_fit(path: str | Path) -> FitFile:
    """Read a ``fit.json``.

    Parameters
    ----------
    path : str or Path
        The file, or the directory of the fit.

    Raises
    ------
    ModelError
        If it cannot be read or is no fit.
    """
    content, where = fit_content(path), str(fit_file(path))
    model = content.get("model")
    if not isinstance(model, str):
        raise ModelError(f"model {model!r:.60}", where=where, allowed="the name of a model")
    return _content(content, model, where)


def _content(content: dict, model: str, where: str) -> FitFile:
    """The fields of `FitFile`, checked."""
    values = {
        n: _entry(e, "value", n, where) for n, e in _table(content, "parameters", where).items()
    }
    read = _table(content, "read_noise", where)
    spread = _table(content, "cycle_spread", where)
    return FitFile(
        model=model,
        values={n: x for n, x in values.items() if x is not None}
        | _table(content, "settings", where),
        bench={
            n: (_flag if n in _FLAGS else _number)(x, f"bench {n}", where)
            for n, x in _table(content, "bench", where).items()
        },
        relative=_positive(read.get("relative"), "read_noise relative", where),
        floor=_positive(read.get("floor_A"), "read_noise floor_A", where),
        spread={
            n: _positive(_entry(e, "sigma_ln", n, where), f"sigma_ln of {n}", where)
            for n, e in spread.items()
        },
        std={
            n: _positive(e["std"], f"std of {n}", where)
            for n, e in _table(content, "parameters", where).items()
            if e.get("std") is not None
        },
        correlations=_correlations(content.get("cycle_correlation"), spread, where),
    )


def _correlations(
    entries: Any, spread: Mapping[str, Any], where: str
) -> tuple[tuple[str, str, float], ...]:
    """Pairs of parameters of a spread, and the correlation of each."""
    pairs = []
    for entry in entries or ():
        named = isinstance(entry, list) and len(entry) == 3 and {*entry[:2]} <= {*spread}
        r = _number(entry[2], "a correlation", where) if named else None
        if r is None or not -1 <= r <= 1:
            allowed = "[NAME, NAME, number from -1 to 1] of parameters of cycle_spread"
            raise ModelError(f"cycle_correlation {entry!r:.80}", where=where, allowed=allowed)
        pairs.append((entry[0], entry[1], r))
    return tuple(pairs)


def _table(content: Mapping[str, Any], key: str, where: str) -> dict:
    """A table of the file; empty where it is null, which parameters may not be."""
    value = content.get(key)
    if value is None and key != "parameters":
        return {}
    if not isinstance(value, dict):
        raise ModelError(f"{key} is no table", where=where, allowed=_LAYOUT)
    return value


def _entry(entry: Any, key: str, name: str, where: str) -> float | None:
    """A number in a table of one parameter."""
    if not isinstance(entry, dict) or key not in entry:
        raise ModelError(f"{name} has no {key}", where=where, allowed=_LAYOUT)
    return _number(entry[key], f"{key} of {name}", where)


def _number(value: Any, what: str, where: str) -> float | None:
    """A finite number, or None for null."""
    if value is None:
        return None
    if not is_finite_number(value):
        raise ModelError(f"{what} = {value!r:.60}", where=where, allowed="a finite number or null")
    return float(value)


def _flag(value: Any, what: str, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ModelError(f"{what} = {value!r}", where=where, allowed="true or false")
    return value


def _positive(value: Any, what: str, where: str) -> float:
    """A number that is not negative, 0 for null."""
    x = _number(value, what, where) or 0.0
    if x < 0:
        raise ModelError(f"{what} = {x:g}", where=where, allowed=">= 0")
    return x
