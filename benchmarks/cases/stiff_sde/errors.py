"""Strong and weak errors of end states, with their standard errors."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Ends = Float[np.ndarray, "paths states"]


def _se(x: np.ndarray) -> np.ndarray:
    """Standard error of a mean over the first axis; 0 for a single sample, which has none."""
    return x.std(axis=0, ddof=1) / np.sqrt(len(x)) if len(x) > 1 else np.zeros(x.shape[1:])


def strong(ends: Ends, reference: Ends) -> dict[str, float]:
    """Distance of each end state from the one that the reference reached along the same path.

    Parameters
    ----------
    ends, reference : Float[np.ndarray, "paths states"]
        Watched states, order one.

    Returns
    -------
    dict
        Over the paths: ``median``, ``mean`` with its standard error ``se``, and ``rms``.
    """
    off = np.linalg.norm(ends - reference, axis=1)
    return {
        "median": float(np.median(off)),
        "mean": float(off.mean()),
        "se": float(_se(off)),
        "rms": float(np.sqrt(np.mean(off**2))),
    }


def weak(ends: Ends, reference: Ends, names: Sequence[str], *, paired: bool = True) -> dict:
    """Distance of means and variances from the reference's.

    Parameters
    ----------
    ends, reference : Float[np.ndarray, "paths states"]
        Watched states, order one.
    names : sequence of str
        Their names.
    paired : bool
        Whether both walked along the same paths, whose scatter then cancels.

    Returns
    -------
    dict
        ``mean`` and ``variance``: by state, the difference and its standard error; ``error`` and
        ``se`` of that state's mean which is furthest off; ``paired``.
    """
    spread, spread_ref = ((y - y.mean(axis=0)) ** 2 for y in (ends, reference))
    tables = {}
    for kind, a, b in (("mean", ends, reference), ("variance", spread, spread_ref)):
        se = _se(a - b) if paired else np.hypot(_se(a), _se(b))
        off = a.mean(axis=0) - b.mean(axis=0)
        tables[kind] = {n: [float(e), float(s)] for n, e, s in zip(names, off, se, strict=True)}
    worst = max(tables["mean"].values(), key=lambda pair: abs(pair[0]))
    return {**tables, "error": abs(worst[0]), "se": worst[1], "paired": paired}
