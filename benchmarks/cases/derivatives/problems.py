"""Devices that switch, and what is differentiated: voltages, delay, charge, energy, by every parameter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.fields import parameter_specs, stored
from memjax.core.params import get
from memjax.observables import (
    hold_voltage,
    pulse_events,
    switching_delay,
    switching_events,
    switching_voltage,
)
from memjax.runtime.compile_cache import fast_compile_options, supported_options

TIGHT = mj.Stiff(rtol=1e-9, atol=1e-11)
"""Policy of the secants without noise: its error over their step is far below what is compared."""

REVERSE = mj.Stiff(adjoint=dfx.RecursiveCheckpointAdjoint())
"""The default policy, with the adjoint that reverse mode needs."""

QUANTITIES = ("v_th", "v_hold", "charge", "energy", "delay")

STEP = 1e-4
"""Relative change of a parameter on either side of a secant: truncation of the order of its square."""

QUIET = {"sigma1": 0.0, "sigma2": 0.0, "sigma3": 0.0}
"""Parameters of the noise of `mj.DiffusiveMemristor`, none."""


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
    deterministic : bool
        Whether noise and jumps are left out.
    """

    name: str
    device: Any
    sweep: mj.AbstractStimulus
    pulse: mj.AbstractStimulus
    on: float
    hold: float
    compliance: float | None = None
    deterministic: bool = True

    @property
    def parameters(self) -> tuple[str, ...]:
        """Parameters that have a value other than 0."""
        given = {n: stored(self.device, n) for n in parameter_specs(self.device)}
        return tuple(n for n, x in given.items() if x is not None and float(x) != 0.0)

    def values(self) -> Float[np.ndarray, " parameters"]:
        """Their values [SI]."""
        return np.array([float(get(self.device, n)) for n in self.parameters])

    def _simulated(self, device: Any, stimulus: mj.AbstractStimulus, **options: Any) -> mj.Trace:
        """The device under a stimulus, with a row at its end only."""
        bench = mj.Bench(compliance=self.compliance)
        end = float(stimulus.duration)
        about: dict[str, Any] = dict(bench=bench, save=end, deterministic=self.deterministic)
        return mj.simulate(device, stimulus, **about | options)

    def swept(self, device: Any, **options: Any) -> Float[Array, "members 4"]:
        """Switching and hold voltage [V], charge [C] and energy [J] of a sweep."""
        events = switching_events(self.sweep, on_threshold=self.on, hold_threshold=self.hold)
        output = mj.Output(events=events, integrals=("charge", "energy"))
        trace = self._simulated(device, self.sweep, output=output, **options)
        integrals = [trace.integrals[n][:, -1] for n in ("charge", "energy")]
        voltages = [switching_voltage(trace)[:, 0], hold_voltage(trace)[:, 0]]
        return jnp.stack(voltages + integrals, axis=1)

    def pulsed(self, device: Any, **options: Any) -> Float[Array, "members 1"]:
        """Delay [s] of the pulse."""
        events = pulse_events(self.pulse, on_threshold=self.on)
        trace = self._simulated(device, self.pulse, output=mj.Output(events=events), **options)
        return jnp.asarray(switching_delay(trace))

    def quantities(self, device: Any, **options: Any) -> Float[Array, "members quantities"]:
        """`QUANTITIES` of each member, in SI."""
        parts = [self.swept(device, **options), self.pulsed(device, **options)]
        return jnp.concatenate(parts, axis=1)


Quantities = Callable[..., Float[Array, "members quantities"]]
"""A method of `Problem`: numbers of each member."""


def derivatives(
    problem: Problem, of: Quantities, *, reverse: bool = False, **options: Any
) -> Float[np.ndarray, "quantities parameters"]:
    """Derivatives of quantities by the logarithms of the parameters [SI]; `options` are those of `mj.simulate`."""
    values, names = problem.values(), problem.parameters

    def run(logs):
        changed = dict(zip(names, values * jnp.exp(logs), strict=True))
        device = mj.params.replace(problem.device, changed, check=False)
        return of(problem, device, **options)[0]

    way = jax.jacrev if reverse else jax.jacfwd
    program = jax.jit(way(run), compiler_options=supported_options(fast_compile_options))
    return np.asarray(program(jnp.zeros(len(names))))


def secants(
    problem: Problem, of: Quantities, *, step: float = STEP, **options: Any
) -> Float[np.ndarray, "quantities parameters"]:
    """Central differences of the same, all parameters in one batch whose members share their noise."""
    names, values = problem.parameters, problem.values()
    n = len(names)
    shift = step * np.concatenate([np.eye(n), -np.eye(n)])
    each: Mapping[str, Any] = {
        name: (values[k] * np.exp(shift[:, k]))[:, None] for k, name in enumerate(names)
    }
    same = np.zeros(2 * n, int)
    found = np.asarray(
        of(problem, problem.device, members=same, conditions=mj.Conditions(values=each), **options)
    )
    return ((found[:n] - found[n:]) / (2 * step)).T


def errors(
    found: Float[np.ndarray, "quantities parameters"],
    exact: Float[np.ndarray, "quantities parameters"],
) -> Float[np.ndarray, "quantities parameters"]:
    """Errors of derivatives relative to the largest of the same quantity."""
    return np.abs(found - exact) / np.max(np.abs(exact), axis=1, keepdims=True)


def _load(name: str) -> Any:
    """Device of a preset."""
    kind, values = mj.device_class(name.split("/")[0]), mj.presets.load(name)[1]
    return mj.params.replace(kind(), values)


def diffusive(**values: float) -> Problem:
    """The diffusive memristor, without noise unless `values` have it."""
    device = mj.params.replace(_load("diffusive/wang2024-dc-symmetric"), QUIET | values)
    return Problem(
        name="diffusive",
        device=device,
        sweep=mj.triangle_sweep(0.5, 0.5),
        pulse=_pulse(0.4, 0.2),
        on=1e-8,
        hold=1e-11,
        compliance=1e-6,
        deterministic=not values,
    )


def second_order(**values: float) -> Problem:
    """The second-order diffusive memristor, without noise unless `values` have it."""
    preset = _load("second-order/illustration")
    return Problem(
        name="second-order",
        device=mj.params.replace(preset, {"sigma": 0.0} | values),
        sweep=mj.triangle_sweep(1.0, 5.0),
        pulse=_pulse(0.8, 0.2),
        on=1e-8,
        hold=1e-9,
        compliance=1e-6,
        deterministic=not values,
    )


def _pulse(v: float, width: float) -> mj.PulseTrain:
    """One pulse [V, s] with steep edges, and as long a rest."""
    return mj.PulseTrain(v, width, 2 * width, edge=1e-4 * width)


def problems() -> dict[str, Problem]:
    """Those without noise, by name of the model."""
    every = [
        diffusive(),
        Problem(
            name="threshold-switch",
            device=mj.params.replace(mj.ThresholdSwitch(), {"tau": 1e-4, "w": 5e-3}),
            sweep=mj.triangle_sweep(0.6, 1.0),
            pulse=_pulse(0.5, 1e-2),
            on=1e-7,
            hold=1e-9,
            compliance=1e-5,
        ),
        Problem(
            name="and-ts",
            device=_load("and-ts/ostrovskii2025"),
            sweep=mj.triangle_sweep(0.4, 4e3),
            pulse=_pulse(0.3, 5e-6),
            on=1e-6,
            hold=1e-7,
        ),
        second_order(),
        Problem(  # at 0.97 V growth just wins, so that the delay depends on all parameters
            name="diffusive-spice",
            device=_load("diffusive-spice/wang2024-spice-single"),
            sweep=mj.triangle_sweep(1.5, 0.5),
            pulse=_pulse(0.97, 3.0),
            on=1e-6,
            hold=1e-7,
        ),
        Problem(
            name="drift",
            device=_load("drift/zhuo2022-bipolar"),
            sweep=mj.triangle_sweep(2.0, 2e4),
            pulse=_pulse(2.0, 5e-5),
            on=2e-3,
            hold=1e-3,
        ),
    ]
    return {p.name: p for p in every}
