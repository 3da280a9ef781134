"""Two settings: quiet sweeps, of which there is a likelihood, and noisy cycles, of which there is none."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from fitting.amortised.protocol import SweepProtocol
from fitting.inference.posterior import AbstractTarget
from memjax.circuit import build_system
from memjax.core.fields import parameter_specs
from memjax.core.params import constrain
from memjax.core.scaling import Scaled
from memjax.core.transforms import from_spec
from memjax.simulate import outputs_and_states, solve_stiff

RELATIVE, FLOOR = 0.05, 1e-9
"""Errors of a reading of the first setting: of its logarithm, and added [A]."""

TIMES = np.linspace(0.0, 1.0, 61)
BOUNDS = {
    "r_on": (300.0, 900.0),
    "r_off": (2500.0, 8000.0),
    "v_on": (0.2, 0.4),
    "v_off": (0.2, 0.4),
}

CYCLES = 10
NOISY_BOUNDS = {
    "mu": (30.0, 120.0),
    "theta": (300.0, 3000.0),
    "sigma_ion": (0.5, 5.0),
    "sigma_ln(mu)": (0.01, 0.2),
}


def quiet_model() -> mj.MetastableSwitches:
    """The model of the first setting, made where float64 is enabled."""
    return mj.params.replace(mj.MetastableSwitches(), {"tau": 1e-4, "x0": 0.0})


def quiet_protocol() -> SweepProtocol:
    """One sweep of 61 points."""
    drive = mj.Sampled(TIMES, 0.6 * np.sin(2 * np.pi * TIMES))
    about: dict[str, Any] = {"relative": RELATIVE, "floor": FLOOR}
    return SweepProtocol(stimuli=(drive,), rows=(TIMES,), order=(0,), bench=mj.Bench(), **about)


def noisy_protocol() -> SweepProtocol:
    """Ten cycles of 51 points to 0.5 V and back, with a limit of 1 uA."""
    v = np.concatenate([np.linspace(0, 0.5, 26), np.linspace(0.48, 0, 25)])
    rows = 0.01 * (1 + np.arange(len(v)))
    about: dict[str, Any] = {"relative": RELATIVE, "floor": 1e-12}
    return SweepProtocol(
        stimuli=(mj.staircase(v, 0.01),),
        rows=(rows,),
        order=(0,) * CYCLES,
        bench=mj.Bench(compliance=1e-6),
        **about,
    )


class ReadSweep(AbstractTarget):
    r"""The posterior of a device of the first setting: log-normal errors of each reading, log-uniform priors.

    Parameters
    ----------
    device : AbstractDevice
        Within the bounds of the prior.
    logs : Float[Array, "rows"]
        ln \|i\| of each reading [of A].
    weight : Float[Array, "rows"]
        1 over the error of a reading; 0 where no voltage is applied, which says nothing.
    """

    device: Any
    logs: Float[Array, " rows"]
    weight: Float[Array, " rows"]

    @classmethod
    def of(cls, currents: Float[np.ndarray, " rows"]) -> "ReadSweep":
        """Of the readings of one device [A]."""
        voltage = np.abs(quiet_protocol().voltages[0])
        weight = np.where(voltage > 1e-3, 1 / RELATIVE, 0.0)
        logs = np.log(np.maximum(np.abs(currents), FLOOR))
        device = mj.params.with_bounds(quiet_model(), BOUNDS)
        return cls(device, jnp.asarray(logs), jnp.asarray(weight))

    def residuals(self, z: Float[Array, " free"]) -> tuple[Float[Array, " rows"], Array]:
        """Residuals in units of their errors, and whether the solve ended well."""
        drive = quiet_protocol().stimuli[0]
        scaled = Scaled(
            build_system(constrain(self.device, list(BOUNDS), z), None, "voltage"), mj.Environment()
        )
        rows = jnp.asarray(TIMES)
        solution = solve_stiff(
            scaled, drive, y0=scaled.initial(), end=rows[-1], policy=mj.Stiff(), rows=rows
        )

        def current(t, y):
            return outputs_and_states(scaled.system, t, scaled.unpack(y), drive, scaled.env)[0]["i"]

        i = jax.vmap(current)(rows, solution.y)
        return (jnp.log(jnp.abs(i) + 1e-30) - self.logs) * self.weight, solution.result == 0

    def log_density(self, z):
        r, ok = self.residuals(z)
        specs = parameter_specs(self.device)
        laws = [from_spec(specs[n]) for n in BOUNDS]

        def log_values(z):
            return jnp.log(jnp.stack([law.inverse(z[k]) for k, law in enumerate(laws)]))

        # The prior is uniform in ln x: in z it has the density d ln x / dz, parameter by parameter.
        slope = jax.jvp(log_values, (z,), (jnp.ones_like(z),))[1]
        return jnp.where(ok, -0.5 * jnp.sum(r**2) + jnp.sum(jnp.log(slope)), -jnp.inf)
