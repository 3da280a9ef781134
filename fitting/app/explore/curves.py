"""What a device does under waveforms, as a page draws it: one compiled program for all values of its parameters."""

import base64
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.circuit import build_system
from memjax.core.result import Member
from memjax.core.scaling import Scaled
from memjax.observables import Thresholds, switching
from memjax.runtime.compile_cache import cached_jit
from memjax.simulate import outputs_and_states, solve_stiff

from .parameters import with_all_values

POLICY = mj.Stiff(rtol=1e-5, atol=1e-7, max_steps=20_000)
"""Solver of the curves: that of fits, with more steps."""


@cached_jit
def _solve(device, bench, env, stimuli, rows, limits, policy):
    """Outputs and states at the rows, and how the solve ended, of every waveform."""
    end = jnp.max(rows)

    def one(stimulus, times, limit):
        lane_bench = bench
        if limit is not None:
            negative = None if bench.compliance_negative is None else limit[1]
            lane_bench = replace(bench, compliance=limit[0], compliance_negative=negative)
        scaled = Scaled(build_system(device, lane_bench, stimulus.quantity), env)
        y0 = scaled.initial()
        sol = solve_stiff(scaled, stimulus, rows=times, y0=y0, end=end, policy=policy)

        def at(t, y):
            return outputs_and_states(scaled.system, t, scaled.unpack(y), stimulus, env)

        return *jax.vmap(at)(times, sol.y), sol.result

    return jax.vmap(one)(stimuli, rows, limits)


def solve(
    device: Any,
    stimuli: mj.Sampled,
    rows: Float[Array | np.ndarray, "waves points"],
    *,
    bench: mj.Bench,
    env: mj.Environment,
    limits: Float[Array | np.ndarray, "waves 2"] | None = None,
) -> tuple[dict, dict, np.ndarray]:
    """Outputs, states and results of a device under stacked waveforms, without noise.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        With the values that are simulated.
    stimuli : memjax.Sampled
        Waveforms with a leading axis.
    rows : Float[Array, "waves points"]
        Times of output [s].
    bench, env : Bench, Environment
        What stands around the device; its temperature.
    limits : Float[Array, "waves 2"], optional
        Current limits of each waveform [A], in place of the bench's.

    Returns
    -------
    outputs, states : dict of str to Float[np.ndarray, "waves points ..."]
        In SI.
    results : Int[np.ndarray, "waves"]
        0 where a solve ended well.
    """
    solution = _solve(with_all_values(device), bench, env, stimuli, rows, limits, POLICY)
    return jax.tree.map(np.asarray, solution)


def numbers(x: Any) -> str:
    """Numbers of an array for a page, which draws in float32: their bytes, little-endian, in base64."""
    return base64.b64encode(np.ravel(np.asarray(x)).astype("<f4").tobytes()).decode()


def components(states: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """States by the names of their components: ``x[0]``, ``x[1]`` of a vector x, whose last axis they lie along."""
    flat = {}
    for name, x in states.items():
        vector = x.ndim == 3
        flat |= {f"{name}[{k}]": x[..., k] for k in range(x.shape[2])} if vector else {name: x}
    return flat


def curve(rows, outputs: dict, states: dict, k: int) -> dict:
    """One waveform's rows for a page: t [s], v [V], i [A], states [SI]."""
    columns = {"t": rows[k], "v": outputs["v"][k], "i": outputs["i"][k]}
    inner = {n: numbers(x[k]) for n, x in components(states).items()}
    return {n: numbers(x) for n, x in columns.items()} | {"states": inner}


def events(v, i, *, thresholds: Thresholds, driven: str) -> list[dict]:
    """Signed switching and hold voltage [V] of each excursion of one waveform; None where there is none."""
    member = Member(
        t=np.arange(len(v), dtype=float), v=v, i=i, sweep=np.zeros(len(v), int), driven=driven
    )
    if not np.all(np.isfinite(i)):
        return []
    return [event_voltages(f) for f in switching(member, **thresholds.options)]


def event_voltages(event: Any) -> dict:
    """Switching and hold voltage of a `memjax.observables.Switching`, with the sign of its polarity [V]."""
    hold = event.v_hold if event.switched else None
    return {
        n: None if x is None or not np.isfinite(x) else float(event.polarity * x)
        for n, x in (("v_th", event.v_th), ("v_hold", hold))
    }
