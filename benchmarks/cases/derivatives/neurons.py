"""Derivatives of spike times: first spike and intervals of the 1M1T1R neuron by all its parameters."""

import time
from typing import Any

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from benchmarks.records import Recorder
from benchmarks.timing import Times
from memjax.core.fields import parameter_specs
from memjax.core.params import get
from memjax.observables import spike_events, spike_intervals, spike_times

DRIVE, END, SPIKES = 0.7, 0.067, 3
"""Constant input [V] under which the published neuron fires three times in so long a time [s], and then latches."""

TIGHT = mj.Stiff(rtol=1e-9, atol=1e-11)
"""Policy of the secants."""

STEP = 1e-4
"""Relative change of a parameter on either side of a secant."""

ALLOWED = {False: 1e-3, True: 1e-2}
"""Largest error without and with noise, relative to the largest derivative of the same quantity."""

SIGMA, NOISY = 7e-3, mj.Fixed(1e-6)
"""Strength of the noise of the filament, and the policy of solves with it."""

FIRST, SHORT = 0.052, 1e-7
"""With noise: end of the first spike alone [s], and the change of a parameter over which it is a straight line.

The noise stands still when a spike moves, and its amplitude has roots: over 1e-6 already secants of the first spike
bend by percents. Intervals after it have no secants that agree with each other, and nothing is claimed of them."""


def neuron(sigma: float = 0.0) -> mj.Circuit:
    """The neuron up to its gate, whose spikes the output stage does not change."""
    memristor = mj.params.replace(mj.Diffusive1M1T1R(), {"sigma1": sigma})
    return mj.neuron.one_memristor(memristor, output_stage=False)


def parameters(circuit: mj.Circuit) -> dict[str, float]:
    """Parameters other than those of the noise [SI]."""
    return {n: float(get(circuit, n)) for n, s in parameter_specs(circuit).items() if not s.noise}


def spikes(
    circuit: mj.Circuit, policy: Any, *, end: float = END, rows: float | None = None, **options: Any
) -> Float[Array, "members spikes"]:
    """First spike and the intervals after it [s] of each member, under a constant input."""
    held = mj.Sampled(np.array([0.0, end]), np.full(2, DRIVE))
    events = spike_events("gate.v", level=0.2, rearm=0.1, size=SPIKES)
    trace = mj.simulate(
        circuit,
        held,
        policy=policy,
        save=rows or end,
        output=mj.Output(events=events),
        seed=1,
        **options,
    )
    times = spike_times(trace)
    return jnp.concatenate([times[:, :1], spike_intervals(times)], axis=1)


def derivatives(
    circuit: mj.Circuit, policy: Any, *, reverse: bool = False, **options: Any
) -> Float[np.ndarray, "spikes parameters"]:
    """Derivatives of first spike and intervals by the logarithms of the parameters [s]."""
    values = parameters(circuit)
    base = np.array(list(values.values()))

    def run(logs):
        changed = mj.params.replace(circuit, dict(zip(values, base * jnp.exp(logs))), check=False)
        return spikes(changed, policy, **options)[0]

    way = jax.jacrev if reverse else jax.jacfwd
    return np.asarray(jax.jit(way(run))(jnp.zeros(len(values))))


def secants(
    circuit: mj.Circuit, policy: Any = TIGHT, *, step: float = STEP, **options: Any
) -> Float[np.ndarray, "spikes parameters"]:
    """Central differences of the same, all parameters in one batch of equal noise."""
    values = parameters(circuit)
    n = len(values)
    shift = step * np.concatenate([np.eye(n), -np.eye(n)])
    each = {name: (x * np.exp(shift[:, k]))[:, None] for k, (name, x) in enumerate(values.items())}
    found = np.asarray(
        spikes(
            circuit,
            policy,
            members=np.zeros(2 * n, int),
            conditions=mj.Conditions(values=each),
            **options,
        )
    )
    return ((found[:n] - found[n:]) / (2 * step)).T


def errors(found, exact) -> Float[np.ndarray, " spikes"]:
    """Largest error of the derivatives of each quantity, relative to the largest of them."""
    return np.max(np.abs(found - exact), axis=1) / np.max(np.abs(exact), axis=1)


def _compare(record: Recorder, variant: str, exact, noisy: bool, policy: Any, **about: Any) -> None:
    """Record derivatives of one kind beside secants."""
    begin = time.perf_counter()
    found = derivatives(neuron(SIGMA if noisy else 0.0), policy, **about)[: len(exact)]
    taken = Times(run=[time.perf_counter() - begin])
    away = errors(found, exact)
    names = ("first spike", *(f"interval {k}" for k in range(1, len(exact))))
    record.ok(
        f"1m1t1r, {variant}",
        taken,
        error=float(np.max(away)),
        tolerance=ALLOWED[noisy],
        reference="central differences",
        problem="1m1t1r",
        n=exact.shape[1],
        extra=dict(zip(names, map(float, away), strict=True)),
    )


def record_neurons(size: str, record: Recorder) -> None:
    """Spike times without noise in both modes and at rows of 20 us, and with fixed noise; nothing at smoke size."""
    if size == "smoke":
        return
    exact, reverse = secants(neuron()), mj.Stiff(adjoint=dfx.RecursiveCheckpointAdjoint())
    _compare(record, "forward", exact, False, mj.Stiff())
    _compare(record, "forward, rows of 20 us", exact, False, mj.Stiff(), rows=20e-6)
    _compare(record, "reverse", exact, False, reverse, reverse=True)
    exact = secants(neuron(SIGMA), NOISY, step=SHORT, end=FIRST)[:1]
    _compare(record, "forward, fixed noise, first spike", exact, True, NOISY, end=FIRST)
