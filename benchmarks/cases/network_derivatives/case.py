"""Derivatives of rates of spiking networks: three ways beside secants, and training by them."""

import time
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.cases.network_derivatives.networks import KINDS, Kind
from benchmarks.cases.network_derivatives.training import TARGET, measured, trained
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times
from memjax.errors import GradientError
from memjax.network import expected_rates, soft_rates, surrogate_rates

SPREAD = 0.05
"""Half the distance of secants, as a share of what is shifted."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done.

    Parameters
    ----------
    n, samples : int
        Neurons; seeds of secants and pairs of expected rates.
    duration, warmup : float
        Of a run, and what is not counted of it [s].
    steps, seeds, starts : int
        Of training: steps, and seeds over which rates are averaged; random starts.
    tolerance : float or None
        Distance from the target after training [1/s].
    """

    n: int
    samples: int
    duration: float
    warmup: float
    steps: int
    seeds: int
    starts: int
    tolerance: float | None


SIZES = {
    "smoke": Size(
        n=4, samples=4, duration=0.03, warmup=0.005, steps=2, seeds=1, starts=0, tolerance=None
    ),
    "full": Size(
        n=40, samples=24, duration=0.5, warmup=0.1, steps=20, seeds=5, starts=10, tolerance=2.0
    ),
}


def _secants(rates, kind: Kind, seeds) -> dict[str, tuple[float, float]]:
    """Difference quotients of the mean over seeds by logarithms, and their standard errors [1/s]."""

    @jax.jit
    def mean(values, weight):
        one = lambda seed: rates({"cells": values}, {"input": weight}, seed)["cells"].mean()  # noqa: E731
        return jax.vmap(one)(seeds)

    def difference(shifted):
        ends = [np.asarray(mean(*shifted(1 + s))) for s in (SPREAD, -SPREAD)]
        x = (ends[0] - ends[1]) / (2 * SPREAD)
        return float(x.mean()), float(x.std(ddof=1) / np.sqrt(len(x)))

    own = kind.parameters
    found = {"weight": difference(lambda s: (own, kind.weight * s))}
    for k in own:
        found[k] = difference(lambda s, k=k: (own | {k: own[k] * s}, kind.weight))
    return found


def _surrogates(rates, kind: Kind, seeds) -> dict[str, float]:
    """Surrogate derivatives of the mean over seeds by logarithms [1/s]."""
    own = kind.parameters

    @jax.jit
    def mean(logs):
        values = {k: x * jnp.exp(logs[k]) for k, x in own.items()}
        weight = {"input": kind.weight * jnp.exp(logs["weight"])}
        return jax.vmap(lambda s: rates({"cells": values}, weight, s)["cells"].mean())(seeds).mean()

    slopes = jax.jit(jax.jacfwd(mean))(dict.fromkeys(["weight", *own], jnp.zeros(())))
    return {k: float(x) for k, x in slopes.items()}


def _expected(net, kind: Kind, size: Size) -> dict[str, tuple[float, float]]:
    """Estimates by logarithms and their standard errors [1/s]."""
    about: dict[str, Any] = dict(warmup=size.warmup, samples=size.samples, spread=SPREAD)
    rates = expected_rates(net, size.duration, **about)
    found = rates.derivatives({"cells": kind.parameters}, {"input": kind.weight}, 0)
    slopes = found.values["cells"]["cells"] | {"weight": found.weights["cells"]["input"]}
    errors = found.values_error["cells"]["cells"] | {
        "weight": found.weights_error["cells"]["input"]
    }
    at = kind.parameters | {"weight": kind.weight}
    return {k: (float(x * at[k]), float(errors[k] * at[k])) for k, x in slopes.items()}


def _pathwise(kind: Kind, size: Size) -> dict:
    """Growth of small differences, and what was said of a derivative."""
    rates = soft_rates(
        kind.network(kind.weight, n=size.n, dtype="float64"), size.duration, width=0.02
    )
    growth, said = rates.growth(), "a derivative"
    try:
        jax.jacfwd(lambda w: rates({}, {"input": w})["cells"].mean())(kind.weight)
    except GradientError as error:
        said = str(error)
    return {
        "log10_growth": float(np.log10(growth.largest)),
        "exceeded_s": growth.time_past_limit,
        "said": said,
    }


def compare(record: Recorder, kind: Kind, size: Size) -> None:
    """The three ways beside secants."""
    net = kind.network(kind.weight, n=size.n)
    surrogate = surrogate_rates(net, size.duration, warmup=size.warmup, width=kind.width)
    seeds = jnp.arange(10_000, 10_000 + size.samples)
    secants = _secants(surrogate, kind, seeds)
    about: dict[str, Any] = {
        "n": size.n,
        "problem": f"{kind.name}, {size.duration:g} s",
        "dtype": "float32",
    }
    begin = time.perf_counter()
    slopes = _surrogates(surrogate, kind, seeds[: max(size.samples // 4, 1)])
    taken = Times(run=[time.perf_counter() - begin])
    ratios = {k: slopes[k] / x if x else None for k, (x, _) in secants.items()}
    extra = {"slopes": slopes, "secants": secants, "ratios": ratios}
    record.ok(
        "surrogate", taken, error=None, reference="none: ratios to secants", extra=extra, **about
    )
    begin = time.perf_counter()
    found = _expected(net, kind, size)
    taken = Times(run=[time.perf_counter() - begin])
    z = {
        k: (x - secants[k][0]) / max(np.hypot(e, secants[k][1]), 1e-9)
        for k, (x, e) in found.items()
    }
    extra = {"slopes": found, "secants": secants, "z": z}
    worst = max(abs(x) for x in z.values())
    reference = "secants of other seeds, in standard errors, of the largest"
    record.ok(
        "expected",
        taken,
        error=float(worst),
        tolerance=None if size.tolerance is None else 3.0,
        reference=reference,
        extra=extra,
        **about,
    )
    begin = time.perf_counter()
    extra: Any = _pathwise(kind, size)
    taken = Times(run=[time.perf_counter() - begin])
    record.ok(
        "pathwise",
        taken,
        error=None,
        reference="none: growth",
        extra=extra,
        **{**about, "dtype": "float64"},
    )


def train(record: Recorder, kind: Kind, size: Size) -> None:
    """By one shared weight and by one for each edge, with surrogate derivatives; measured by the engine."""
    net = kind.network(kind.start, n=size.n)
    rates = surrogate_rates(net, size.duration, warmup=size.warmup, width=kind.width)
    about = {"n": size.n, "duration": size.duration, "warmup": size.warmup}
    seeds, others = range(size.seeds), range(100, 100 + size.seeds)
    before = measured(kind, kind.start, seeds=seeds, **about)
    for name, start in (("shared", kind.start), ("separate", np.full(25 * size.n, kind.start))):
        begin = time.perf_counter()
        weights, losses = trained(rates, start, steps=size.steps, seeds=seeds)
        taken = Times(run=[time.perf_counter() - begin])
        after = measured(kind, weights, seeds=seeds, **about)
        record.ok(
            f"training, {name}",
            taken,
            error=float(abs(after.mean() - TARGET)),
            tolerance=size.tolerance,
            reference=f"{TARGET:g} 1/s, mean of the seeds of training, by the engine [1/s]",
            n=size.n,
            problem=f"{kind.name}, {size.duration:g} s",
            extra={
                "before_hz": before.tolist(),
                "after_hz": after.tolist(),
                "other_seeds_hz": measured(kind, weights, seeds=others, **about).tolist(),
                "losses": losses.tolist(),
                "spread_of_log_weights": float(np.std(np.log(weights))),
            },
        )


def starts(record: Recorder, kind: Kind, size: Size) -> None:
    """Random weights and seeds: in how many the loss falls within some steps."""
    if not size.starts:
        return
    net = kind.network(kind.start, n=size.n)
    short: dict[str, Any] = dict(duration=size.duration / 2, warmup=size.warmup)
    rates = surrogate_rates(net, short["duration"], warmup=size.warmup, width=kind.width)
    fell, pairs = 0, []
    for k in range(size.starts):
        rng = np.random.default_rng(k)
        start = kind.start * np.exp(0.1 * rng.normal() + 0.2 * rng.normal(size=25 * size.n))
        after, _ = trained(rates, start, steps=6, seeds=[100 + k], rate=0.05)
        loss = [
            np.mean(
                [
                    (float(rates({}, {"input": w}, s)["cells"].mean()) / TARGET - 1) ** 2
                    for s in range(3)
                ]
            )
            for w in (start, after)
        ]
        pairs.append([float(x) for x in loss])
        fell += bool(loss[1] < loss[0])
    record.ok(
        "random starts",
        Times(run=[0.0]),
        error=float(size.starts - fell),
        tolerance=0.1 * size.starts,
        reference="starts whose loss did not fall, of 3 seeds apart from those of training",
        n=size.n,
        problem=f"{kind.name}, {short['duration']:g} s",
        extra={"fell": fell, "of": size.starts, "losses": pairs},
    )


def run(size: str, record: Recorder) -> None:
    """Both networks."""
    jax.config.update("jax_enable_x64", True)
    for kind in KINDS:
        compare(record, kind, SIZES[size])
        train(record, kind, SIZES[size])
        starts(record, kind, SIZES[size])


CASE = Case(
    name="network_derivatives",
    run=run,
    baseline="surrogate",
    suites=("network",),
    limit_s=7200.0,
)
