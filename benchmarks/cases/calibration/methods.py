"""Deviations of one fit by three methods: first order, profile likelihood, draws from the posterior.

``python -m benchmarks.cases.calibration.methods [MODEL ...]`` prints the table of some models alone.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

import fitting as ft
from benchmarks.cases.calibration.suggestions import NONE, measured
from benchmarks.cases.device_fits.verdicts import truth_of
from memjax.core.fields import parameter_specs
from memjax.core.transforms import from_spec

MODELS = ("mms", "vteam", "linear-drift")
"""Models of which one device is simulated, four sweeps with 3 % of noise."""

LEVEL = 0.9
"""Probability of the intervals."""

LONGEST = 480.0
"""Time after which no further draws begin [s], as by command."""

ALLOWED = 0.15
"""Share by which deviations of methods may differ where first order holds."""


@dataclass(frozen=True, kw_only=True)
class Deviations:
    """Half-widths of 90 % intervals of the coordinates of a fit, over those to first order.

    Parameters
    ----------
    model : str
        The model.
    names : tuple of str
        Parameters that the data determine.
    curved : tuple of str
        Those of which the fit says that first order does not hold.
    profile, nuts : Float[np.ndarray, "names"]
        Half-widths by profile and by draws; NaN for an open end.
    mixed : bool
        Whether nothing speaks against the draws.
    gradients : float
        Mean number of a step.
    seconds : float
        Time of the draws.
    notes : list of str
        What speaks against them.
    """

    model: str
    names: tuple[str, ...]
    curved: tuple[str, ...]
    profile: Float[np.ndarray, " names"]
    nuts: Float[np.ndarray, " names"]
    mixed: bool
    gradients: float
    seconds: float
    notes: list[str]

    @property
    def furthest(self) -> float:
        """Largest relative distance from first order of a parameter for which the fit says that it holds."""
        linear = np.array([n not in self.curved for n in self.names], bool)
        both = np.stack([self.profile, self.nuts])[:, linear]
        return float(np.max(np.abs(both - 1), initial=0.0))


def deviations(model: str, *, seed: int = 0) -> Deviations:
    """The three methods on one simulated device, with what its data do not determine fixed where the first fit ended.

    Where such parameters are free the posterior is a bent valley as long as the prior is wide, without a deviation.
    """
    (m,) = measured(model, NONE, 1, seed=seed)
    first = ft.solve(ft.SweepProblem(m, truth_of(model)))
    fit = ft.solve(
        ft.SweepProblem(m, truth_of(model), fix={n: first.values[n] for n in first.undetermined})
    )
    names = tuple(n for n in fit.free if n not in fit.undetermined)
    methods = fit.interval_methods(LEVEL)
    curved = tuple(n for n in names if methods[n] != "laplace")
    lengths = dict(zip(fit.free, 2 * fit.reach(LEVEL) * fit.sigma_z, strict=True))
    specs = parameter_specs(fit.owner)

    def width(name: str, low: float | None, high: float | None) -> float:
        if low is None or high is None:
            return np.nan
        law = from_spec(specs[name])
        low, high = (float(law.forward(np.asarray(x))) for x in (low, high))
        return abs(high - low) / lengths[name]

    profiled = {p.name: (p.low, p.high) for p in ft.profiles(fit, level=LEVEL, names=names)}
    begun = time.perf_counter()
    sample = ft.draw_fit(fit, limit=LONGEST)
    seconds = time.perf_counter() - begun
    drawn = sample.intervals(LEVEL)
    return Deviations(
        model=model,
        names=names,
        curved=curved,
        profile=np.array([width(n, *profiled[n]) for n in names]),
        nuts=np.array([width(n, *drawn[n]) for n in names]),
        mixed=sample.mixed,
        gradients=float(sample.data.sample_stats["n_steps"].mean()),
        seconds=seconds,
        notes=list(sample.notes),
    )


def main(arguments: Sequence[str]) -> int:
    """Print the table of some models, of all by default."""
    for model in arguments or MODELS:
        row = deviations(model)
        pace = f"{row.gradients:.0f} gradients a step, {row.seconds:.0f} s"
        print(f"{model}: mixed {row.mixed} ({pace}), furthest {row.furthest:.3f}", flush=True)
        for note in row.notes:
            print(f"  {note}", flush=True)
        for n, p, d in zip(row.names, row.profile, row.nuts, strict=True):
            note = " (curved)" if n in row.curved else ""
            print(f"  {n}: profile {p:.3f}, nuts {d:.3f} of first order{note}", flush=True)
    return 0


if __name__ == "__main__":
    import jax

    from memjax.runtime.jax_setup import prepare_jax

    prepare_jax()
    jax.config.update("jax_enable_x64", True)
    sys.exit(main(sys.argv[1:]))
