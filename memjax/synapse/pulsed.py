"""A memristor under identical set and reset pulses: a map of its state per pulse, and what is random about it."""

from collections.abc import Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from ..circuit import Bench, BenchedDevice
from ..core import params
from ..core.fields import parameter_specs
from ..core.scaling import Scaled
from ..core.system import Environment
from ..data import PulseProtocol
from ..device import AbstractDevice
from ..errors import ModelError
from ..noise import Words, cycle_factors, device_key, increments, words
from ..runtime.arguments import as_integer
from ..solver import rodas3_step

_RESTS = 32
"""Steps in which a volatile device rests until the next pulse, each longer than the one before."""

MEMORIES = (1.5, 6.0, 24.0)
"""Pulses over which the three parts of 1/f noise relax: their sum is 1/f within 10 % from 0.01 to 0.1 per pulse."""

_FURTHEST = 0.5
"""Longest kick of a state [its scale]: where the conductance hardly depends on it, noise has no hold."""


class Pulsed(eqx.Module):
    """A device between pulses, as a map of its state.

    Parameters
    ----------
    device : AbstractDevice
        Its equations are integrated over each pulse at the pulse's voltage, by the L-stable
        third-order `rodas3_step`, and over the time to the next pulse where it is volatile.
    voltages, widths : Float[Array, "2"]
        Of a set and of a reset pulse [V, s].
    rest : Float[Array, "2"]
        Time from the end of either to the next pulse [s].
    read_voltage : float
        At which the conductance is read [V].
    env : Environment
        Temperature.
    substeps : int
        Steps per pulse.
    reversed : bool
        Whether the device sees the opposite polarity.
    """

    device: AbstractDevice
    voltages: Float[Array, " 2"]
    widths: Float[Array, " 2"]
    rest: Float[Array, " 2"]
    read_voltage: Float[Array, ""]
    env: Environment = Environment()
    substeps: int = eqx.field(static=True, default=4)
    reversed: bool = eqx.field(static=True, default=False)

    @classmethod
    def under(
        cls,
        device: AbstractDevice,
        protocol: PulseProtocol,
        *,
        env: Environment | None = None,
        substeps: int = 4,
        reversed: bool = False,
    ) -> "Pulsed":
        """The device under the pulses of a protocol.

        Raises
        ------
        ModelError
            For a volatile device where the time between pulses is not known.
        """
        if device.volatile and protocol.period is None:
            raise ModelError(
                f"the volatile model {device.name!r} under pulses without a period",
                allowed="a period, or a model that is not volatile",
            )
        widths = np.asarray(protocol.widths)
        return cls(
            device=device,
            voltages=jnp.asarray(protocol.voltages, float),
            widths=jnp.asarray(widths, float),
            rest=jnp.asarray((protocol.period or max(widths)) - widths, float),
            read_voltage=jnp.asarray(protocol.read_voltage, float),
            env=env or Environment(),
            substeps=substeps,
            reversed=reversed,
        )

    @property
    def scaled(self) -> Scaled:
        """The device as functions of a vector of order one."""
        return Scaled(BenchedDevice(self.device, Bench(reversed=self.reversed)), self.env)

    def start(self) -> Float[Array, " n"]:
        """Vector at rest."""
        return self.scaled.initial()

    def _hold(self, z: Float[Array, " n"], u, steps: Float[Array, " m"]) -> Float[Array, " n"]:
        """State after a constant voltage, in steps of given lengths [s]."""
        scaled = self.scaled

        def rate(t, y):
            return scaled.drift(t, y, u)

        def step(z, h):
            return scaled.project(rodas3_step(rate, jnp.zeros_like(h), z, h=h).y), None

        return lax.scan(step, z, steps)[0]

    def after(self, z: Float[Array, " n"], kind: Int[Array, ""]) -> Float[Array, " n"]:
        """State after one pulse, just before the next: `kind` 0 sets, 1 resets."""
        h = self.widths[kind] / self.substeps
        z = self._hold(z, self.voltages[kind], jnp.full((self.substeps,), h))
        if not self.device.volatile:
            return z
        # Relaxation slows down as it goes on: geometric steps resolve its start and reach its end.
        edges = jnp.concatenate([jnp.zeros(1), jnp.geomspace(1e-3, 1.0, _RESTS)])
        return self._hold(z, jnp.zeros(()), self.rest[kind] * jnp.diff(edges))

    def conductance(self, z: Float[Array, " n"]) -> Float[Array, ""]:
        """Conductance at the read voltage [S]."""
        state, v = self.scaled.unpack(z), -self.read_voltage if self.reversed else self.read_voltage
        return self.device.current(jnp.zeros(()), state, v, self.env) / v

    def curve(
        self, kinds: Int[Array, " pulses"], z: Float[Array, " n"] | None = None
    ) -> tuple[Float[Array, " points"], Float[Array, "points n"]]:
        """Conductances [S] before the first pulse and after each one, without noise, and the states."""
        z = self.start() if z is None else z

        def pulse(z, kind):
            z = self.after(z, kind)
            return z, z

        path = jnp.concatenate([z[None], lax.scan(pulse, z, kinds)[1]])
        return jax.vmap(self.conductance)(path), path


class PulseNoise(eqx.Module):
    r"""Random variation from pulse to pulse and from cycle to cycle.

    Parameters
    ----------
    jitter : Float[Array, "2"]
        Standard deviation [S] of what each set, or reset, pulse adds to the conductance for one
        reading: the next pulse draws it anew.
    programming : Float[Array, "2"]
        That of what each pulse adds to the state, expressed as conductance [S]: it accumulates.
    slope, bend : Float[Array, "2"]
        How the logarithm of both changes over the range of the conductance, after set and reset [1].
    flicker : Float[Array, "2"]
        Standard deviation, over that of the jitter, of a part whose spectrum over pulses is 1/f: the sum
        of relaxations over `MEMORIES` pulses, of equal variance [1].
    read : Float[Array, ""]
        Read noise: that of readings with no pulse between them [S].
    g_mid, g_span : Float[Array, ""]
        Middle and length of the range of the conductance [S].
    cycle : dict of str to Float[Array, ""]
        Standard deviation of the logarithm of parameters that are drawn anew in each cycle.

    Notes
    -----
    With :math:`a_k = \exp(b_k u + d_k u^2)`, where :math:`u = (G - G_{mid})/G_{span}` is clipped to
    the range, for kind k:

    .. math::

        x_{n+1} &= F_k(x_n) + \frac{q_k a_k N}{\partial G/\partial x}, \qquad y_{j,n+1} = \phi_j
        y_{j,n} + \sqrt{(1 - \phi_j^2)/3}\,c_k r_k a_k N_j \\ G_{seen} &= G(x) + y_1 + y_2 + y_3 + r_k a_k
        N' + \rho N''

    with :math:`\phi_j = e^{-1/m_j}` of the memories :math:`m_j` = `MEMORIES`. A step of the
    conductance has the lag-one autocorrelation 0 where it is all programming, and -1/2 where it is all
    jitter or read noise.
    """

    jitter: Float[Array, " 2"]
    programming: Float[Array, " 2"]
    slope: Float[Array, " 2"]
    bend: Float[Array, " 2"]
    flicker: Float[Array, " 2"]
    read: Float[Array, ""]
    g_mid: Float[Array, ""]
    g_span: Float[Array, ""]
    cycle: dict[str, Float[Array, ""]]

    def size(self, g: Float[Array, "..."], kind: Int[Array, "..."]) -> Float[Array, "..."]:
        """Factor of the amplitudes at a conductance, after a pulse of a kind."""
        offset = jnp.clip((g - self.g_mid) / self.g_span, -0.5, 0.5)
        return jnp.exp(self.slope[kind] * offset + self.bend[kind] * offset**2)

    @classmethod
    def none(cls) -> "PulseNoise":
        """No noise at all."""
        zero, one, two = jnp.zeros(()), jnp.ones(()), jnp.zeros(2)
        return cls(two, two, two, two, two, read=zero, g_mid=one, g_span=one, cycle={})


class Memory(eqx.Module):
    """State that a pulsed device carries from one pulse to the next.

    Parameters
    ----------
    z : Float[Array, "n"]
        State, see `Pulsed`.
    flicker : Float[Array, "3"]
        What relaxes over `MEMORIES` pulses [S].
    jitter : Float[Array, ""]
        What the last pulse left [S].
    """

    z: Float[Array, " n"]
    flicker: Float[Array, " 3"]
    jitter: Float[Array, ""]


def first(pulsed: Pulsed, noise: PulseNoise, draw: Float[Array, " 5"]) -> Memory:
    """A device at rest that was pulsed before: five standard normal numbers say how."""
    z = pulsed.start()
    size = noise.size(pulsed.conductance(z), jnp.asarray(1))
    jitter = noise.jitter[1] * size
    # From the stationary distribution: each of three memories has a third of the variance.
    return Memory(z, noise.flicker[1] * jitter * draw[:3] / 3**0.5, jitter * draw[3])


def pulse(
    pulsed: Pulsed,
    noise: PulseNoise,
    memory: Memory,
    kind: Int[Array, ""],
    draw: Float[Array, " 5"],
) -> Memory:
    """The device after one more pulse; `draw` are five standard normal numbers of its own."""
    z = pulsed.after(memory.z, kind)
    return disturb(pulsed, noise, Memory(z, memory.flicker, memory.jitter), kind, draw)


def kick(
    pulsed: Pulsed,
    z: Float[Array, " n"],
    slope: Float[Array, ""],
    change: Float[Array, ""],
    sigma: Float[Array, ""],
) -> Float[Array, " n"]:
    """A state that is moved so that the conductance changes [S]: by that over dG/dx, and not far.

    Parameters
    ----------
    pulsed : Pulsed
        The device.
    z : Float[Array, "n"]
        State, see `Pulsed`.
    slope : Float[Array, ""]
        Derivative of the conductance by its first component [S].
    change, sigma : Float[Array, ""]
        Change of the conductance, and its standard deviation [S].
    """
    # Where dG/dx vanishes the quotient has no bound: no kick there, and a longest one elsewhere.
    responsive = jnp.abs(slope) * _FURTHEST > sigma * 1e-3
    step = change / jnp.where(responsive, slope, 1.0)
    step = jnp.where(responsive, jnp.clip(step, -_FURTHEST, _FURTHEST), 0.0)
    # The first state carries the conductance; what is beyond the domain is brought back.
    return pulsed.scaled.project(z.at[0].add(step))


def disturb(
    pulsed: Pulsed,
    noise: PulseNoise,
    memory: Memory,
    kind: Int[Array, ""],
    draw: Float[Array, " 5"],
) -> Memory:
    """The device behind a pulse that ended, with what is random about it."""
    # Programming noise is given as conductance: the state moves by it over dG/dx.
    g, slope = jax.value_and_grad(pulsed.conductance)(memory.z)
    size = noise.size(g, kind)
    sigma = noise.programming[kind] * size
    z = kick(pulsed, memory.z, slope[0], sigma * draw[0], sigma)
    jitter = noise.jitter[kind] * size
    decay = 1 / jnp.asarray(MEMORIES, z.dtype)
    # x' = phi x + sqrt((1 - phi^2) / 3) N keeps a third of the variance, whatever phi.
    innovation = jnp.sqrt(-jnp.expm1(-2 * decay) / 3) * noise.flicker[kind] * jitter * draw[1:4]
    return Memory(z, jnp.exp(-decay) * memory.flicker + innovation, jitter * draw[4])


def noisy_reading(pulsed: Pulsed, noise: PulseNoise, memory: Memory, draw: Float[Array, ""]):
    """Conductance as it is read [S]; `draw` is a standard normal number of the reading."""
    g = pulsed.conductance(memory.z) + jnp.sum(memory.flicker) + memory.jitter
    return g + noise.read * draw


@eqx.filter_jit
def _cycles(pulsed: Pulsed, noise: PulseNoise, kinds, factors, keys, read_keys):
    """Readings [S] of cycle after cycle, each from where the one before ended."""
    count, kind = len(kinds), jnp.result_type(pulsed.widths)
    nominal = {n: params.get(pulsed.device, n) for n in factors}
    specs = parameter_specs(pulsed.device)

    def draw(key: Words, step, channels):
        return increments(key, step, channels=channels, dtype=kind)

    def with_factors(cycle_values):
        # Log-normal factors have no bounds, the equations do.
        values = {n: jnp.clip(nominal[n] * x, *specs[n].bounds) for n, x in cycle_values.items()}
        device = params.replace(pulsed.device, values, check=False) if values else pulsed.device
        return eqx.tree_at(lambda p: p.device, pulsed, device)

    def cycle(memory, inputs):
        cycle_values, key, read_key = inputs
        cycle_device = with_factors(cycle_values)

        def step_pulse(memory, index):
            n, k = index
            memory = pulse(cycle_device, noise, memory, k, draw(key, n, 5))
            return memory, noisy_reading(cycle_device, noise, memory, draw(read_key, n, 1)[0])

        # Pulses have the counters 0 to count - 1: the reading before them takes the next one.
        start = noisy_reading(cycle_device, noise, memory, draw(read_key, jnp.asarray(count), 1)[0])
        memory, readings = lax.scan(step_pulse, memory, (jnp.arange(count), kinds))
        return memory, jnp.concatenate([start[None], readings])

    begin = first(pulsed, noise, draw(jax.tree.map(lambda k: k[0], keys), jnp.asarray(count), 5))
    return lax.scan(cycle, begin, (factors, keys, read_keys))[1]


def simulate_pulses(
    pulsed: Pulsed,
    noise: PulseNoise,
    kinds: Sequence[int] | Int[np.ndarray, " pulses"],
    *,
    cycles: int,
    seed: int = 0,
    member: int = 0,
) -> Float[np.ndarray, "cycles points"]:
    """Conductances as they are read before the first pulse of each cycle and after each pulse.

    Parameters
    ----------
    pulsed : Pulsed
        The device.
    noise : PulseNoise
        What is random; `PulseNoise.none` leaves it out.
    kinds : sequence of int
        Kind of each pulse of a cycle: 0 sets, 1 resets.
    cycles : int
        How many; each begins where the one before ended.
    seed, member : int
        Of the noise, which depends on nothing else than these, the cycle, and the pulse.

    Returns
    -------
    Float[np.ndarray, "cycles points"]
        Conductances [S].
    """
    cycles = as_integer("cycles", cycles, where="simulate_pulses", error=ModelError, lowest=1)
    numbers = jnp.arange(cycles)

    def key(purpose):
        return jax.vmap(lambda c: words(device_key(seed, member=member, sweep=c, purpose=purpose)))(
            numbers
        )

    sigma: Mapping[str, float] = {n: float(s) for n, s in noise.cycle.items()}
    draws = cycle_factors(seed, sigma, members=1, sweeps=cycles, first=member) if sigma else {}
    factors = {n: x[0] for n, x in draws.items()}
    readings = _cycles(
        pulsed, noise, jnp.asarray(np.asarray(kinds)), factors, key("path"), key("read")
    )
    return np.asarray(readings)
