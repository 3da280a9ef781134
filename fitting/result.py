"""What a calibration found, whatever the kind of its data: values, errors, what is not determined and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.html import or_text
from memjax.core.params import get
from memjax.errors import DataError
from memjax.plot import ranges, style
from memjax.runtime.flags import check_flags

from .fit_card import card_of, in_words
from .has_folder import HasFolder
from .optimize.levenberg_marquardt import Progress
from .parameters import (
    SHARE,
    has_short_range,
    is_wide,
    parameter_rows,
    prior_widths,
    reach,
    sits_at_bound,
    standard_deviations,
    to_coordinates,
    to_parameter_units,
)
from .problem import TOGETHER, AbstractProblem, shift_by_prior
from .residuals import Residuals
from .verdict import AbstractVerdict

METHODS = {
    "laplace": "to first order, with Student's quantiles",
    "simulated": "by simulated cycles",
    "profile": "profile likelihood of the data alone, without the prior",
    "nuts": "equal tails of draws from the posterior (posterior.nc)",
}
"""Where intervals come from, the best method last."""

APART = 1.1
"""R-hat of a parameter above which its draws give no interval: chains that have not met cover a part each."""

_OF_PRIOR = 0.5  # share of the standard deviation of a prior from which on data do not determine a coordinate


@dataclass(frozen=True, kw_only=True, repr=False)
class AbstractFit(HasFolder):
    """A calibrated device or circuit, and how well its parameters are known.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        With the best parameters.
    problem : AbstractProblem
        What was minimised.
    z : Float[np.ndarray, "free"]
        Unconstrained coordinates of the best parameters.
    loss : float
        Half the sum of squared residuals.
    search : Progress
        Iterations, evaluations, failures, cost of each start.
    covariance : Float[np.ndarray, "free free"]
        Of the coordinates.
    freedom : float
        Degrees of freedom behind the covariance: intervals are those of Student's t; infinite for normal ones.
    largest_voltage : float or None
        Of the data [V]: what a voltage beyond it does was not seen. None where that means nothing.
    stochastic : Stochastic or None
        How the randomness was calibrated by simulation: what it says of a parameter replaces what the fit says.
    profiles : tuple of Profile
        Of each free parameter, where `fitting.profiles` made them.
    sample : Sample or None
        Draws from the posterior, where `fitting.draw_fit` made them.
    call : fitting.solve_call.SolveCall or None
        What `fitting.solve` was called with.
    interrupted : bool
        Whether the search was stopped before its end.
    failure : str
        Why a stage behind the fit gave nothing, in words: it is as it was before that stage.
    seed : int
        Seed of starts, of resampling and of what is simulated.
    notes, warnings : tuple of str
        Decisions that were taken, and what speaks against the result, in words.
    summary : tuple of str
        Lines that a terminal shows.
    verdict : AbstractVerdict or None
        What the fit is worth, and why; None of a kind that does not say.
    """

    # Fields of the classes, or properties of them.
    device: ClassVar[mj.AbstractDevice | mj.Circuit]
    covariance: ClassVar[Float[np.ndarray, "free free"]]
    freedom: ClassVar[float] = float("inf")
    largest_voltage: ClassVar[float | None] = None
    stochastic: ClassVar[Any] = None
    interrupted: ClassVar[bool] = False
    failure: ClassVar[str] = ""
    notes: ClassVar[tuple[str, ...]] = ()
    warnings: ClassVar[tuple[str, ...]] = ()
    summary: ClassVar[tuple[str, ...]] = ()
    verdict: ClassVar[AbstractVerdict | None] = None
    problem: AbstractProblem
    z: Float[np.ndarray, " free"]
    loss: float
    search: Progress
    seed: int = 0
    profiles: tuple[Any, ...] = ()
    sample: Any = None
    call: Any = None

    @property
    def model(self) -> str:
        """The name of the device: by which `memjax.model` makes it, "circuit" for a circuit of one's own."""
        return self.device.name

    @property
    def backend(self) -> str:
        """What computed it, see `memjax.lanes.backend`."""
        return self.problem.backend

    def __repr__(self) -> str:
        """The model, the verdict's word, the loss, and a line for each parameter that was calibrated."""
        units = {n: spec.unit for n, spec in parameter_specs(self.owner).items()}
        return in_words(self, f"{type(self).__name__}({self.model}", units)

    def _repr_html_(self) -> str | None:
        """The picture of `plot` without simulated cycles, parameters with units, what is to be known of them."""
        return or_text(lambda: card_of(self))

    def plot(self, *, cycles: bool = True) -> Any:
        """Draw the fit as its report does: what was measured and what it makes of it.

        Parameters
        ----------
        cycles : bool
            Whether what is simulated anew with the fitted noise and spread is drawn too, where there is such.

        Returns
        -------
        matplotlib.figure.Figure
            Notebooks show it; `savefig` writes it.

        Raises
        ------
        MemjaxError
            If matplotlib is not installed.
        """
        check_flags({"cycles": cycles}, where="plot of a fit")
        with style():
            return self._figure(cycles=cycles)

    def _figure(self, *, cycles: bool) -> Any:
        """The figure of `plot`: intervals over the values, of kinds that know no better."""
        ends, values = self.intervals(0.9), self.values
        names = [n for n in self.free if n in ends]
        # An end that is open is no number, and has no row.
        rows = np.array([[ends[n][0], values[n], ends[n][-1]] for n in names], float).reshape(-1, 3)
        return ranges(names, *rows.T, label="90 % interval")

    def moved(
        self,
        problem: AbstractProblem,
        z: Float[np.ndarray, " free"],
        covariance: Float[np.ndarray, "free free"],
    ) -> "AbstractFit":
        """The same data with the values of a joint fit; of a kind that takes part in none it is a `DataError`.

        Parameters
        ----------
        problem : AbstractProblem
            The problem, with all parameters free that are in the joint fit.
        z, covariance
            Their coordinates, and the covariance of these.
        """
        raise DataError(type(self).__name__, where="a joint fit", allowed="sweeps, pulses, decays")

    def residuals(self, data: Any = None) -> Residuals:
        """Residuals of the data that were fitted, or of others of the same kind: for a comparison of models.

        Parameters
        ----------
        data : Any, optional
            What the fit has not seen, as it takes its data; of a kind that knows no such it is a `DataError`.
        """
        if data is not None:
            raise DataError(type(self).__name__, where="held-out data", allowed="sweeps, pulses, decays")  # fmt: skip
        values = self.problem.of_data(self.z)
        scale: dict[str, Any] = dict(sigma=np.ones(len(values)), series=np.full(len(values), -1))
        scale["no_likelihood"] = "it is not known what the rows were weighed by"
        return Residuals(values=values, unit="sigma", **scale)

    @property
    def complete(self) -> "AbstractFit":
        """The same, with the coordinates that files have of their own behind those of the free parameters."""
        return self

    @property
    def owner(self) -> Any:
        """What has the parameters: the device, with its bench where a fit estimates quantities of it."""
        return self.device

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the free parameters."""
        return self.problem.free

    @property
    def sigma_z(self) -> Float[np.ndarray, " free"]:
        """Standard deviations of the coordinates."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def correlation(self) -> Float[np.ndarray, "free free"]:
        """Correlations of the free parameters; 0 between those that simulated cycles calibrated and the others."""
        sigma, random = self.sigma_z, self.stochastic
        matrix = self.covariance / np.outer(sigma, sigma)
        # Of learned functions none of the nodes is calibrated, but factors that are not free.
        names = [n for n in self.free if random is not None and n in random.replicates]
        if random is not None and names:
            at = [self.free.index(n) for n in names]
            drawn = np.log(np.abs([random.replicates[n] for n in names]))
            matrix[at], matrix[:, at] = 0.0, 0.0
            matrix[np.ix_(at, at)] = np.corrcoef(drawn)
        return matrix

    @property
    def values(self) -> dict[str, float]:
        """Best values of the parameters that were calibrated [unit]."""
        names = dict.fromkeys([*self.free, *(self.stochastic.values if self.stochastic else ())])
        return {n: float(get(self.owner, n)) for n in names}

    @property
    def prior_shift(self) -> Float[np.ndarray, " free"] | None:
        """By how much the prior moves the coordinates, to first order, along what the data know better than it.

        None of a problem whose derivatives are secants of simulations.
        """
        if self.problem.differentiable is None:
            return None
        # The coordinates of a joint fit have states of each file behind the shared parameters.
        r, jacobian, _ = self.problem.linearise(np.repeat(self.complete.z[None], TOGETHER, axis=0))
        return shift_by_prior(r[0], jacobian[0])

    @property
    def prior(self) -> dict[str, Any]:
        """The prior: what it is centred on [unit], how wide it is, what it weighs, and how far it pulls.

        Returns
        -------
        dict
            `centre` by parameter; `sigma_ln`, its standard deviation in the unconstrained coordinates [natural log
            units], by parameter where they differ; `noise`, the standard deviation of a residual against which it
            weighs [sigma]; `pull`, the estimate less the one without it, by parameter [standard deviations]: 0 along
            what the data do not determine, empty where it is not known, see `prior_shift`.
        """
        problem, free = self.problem, list(self.free)
        ends = to_parameter_units(self.owner, free, np.asarray(problem.center)[: len(free)])
        shift, sigma, width = self.prior_shift, self.sigma_z, prior_widths(problem, len(free))
        pull = {} if shift is None else dict(zip(free, shift[: len(free)] / sigma, strict=True))
        common = width is None or np.ndim(width) == 0
        return {
            "centre": {n: x for n, (x,) in ends.items()},
            "sigma_ln": width if common else dict(zip(free, np.asarray(width).tolist())),
            "noise": float(problem.noise),
            "pull": {n: float(x) for n, x in pull.items()},
        }

    def z_scores(self, truth: Mapping[str, float]) -> dict[str, float]:
        """(value - truth) / standard deviation of each parameter that is named in `truth`."""
        values, std = self.values, self.std
        return {n: (values[n] - x) / std[n] for n, x in truth.items()}

    @property
    def std(self) -> dict[str, float]:
        """Standard deviations of the parameters that were calibrated [unit], to first order or by simulation."""
        std = standard_deviations(self.owner, self.free, self.z, self.sigma_z)
        return std | ({} if self.stochastic is None else self.stochastic.std)

    def reach(self, level: float = 0.9) -> float:
        """Half-width of an interval of that level [standard deviations]."""
        return reach(level, self.freedom)

    def intervals(self, level: float = 0.9) -> dict[str, tuple[float | None, ...]]:
        """Ends [unit] of intervals that hold the truth with that probability; None for an end that is open.

        They are those of the best method that there is for a parameter, see `interval_methods`.
        """
        ends = self._intervals_by_method(level)
        return {n: tuple(ends[method][n]) for n, method in self.interval_methods(level).items()}

    def interval_methods(self, level: float = 0.9) -> dict[str, str]:
        """Where the interval of each parameter comes from, a key of `METHODS`: the last of these that has one."""
        ends = self._intervals_by_method(level)
        return {n: method for method in METHODS for n in ends[method]}

    def _intervals_by_method(self, level: float) -> dict[str, dict[str, Any]]:
        """Ends [unit] of intervals by method and parameter."""
        width, sample = self.reach(level) * self.sigma_z, self.sample
        first = to_parameter_units(self.owner, self.free, self.z - width, self.z + width)
        random = {} if self.stochastic is None else self.stochastic.intervals(level)
        profiled = {p.name: (p.low, p.high) for p in self.profiles if p.level == level}
        drawn = {} if sample is None else sample.intervals(level)
        drawn = {n: x for n, x in drawn.items() if n not in apart(sample)}
        return {"laplace": first, "simulated": random, "profile": profiled, "nuts": drawn}

    @property
    def out_of_reach(self) -> tuple[str, ...]:
        """Free voltages beyond the largest one of the data: what lies there is not seen but extrapolated."""
        specs = parameter_specs(self.device)
        volts = [n for n in self.free if n in specs and specs[n].unit == "V"]
        largest = np.inf if self.largest_voltage is None else self.largest_voltage
        return tuple(n for n in volts if abs(float(get(self.device, n))) > largest)

    @property
    def reasons(self) -> dict[str, str]:
        """Why each parameter that is not determined is not."""
        return self.reasons_by(standard_deviations(self.owner, self.free, self.z, self.sigma_z))

    def reasons_by(self, std: Mapping[str, float]) -> dict[str, str]:
        """`reasons`, by standard deviations to first order [unit]."""
        wide = "its standard deviation exceeds its value, or a quarter of a short range"
        why = {n: wide for n, s in std.items() if is_wide(self.owner, n, s)}
        why |= dict.fromkeys((n for n in self._open_ranges() if n not in why), wide)
        prior = "the data say no more of it than the prior does"
        why |= dict.fromkeys((n for n in self._as_wide_as_prior() if n not in why), prior)
        open_ = "its profile likelihood stays below the threshold too far out"
        why |= dict.fromkeys((n for n in self._open_profiles() if n not in why), open_)
        far = "beyond the largest voltage of the data"
        why |= {n: far for n in self.out_of_reach if n not in why}
        if self.stochastic is None:
            return why
        alike = "simulated data look alike wherever it lies"
        others = {n: x for n, x in why.items() if n not in self.stochastic.values}
        return others | dict.fromkeys(self.stochastic.undetermined, alike)

    def _open_ranges(self) -> list[str]:
        """Parameters of short ranges of which a standard deviation to either side covers too much.

        Beside a bound the slope of a logit is small, and so a standard deviation to first order, whatever its
        coordinate may be.
        """
        specs, sigma = parameter_specs(self.owner), self.sigma_z
        ends = to_parameter_units(self.owner, self.free, self.z - sigma, self.z + sigma)
        short = [n for n in self.free if has_short_range(specs[n])]
        most = {n: SHARE * float(np.diff(specs[n].bounds)[0]) for n in short}
        return [n for n in short if not (ends[n][1] - ends[n][0]) / 2 <= most[n]]

    def _as_wide_as_prior(self) -> list[str]:
        """Parameters whose coordinate the data leave half as wide as the prior does, or more.

        Beside a bound a parameter changes little with its coordinate, and has a small error whatever that may be.
        """
        width = prior_widths(self.problem, len(self.free))
        share = self.sigma_z[: len(self.free)] / (np.inf if width is None else width)
        return [n for n, x in zip(self.free, share, strict=False) if x > _OF_PRIOR]

    def _open_profiles(self) -> list[str]:
        """Parameters whose profile is open at an end, or wider than that of a parameter which is determined."""
        names = []
        for p in self.profiles:
            z = to_coordinates(self.owner, p.name, p.low, p.high)
            sigma = float(z[1] - z[0]) / 2 / self.reach(p.level)
            k = [self.free.index(p.name)]
            std = standard_deviations(self.owner, [p.name], self.z[k], np.array([sigma]))
            if is_wide(self.owner, p.name, std[p.name]):
                names.append(p.name)
        return names

    @property
    def undetermined(self) -> tuple[str, ...]:
        """Parameters that the data do not determine; those that were calibrated by simulation, by what that says."""
        return tuple(self.reasons)

    @property
    def at_bound(self) -> tuple[str, ...]:
        """Free parameters that sit at a bound."""
        return tuple(n for n in self.free if sits_at_bound(self.owner, n))

    def table(self) -> list[dict]:
        """One row per parameter: name, value, unit, std, interval_90, bounds, free, at_bound, determined.

        Returns
        -------
        list of dict
            `std` is the standard deviation [unit]; None for a fixed parameter.
        """
        marks = {"undetermined": self.undetermined, "at_bound": self.at_bound}
        return parameter_rows(self.owner, self.std, self.intervals(), **marks)


def apart(sample: Any) -> list[str]:
    """Parameters of draws from a posterior whose chains have not met."""
    return [n for n, r_hat in sample.r_hat.items() if not r_hat <= APART]
