"""The one-memristor neuron in long steps: gap and gate in closed form between openings and closings of the channel."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..noise.counter import bits, normal, open_uniform

_EDGE = 1e-6
"""Gap at which a stretch that crosses 0 ends: more than the rounding of 1 - f - r in single precision, and little
beside the 3e-4 within which the channel opens. A path that starts there touches 0 at once, which is no event.
"""


class ReducedState(NamedTuple):
    """State of a reduced neuron.

    Parameters
    ----------
    f, r : Float[Array, "..."]
        Filament and residue, as of the circuit's memristor.
    v : Float[Array, "..."]
        Voltage of the gate [V].
    armed : Float[Array, "..."]
        1 where the gate was below its re-arming level since the last spike, else 0.
    """

    f: Float[Array, "..."]
    r: Float[Array, "..."]
    v: Float[Array, "..."]
    armed: Float[Array, "..."]


class Draws(NamedTuple):
    """Random numbers of a step.

    Parameters
    ----------
    normal : Float[Array, "stretches ..."]
        Of the filament, one for each stretch.
    uniform : Float[Array, "..."]
        Decides whether the path touched the boundary within the first stretch.
    """

    normal: Float[Array, "stretches ..."]
    uniform: Float[Array, "..."]


class ReducedStep(NamedTuple):
    """What a step gives beside the state.

    Parameters
    ----------
    spikes : Float[Array, "..."]
        1 where the gate rose through its level within the step, else 0.
    time : Float[Array, "..."]
        When, from the beginning of the step [s]; differentiable. The length of the step where there was no spike.
    soft : Float[Array, "..."]
        The spike as a smooth function of gap and gate, see `ReducedNeuron`.
    """

    spikes: Float[Array, "..."]
    time: Float[Array, "..."]
    soft: Float[Array, "..."]


class ReducedNeuron(eqx.Module):
    r"""Slow-fast reduction of the neuron of one memristor, one transistor and one resistor.

    Parameters
    ----------
    mu, alpha, beta, gamma1, gamma2, lam, r_on, r_off, sigma1 : float or Float[Array, "neurons"]
        Of its memristor, see `Diffusive1M1T1R`.
    c, r_c : float or Float[Array, "neurons"]
        Capacitance of the gate [F] and resistance to ground [ohm].
    level, rearm : float
        A spike is a rise of the gate through `level` after it was below `rearm` [V].
    gross : bool
        Whether noise has the variance of all fluxes, see `Diffusive1M1T1R.noise_form`.
    width : float
        Of the soft spikes, in units of the gap.
    stretches : int
        Into how many stretches openings and closings of the channel may cut a step.

    Notes
    -----
    With gap :math:`g = 1 - f - r` and the voltage w of the memristor, growth by the field
    :math:`w/(\alpha + |g|)` is exact in the coordinate :math:`z = \alpha g + g|g|/2`, where it reads
    :math:`\dot z = -\mu w`: no step is too long for the run-away before a closing, and the overshoot after
    it is :math:`\mu` times the integral of the voltage over the discharge. Filament and residue decay
    exponentially. So does the gate, towards its divider, with the conductance of the channel averaged over
    the straight path of the gap. Where the gap passes 0 the step is cut: a closed channel has the
    resistance `r_on`, so that the gate follows within :math:`R_{on}C`. Noise has the variance of the
    circuit's over each stretch; a stretch that ends on the side on which it began has crossed all the
    same with the probability :math:`\exp(-2|g_0g_1|/s^2)` of a Brownian bridge of variance :math:`s^2`.

    No number is fitted: all follows from the circuit's parameters, with respect to which it is
    differentiable. Left out: conduction of an overshoot beyond `r_on`, noise of the residue, and the
    output stage, which does not act on the gate.

    A soft spike is the rise of :math:`[1 + x/(1 + |x|)]/2`, :math:`x = -g/w`, over the step, where the
    input is above the level of the gate and the gate still below it. Its derivative is bounded, and
    falls off only as :math:`1/x^2`: it is not 0 for a neuron that was far from firing.

    References
    ----------
    .. [1] R. Zhao et al., Nat. Electron. 8, 1211 (2025), doi:10.1038/s41928-025-01488-x (the circuit)
    """

    mu: Float[Array, "*neurons"]
    alpha: Float[Array, "*neurons"]
    beta: Float[Array, "*neurons"]
    gamma1: Float[Array, "*neurons"]
    gamma2: Float[Array, "*neurons"]
    lam: Float[Array, "*neurons"]
    r_on: Float[Array, "*neurons"]
    r_off: Float[Array, "*neurons"]
    sigma1: Float[Array, "*neurons"]
    c: Float[Array, "*neurons"]
    r_c: Float[Array, "*neurons"]
    level: float = eqx.field(static=True, default=0.2)
    rearm: float = eqx.field(static=True, default=0.2)
    gross: bool = eqx.field(static=True, default=False)
    width: float = eqx.field(static=True, default=0.05)
    stretches: int = eqx.field(static=True, default=3)

    def rest(self, shape: tuple[int, ...] = ()) -> ReducedState:
        """Neurons at rest."""
        zero = jnp.zeros(shape, jnp.result_type(self.mu))
        return ReducedState(zero, zero, zero, zero + 1)

    def step(
        self, state: ReducedState, u: Float[Array, "..."], dt: float, draws: Draws | None = None
    ) -> tuple[ReducedState, ReducedStep]:
        """One step under a constant input.

        Parameters
        ----------
        state : ReducedState
            Before it.
        u : Float[Array, "..."]
            Input [V].
        dt : float
            Length [s].
        draws : Draws, optional
            Noise; none by default.
        """
        start, begin = state, 1 - state.f - state.r
        left = jnp.broadcast_to(jnp.asarray(dt, begin.dtype), jnp.shape(state.f))
        spikes, time = jnp.zeros_like(left), left
        lowest = begin
        for k in range(self.stretches):
            xi = None if draws is None else draws.normal[k]
            chance = draws.uniform if draws is not None and k == 0 else None
            last = k == self.stretches - 1
            after, used, pulse = self._stretch(state, u, left, xi, chance, last=last)
            # The gate moves exponentially within a stretch, so that its crossing has a closed form.
            fired, when = self._crossing(state, after.v, pulse, used)
            time = jnp.where(fired > 0, dt - left + when, time)
            spikes = spikes + fired
            armed = jnp.where(fired > 0, 0.0, state.armed)
            armed = jnp.where(after.v < self.rearm, 1.0, armed)
            state = after._replace(armed=armed)
            left = left - used
            lowest = jnp.minimum(lowest, 1 - state.f - state.r)
        # Of two spikes in one step the second is not counted, as with a threshold that re-arms in the next one.
        spikes = jnp.minimum(spikes, 1.0)
        rise = self._closure(lowest) - self._closure(begin)
        soft = jnp.maximum(rise, 0.0) * self._above(u) * (1 - self._above(start.v))
        return state, ReducedStep(spikes, time, soft)

    def _closure(self, gap):
        """From 0 for a wide gap to 1 far beyond its closing, with long tails."""
        x = -gap / self.width
        return (1 + x / (1 + jnp.abs(x))) / 2

    def _above(self, v):
        """1 where a voltage is above the level, 0 below it, smoothly within a tenth of the level."""
        return jax.nn.sigmoid((v - self.level) / (0.1 * self.level))

    def _crossing(self, state: ReducedState, after, pulse, used):
        """Whether the gate rose through its level in a stretch, and when."""
        rest, constant = pulse
        fired = (state.armed > 0) & (state.v < self.level) & (after >= self.level)
        ratio = (rest - state.v) / jnp.where(fired, rest - self.level, 1.0)
        when = jnp.log(jnp.where(fired, ratio, 1.0)) * constant
        return fired.astype(after.dtype), jnp.minimum(when, used)

    def _stretch(self, state: ReducedState, u, left, xi, chance, *, last: bool):
        """State after a stretch, its length, and where the gate was heading with what time constant."""
        g0 = 1 - state.f - state.r
        is_open = g0 > 0
        wide = jnp.maximum(g0, 0.0)
        begin = _Begin(is_open, wide, self._resistance(wide))
        full = self._advance(state, begin, u, left)
        end, var = self._noisy(full, state, xi)
        crossed = is_open != (end > 0)
        if chance is not None:
            bridge = jnp.exp(-2 * jnp.abs(g0 * end) / jnp.where(var > 0, var, 1.0))
            touched = (var > 0) & (jnp.abs(g0) > 2 * _EDGE) & (chance < bridge)
            near = jnp.abs(g0) / (jnp.abs(g0) + jnp.abs(end) + 1e-12)
        else:
            touched, near = jnp.zeros_like(crossed), jnp.ones_like(end)
        z0, z1 = self._to_z(g0), self._to_z(end)
        share = jnp.where(crossed, z0 / jnp.where(crossed, z0 - z1, 1.0), near)
        if last:
            used, target = left, end
        else:
            cut = crossed | touched
            used = jnp.where(cut, left * jnp.clip(share, 1e-3, 1.0), left)
            boundary = jnp.where(is_open, -_EDGE, _EDGE)
            target = jnp.where(cut, boundary, end)
        second = self._advance(state, begin, u, used, target)
        g1, _ = self._noisy(second, state, xi)
        if not last:
            g1 = jnp.where(cut, boundary, g1)
        f = jnp.maximum(1 - second.r - g1, 0.0)
        return ReducedState(f, second.r, second.v, state.armed), used, (second.rest, second.time)

    def _loss(self, state: ReducedState, h):
        """Filament, residue and gap after the losses of a time h."""
        rate = self.gamma1 + self.beta
        f = state.f * jnp.exp(-rate * h)
        r = state.r + self.beta * (state.f - f) / rate - self.gamma2 * state.r * h
        return f, r, 1 - f - r

    def _advance(self, state: ReducedState, begin: "_Begin", u, h, target=None) -> "_Path":
        """The deterministic end of a time h, with the channel's conductance on the way to a gap `target`.

        Without `target` it is the gap that losses alone lead to.
        """
        f, r, gap = self._loss(state, h)
        to = jnp.maximum(gap if target is None else target, 0.0)
        conductance = jnp.where(begin.is_open, self._mean_conductance(begin, to), 1 / self.r_on)
        resistance = 1 / (conductance + 1 / self.r_c)
        rest, time = u * conductance * resistance, self.c * resistance
        # expm1: with little conductance the gate hardly moves in a step, and float32 would lose it.
        moved = (state.v - rest) * jnp.expm1(-h / time)
        field = jnp.maximum((u - rest) * h + moved * time, 0.0)
        end = self._from_z(self._to_z(gap) - self.mu * field)
        return _Path(r, state.v + moved, end, rest, time, f)

    def _noisy(self, path: "_Path", state: ReducedState, xi):
        """Gap at the end of a path with noise, and the noise's variance."""
        if xi is None:
            return path.gap, jnp.zeros_like(path.gap)
        f = 1 - path.r - path.gap
        # Growth f - path.f and loss state.f - path.f: their sum, or their difference.
        flux = f - 2 * path.f + state.f if self.gross else jnp.abs(f - state.f)
        var = self.sigma1 * flux
        root = jnp.sqrt(jnp.where(var > 0, var, 1.0))
        return path.gap - jnp.where(var > 0, root, 0.0) * xi, var

    def _to_z(self, g):
        return self.alpha * g + g * jnp.abs(g) / 2

    def _from_z(self, z):
        return jnp.sign(z) * (jnp.sqrt(self.alpha**2 + 2 * jnp.abs(z)) - self.alpha)

    def _slope(self):
        """Resistance of an open gap per relative length of it [ohm], over lam."""
        return self.r_off / jnp.expm1(1 / self.lam)

    def _resistance(self, gap):
        """Resistance of the channel with a gap that is not negative."""
        return self.r_on + self._slope() * jnp.expm1(gap * (1 / self.lam))

    def _mean_conductance(self, begin: "_Begin", b):
        """Mean over the gaps from the begin to b: an integral in closed form."""
        r = self._resistance(b)
        span = b - begin.wide
        near = jnp.abs(span) < 1e-4
        span = jnp.where(near, 1.0, span)
        logs = self.lam * jnp.log(r / begin.resistance)
        # Over a short way the resistance is linear, and its mean that of its ends.
        over = jnp.where(near, 2.0, (span - logs) / span)
        return over / jnp.where(near, begin.resistance + r, self.r_on - self._slope())


class _Begin(NamedTuple):
    """Where a stretch begins: whether there is a gap, its length or 0, and the channel's resistance."""

    is_open: Array
    wide: Array
    resistance: Array


class _Path(NamedTuple):
    """Deterministic end of a stretch: residue, gate, gap; where the gate heads, its time constant; filament by loss."""

    r: Array
    v: Array
    gap: Array
    rest: Array
    time: Array
    f: Array


def draws(key: tuple, step: Any, dtype: Any, stretches: int = 3) -> Draws:
    """Random numbers of one step: functions of the neurons' keys and the step's number only.

    Parameters
    ----------
    key : tuple of two UInt32[Array, "neurons"]
        Words of each neuron, see `memjax.noise.words`.
    step : Int[Array, ""]
        Number of the step.
    dtype
        Of the numbers.
    stretches : int
        Of the reduced neuron.
    """
    # The uniform number is the first, so that it does not depend on the number of stretches.
    first, *rest = (bits(*key, step, k) for k in range(stretches + 1))
    return Draws(jnp.stack([normal(w, dtype) for w in rest]), open_uniform(first, dtype))
