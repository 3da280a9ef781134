"""A volatile device, or several, as a dynamical reservoir: masked inputs, virtual nodes, states read along the way."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..circuit import Bench
from ..core import params
from ..core.fields import parameter_specs
from ..core.system import Environment
from ..device import AbstractDevice
from ..errors import BoundsError
from ..noise import cycle_factors, instrument_noise
from ..population import Population
from ..runtime.copies import copied
from ..runtime.flags import as_flag, check_flags
from .lanes import Protocol, read_lanes

READINGS = ("current", "conductance", "log-current")
"""What is read of a device after each node."""

_FABRICATION = 1_000_003
"""Added to a seed where devices are drawn, so that these draws are not those of their cycles."""


def binary_masks(devices: int, nodes: int, *, seed: int = 0) -> Float[np.ndarray, "devices nodes"]:
    """Masks of -1 and 1 at random, no two devices' alike unless there are more devices than masks."""
    rng = np.random.default_rng(seed)
    rows: list[np.ndarray] = []
    taken: set[bytes] = set()
    while len(rows) < devices:
        row = rng.choice([-1.0, 1.0], nodes)
        if row.tobytes() not in taken or len(taken) >= 2**nodes:
            rows.append(row)
            taken.add(row.tobytes())
    return np.stack(rows)


def _own_array(x: Any) -> Array:
    """An array of JAX that shares no memory with one of the caller's."""
    return jnp.asarray(copied(x))


class Reservoir(eqx.Module):
    r"""Devices in parallel, each of which sees the input behind a mask of its own and is read once per mask value.

    Parameters
    ----------
    device : AbstractDevice
        A volatile device.
    mask : Float[Array, "devices nodes"]
        By what the input is multiplied in each interval of a step: the virtual nodes.
    gain, offset : Float[Array, ""] or Float[Array, "devices"]
        Voltage of device d at node n of step k: offset[d] + gain[d] mask[d, n] u(k) [V].
    hold : float
        How long each value of a mask is held [s].
    reading : {"current", "conductance", "log-current"}
        What is read after each node: i [A], i / v [S] (0 at no voltage), or log10 of the modulus of i in A.
    read_voltage : float, optional
        Voltage of a short read pulse after each node [V], see `Protocol`; without it the node's own voltage reads.
    rest : float
        Pause at 0 V after each node [s], see `Protocol`.
    steps, rest_steps : int
        Time steps of the solve in a node, and in a pause.
    values : mapping of str to Float[Array, "devices"] or Float[Array, "members devices"]
        Parameters that differ from device to device, or from run to run too [SI]. They stay as they are: a read-out
        that was trained on these very devices knows them.
    relative, floor : float
        Read noise: standard deviation of the logarithm of the current, and of what is added [A]. Each reading has its
        own.
    cycle_spread : mapping of str to float
        Standard deviation of the logarithm of parameters that are drawn anew in each session of each device, about
        its `values`: what a read-out cannot learn.
    population : Population, optional
        What the devices are drawn from by `draw_devices`, and their cycles about them in each session.
    diffusion : bool
        Whether the noise in the devices acts; their drift is the same without it.
    session : int, optional
        Steps after which a device is at rest again and a new cycle begins; all of the input is one by default.
    warmup : int
        Steps of the input before those of a session that are applied too, and not read: the memory of a device is
        filled when it counts. Before the first step the first input stands.
    single : bool
        Whether the devices are solved in float32, see `read_lanes`.
    bench : Bench, optional
        What stands around each device.
    env : Environment, optional
        Its temperature.

    Notes
    -----
    L. Appeltant et al., Nat. Commun. 2, 468 (2011), doi:10.1038/ncomms1476 for virtual nodes behind a mask;
    Y. Zhong et al., Nat. Commun. 12, 408 (2021), doi:10.1038/s41467-020-20692-1 for volatile memristors in parallel.
    The device's own equations are solved, so that derivatives with respect to mask, gain, offset and hold time pass
    through them.
    """

    device: AbstractDevice
    mask: Float[Array, "devices nodes"] = eqx.field(converter=_own_array)
    gain: Float[Array, "*devices"] = eqx.field(converter=_own_array)
    offset: Float[Array, "*devices"] = eqx.field(converter=_own_array, default=0.0)
    hold: Float[Array, ""] = eqx.field(converter=jnp.asarray, kw_only=True)
    reading: str = eqx.field(static=True, default="current", kw_only=True)
    read_voltage: float | None = eqx.field(static=True, default=None, kw_only=True)
    rest: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.0, kw_only=True)
    steps: int = eqx.field(static=True, default=10, kw_only=True)
    rest_steps: int = eqx.field(static=True, default=0, kw_only=True)
    values: Mapping[str, Any] = eqx.field(default_factory=dict, kw_only=True)
    relative: float = eqx.field(static=True, default=0.0, kw_only=True)
    floor: float = eqx.field(static=True, default=0.0, kw_only=True)
    cycle_spread: Mapping[str, float] = eqx.field(static=True, default_factory=dict, kw_only=True)
    population: Population | None = eqx.field(default=None, kw_only=True)
    diffusion: bool = eqx.field(static=True, default=True, converter=as_flag, kw_only=True)
    session: int | None = eqx.field(static=True, default=None, kw_only=True)
    warmup: int = eqx.field(static=True, default=0, kw_only=True)
    single: bool = eqx.field(static=True, default=True, converter=as_flag, kw_only=True)
    bench: Bench | None = eqx.field(default=None, kw_only=True)
    env: Environment | None = eqx.field(default=None, kw_only=True)

    def __check_init__(self):
        check_flags({"diffusion": self.diffusion, "single": self.single}, where="Reservoir")
        if self.reading not in READINGS:
            allowed = ", ".join(READINGS)
            raise BoundsError(f"reading = {self.reading!r}", where="Reservoir", allowed=allowed)
        if jnp.ndim(self.mask) != 2 or 0 in jnp.shape(self.mask):
            shape = jnp.shape(self.mask)
            raise BoundsError(
                f"a mask of shape {shape}", where="Reservoir", allowed="devices times nodes"
            )
        for name in ("gain", "offset"):
            shape = jnp.shape(getattr(self, name))
            if shape not in ((), (len(self.mask),)):
                allowed = f"one number, or {len(self.mask)}: one of each device"
                raise BoundsError(f"{name} of shape {shape}", where="Reservoir", allowed=allowed)
        if (self.session is not None and self.session < 1) or self.warmup < 0:
            description = f"session = {self.session!r}, warmup = {self.warmup!r}"
            raise BoundsError(
                description, where="Reservoir", allowed="at least 1, at least 0 steps"
            )
        self.protocol  # noqa: B018  # it checks its own part

    @property
    def protocol(self) -> Protocol:
        """Times of hold and reading."""
        return Protocol(self.hold, self.steps, self.read_voltage, self.rest, self.rest_steps)

    @property
    def count(self) -> int:
        """Number of states that a step gives."""
        return int(np.prod(jnp.shape(self.mask)))

    def voltages(self, inputs: Float[Array, " steps"]) -> Float[Array, "devices intervals"]:
        """Voltage of each device in each interval of the mask [V]."""
        u = jnp.asarray(inputs)
        product = self.mask[:, None, :] * u[None, :, None]
        product = product.reshape(len(self.mask), -1)
        gain, offset = (jnp.broadcast_to(x, len(self.mask)) for x in (self.gain, self.offset))
        return offset[:, None] + gain[:, None] * product

    def device_values(
        self, spread: Mapping[str, float], devices: int, seed: int, *, members: int = 1
    ) -> dict[str, Float[Array, "members devices"]]:
        """Parameters [SI] of devices of the population, or that differ by a log-normal spread (of the logarithm)."""
        values: dict[str, Array] = {}
        if self.population is not None:
            drawn = self.population.sample(seed + _FABRICATION, members * devices)
            values = {n: x.reshape(members, devices) for n, x in drawn.items()}
        sigmas = {n: s for n, s in spread.items() if s > 0}
        factors = cycle_factors(seed + _FABRICATION, sigmas, members=members, sweeps=devices)
        return values | params.scale(self.device, factors, values)

    def draw_devices(
        self, spread: Mapping[str, float], *, members: int, seed: int = 0
    ) -> "Reservoir":
        """The reservoir with other devices in each run.

        Parameters
        ----------
        spread : mapping of str to float
            Standard deviation of the logarithm of parameters that differ from device to device.
        members : int
            Number of runs.
        seed : int
            Of the draw.
        """
        values = self.device_values(spread, len(self.mask), seed, members=members)
        return replace(self, values=dict(self.values) | values)

    def scale_noise(
        self, *, device: float = 1.0, read: float = 1.0, cycles: float = 1.0, devices: float = 1.0
    ) -> "Reservoir":
        """The reservoir with its noise multiplied: that in the devices, that of the readings, the spread of cycles.

        `devices` multiplies the spread of its population from device to device. Where `device` is 0 the strengths of
        the noise in the devices stay, since they may act on the drift: `diffusion` is off.
        """
        specs = parameter_specs(self.device)
        noisy = {n for n, s in specs.items() if s.noise and params.get(self.device, n) is not None}
        scaled = {n: device * float(params.get(self.device, n)) for n in noisy} if device else {}
        population = self.population
        if population is not None:
            population = population.scale_spread(devices=devices, cycles=cycles)
        return replace(
            eqx.tree_at(lambda r: r.device, self, params.replace(self.device, scaled)),
            population=population,
            diffusion=self.diffusion and device > 0,
            relative=read * self.relative,
            floor=read * self.floor,
            cycle_spread={n: cycles * s for n, s in self.cycle_spread.items()},
        )

    def states(
        self,
        inputs: Float[Array, " steps"],
        *,
        seed: int = 0,
        members: int = 1,
        deterministic: bool = False,
    ) -> Float[Array, "members steps states"]:
        """Return the readings of each step: all nodes of the first device, then those of the next.

        Parameters
        ----------
        inputs : Float[Array, "steps"]
            The input, usually within 0 .. 1.
        seed : int
            Of the devices' noise, their cycles and the readings.
        members : int
            Runs of the same reservoir with independent noise.
        deterministic : bool
            Whether all noise is left out: in the devices, of readings, and from cycle to cycle.

        Raises
        ------
        SolveError
            If a solve failed.
        """
        check_flags({"deterministic": deterministic}, where="Reservoir.states")
        if deterministic:
            return self.scale_noise(device=0, read=0, cycles=0).states(inputs, members=members)
        (devices, nodes), total = jnp.shape(self.mask), len(jnp.asarray(inputs))
        length = total if self.session is None else min(self.session, total)
        sessions = -(-total // length)
        # Steps before the first and after the last repeat these: all sessions are equally long.
        at = np.arange(sessions)[:, None] * length + np.arange(-self.warmup, length)
        v = self.voltages(inputs).reshape(devices, total, nodes)
        v = v[:, np.clip(at, 0, total - 1)].reshape(devices, sessions, -1)
        trains = jnp.moveaxis(v, 1, 0).reshape(sessions * devices, -1)
        x = read_trains(
            self, trains, values=self._values(members, sessions, seed), members=members, seed=seed
        )
        x = x.reshape(members, sessions, devices, self.warmup + length, nodes)[
            :, :, :, self.warmup :
        ]
        x = jnp.moveaxis(x, 2, 3).reshape(members, sessions * length, devices * nodes)
        return x[:, :total]

    def _values(self, members: int, sessions: int, seed: int) -> dict[str, Array]:
        """Parameters of each run, session and device [SI], one session after the other."""
        shape = (members, len(self.mask))
        values = {n: jnp.broadcast_to(jnp.asarray(x), shape) for n, x in self.values.items()}
        values = {n: jnp.tile(x, (1, sessions)) for n, x in values.items()}
        return draw_cycles(
            self, values, members=members, lanes=sessions * len(self.mask), seed=seed
        )


def draw_cycles(
    reservoir: Reservoir, values: Mapping[str, Array], *, members: int, lanes: int, seed: int
) -> dict[str, Array]:
    """Parameters with the factors of cycles on them, kept within their bounds [SI].

    Parameters
    ----------
    reservoir : Reservoir
        Its `cycle_spread` counts, and that of its population.
    values : mapping of str to Float[Array, "members lanes"]
        Parameters of each lane [SI]; those that are not in it are the device's.
    members, lanes : int
        How many are drawn.
    seed : int
        Of the draw.
    """
    population = reservoir.population
    if population is not None and population.cycle_root is not None:
        # The coordinates of all drawn parameters are needed, also of those that no device has of its own.
        device_values = {n: params.get(reservoir.device, n) for n in population.names} | dict(
            values
        )
        lane_values = {
            n: jnp.broadcast_to(device_values[n], (members, lanes)) for n in population.names
        }
        values = dict(values) | population.sample_cycles(seed, lane_values)
    sigmas = {n: s for n, s in reservoir.cycle_spread.items() if s > 0}
    if not sigmas:
        return dict(values)
    factors = cycle_factors(seed, sigmas, members=members, sweeps=lanes)
    return dict(values) | params.scale(reservoir.device, factors, values)


def read_trains(
    reservoir: Reservoir,
    trains: Float[Array, "lanes levels"],
    *,
    values: Mapping[str, Float[Array, "members lanes"]] | None = None,
    members: int = 1,
    seed: int = 0,
) -> Float[Array, "members lanes levels"]:
    """Return the readings, with noise, of the devices of a reservoir under trains of voltages [V]."""
    v, i = read_lanes(
        reservoir.device, trains, reservoir.protocol, values=values, bench=reservoir.bench, env=reservoir.env,
        members=members, seed=seed, deterministic=not reservoir.diffusion, single=reservoir.single,
    )  # fmt: skip
    if reservoir.relative or reservoir.floor:
        lane, row = np.divmod(np.arange(v[0].size), v.shape[2])
        read: Any = dict(sweep=lane, row=row, relative=reservoir.relative, floor=reservoir.floor)
        i = instrument_noise(seed, i.reshape(members, -1), **read).reshape(i.shape)
    if reservoir.reading == "current":
        return i
    if reservoir.reading == "conductance":
        return jnp.where(v == 0, 0.0, i / jnp.where(v == 0, 1.0, v))
    return jnp.log10(jnp.abs(i) + 1e-15)  # below any instrument's floor
