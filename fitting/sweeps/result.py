"""A fit of sweeps: its parameters, how well they are known, and whether it describes the data."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import pandas
from jaxtyping import Float

import memjax as mj
from memjax.core.params import scale
from memjax.errors import SolveError
from memjax.noise.draws import cycle_factors
from memjax.observables import Thresholds
from memjax.simulate import simulate, simulate_like

from ..inference.identifiability import Identifiability, combine, in_logarithms, of_information
from ..optimize.levenberg_marquardt import Progress
from ..parameters import to_parameter_units
from ..problem import TOGETHER
from ..residuals import Residuals
from ..result import AbstractFit
from ..stochastic.result import Stochastic
from .basins import optima_in_words, speaks_of_optima
from .covariance import Uncertainty, uncertainty
from .figures import figure_iv, measurement_of
from .instrument import OFFSETS, DeviceOnBench, device_of
from .learned import without_likelihood
from .limits import by_wave, levels_by_sign, levels_of, share_limits
from .noise_estimate import NoiseEstimates
from .prediction import Prediction, prediction_at, problem_of
from .prepare import Prepared
from .problem import PATIENT, Problem
from .set_reset import CycleReading, CycleSimulation, cycles_of
from .simulated import counted_responses, simulated_opposed, with_fitted_bench
from .suggestion import Suggestion
from .summary import Waveform
from .variability import cycle_spread, read_noise
from .verdict import LoopVerdict, doubted, judge

_DRAWS = 100  # sweeps per waveform drawn for the simulated distributions
_SHOWN = 20  # of them those that a picture shows


@dataclass(frozen=True, kw_only=True, repr=False)
class FitResult(AbstractFit):
    """A calibrated device or circuit, and how it came about.

    Parameters
    ----------
    device, problem, z, loss, search, interrupted, failure, profiles, sample, stochastic
        See `AbstractFit`.
    waves : list of Waveform
        The data.
    uncertainty : Uncertainty
        Covariance, correlations, what is not determined.
    verdict : LoopVerdict
        Whether the fit describes the data, and why (not).
    read_noise, cycle_spread : dict
        See `fitting.sweeps.variability`.
    seed : int
        Seed of starts and resampling.
    notes : tuple of str
        Decisions that were taken, in words.
    point_time : float or None
        Hold time of a point [s].
    measurements : list of Measurement
        The data as they were read.
    suggestion : Suggestion or None
        The quantity of the bench that would lower the loss decisively; None where there is none.
    """

    device: mj.AbstractDevice | mj.Circuit
    problem: Problem
    waves: list[Waveform]
    uncertainty: Uncertainty
    verdict: LoopVerdict = field()  # of its own: the default of other kinds is None
    read_noise: dict
    cycle_spread: dict
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    failure: str = ""
    point_time: float | None = None
    measurements: list[mj.Measurement] = field(default_factory=list)
    suggestion: Suggestion | None = None
    stochastic: Stochastic | None = None
    kind: ClassVar[str] = "sweeps"

    @property
    def sources(self) -> list[dict[str, Any]]:
        return [m.source for m in self.measurements]

    def moved(self, problem: Problem, z, covariance) -> "FitResult":
        """See `AbstractFit`; the spread from cycle to cycle stays."""
        points = np.repeat(z[None], TOGETHER, axis=0)  # the program of a search
        r, jacobian, _ = (x[0] for x in problem.linearise(points))
        known = uncertainty(
            problem, self.waves, z=z, residuals=r, jacobian=jacobian, seed=self.seed
        )
        known = replace(known, covariance=covariance, source="all files of a joint fit")
        at = jnp.asarray(z)
        drawn = counted_responses(problem, z), simulated_opposed(problem, z)
        verdict = _judge_fit(problem, self.waves, r, *drawn)
        fields: dict[str, Any] = {"loss": 0.5 * float(np.sum(r**2)), "uncertainty": known}
        device = device_of(problem.at(at))
        fields |= {"profiles": (), "sample": None}  # those of the values before
        return replace(self, device=device, problem=problem, z=z, verdict=verdict, **fields)

    def at_optimum(self, z: Float[np.ndarray, " free"]) -> "FitResult":
        """The fit at a lower optimum of its problem, and a note on the one that it had."""
        moved = self.ended(self.problem, z)
        above = (self.loss / moved.loss - 1, self.values)
        other_notes = [n for n in self.notes if not speaks_of_optima(n)]
        notes = (*other_notes, *optima_in_words(2, 2, [above], moved.values))
        return replace(moved, notes=notes)

    def ended(self, problem: Problem, z: Float[np.ndarray, " free"]) -> "FitResult":
        """The fit as a search of a problem of the same data would have ended there."""
        problem = with_fitted_bench(problem, z)
        r, jacobian, _ = (x[0] for x in problem.linearise(np.repeat(z[None], TOGETHER, axis=0)))
        at: dict[str, Any] = dict(z=z, residuals=r, jacobian=jacobian, seed=self.seed)
        known = uncertainty(problem, self.waves, **at)
        spread = cycle_spread(problem, self.waves, jacobian=jacobian)
        moved = self.moved(problem, z, known.covariance)
        return replace(moved, uncertainty=known, cycle_spread=spread)

    def values_at(self, z: Float[np.ndarray, " free"]) -> dict[str, float]:
        """Values of the free parameters at other coordinates [unit]."""
        return {n: x for n, (x,) in to_parameter_units(self.owner, self.free, z).items()}

    @property
    def owner(self) -> Any:
        model = self.problem.at(np.asarray(self.z))
        return (
            replace(model, device=self.device) if isinstance(model, DeviceOnBench) else self.device
        )

    @property
    def bench(self) -> mj.Bench:
        """What stands around the device, with the quantities that were fitted [SI]."""
        return self.problem.bench

    def residuals(self, data: Sequence[mj.Measurement] | None = None) -> Residuals:
        """See `AbstractFit`; `data` are measurements of the same device."""
        problem, z = self.problem, self.z
        if data is not None:
            problem = problem_of(problem, data, self.point_time, seed=self.seed)
        group = problem.group
        points, events = (np.asarray(x) for x in (group.weight, group.event_weight))
        weight = np.concatenate([points.ravel(), events.ravel()])
        waves = np.repeat(np.arange(len(points)), points.shape[1])
        with np.errstate(divide="ignore"):
            sigma = np.where(weight > 0, 1 / weight, np.inf)
        series = np.concatenate([waves, np.full(events.size, -1)])
        reason = without_likelihood(device_of(problem.device))
        weighed: Any = {"values": problem.of_data(z), "sigma": sigma, "series": series}
        return Residuals(**weighed, unit="decades", no_likelihood=reason)

    def predict(self, data: mj.Measurement | Sequence[mj.Measurement]) -> Prediction:
        """Responses to other sweeps of the same device, with bands that hold those without noise.

        Parameters
        ----------
        data : Measurement or sequence of Measurement
            Sweeps, of which the drive acts and the response says from where on it is noise. Those of a device with
            learned functions follow one another; the state at their start is that of the fit.
        """
        every = [data] if isinstance(data, mj.Measurement) else list(data)
        problem = problem_of(self.problem, every, self.point_time, seed=self.seed)
        known = self.uncertainty
        return prediction_at(
            problem, self.z, self.covariance, misfit=known.misfit, freedom=known.freedom,
            seed=self.seed,
        )  # fmt: skip

    def tables(self) -> tuple[pandas.DataFrame, pandas.DataFrame]:
        """Measured rows, and those of the device under the same waveforms without noise: sweep, t_s, v_V, i_A, ..."""
        offset, measured, simulated = 0, [], []
        limited = self.problem.group.limits is not None
        for m in share_limits(self.measurements, mj.Bench()) if limited else self.measurements:
            frame = self._simulated(m, limited)
            frame["sweep"] += offset
            lost = m.applied != m.v
            if np.any(lost) and m.driven == "voltage" and "v_device_V" in frame:
                # The file holds what was left of the voltage: so does the simulation at these points.
                at = (frame[n].to_numpy() for n in ("v_device_V", "i_A"))
                frame.loc[lost, "v_V"] = self.problem.bench.terminal_voltage(*at)[lost]
            columns = {"t_s": frame["t_s"] if m.t is None else m.t, "v_V": m.v, "i_A": m.i}
            columns["at_compliance"] = m.at_compliance.astype(int)
            measured.append(frame[["sweep"]].assign(**columns))
            simulated.append(frame.drop(columns="v_node", errors="ignore"))
            offset = int(np.max(np.asarray(frame["sweep"]))) + 1
        return pandas.concat(measured), pandas.concat(simulated)

    def _simulated(self, m: mj.Measurement, limited: bool) -> pandas.DataFrame:
        """Rows under a measurement's waveforms, without noise; no numbers where they cannot be solved.

        A device that takes too many steps at the usual tolerances is simulated at those of the search, which solved it.
        """
        options: dict[str, Any] = dict(
            limited=limited, point_time=self.point_time, deterministic=True
        )
        options |= dict(bench=self.problem.bench, output=mj.Output(on_failure="ignore"))
        options["conditions"] = mj.Conditions(env=self.problem.env)
        try:
            trace = simulate_like(self.device, m, **options).check()
        except SolveError:
            policy = replace(self.problem.policy, max_steps=PATIENT.max_steps)
            trace = simulate_like(self.device, m, policy=policy, **options)
        frame = trace.to_pandas(device=not self.problem.bench.bare, failed=True)
        lost = m.labels[np.asarray(trace.result)[0] != 0]
        values = [c for c in frame if c not in ("member", "sweep", "t_s", "v_V")]
        frame.loc[np.isin(frame["sweep"], lost), values] = np.nan
        return frame

    def cycles(self) -> mj.Trace | None:
        """Sweeps with the fitted noise and cycle spread, 100 of each waveform; None where neither was fitted."""
        if not self.cycle_spread and self.stochastic is None:
            return None
        sigma = {n: s["sigma_ln"] for n, s in self.cycle_spread.items()}
        if self.stochastic is not None and self.stochastic.correlation is not None:
            _, simulation = self.cycle_simulation(_DRAWS)
            shape: dict[str, Any] = dict(zip(("members", "sweeps"), simulation.shape, strict=True))
            factors = cycle_factors(
                self.seed, sigma, **shape, correlation=self.stochastic.correlation
            )
            return simulation(self.device, factors).good()
        factors = cycle_factors(self.seed, sigma, members=_DRAWS, sweeps=len(self.waves))
        # Within the bounds, as the cycles were drawn to which the spread is calibrated.
        values: dict[str, Any] = scale(self.device, factors)
        values |= by_wave(self.problem.bench, self.problem.group.limits)
        return simulate(
            self.device,
            [w.stimulus for w in self.waves],
            save=[w.rows for w in self.waves],
            bench=self.problem.bench,
            conditions=mj.Conditions(env=self.problem.env, values=values),
            members=_DRAWS,
            seed=self.seed,
            deterministic=self.stochastic is None,
            output=mj.Output(on_failure="ignore"),
        ).good()

    def cycle_simulation(self, count: int) -> tuple[CycleReading, CycleSimulation]:
        """See `fitting.sweeps.set_reset.cycles_of`."""
        data: dict[str, Any] = dict(measurements=self.measurements, point_time=self.point_time)
        return cycles_of(self.waves, self.problem, count=count, **data)

    def _figure(self, *, cycles: bool) -> Any:
        """See `AbstractFit`: current against voltage, as the report has it."""
        driven = self.waves[0].driven
        measured, simulated = (measurement_of(x, driven) for x in self.tables())
        trace = self.cycles() if cycles else None
        random = None if trace is None or not len(trace.v) else cycles_table(trace)
        bench, limits = self.problem.bench, self.problem.group.limits
        ends = ("compliance", "compliance_negative") if limits is None else ("compliance",)
        known = {n: getattr(bench, n) for n in ends}
        return figure_iv(
            measured,
            simulated,
            compliances=levels_by_sign(known, levels_of(bench, limits)),
            thresholds=self.thresholds if self.device.volatile else None,
            random=None if random is None else measurement_of(random, driven),
        )

    @property
    def thresholds(self) -> Thresholds:
        """Currents that mean on and off, in the fit as in tables and pictures."""
        return self.waves[0].thresholds

    @property
    def n_points(self) -> int:
        """Points of all sweeps."""
        return int(sum(w.log_response.size for w in self.waves))

    @property
    def covariance(self) -> Float[np.ndarray, "free free"]:
        """Covariance of the coordinates."""
        return self.uncertainty.covariance

    @property
    def freedom(self) -> float:
        """Degrees of freedom behind the covariance."""
        return self.uncertainty.freedom

    @property
    def largest_voltage(self) -> float:
        """Largest voltage of the data [V]."""
        return max(np.max(w.sizes(float(self.problem.group.floor))[0]) for w in self.waves)

    @property
    def prior_shift(self) -> Float[np.ndarray, " free"]:
        return self.uncertainty.shift

    def noise_along(
        self,
        moved: Float[np.ndarray, "points data"],
        residuals: Float[np.ndarray, "1 residuals"],
        jacobian: Float[np.ndarray, "1 residuals free"],
    ) -> Float[np.ndarray, " points"]:
        """Variance of the data along changes of their residuals, d'Sd of each d [sigma^2], see `uncertainty`.

        Residuals and the Jacobian are those at the best point, the prior's last.
        """
        at_best = residuals, jacobian, self.seed
        return NoiseEstimates([self.problem], [self.waves], *at_best, moved.T[None]).along[0]

    @property
    def identifiability(self) -> Identifiability:
        """Which combinations of the parameters that are reported the data determine, and which not.

        Those that simulated cycles calibrated are judged by their replicates, the others by the fit of the medians.
        """
        free, random = self.problem.free, self.stochastic
        z, fisher = self.z, self.uncertainty.fisher
        offsets = [n.rpartition(".")[2] in OFFSETS for n in free]
        if any(offsets):  # they have no logarithm
            free, z, fisher = without(offsets, free, z, fisher)
        information = in_logarithms(self.problem.device, free, z, fisher)
        if random is None:
            return of_information(free, information)
        return combine(free, information, tuple(random.replicates), random.covariance)


def without(
    mask: Sequence[bool],
    free: Sequence[str],
    z: Float[np.ndarray, " free"],
    fisher: Float[np.ndarray, "free free"],
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names, coordinates and information of all but some parameters, which are integrated out."""
    out = np.array(mask)
    across = fisher[np.ix_(~out, out)]
    # Schur's complement; the pseudoinverse where the data say nothing of an offset.
    inverse = np.linalg.pinv(fisher[np.ix_(out, out)], hermitian=True)
    information = fisher[np.ix_(~out, ~out)] - across @ inverse @ across.T
    names = tuple(n for n, is_out in zip(free, out, strict=True) if not is_out)
    return names, z[~out], information


def cycles_table(trace: mj.Trace) -> pandas.DataFrame:
    """The first simulated sweeps of each waveform, numbered, for pictures: sweep, t_s, v_V, i_A."""
    members = [trace.member(m) for m in range(min(len(trace.v), _SHOWN))]
    count = int(np.max(trace.sweep)) + 1
    table = {"sweep": np.concatenate([m * count + x.sweep for m, x in enumerate(members)])}
    columns = {"t_s": "t", "v_V": "v", "i_A": "i"}
    table |= {c: np.concatenate([getattr(x, n) for x in members]) for c, n in columns.items()}
    # Cycles below 0 bring a device that keeps its state to where its cycles are alike.
    counts = np.concatenate([x.sweep for x in members]) >= 0
    return pandas.DataFrame({n: x[counts] for n, x in table.items()})


def fit_at(
    prepared: Prepared,
    problem: Problem,
    z: Float[np.ndarray, " free"],
    residuals: Float[np.ndarray, " residuals"],
    jacobian: Float[np.ndarray, "residuals free"],
    *,
    seed: int,
    simulated: Float[np.ndarray, "waves points"] | None = None,
    **more: Any,
) -> FitResult:
    """The fit at an optimum, from the residuals and the Jacobian there, the prior's last.

    `simulated` are responses as for `fitting.sweeps.verdict.judge`; `more` are fields of `FitResult` beside or in place
    of those that follow from the rest.
    """
    waves, cost = prepared.waves, 0.5 * float(np.sum(residuals**2))
    fields: dict[str, Any] = {
        "device": more.pop("device", None) or device_of(problem.at(np.asarray(z))),
        "loss": cost,
        "uncertainty": more.pop("uncertainty", None)
        or uncertainty(problem, waves, z=z, residuals=residuals, jacobian=jacobian, seed=seed),
        "verdict": _judge_fit(problem, waves, residuals, simulated, simulated_opposed(problem, z)),
        "read_noise": read_noise(waves, prepared.floor),
        "cycle_spread": {},
        "search": Progress(z[None], np.array([cost])),
        "notes": prepared.notes,
    }
    return FitResult(
        problem=with_fitted_bench(problem, z), waves=waves, z=z, seed=seed, **(fields | more)
    )


def _judge_fit(problem: Problem, waves: Sequence[Waveform], *compared: Any) -> LoopVerdict:
    """The verdict of `judge`; a fit to no more data than it has free parameters is not good, however near it comes."""
    group, verdict = problem.group, judge(waves, problem.group, *compared)
    counted = np.count_nonzero(group.weight) + np.count_nonzero(group.event_weight)
    # A learned prior holds what data leave.
    if problem.strength is not None or counted > len(problem.free):
        return verdict
    return doubted(verdict, f"{counted} points and events for {len(problem.free)} parameters")
