"""The three stiff problems, each as one object that every solver takes its equations from."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from benchmarks.cases.stiff_sde.systems import Neuron, Oscillator
from memjax import presets
from memjax.core.scaling import Scaled
from memjax.core.system import AbstractNoiseStructure
from memjax.stimulus import AbstractStimulus

CLOSED = 1e-3
"""Gap over which the growth of `memjax.DiffusiveMemristor` is limited: sets its fastest rate."""

BEFORE_FIRING = {"f": 0.187, "r": 0.386, "v": 0.00235}
"""The noise-free neuron 186 ms from rest, 7 ms before its first spike (a test solves for it)."""


class Problem(eqx.Module):
    """One stochastic differential equation dY = f(t, Y) dt + g(t, Y) dW in order-one states.

    Parameters
    ----------
    name : str
        Its name in the records.
    watched : tuple of str
        The states whose error is taken.
    scaled : Scaled
        The system; `f` and `g` are its drift and diffusion.
    stimulus : AbstractStimulus
        What drives it.
    t_end : Float[Array, ""]
        Where it ends [s; without unit for the oscillator].
    y0 : Float[Array, "n"]
        Where it starts.
    stable_dt : Float[Array, ""]
        The step up to which explicit Euler-Maruyama is stable at the fastest rate [s].
    """

    name: str = eqx.field(static=True)
    watched: tuple[str, ...] = eqx.field(static=True)
    scaled: Scaled
    stimulus: AbstractStimulus
    t_end: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    y0: Float[Array, " n"]
    stable_dt: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def f(self, t, y: Float[Array, " n"]) -> Float[Array, " n"]:
        """Drift [1/s]."""
        return self.scaled.drift(t, y, self.stimulus(jnp.asarray(t)))

    def g(self, t, y: Float[Array, " n"]) -> Float[Array, "n channels"]:
        """Diffusion [1/sqrt(s)]."""
        return self.scaled.diffusion(t, y, self.stimulus(jnp.asarray(t)))

    def current(self, t, y: Float[Array, " n"]) -> Float[Array, ""]:
        """Current through the device [A]."""
        u = self.stimulus(jnp.asarray(t))
        return self.scaled.system.outputs(t, self.scaled.unpack(y), u, self.scaled.env)["i_device"]

    @property
    def structure(self) -> type[AbstractNoiseStructure]:
        """How the noise depends on the state."""
        return self.scaled.system.noise_structure

    @property
    def channels(self) -> int:
        """Number of noise channels."""
        return len(self.scaled.channels())

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states."""
        return tuple(s.name for s in self.scaled.system.specs)

    @property
    def stable_steps(self) -> int:
        """Number of steps that a stable explicit solve needs."""
        return int(np.ceil(float(self.t_end) / float(self.stable_dt) * (1 - 1e-12)))


def oscillator(tau: float = 1e-5, *, t_end: float = 10.0, triangle: bool = False) -> Problem:
    """The oscillator LHN under a constant source, or a triangle 0..3..0 of period 5 for the noise-free solve.

    Explicit steps are stable up to 2 tau / (1/R_ext + max 1/R), where max 1/R = 1 at x = 0.
    """
    system = Oscillator(tau=jnp.asarray(tau))
    scaled, v = Scaled(system, mj.Environment()), system.v_ext
    constant = mj.Sampled(np.array([0.0, t_end]), np.array([v, v]))
    return Problem(
        name="lhn",
        watched=("x", "T"),
        scaled=scaled,
        stimulus=mj.triangle_sweep(v, v / 2.5, cycles=2) if triangle else constant,
        t_end=t_end,
        y0=scaled.initial(),
        stable_dt=2 * tau / (1 / system.r_ext + 1.0),
    )


def filament(*, t_end: float = 32e-3) -> Problem:
    """The diffusive memristor behind 50 ohm, with 10 Mohm and 1 uF across: 1 V for half the time, then 50 mV.

    The published pulse set, but for the noise of its area. Explicit steps are stable up to
    2 / (mu V / (alpha CLOSED)).
    """
    _, values, _ = presets.load("diffusive/wang2024-pulse")
    device = mj.params.quiet(mj.params.replace(mj.DiffusiveMemristor(), values | {"sigma3": 0.0}))
    bench = mj.Bench(series_resistance=50.0, parallel_resistance=1e7, parallel_capacitance=1e-6)
    scaled = Scaled(mj.BenchedDevice(device, bench), mj.Environment())
    pulse = mj.PulseTrain(
        amplitude=1.0, width=t_end / 2, period=t_end, edge=t_end / 4096, base=0.05
    )
    return Problem(
        name="filament",
        watched=("f", "r"),
        scaled=scaled,
        stimulus=pulse,
        t_end=t_end,
        y0=scaled.initial(),
        stable_dt=2 / (values["mu"] * 1.0 / (values["alpha"] * CLOSED)),
    )


def neuron(*, periods: int = 8) -> Problem:
    """The 1M1T1R neuron from shortly before it fires, under 0.8 V for 1 ms of every 2 ms.

    Explicit steps are stable up to 2 alpha^2 / (mu V_in): the growth beyond x = 1 at a discharged gate.
    """
    system = Neuron()
    scaled = Scaled(system, mj.Environment())
    pulses = mj.PulseTrain(amplitude=0.8, width=1e-3, period=2e-3, count=periods, edge=1e-6)
    return Problem(
        name="neuron",
        watched=("f", "r", "v"),
        scaled=scaled,
        stimulus=pulses,
        t_end=2e-3 * periods,
        y0=scaled.pack({k: jnp.asarray(x) for k, x in BEFORE_FIRING.items()}),
        stable_dt=2 * system.alpha**2 / (system.mu * 0.8),
    )
