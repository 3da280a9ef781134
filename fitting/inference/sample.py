"""Draws from a posterior as `arviz.InferenceData`, and what speaks against them.

References
----------
.. [1] A. Vehtari et al., Bayesian Anal. 16, 667 (2021), doi:10.1214/20-BA1221 (R-hat, effective sample size)
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

R_HAT = 1.01
"""R-hat above which chains are said not to have mixed [1]_."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Draws from a posterior.

    Parameters
    ----------
    data : arviz.InferenceData
        `posterior` in the parameters' units by name, `sample_stats`; `to_netcdf` keeps it.
    r_hat, ess : dict of str to float
        Rank-normalised split R-hat and bulk effective sample size of each parameter.
    divergences : int
        Draws whose path left the region in which it could be followed.
    notes : tuple of str
        What speaks against the draws, in words; empty if nothing does.
    """

    data: Any
    r_hat: dict[str, float]
    ess: dict[str, float]
    divergences: int
    notes: tuple[str, ...]

    @property
    def mixed(self) -> bool:
        """Whether nothing speaks against the draws."""
        return not self.notes

    def intervals(self, level: float = 0.9) -> dict[str, tuple[float, float]]:
        """Intervals of equal tails [unit]."""
        ends = [(1 - level) / 2, (1 + level) / 2]
        posterior = self.data.posterior
        pairs = {str(n): np.quantile(posterior[n].values, ends) for n in posterior.data_vars}
        return {n: (float(a), float(b)) for n, (a, b) in pairs.items()}


def _arviz() -> Any:
    """arviz, without the warning about its next version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return import_module("arviz")


def judge(
    columns: Mapping[str, np.ndarray],
    stats: Mapping[str, np.ndarray],
    specs: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Sample:
    """Draws with what speaks against them.

    Parameters
    ----------
    columns : mapping of str to Float[ndarray, "chains draws"]
        Draws of each parameter [unit].
    stats : mapping of str to ndarray
        What the sampler says of each draw; `diverging` at least.
    specs : mapping of str to ParameterSpec, optional
        Units and descriptions.
    attributes : mapping, optional
        Attributes of the data.
    notes : sequence of str
        What is known to speak against them already.
    """
    arviz = _arviz()
    data = arviz.from_dict(posterior=dict(columns), sample_stats=dict(stats), attrs=attributes)
    for n, spec in (specs or {}).items():
        if n in columns:
            data.posterior[n].attrs |= {"units": spec.unit, "long_name": spec.doc}
    r_hat, ess = ({n: float(f(x)) for n, x in columns.items()} for f in (arviz.rhat, arviz.ess))
    lost, chains = int(np.sum(stats["diverging"])), len(next(iter(columns.values())))
    apart = ", ".join(f"{n} {x:.3f}" for n, x in r_hat.items() if not x <= R_HAT)
    # With fewer independent draws a chain neither quantiles nor R-hat itself are reliable (Vehtari et al. 2021).
    few = ", ".join(f"{n} {x:.0f}" for n, x in ess.items() if not x >= 100 * chains)
    notes = list(notes)
    if apart:
        notes.append(f"chains have not mixed, R-hat above {R_HAT}: {apart}; draw more")
    if few:
        notes.append(f"fewer than 100 independent draws per chain: {few}")
    if lost:
        notes.append(f"{lost} draws diverged: regions of strong curvature may be missing")
    return Sample(data=data, r_hat=r_hat, ess=ess, divergences=lost, notes=tuple(notes))
