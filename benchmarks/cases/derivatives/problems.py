"""Four devices that switch, and what is differentiated: voltages, delay, charge, energy, by every parameter."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.fields import parameter_specs, stored
from memjax.observables import (
    hold_voltage,
    pulse_events,
    switching_delay,
    switching_events,
    switching_voltage,
)
from memjax.params import get

TIGHT = mj.Stiff(rtol=1e-9, atol=1e-11)
"""Policy of the secants: its error over their step is far below what is compared."""

QUANTITIES = ("v_th", "v_hold", "charge", "energy", "delay")

STEP = 1e-4
"""Relative change of a parameter on either side of a secant: truncation of the order of its square."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A device, its sweep and its pulse.

    Parameters
    ----------
    name : str
        Of the model.
    device : AbstractDevice
        With its parameters.
    sweep, pulse : AbstractStimulus
        What is applied.
    on, hold : float
        Currents that mean on and off [A].
    compliance : float or None
        Limit of the source [A].
    """

    name: str
    device: Any
    sweep: mj.AbstractStimulus
    pulse: mj.AbstractStimulus
    on: float
    hold: float
    compliance: float | None

    @property
    def parameters(self) -> tuple[str, ...]:
        """Parameters that have a value other than 0, but for those of the noise."""
        specs = parameter_specs(self.device)
        given = {n: stored(self.device, n) for n, s in specs.items() if not s.noise}
        return tuple(n for n, x in given.items() if x is not None and float(x) != 0.0)

    def values(self) -> Float[np.ndarray, " parameters"]:
        """Their values [SI]."""
        return np.array([float(get(self.device, n)) for n in self.parameters])

    def quantities(
        self,
        device: Any,
        policy: mj.Stiff,
        *,
        save: float | None = None,
        **options: Any,
    ) -> Float[Array, "members quantities"]:
        """`QUANTITIES` of each member, in SI."""
        about: dict[str, Any] = dict(policy=policy, **options)
        bench = mj.Bench(compliance=self.compliance)
        end = float(self.sweep.duration) if save is None else save
        sweep = mj.simulate(
            device,
            self.sweep,
            bench=bench,
            save=end,
            events=switching_events(self.sweep, on_threshold=self.on, hold_threshold=self.hold),
            integrals=("charge", "energy"),
            **about,
        )
        pulse = mj.simulate(
            device,
            self.pulse,
            bench=bench,
            save=float(self.pulse.duration),
            events=pulse_events(self.pulse, on_threshold=self.on),
            **about,
        )
        columns = [switching_voltage(sweep)[:, 0], hold_voltage(sweep)[:, 0]]
        columns += [sweep.integrals[n][:, -1] for n in ("charge", "energy")]
        columns += [switching_delay(pulse)[:, 0]]
        return jnp.stack(columns, axis=1)


def derivatives(
    problem: Problem, policy: mj.Stiff, *, reverse: bool = False
) -> Float[np.ndarray, "quantities parameters"]:
    """Derivatives of the quantities by the logarithms of the parameters, [SI]."""
    values, names = problem.values(), problem.parameters

    def run(logs):
        changed = dict(zip(names, values * jnp.exp(logs), strict=True))
        return problem.quantities(mj.params.replace(problem.device, changed, check=False), policy)[
            0
        ]

    way = jax.jacrev if reverse else jax.jacfwd
    return np.asarray(jax.jit(way(run))(jnp.zeros(len(names))))


def secants(
    problem: Problem, policy: mj.Stiff = TIGHT, *, step: float = STEP
) -> Float[np.ndarray, "quantities parameters"]:
    """Central differences of the same, all parameters in one batch."""
    names, values = problem.parameters, problem.values()
    n = len(names)
    shift = step * np.concatenate([np.eye(n), -np.eye(n)])
    each: Mapping[str, Any] = {
        name: (values[k] * np.exp(shift[:, k]))[:, None] for k, name in enumerate(names)
    }
    found = np.asarray(problem.quantities(problem.device, policy, members=2 * n, values=each))
    return ((found[:n] - found[n:]) / (2 * step)).T


def errors(
    found: Float[np.ndarray, "quantities parameters"],
    exact: Float[np.ndarray, "quantities parameters"],
) -> Float[np.ndarray, " quantities"]:
    """Largest error of each quantity's derivatives, relative to the largest of them."""
    return np.max(np.abs(found - exact), axis=1) / np.max(np.abs(exact), axis=1)


def problems() -> dict[str, Problem]:
    """The four, by name of the model."""
    load = lambda name: mj.params.replace(  # noqa: E731
        mj.device_class(name.split("/")[0])(), mj.presets.load(name)[1]
    )
    pulse = lambda v, width, **more: mj.PulseTrain(v, width, 2 * width, edge=1e-4 * width, **more)  # noqa: E731
    switch = mj.params.replace(mj.ThresholdSwitch(), {"tau": 1e-4, "w": 5e-3})
    quiet = {"sigma1": 0.0, "sigma2": 0.0, "sigma3": 0.0}
    diffusive = mj.params.replace(load("diffusive/wang2024-dc-symmetric"), quiet)
    every = [
        ("diffusive", diffusive, (0.5, 0.5), (0.4, 0.2), 1e-8, 1e-11, 1e-6),
        ("threshold-switch", switch, (0.6, 1.0), (0.5, 1e-2), 1e-7, 1e-9, 1e-5),
        ("and-ts", load("and-ts/ostrovskii2025"), (0.4, 4e3), (0.3, 5e-6), 1e-6, 1e-7, None),
        (
            "second-order",
            load("second-order/illustration"),
            (1.0, 5.0),
            (0.8, 0.2),
            1e-8,
            1e-9,
            1e-6,
        ),
    ]
    return {
        name: Problem(
            name=name,
            device=device,
            sweep=mj.triangle_sweep(*sweep),
            pulse=pulse(*pulsed),
            on=on,
            hold=hold,
            compliance=limit,
        )
        for name, device, sweep, pulsed, on, hold, limit in every
    }
