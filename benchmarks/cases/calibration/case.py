"""Whether intervals hold the truth as often as they say, and the spread of a population comes back."""

import tempfile
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

import fitting as ft
from benchmarks.cases.calibration import data, joint, methods, presets, randomness, suggestions
from benchmarks.cases.circuit_fits import case as circuits
from benchmarks.cases.device_fits.verdicts import LOOPS
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap
from fitting.circuits.problem import voltage_problem
from fitting.inference.hierarchy import fit_population
from fitting.inference.nuts import draw_each
from fitting.inference.posterior import LeastSquares
from fitting.inference.profile_likelihood import profile_ends
from fitting.optimize.levenberg_marquardt import levenberg_marquardt
from fitting.problem import WEAK_SIGMA, evaluate_each, of_some, stacked
from fitting.sweeps.covariance import uncertainty
from fitting.sweeps.group import MODEL_SIGMA

SETS = {"smoke": (24, 12, 16, 24, 2, 4, 8), "full": (300, 200, 200, 200, 100, 200, 100)}
"""Data sets of sweeps, traces, posteriors; devices of a population; sets of stochastic cycles, and of files that are
fitted jointly; devices about the preset of each model."""

MODELS = {"smoke": ("mms",), "full": tuple(LOOPS)}
"""Models whose presets are fitted."""

HIDDEN = {
    "smoke": (("mms",), (suggestions.NONE, "offset_current"), 2),
    "full": (suggestions.MODELS, tuple(suggestions.HIDDEN), 20),
}
"""Models of which a quantity of the bench is hidden, words of these, devices of each."""

METHODS = {"smoke": ("mms",), "full": methods.MODELS}
"""Models of which one device is fitted and looked at by three methods."""

FALSE_ALARMS = 0.05
"""Share of fits that may suggest something where there is nothing."""

LEVEL, ALLOWED = 0.9, 0.05

NOISE, MUCH, CYCLE, DEVICE = 0.03, 0.2, 0.05, 0.15
"""Relative read noise, of profiles; standard deviations of logarithms from cycle to cycle, from device to device."""

CYCLES = 6
PRIOR, SHOTS, WARMUP, DRAWS, KEEP = 0.3, 0.1, 100, 120, 6
"""Width of the prior that truths are drawn from, read noise, steps, and every how many draws are kept."""


def _search(problems: Sequence, start: np.ndarray):
    """Best points, costs, residuals and Jacobians of problems, all at once; and their evaluation."""
    whole = stacked(problems)

    def evaluate(z):
        r, jac, ok = evaluate_each(whole, jnp.asarray(z))
        return np.asarray(r), np.asarray(jac), np.asarray(ok)

    done = levenberg_marquardt(of_some(evaluate, start), start, together=False, tolerance=1e-6)
    r, jac, ok = evaluate(done.z)
    return done.z, done.cost, r, jac, ok, evaluate


def _sweeps(count: int, cycles: int, spread: float, noise: float, seed: int):
    """Truths, problems, best points and uncertainties of devices, as `fitting.fit` finds them from two starts."""
    rng = np.random.default_rng(seed)
    truth = data.about(count, 0.1, rng)
    measured = data.measured(truth, cycles=cycles, spread=spread, noise=noise, rng=rng)
    made = data.prepared(measured)
    tries = [
        _search([m.problem for m in made], np.stack([m.candidates[k] for m in made]))
        for k in (0, 1)
    ]
    costs = np.stack([t[1] for t in tries])
    z = np.stack([t[0] for t in tries])[np.argmin(costs, axis=0), np.arange(count)]

    def known(problems, z, r, jac):
        each = zip(problems, made, z, r, jac, strict=True)
        return [uncertainty(p, m.waves, z=x, residuals=a, jacobian=b) for p, m, x, a, b in each]

    evaluate = tries[0][-1]
    r, jac, _ = evaluate(z)
    noises = [u.noise for u in known([m.problem for m in made], z, r, jac)]
    picked = lambda q: (q.noise, q.prior_sigma)  # noqa: E731
    weighed = lambda p, s: eqx.tree_at(picked, p, (jnp.asarray(s), jnp.asarray(WEAK_SIGMA)))  # noqa: E731
    problems = [weighed(m.problem, s) for m, s in zip(made, noises, strict=True)]
    z, cost, r, jac, _, evaluate = _search(problems, z)
    return data.coordinates(truth), z, cost, jac, known(problems, z, r, jac), evaluate


def _covered(
    record: Recorder, name: str, inside: np.ndarray, seconds: float, problem: str, **extra
):
    """Record how often the truth was inside, over all parameters and of each."""
    count = len(inside)
    each = {n: float(x) for n, x in zip(extra.pop("names"), inside.mean(axis=0), strict=True)}
    allowed = max(ALLOWED, 4 * np.sqrt(LEVEL * (1 - LEVEL) / count)) if count < 200 else ALLOWED
    record.ok(
        name,
        Times(run=[seconds]),
        error=float(np.max(np.abs(np.array(list(each.values())) - LEVEL))),
        reference=f"{LEVEL}: share of intervals that hold the truth, of the parameter that is furthest off",
        tolerance=allowed,
        problem=problem,
        dtype="float64",
        extra={"coverage": float(inside.mean()), "by_parameter": each, "repeats": count} | extra,
    )


def laplace(record: Recorder, count: int, cycles: int, spread: float, seed: int) -> None:
    """Sweeps of a device: intervals of `fitting.fit`."""
    seconds, (truth, z, _, _, known, _) = lap(lambda: _sweeps(count, cycles, spread, NOISE, seed))
    sigma, reach = np.stack([u.sigma_z for u in known]), np.array([u.reach(LEVEL) for u in known])
    inside = np.abs(z - truth) < reach[:, None] * sigma
    scores = np.sqrt(np.mean(((z - truth) / sigma) ** 2, axis=0)).tolist()
    name = f"laplace, {cycles} cycle{'s' * (cycles > 1)}"
    what = f"{count} devices, 4 free parameters, {NOISE:.0%} read noise, {spread:.0%} from cycle to cycle"
    _covered(record, name, inside, seconds, what, names=data.FREE, rms_scores=scores)


def profiled(record: Recorder, count: int) -> None:
    """One sweep with much noise: profile and Laplace intervals of the same fits."""

    def both():
        truth, z, cost, jac, known, evaluate = _sweeps(count, 1, 0.0, MUCH, 3)
        inverse = np.linalg.inv(np.einsum("dri,drj->dij", jac, jac))
        covariance = np.stack([u.covariance for u in known])
        reach = np.array([u.reach(LEVEL) for u in known])
        variance, own = (np.einsum("dii->di", x) for x in (covariance, inverse))
        ends = []
        for k in range(len(data.FREE)):
            first = reach[:, None] * covariance[:, k] / np.sqrt(variance[:, k])[:, None]
            options: dict[str, Any] = dict(
                pinned=np.full(count, k),
                cost=cost,
                threshold=reach**2 * variance[:, k] / own[:, k],
                farthest=np.full(count, 30.0),
            )
            ends.append([profile_ends(evaluate, z, slope=s * first, **options).z for s in (-1, 1)])
        return truth, z, reach[:, None] * np.sqrt(variance), np.moveaxis(np.array(ends), 2, 0)

    seconds, (truth, z, half, ends) = lap(both)
    what = f"{count} devices, 4 free parameters, one sweep, {MUCH:.0%} read noise"
    inside = (ends[..., 0] < truth) & (truth < ends[..., 1])
    width = np.median((ends[..., 1] - ends[..., 0]) / (2 * half), axis=0).tolist()
    _covered(record, "profile", inside, seconds, what, names=data.FREE, width_over_laplace=width)
    inside = np.abs(z - truth) < half
    _covered(record, "laplace, same fits", inside, seconds, what, names=data.FREE)


def traces(record: Recorder, count: int) -> None:
    """Trace of a circuit's node: intervals of `fitting.fit_voltages`."""
    free = list(circuits.TRACE)
    truth = {n: x for n, (x, _) in circuits.TRACE.items()}

    def scores():
        about: dict[str, Any] = dict(node="node", sigma=circuits.SIGMA, free=free)
        signals = circuits.traces(count)
        made = [
            voltage_problem(circuits.oscillator(), circuits.PULSE, circuits.ROWS, v, **about)
            for v in signals
        ]
        center = np.stack([np.asarray(p.center) for p in made])
        rng = np.random.default_rng(5)
        z, _, _, jac, *_ = _search(made, center + 0.05 * rng.normal(size=center.shape))
        variance = np.linalg.inv(np.einsum("dri,drj->dij", jac, jac))
        return (z - center) / np.sqrt(np.einsum("dii->di", variance))

    seconds, z = lap(scores)
    inside = np.abs(z) < stats.norm.ppf((1 + LEVEL) / 2)
    what = f"{count} traces of {len(circuits.ROWS)} rows, {len(free)} free parameters, {circuits.SIGMA:g} V"
    rms = np.sqrt(np.mean(z**2, axis=0)).tolist()
    _covered(record, "laplace, trace of a node", inside, seconds, what, names=truth, rms_scores=rms)


def ranks(record: Recorder, count: int) -> None:
    """Simulation-based calibration: ranks of truths from the prior among draws from the posterior."""

    def sampled():
        rng = np.random.default_rng(7)
        truth = data.about(count, PRIOR, rng)
        measured = data.measured(truth, cycles=1, spread=0.0, noise=SHOTS, rng=rng)
        problems = [m.problem for m in data.prepared(measured)]
        middle = data.coordinates({n: np.array([x]) for n, x in data.MIDDLE.items()})[0]
        variance = (SHOTS / np.log(10) / MODEL_SIGMA) ** 2
        at = (jnp.asarray(middle), jnp.asarray(PRIOR), jnp.asarray(variance))
        targets = [LeastSquares(p, *at) for p in problems]
        centered = [eqx.tree_at(lambda q: q.center, p, at[0]) for p in problems]
        noise = jnp.asarray(
            np.sqrt(variance) * 2.0 / PRIOR
        )  # the prior of this study in that of a fit
        weighed = [eqx.tree_at(lambda q: q.noise, p, noise) for p in centered]
        exact = data.coordinates(truth)
        z, _, _, jac, *_ = _search(weighed, exact)
        covariance = variance * np.linalg.inv(np.einsum("dri,drj->dij", jac, jac))
        draws, lost = draw_each(stacked(targets), z, covariance, seed=9, warmup=WARMUP, draws=DRAWS)
        return exact, draws, lost

    seconds, (truth, draws, lost) = lap(sampled)
    kept = draws[:, ::KEEP]
    rank = np.sum(kept < truth[:, None], axis=1)
    bins = 7  # of the 21 ranks that 20 draws have
    chances = [
        float(stats.chisquare(np.bincount(r * bins // (kept.shape[1] + 1), minlength=bins)).pvalue)
        for r in rank.T
    ]
    # Order statistics at (n + 1) p: ends of which independent draws lie beyond with the probability that is meant.
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(draws, ends, axis=1, method="weibull")
    inside = (low < truth) & (truth < high)
    what = f"{count} truths from a prior of width {PRIOR}, one sweep, {SHOTS:.0%} read noise, 4 free parameters"
    extra = {"chi2_p_of_ranks": dict(zip(data.FREE, chances, strict=True))}
    extra |= {"divergent": float(lost.mean()), "draws": DRAWS, "warmup": WARMUP}
    _covered(record, "nuts", inside, seconds, what, names=data.FREE, **extra)


def population(record: Recorder, count: int) -> None:
    """Spread from device to device and from cycle to cycle, of sweeps fitted by `fit_batch`."""
    rng = np.random.default_rng(11)
    mixed = np.eye(4)
    mixed[0, 1] = mixed[1, 0] = 0.6
    shifts = DEVICE * rng.multivariate_normal(np.zeros(4), mixed, size=count)
    truth = {n: x * np.exp(s) for (n, x), s in zip(data.MIDDLE.items(), shifts.T, strict=True)}
    measured = data.measured(truth, cycles=CYCLES, spread=CYCLE, noise=NOISE, rng=rng)
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = dict(free=data.FREE, fix=data.FIXED, chunk=50)
        devices = {f"d{k}": [m] for k, m in enumerate(measured)}
        seconds, rows = lap(
            lambda: ft.solve(
                ft.BatchProblem(devices, data.MODEL, out=Path(folder) / "run", **options)
            )
        )
    found = fit_population(rows)
    table = {r["name"]: r for r in found.table(data.MODEL)}
    device = {n: table[n]["device_sigma_ln"] for n in data.FREE}
    cycle = {n: table[n]["cycle_sigma_ln"] for n in data.FREE}
    off = {
        "device": max(abs(x / DEVICE - 1) for x in device.values()),
        "cycle": max(abs(x / CYCLE - 1) for x in cycle.values()),
    }
    sampled = ft.fit_population(rows).population(data.MODEL).sample(0, 10_000)
    record.ok(
        "population",
        Times(run=[seconds]),
        error=float(max(off.values())),
        reference="true spread, relative, of the parameter that is furthest off",
        tolerance=max(0.15, 4 / np.sqrt(2 * count)) if count < 200 else 0.15,
        problem=f"{count} devices of {CYCLES} cycles, spread {DEVICE:.0%}; from cycle to cycle {CYCLE:.0%}",
        dtype="float64",
        extra={
            "device_sigma_ln": device,
            "cycle_sigma_ln": cycle,
            "furthest_off": {k: float(x) for k, x in off.items()},
            "drawn_this_time": {
                n: float(s) for n, s in zip(data.FREE, shifts.std(axis=0, ddof=1), strict=True)
            },
            "correlation_r_on_r_off": [0.6, float(found.correlation[0, 1])],
            "sampled_sigma_ln": {
                n: float(np.std(np.log(np.abs(np.asarray(x))))) for n, x in sampled.items()
            },
            "failed": sum(bool(r.failure) for r in rows),
        },
    )


def stochastic(record: Recorder, count: int) -> None:
    """Ion noise, spread from cycle to cycle and rates: intervals of `fitting.calibrate`."""
    seconds, found = lap(lambda: randomness.covered(range(count), LEVEL))
    what = f"{count} sets of {randomness.CYCLES} cycles; {found.other} that chose another parameter left out"
    inside = np.array([*found.inside.values()]).T
    scores = {n: float(np.sqrt(np.mean(np.square(s)))) for n, s in found.scores.items()}
    extra = {
        "rms_scores": scores,
        "determined": {n: float(np.mean(d)) for n, d in found.determined.items()},
    }
    _covered(record, "stochastic", inside, seconds, what, names=found.inside, **extra)


def together(record: Recorder, count: int) -> None:
    """A sweep, two trains of pulses and two decays of one device: intervals of `fitting.fit_jointly`."""
    seconds, found = lap(lambda: joint.covered(range(count), LEVEL))
    what = (
        f"{count} devices, {len(joint.CENTRE)} shared parameters and a state of each of five files"
    )
    inside = np.array([*found.inside.values()]).T
    extra = {
        "rms_scores": {n: float(np.sqrt(np.mean(np.square(s)))) for n, s in found.scores.items()},
        "determined": float(np.mean(found.determined)),
        "determined_alone": float(np.mean(found.alone)),
        "contradictions": found.contradicts,
        "alone": {
            kind: {n: (float(np.mean(held)), len(held)) for n, held in of_kind.items()}
            for kind, of_kind in found.of_kinds.items()
        },
    }
    _covered(record, "joint", inside, seconds, what, names=found.inside, **extra)


def about_presets(record: Recorder, models: Sequence[str], count: int) -> None:
    """Devices about the preset of each model, without and with a compliance: intervals of `fitting.fit`."""
    chance = 4 * np.sqrt(LEVEL * (1 - LEVEL) / count)
    for model, limited in product(models, (False, True)):
        seconds, found = lap(partial(presets.covered, model, count, limited=limited))
        off = [abs(r["coverage"] - LEVEL) for r in found.identifiable_rows()]
        claimed = [r["determined"] for r in found.hidden_rows()]
        about: dict[str, Any] = dict(
            problem=f"{count} devices, {presets.CYCLES} sweeps, {presets.NOISE:.0%} read noise, free by default",
            dtype="float64",
            extra={"parameters": found.table(), "failed": found.failed, "missed": found.missed},
        )
        name, times = f"preset of {model}{', compliance' * limited}", Times(run=[seconds])
        record.ok(
            name,
            times,
            error=float(max(off, default=0.0)),
            reference=f"{LEVEL}: share of intervals that hold the truth, of the parameter that is furthest off",
            tolerance=max(0.06, chance),
            **about,
        )
        record.ok(
            f"{name}, not identifiable",
            times,
            error=float(max(claimed, default=0.0)),
            reference="0: share of fits that call a parameter determined which the data never determine",
            tolerance=max(0.05, chance),
            **about,
        )


def hidden_quantities(
    record: Recorder, models: Sequence[str], words: Sequence[str], count: int
) -> None:
    """What fits suggest of devices with a quantity of the bench that they are not told of, and of those without."""
    for model in models:
        for word in words:
            seconds, row = lap(partial(suggestions.suggested, model, word, count))
            alone = word == suggestions.NONE
            off = row.count - row.right if alone else row.count - max(row.right, row.named)
            record.ok(
                f"suggestion of {model}, {word}",
                Times(run=[seconds]),
                error=off / max(row.count, 1),
                reference="share of fits that suggest something, or that do not name what was hidden",
                tolerance=FALSE_ALARMS + 4 * np.sqrt(FALSE_ALARMS / count) if alone else None,
                problem=f"{count} devices, {presets.CYCLES} sweeps, {presets.NOISE:.0%} read noise",
                dtype="float64",
                extra=vars(row),
            )


def by_methods(record: Recorder, models: Sequence[str]) -> None:
    """Deviations to first order, by profiles and by draws, of one fit of each model."""
    for model in models:
        seconds, row = lap(partial(methods.deviations, model))
        extra = {n: [p, d] for n, p, d in zip(row.names, row.profile, row.nuts, strict=True)}
        record.ok(
            f"three methods of {model}",
            Times(run=[seconds]),
            error=row.furthest,
            reference="deviations to first order, of parameters of which the fit says that it holds",
            tolerance=methods.ALLOWED,
            problem=f"one device, {presets.CYCLES} sweeps, {presets.NOISE:.0%} read noise",
            dtype="float64",
            extra={"profile_and_nuts": extra, "curved": row.curved, "mixed": row.mixed},
        )


def run(size: str, record: Recorder) -> None:
    """All of it."""
    jax.config.update("jax_enable_x64", True)
    sweeps, signals, posteriors, devices, cycles, sets, preset = SETS[size]
    laplace(record, sweeps, 1, 0.0, 0)
    laplace(record, sweeps, CYCLES, CYCLE, 1)
    profiled(record, sweeps)
    traces(record, signals)
    population(record, devices)
    ranks(record, posteriors)
    stochastic(record, cycles)
    together(record, sets)
    about_presets(record, MODELS[size], preset)
    hidden_quantities(record, *HIDDEN[size])
    by_methods(record, METHODS[size])


CASE = Case(
    name="calibration",
    run=run,
    baseline="laplace, 1 cycle",
    suites=("calibration",),
    limit_s=5 * 3600.0,
)
