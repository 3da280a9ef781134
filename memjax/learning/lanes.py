"""Devices under trains of voltage levels, many at once: the equations behind every reservoir."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..circuit import Bench, build_system, replace_values
from ..core import params
from ..core.result import Result
from ..core.scaling import Scaled
from ..core.system import Environment
from ..device import AbstractDevice
from ..errors import SolveError
from ..noise import device_key, words
from ..runtime.arguments import as_integer, as_seed, check_known, is_traced, number
from ..runtime.compile_cache import jit_with_options
from ..runtime.flags import check_flags
from ..simulate import Begin, is_noisy, outputs_and_states, solve_fixed
from ..simulate.batch import wide_loop_options
from ..simulate.fixed import with_values
from ..simulate.policy import Fixed, check
from ..solver import SemiImplicitEuler
from ..stimulus import Sampled

_BLOCK = 512
"""Lanes that advance together: their states stay in the cache of a processor."""


_time = partial(number, unit="s", where="Protocol", convert=jnp.asarray)


def _whole(name: str, lowest: int) -> Callable[[Any], int]:
    """Converter of a static number of steps."""
    return lambda x: as_integer(name, x, where="Protocol", lowest=lowest)


class Protocol(eqx.Module):
    """How each level of a train is applied, and when the device is read.

    Parameters
    ----------
    hold : Float[Array, ""]
        How long a level is held [s].
    steps : int
        Time steps of the solve in that time.
    read_voltage : float, optional
        The device is read at this voltage [V], which is applied for one time step after each level; without it, it is
        read at the end of the level, at the level itself.
    rest : Float[Array, ""]
        How long the device is then left at 0 V before the next level [s]: pulses with pauses let a device be read at a
        voltage that it would not stand for long without switching.
    rest_steps : int
        Time steps of the solve in the pause.
    """

    hold: Float[Array, ""] = _time(sign=">")
    steps: int = eqx.field(static=True, default=10, converter=_whole("steps", 1))
    read_voltage: float | None = number(
        unit="V", where="Protocol", optional=True, static=True, default=None
    )
    rest: Float[Array, ""] = _time(sign=">=", default=0.0)
    rest_steps: int = eqx.field(static=True, default=0, converter=_whole("rest_steps", 0))

    def __check_init__(self):
        check_known(self)

    @property
    def period(self) -> Float[Array, ""]:
        """Time from one level to the next [s]."""
        read = 0.0 if self.read_voltage is None else self.hold / self.steps
        return self.hold + read + self.rest * (self.rest_steps > 0)


class Readings(NamedTuple):
    """Readings of an instrument without noise.

    Parameters
    ----------
    v, i : Float[Array, "members lanes levels"]
        Voltage [V] and current [A].
    """

    v: Float[Array, "members lanes levels"]
    i: Float[Array, "members lanes levels"]


class _Lanes(eqx.Module):
    """One device in one train each: its levels [V], its parameters that differ, its words of noise."""

    levels: Any
    values: dict[str, Array]
    key: Any


_POLICY = Fixed(1.0, method=SemiImplicitEuler(damped=True), single_precision=True)
"""The cheapest steps of many devices, a fast state damped and not resolved. Their length is that of the protocol."""


def _solve_lane(scaled: Scaled, protocol: Protocol, lane: _Lanes):
    """Voltage and current at each reading of one lane, and how its solve ended."""
    system = _with_precision(with_values(scaled, lane.values), lane.levels.dtype)
    h = protocol.hold / protocol.steps
    y0 = system.initial()
    zero = jnp.zeros((), y0.dtype)

    def interval(carry, level, h, substeps):
        """Hold a level; the state, and voltage and current at the end."""
        y, first, code = carry
        drive = Sampled(jnp.zeros(1, y.dtype), jnp.asarray(level, y.dtype)[None], "staircase")
        end = jnp.asarray(h * substeps, y.dtype)
        solution = solve_fixed(
            system, drive, rows=end[None], begin=Begin(y, zero, first), key=lane.key, substeps=substeps,
            policy=_POLICY,
        )  # fmt: skip
        y, code = solution.y[0], jnp.where(code == 0, solution.result, code)
        # The drive is constant: its value just before the end has no derivative by the time.
        moment = jax.lax.stop_gradient(end)
        out, _ = outputs_and_states(system.system, moment, system.unpack(y), drive, system.env)
        return (y, first + substeps, code), (out["v"], out["i"])

    def node(carry, level):
        carry, reading = interval(carry, level, h, protocol.steps)
        if protocol.read_voltage is not None:
            carry, reading = interval(carry, protocol.read_voltage, h, 1)
        if protocol.rest_steps:
            carry, _ = interval(
                carry, 0.0, protocol.rest / protocol.rest_steps, protocol.rest_steps
            )
        return carry, reading

    start = (y0, jnp.asarray(0), jnp.asarray(0))
    (_, _, code), (v, i) = jax.lax.scan(node, start, lane.levels)
    return v, i, code


def _solve_blocks(scaled: Scaled, protocol: Protocol, lanes: _Lanes):
    """All lanes, on a processor block by block."""
    count = lanes.levels.shape[0]
    run = lambda lane: _solve_lane(scaled, protocol, lane)  # noqa: E731
    if jax.default_backend() != "cpu" or count <= _BLOCK:
        return jax.vmap(run)(lanes)
    # The last block is filled up, with a lane that is not looked at: one program for all blocks.
    pad = -count % _BLOCK
    full = jax.tree.map(
        lambda x: jnp.concatenate([x, jnp.broadcast_to(x[:1], (pad, *x.shape[1:]))]), lanes
    )
    out = jax.lax.map(run, full, batch_size=_BLOCK)
    return jax.tree.map(lambda x: x[:count], out)


_solve_lanes = jit_with_options(_solve_blocks, wide_loop_options)


def read_lanes(
    device: AbstractDevice,
    levels: Float[Array, "lanes levels"],
    protocol: Protocol,
    *,
    values: Mapping[str, Float[Array, "members lanes"]] | None = None,
    bench: Bench | None = None,
    env: Environment | None = None,
    members: int = 1,
    seed: int = 0,
    deterministic: bool = False,
    single: bool = True,
) -> Readings:
    """Apply trains of voltage levels to devices at rest, and read each after every level.

    Parameters
    ----------
    device : AbstractDevice
        The device.
    levels : Float[Array, "lanes levels"]
        A train for each lane [V].
    protocol : Protocol
        Times of hold and reading.
    values : mapping of str to Float[Array, "members lanes"], optional
        Parameters that differ [SI].
    bench, env : Bench, Environment, optional
        Surroundings of each device.
    members : int
        Runs with independent noise.
    seed : int
        Of the noise of the devices: that of a member and lane is that of the same member and sweep of `mj.simulate`,
        whatever else runs beside it.
    deterministic : bool
        Whether noise is left out.
    single : bool
        Whether to compute in float32, in a fifth of the time: an error of 1e-7 of a state in each step, which no
        device resolves. Derivatives that are compared with differences ask for double precision.

    Raises
    ------
    SolveError
        If the state of a lane is no number.
    """
    members = as_integer("members", members, where="read_lanes", lowest=1)
    seed = as_seed(seed, where="read_lanes")
    check_flags({"deterministic": deterministic, "single": single}, where="read_lanes")
    count = len(levels)
    lane_values = {n: jnp.broadcast_to(x, (members, count)) for n, x in (values or {}).items()}
    noisy = not deterministic and is_noisy(device, lane_values)
    system = build_system(params.quiet(device), bench, "voltage")
    check(_POLICY, system.noise_structure, noisy=noisy)
    if lane_values:
        replace_values(system, lane_values, check=True)
    # Without noise and values of their own all members are alike: one is solved for all.
    runs = members if noisy or lane_values else 1
    key = _keys(jnp.asarray(seed), runs, count) if noisy else None
    flat = jax.tree.map(lambda x: x.reshape(runs * count, *x.shape[2:]), (lane_values, key))
    lanes = _Lanes(jnp.tile(jnp.asarray(levels), (runs, 1)), *flat)
    problem = Scaled(system, env or Environment()), protocol, lanes
    v, i, code = _solve_lanes(*_with_precision(problem, jnp.float32 if single else float))
    if not is_traced(code) and np.any(np.asarray(code)):
        failures = np.asarray(code)[np.asarray(code) != 0]
        raise SolveError(
            f"{len(failures)} of {len(code)} solves failed: {Result(int(failures[0])).name}",
            where="a reservoir",
            fix="more time steps in a hold, or lower voltages",
        )
    v, i = (x.reshape(runs, count, -1) for x in (v, i))
    shape = (members, *v.shape[1:])
    return Readings(jnp.broadcast_to(v, shape), jnp.broadcast_to(i, shape))


def _with_precision(tree: Any, precision: Any) -> Any:
    """All numbers of a tree that are not whole, of one kind."""
    dtype = jnp.result_type(precision)

    def cast(x):
        return x.astype(dtype) if eqx.is_inexact_array(x) else x

    return jax.tree.map(cast, tree)


@eqx.filter_jit
def _keys(seed, members: int, lanes: int):
    """Words of the noise of each member and lane."""
    lane_words = lambda m, k: words(device_key(seed, member=m, sweep=k))  # noqa: E731
    return jax.vmap(jax.vmap(lane_words, (None, 0)), (0, None))(
        jnp.arange(members), jnp.arange(lanes)
    )
