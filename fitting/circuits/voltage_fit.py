r"""Parameters of a circuit from the trace of a node, by least squares.

Notes
-----
The search minimises :math:`\frac12\sum_k (v(t_k) - v_k)^2/\sigma_k^2` over unconstrained coordinates with the
forward-mode Jacobian J of the adaptive solve. Standard deviations are those of :math:`(J^TJ)^{-1}`: of first order, for
independent errors of the stated size, without a prior and not inflated where chi2 is above 1. A switching time that is
far off has its own local minimum: hence several starts.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.data import read_traces
from memjax.errors import DataError, FitError
from memjax.io.request import file_of
from memjax.io.stimulus import stimulus_of
from memjax.runtime.arguments import as_seed

from ..inference.identifiability import log_slopes
from ..kinds import paths_in
from ..optimize.levenberg_marquardt import Progress, levenberg_marquardt, screen
from ..result import AbstractFit
from ..solve import AbstractFitProblem, Tick
from ..verdict import Verdict
from .problem import POLICY, Traces, begun_circuit, lifted_inverse, voltage_problem
from .report import trace_figure
from .verdict import judge_trace

Rows = tuple[Float[np.ndarray | Array, " rows"], Float[np.ndarray | Array, " rows"]]
"""Times [s] and values [V or A]."""

TOGETHER, ITERATIONS = 8, 60
"""Starts that advance together, and the most steps that they take."""

_SIGMA = 1e-3  # least standard deviation of a row where none is given, over the range of the trace


@dataclass(frozen=True, kw_only=True, repr=False)
class VoltageFit(AbstractFit):
    """A circuit fitted to the trace of a node, see `TraceProblem`.

    Parameters
    ----------
    device, problem, z, search
        See `AbstractFit`.
    covariance : Float[np.ndarray, "free free"]
        Of the coordinates; directions in which the data say next to nothing are cut off at a factor of 150.
    loss, chi2 : float
        Half the sum of squared residuals [sigma^2]; that sum per degree of freedom, about 1 if
        model and sigma are right.
    trace : Float[np.ndarray, "rows"]
        Trace of the best parameters [V or A].
    converged : bool
        Whether the search ended because nothing was gained.
    """

    device: mj.Circuit
    problem: Traces
    covariance: Float[np.ndarray, "free free"]
    chi2: float
    trace: Float[np.ndarray, " rows"]
    converged: bool
    stated: bool = True
    kind: ClassVar[str] = "trace of a node"

    @property
    def sigma(self) -> float:
        """Median standard deviation of the rows [V or A]."""
        return float(np.median(np.asarray(self.problem.sigma)))

    @functools.cached_property
    def verdict(self) -> Verdict:
        """What the fit of the trace is worth, and why."""
        data, drives = np.asarray(self.problem.data), np.asarray(self.problem.drives())
        return judge_trace(data, self.trace, drives)

    def _figure(self, *, cycles: bool) -> Any:
        """See `AbstractFit`: the trace, and its residuals."""
        node, problem = self.problem.node, self.problem
        description = {"node": node, "unit": "A" if node == "i" else "V", "sigma": self.sigma}
        t, x, y = (np.asarray(x) for x in (problem.rows, problem.data, self.trace))
        return trace_figure(t, x, y, description | {"chi2": self.chi2})

    @property
    def warnings(self) -> tuple[str, ...]:
        far = (
            f"the residuals are {self.chi2**0.5:.2g} times a row's scatter ({self.sigma:.2g}): this circuit does not "
            "do all that the trace does"
        )
        texts = {far: self.chi2 > 2, "the search had not ended": not self.converged}
        return tuple(text for text, wrong in texts.items() if wrong)


@dataclass(frozen=True)
class TraceProblem(AbstractFitProblem):
    """The trace of a node of a circuit, to which parameters of its elements are fitted by least squares.

    Parameters
    ----------
    data : tuple of Float[np.ndarray, "rows"], str or Path
        Times [s], increasing, and what was measured [V or A]; or the file that holds one such trace.
    device : Circuit
        Fixed parameters, and the start of the free ones. Diffusion is left out.
    free : sequence of str
        Free parameters, as ``element.parameter``.
    fix, start
        See `AbstractFitProblem`.
    stimulus : AbstractStimulus, str or Path
        What drives it, from the state at rest; or its file, see `memjax.io.stimulus.load_stimulus`.
    node : str
        Node that was measured; "i" for the current of the first driven source.
    sigma : float or Float[np.ndarray, "rows"], optional
        Standard deviation of the measured values [V or A]. Where it is not known, it is that of second differences, and
        errors of parameters are those of the residuals.
    starts, spread : int, float
        Starts that are screened, the first being the circuit itself, the others scattered about it
        with this standard deviation [natural log units]; the 8 best go on.
    policy : Stiff, optional
        Solver, `fitting.circuits.problem.POLICY` by default.
    env : Environment, optional
        Temperature.
    columns : mapping of str to str, optional
        Names of columns of a file by their roles, see `memjax.data.read_traces`.

    Raises
    ------
    DataError, ModelError
        When it is solved: for rows, a node, a parameter or a sigma that make no problem.
    FitError
        When it is solved: if the solve of no start ended well.
    """

    data: Rows | str | Path | Sequence[str | Path]
    _: dataclasses.KW_ONLY
    stimulus: mj.AbstractStimulus | str | Path
    node: str
    sigma: float | Float[np.ndarray | Array, " rows"] | None = None
    starts: int = 16
    spread: float = 0.3
    policy: mj.Stiff | None = None
    env: mj.Environment | None = None
    columns: Mapping[str, str] | None = None

    def solve(self, *, seed: int = 0, progress: Tick | None = None) -> VoltageFit:
        """See `fitting.solve`; the seed is that of the starts."""
        seed = as_seed(seed, where="TraceProblem", lowest=0)
        if self.starts < 1:
            raise DataError(f"starts = {self.starts}", where="TraceProblem", allowed="at least 1")
        t, x = _trace_of(self)
        sigma = _scatter(np.asarray(x, float)) if self.sigma is None else self.sigma
        policy, circuit = self.policy or POLICY, begun_circuit(self)
        problem = voltage_problem(
            circuit,
            stimulus_of(self.stimulus, circuit),
            t,
            x,
            node=self.node,
            free=self.free or (),
            sigma=sigma,
            env=self.env,
            policy=policy,
        )
        names, center = problem.free, np.asarray(problem.center)
        noise = np.random.default_rng(seed).normal(size=(self.starts, len(names)))
        noise[0] = 0.0
        # Scattered by logarithms, whatever the coordinates of bounded parameters are.
        many = center + self.spread * noise / np.abs(log_slopes(problem.device, names, center))
        keep = min(self.starts, TOGETHER)
        search = Progress(many[:keep], np.full(keep, np.inf), problem=problem)
        show = None if progress is None else partial(progress, "least squares")
        if show is not None:
            show(search)
        z = screen(problem.linearise, many, keep=keep, progress=search)
        search = levenberg_marquardt(
            problem.linearise, z, iterations=ITERATIONS, progress=search, tick=show
        )
        fit = _voltage_fit(problem, search)
        scale = fit.chi2 if self.sigma is None and fit.chi2 > 1 else 1.0
        return replace(fit, covariance=scale * fit.covariance, stated=self.sigma is not None)


def _trace_of(problem: TraceProblem) -> Rows:
    """Times and values of a problem, out of their file where it names one."""
    names, node = paths_in(problem.data), problem.node
    if not names:
        return cast(Rows, problem.data)
    signal = "i" if node == "i" else f"{node}.v"
    traces = read_traces(file_of(str(names[0])), signal=signal, columns=problem.columns)
    if len(names) > 1 or len(traces) > 1:
        fix = "fit each into a folder of its own"
        raise DataError("several traces", where="--voltage", allowed="one", fix=fix)
    return next(iter(traces.values()))


def _scatter(x: np.ndarray) -> float:
    """Standard deviation of a row, from second differences: a smooth trace has none."""
    second = np.diff(x, n=2)
    middle = np.median(second) if second.size else 0.0
    spread = 1.4826 * float(np.median(np.abs(second - middle))) / 6**0.5 if second.size else 0.0
    return max(spread, _SIGMA * float(np.ptp(x)) or _SIGMA)


def _voltage_fit(problem: Traces, search: Progress) -> VoltageFit:
    """Result at the best point of a search."""
    best = search.best
    if not np.isfinite(search.cost[best]):
        fix = "start from other values, or allow more steps: policy=mj.Stiff(max_steps=...)"
        what = f"no solve of {len(search.cost)} starts ended well"
        raise FitError(what, where="TraceProblem", fix=fix)
    r, jac, _ = problem.linearise(search.z)
    rows, z, cost = len(problem.data), search.z[best], float(search.cost[best])
    r, slope = r[best][:rows], log_slopes(problem.device, problem.free, z)
    jac = jac[best][:rows] / slope
    covariance, _ = lifted_inverse(jac.T @ jac)
    return VoltageFit(
        device=problem.at(jnp.asarray(z)),
        problem=problem,
        z=z,
        loss=cost,
        covariance=covariance / np.outer(slope, slope),
        chi2=2 * cost / max(rows - len(z), 1),
        trace=np.asarray(problem.data) + r * np.asarray(problem.sigma),
        converged=bool(search.converged[best]) or search.iterations < ITERATIONS,
        search=search,
    )
