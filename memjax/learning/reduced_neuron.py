"""The one-memristor neuron in long steps: gap and gate in closed form, closings of the channel by their laws."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..noise.counter import bits, normal, open_uniform
from .passages import first_passage, time_below

_EDGE = 1e-6
"""Gap at which a stretch that crosses 0 ends: more than the rounding of 1 - f - r in single precision, and little
beside the 3e-4 within which the channel opens. A path that starts there touches 0 at once, which is no event.
"""

_REACH = 3.0
"""Standard deviations within which the boundary is near: beyond, it is touched once in 400 times at most."""


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
    passage : Float[Array, "stretches ..."]
        Normal; when the path touches the boundary.
    uniform : Float[Array, "stretches ..."]
        Whether it does, and how long the channel is closed then.
    """

    normal: Float[Array, "stretches ..."]
    passage: Float[Array, "stretches ..."]
    uniform: Float[Array, "stretches ..."]


class ReducedStep(NamedTuple):
    """Results of a step beside the state.

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
        Into how many stretches openings and closings of the channel, and noise near them, may cut a step.

    Notes
    -----
    With gap :math:`g = 1 - f - r` and the voltage w of the memristor, growth by the field
    :math:`w/(\alpha + |g|)` is exact in the coordinate :math:`z = \alpha g + g|g|/2`, where it reads
    :math:`\dot z = -\mu w`: no step is too long for the run-away before a closing, and the overshoot after
    it is :math:`\mu` times the integral of the voltage over the discharge. Filament and residue decay
    exponentially, half of the loss before the growth and half after it. So does the gate, towards its divider, with
    the conductance of the channel averaged over the path of the gap. A closed channel has the resistance `r_on`, so
    that the gate follows within :math:`R_{on}C`: where the gap passes 0 the step is cut, and it is cut into
    equal stretches where noise may bring the gap to 0. Noise has the variance of the circuit's over each
    stretch, that of a net rate which changes its sign included. The first passage of 0 is drawn from its law, for a
    path that comes back, too; of a path that goes on from there the time that the channel is closed is drawn
    (`memjax.learning.passages`): within a few hundredths of the gap noise takes it through 0 many times in a step, and
    it is this time that discharges the gate when a pulse has ended.

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

    def resting_state(self, shape: tuple[int, ...] = ()) -> ReducedState:
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
        begin = 1 - state.f - state.r
        remaining_time = jnp.broadcast_to(jnp.asarray(dt, begin.dtype), jnp.shape(state.f))

        def stretch(carry, at):
            state, remaining_time, spikes, time, lowest = carry
            k, noise = at
            count = (self.stretches - k).astype(remaining_time.dtype)
            h = jnp.where(self._near(state, remaining_time), remaining_time / count, remaining_time)
            after, used, pulse = self._stretch(state, u, h, noise, k == self.stretches - 1)
            # The gate moves exponentially within a stretch, so that its crossing has a closed form.
            fired, when = self._crossing(state, after.v, pulse, used)
            time = jnp.where(fired > 0, dt - remaining_time + when, time)
            armed = jnp.where(fired > 0, 0.0, state.armed)
            armed = jnp.where(after.v < self.rearm, 1.0, armed)
            lowest = jnp.minimum(lowest, 1 - after.f - after.r)
            after = after._replace(armed=armed)
            return (after, remaining_time - used, spikes + fired, time, lowest), None

        # A loop, since one stretch after the other would take as many times as long to compile. Reverse mode computes
        # a stretch again: its hundred numbers would have to be written and read back.
        start = (state, remaining_time, jnp.zeros_like(remaining_time), remaining_time, begin)
        (end, _, spikes, time, lowest), _ = jax.lax.scan(
            jax.checkpoint(stretch), start, (jnp.arange(self.stretches), draws)
        )
        # Of two spikes in one step the second is not counted, as with a threshold that re-arms in the next one.
        spikes = jnp.minimum(spikes, 1.0)
        rise = self._closure(lowest) - self._closure(begin)
        soft = jnp.maximum(rise, 0.0) * self._above(u) * (1 - self._above(state.v))
        return end, ReducedStep(spikes, time, soft)

    def _closure(self, gap):
        """From 0 for a wide gap to 1 far beyond its closing, with long tails."""
        x = -gap / self.width
        return (1 + x / (1 + jnp.abs(x))) / 2

    def _above(self, v):
        """1 where a voltage is above the level, 0 below it, smoothly within a tenth of the level."""
        return jax.nn.sigmoid((v - self.level) / (0.1 * self.level))

    def _crossing(self, state: ReducedState, after, pulse, used):
        """Whether the gate rose through its level in a stretch, and when."""
        asymptote, rate = pulse
        fired = (state.armed > 0) & (state.v < self.level) & (after >= self.level)
        ratio = (asymptote - state.v) / jnp.where(fired, asymptote - self.level, 1.0)
        when = jnp.log(jnp.where(fired, ratio, 1.0)) / rate
        return fired.astype(after.dtype), jnp.minimum(when, used)

    def _near(self, state: ReducedState, remaining_time):
        """Whether loss or noise may bring the gap to 0 in the time that is left."""
        gap = 1 - state.f - state.r
        loss = (self.gamma1 + self.beta) * state.f * remaining_time
        return jnp.abs(gap) < jnp.where(gap < 0, loss, 0.0) + _REACH * _root(self.sigma1 * loss)

    def _stretch(self, state: ReducedState, u, h, noise: Draws | None, last):
        """State after a stretch, its length, and where the gate was heading at what rate."""
        g0 = 1 - state.f - state.r
        rate = self._net_loss(state.f, u - state.v, g0)
        # From the boundary the net rate takes the path to one side or the other.
        bound = jnp.abs(g0) <= 2 * _EDGE
        is_open = jnp.where(bound, rate > 0, g0 > 0)
        f, r, gap = self._loss(state, h)
        pure = jnp.where(is_open, 0.0, 1.0)
        # The field needs the gate's path, the gate that of the gap, and the gap the field: first with loss alone, then
        # once more below for the gate, with the gap that came of it.
        v, field, _ = self._gate(state.v, u, self._conductance(g0, gap, pure), h)
        end = self._grow(g0, gap - g0, field, h)
        # At both ends, since between different signs the filament goes to and fro.
        rates = rate, self._net_loss(1 - r - end, u - v, end)
        flux = self._flux((f, 1 - r - end), state.f, rates, h)
        variance = jnp.zeros_like(end)
        if noise is not None:
            variance = self.sigma1 * flux
            end = self._grow(g0, gap - g0 - _root(variance) * noise.normal, field, h)
        hits, first = self._passage(g0, end, variance, noise)
        # A path from the boundary touches it at once, and again and again: no passage to wait for.
        hits = hits & ~bound
        # The last stretch has to end the step: what it spends beyond 0 is a share of its time, no other stretch.
        cut = hits & jnp.logical_not(last)
        used = jnp.where(cut, first * h, h)
        end = jnp.where(cut, jnp.where(is_open, -_EDGE, _EDGE), end)
        # Where the path is not cut at the boundary, it goes on there: a share of the rest of the time is closed.
        first = jnp.where(bound, 0.0, first)
        # The variance grows with the net rate: where this falls, the last 0 comes earlier than a Brownian path's.
        slow = flux / jnp.where(h > 0, h * (jnp.abs(rate) + 1e-12), 1.0)
        below = (end < 0).astype(end.dtype)
        if noise is not None:
            below = time_below(end, (1 - first) * variance, slow, noise.passage, noise.uniform)
        closed = jnp.where((bound | hits) & ~cut, first * pure + (1 - first) * below, pure)
        # A gap that ends at 0 was open on its way there and back, by the scale of its noise.
        wide = jnp.where(bound | hits, 0.5 * _root(variance), 0.0)
        conductance = self._conductance(g0, jnp.where(cut, 0.0, jnp.maximum(end, wide)), closed)
        v, _, pulse = self._gate(state.v, u, conductance, used)
        f, r, gap = self._loss(state, used)
        # What has grown turns into residue from the middle of the time on, as it is lost in `_grow`.
        r = r + self.beta * used / 2 * (gap - end)
        # The gap is what was solved for; the filament is the rest of it, which noise must not make negative.
        f = jnp.maximum(1 - r - end, 0.0)
        return ReducedState(f, r, v, state.armed), used, pulse

    def _net_loss(self, f, w, g):
        """Loss of filament less its growth [1/s], at a voltage w of the memristor."""
        growth = self.mu * jnp.maximum(w, 0.0) / (self.alpha + jnp.abs(g))
        return (self.gamma1 + self.beta) * f - growth

    def _loss(self, state: ReducedState, h):
        """Filament, residue and gap after the losses of a time h."""
        rate = self.gamma1 + self.beta
        f = state.f * jnp.exp(-rate * h)
        r = state.r + self.beta * (state.f - f) / rate - self.gamma2 * state.r * h
        return f, r, 1 - f - r

    def _conductance(self, a, b, closed):
        """Mean over a straight path of the gap from a to b, of which a share is spent beyond 0."""
        path = self._mean_conductance(jnp.maximum(a, 0.0), jnp.maximum(b, 0.0))
        return closed / self.r_on + (1 - closed) * path

    def _gate(self, v, u, conductance, h):
        """Gate after a time h, integral of the memristor's voltage, and where the gate heads at what rate."""
        total = conductance + 1 / self.r_c
        asymptote, rate = u * conductance / total, total / self.c
        # expm1: with little conductance the gate hardly moves in a step, and float32 would lose it.
        decay = -jnp.expm1(-rate * h)
        field = jnp.maximum((u - asymptote) * h - (v - asymptote) * decay / rate, 0.0)
        return v + (asymptote - v) * decay, field, (asymptote, rate)

    def _grow(self, g0, widening, field, h):
        """Gap after growth, with one half of the widening by loss and noise before it and one half after it."""
        before = g0 + widening / 2
        after = self._from_z(self._to_z(before) - self.mu * field)
        # What has grown is lost from the middle of the time on; the share of `beta` stays as residue.
        return after + widening / 2 + self.gamma1 * h / 2 * (before - after)

    def _flux(self, path, f0, rates, h):
        """Change of the filament to and fro in a time h, of which the noise has the variance."""
        lost, f1 = path
        if self.gross:
            # Growth f1 - lost and loss f0 - lost.
            return f1 - 2 * lost + f0
        # A net rate that changes its sign on a straight line goes the smaller way twice.
        a, b = (jnp.abs(x) for x in rates)
        less = jnp.minimum(a, b)
        twice = jnp.where(rates[0] * rates[1] < 0, h * less**2 / jnp.maximum(a + b, 1e-12), 0.0)
        return jnp.abs(f1 - f0) + twice

    def _passage(self, g0, end, variance, noise):
        """Whether a path of the gap touches 0, and at what share of its time; growth is even in z."""
        z0, z1 = jnp.abs(self._to_z(g0)), jnp.abs(self._to_z(end))
        straight = z0 / (z0 + z1 + 1e-12)
        if noise is None:
            return (g0 > 0) != (end > 0), straight
        return first_passage(g0, end, variance, straight, noise.passage, noise.uniform)

    def _to_z(self, g):
        return self.alpha * g + g * jnp.abs(g) / 2

    def _from_z(self, z):
        # Not sqrt(alpha^2 + 2 z) - alpha, a difference in which single precision would lose a small gap.
        return 2 * z / (jnp.sqrt(self.alpha**2 + 2 * jnp.abs(z)) + self.alpha)

    def _slope(self):
        """Resistance of an open gap per relative length of it [ohm], over lam."""
        return self.r_off / jnp.expm1(1 / self.lam)

    def _resistance(self, gap):
        """Resistance of the channel with a gap that is not negative."""
        return self.r_on + self._slope() * jnp.expm1(gap * (1 / self.lam))

    def _mean_conductance(self, a, b):
        """Mean over the gaps from a to b: an integral in closed form."""
        first, last = self._resistance(a), self._resistance(b)
        span = b - a
        near = jnp.abs(span) < 1e-4
        span = jnp.where(near, 1.0, span)
        logs = self.lam * jnp.log(last / first)
        # Over a short way the resistance is linear, and its mean that of its ends.
        over = jnp.where(near, 2.0, (span - logs) / span)
        return over / jnp.where(near, first + last, self.r_on - self._slope())


def _root(variance):
    """Square root, with a derivative of 0 where there is nothing."""
    return jnp.where(variance > 0, jnp.sqrt(jnp.where(variance > 0, variance, 1.0)), 0.0)


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
    words = [[bits(*key, step, 2 * k + i) for k in range(stretches)] for i in range(2)]
    first, second = (jnp.stack(x) for x in words)
    # The lower half of the second word makes a normal number, the upper one a uniform one.
    return Draws(
        normal(first, dtype), normal(second << np.uint32(16), dtype), open_uniform(second, dtype)
    )
