"""Brownian increments on a grid of steps, from counters: any step of any device without the steps before."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Integer, Key, UInt32

from ..errors import PolicyError
from ..runtime.arguments import MEMBERS, as_integer, as_seed, is_traced
from .counter import bits, normal, open_uniform, sign, three_point, two_point, words

_PURPOSES = ("path", "spread", "read")
KINDS = ("gaussian", "two-point", "three-point")
"""Kinds of increments: with all moments of Brownian ones, with those that weak order 1 needs, or weak order 2."""

Words = tuple[UInt32[Array, ""], UInt32[Array, ""]]

_JUMP = 0x5BD1E995
"""Tag that keeps the counter of a step's jump apart from those of its increments."""


def device_key(
    seed: int | Integer[Array, ""],
    *,
    member: int | Integer[Array, ""],
    sweep: int | Integer[Array, ""],
    purpose: str = "path",
) -> Key[Array, ""]:
    """Key of one device in one sweep.

    Parameters
    ----------
    seed : int
        Seed of the run.
    member, sweep : int
        Which device and which of its sweeps.
    purpose : {"path", "spread", "read"}
        Ion noise, parameters drawn per cycle, or read noise: they never share numbers.

    Returns
    -------
    Key[Array, ""]
        Depends on nothing else: neither on how many devices there are nor on how they are batched.
    """
    if purpose not in _PURPOSES:
        raise PolicyError(f"unknown purpose {purpose!r}", allowed=", ".join(_PURPOSES))
    return _of_device(
        _of_run(seed, purpose), _as_number("member", member), _as_number("sweep", sweep)
    )


def _as_number(name: str, x: Any) -> Any:
    """The number of a member or sweep; one that is traced as it is."""
    if is_traced(x):
        return x
    return as_integer(name, x, where="device_key", lowest=0, highest=MEMBERS - 1)


def _of_run(seed, purpose: str):
    key = jax.random.key(as_seed(seed, where="device_key"))
    return jax.random.fold_in(key, _PURPOSES.index(purpose))


def _of_device(key, member, sweep):
    return jax.random.fold_in(jax.random.fold_in(key, member), sweep)


def words_of_devices(seed: int, members: Int[Array, " members"], sweeps: Int[Array, " sweeps"]):
    """Words of the keys of some devices in some sweeps: two arrays with axes of members and sweeps.

    Returns
    -------
    tuple of two UInt32[Array, "members sweeps"]
        Words that `increments` and `areas` take as a key.
    """
    return _words_of_devices(_of_run(seed, "path"), members, sweeps)


@jax.jit
def _words_of_devices(key, members, sweeps):
    # Operation by operation it takes a hundredth of the steps of 100,000 devices.
    one = lambda m, k: words(_of_device(key, m, k))  # noqa: E731
    return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(members, sweeps)


def as_words(key) -> Words:
    """Two words of a device's key; words as they are."""
    return key if isinstance(key, tuple) else words(key)


def increments(
    key: Words, step: Int[Array, ""], *, channels: int, dtype, kind: str = "gaussian"
) -> Float[Array, " channels"]:
    """Standardised increments of one step, one per noise channel.

    Parameters
    ----------
    key : tuple of two UInt32[Array, ""]
        Words of a device.
    step : Int[Array, ""]
        Number of the step.
    channels : int
        Number of noise channels.
    kind : {"gaussian", "two-point", "three-point"}
        Normal numbers; +1 or -1; or +-sqrt(3) and 0.

    Returns
    -------
    Float[Array, "channels"]
        They depend on nothing else.
    """
    draw = {"gaussian": normal, "two-point": two_point, "three-point": three_point}[kind]
    # Even streams; the odd ones are those of normal `areas`, so that no word serves both.
    return _per_channel(lambda k: draw(_word(key, step, 2 * k), dtype), channels, dtype)


def areas(
    key: Words, step: Int[Array, ""], *, channels: int, dtype, kind: str = "gaussian"
) -> Float[Array, " channels"]:
    """Standardised space-time areas of one step, independent of its `increments`: normal, or +1 or -1."""
    if kind != "gaussian":  # from a bit of the same word that the increment does not see
        return _per_channel(lambda k: sign(_word(key, step, 2 * k), dtype), channels, dtype)
    return _per_channel(lambda k: normal(_word(key, step, 2 * k + 1), dtype), channels, dtype)


def _word(key: Words, step, stream: int):
    """Word of a step."""
    return bits(*key, jnp.asarray(step).astype(jnp.uint32), jnp.uint32(stream))


def _per_channel(draw: Callable, channels: int, dtype) -> Float[Array, " channels"]:
    """A number per channel."""
    return jnp.stack([draw(k) for k in range(channels)]) if channels else jnp.zeros(0, dtype)


def uniform(key: Words, step: Int[Array, ""], *, dtype) -> Float[Array, ""]:
    """Number in (0, 1) that decides on the jump of a step."""
    return open_uniform(_word(key, step, _JUMP), dtype)


class GridPath(dfx.AbstractBrownianPath):
    """Brownian path on the grid t0 + n dt, as a diffrax control.

    Parameters
    ----------
    key : Key[Array, ""] or tuple of two UInt32[Array, ""]
        See `device_key`, or its words.
    dt : float
        Grid step [s].
    channels : int
        Number of noise channels.
    t0 : float
        Start of the grid [s].

    Notes
    -----
    Only whole grid steps have an increment; another interval is an error at run time, so that an
    adaptive controller, under which this path would not be Brownian, cannot use it. Differentiable
    in forward and reverse mode.
    """

    key: Words = eqx.field(converter=as_words)
    dt: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    channels: int = eqx.field(static=True)
    t0: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.0)

    levy_area: ClassVar = dfx.BrownianIncrement

    @property
    def t1(self):
        """The grid has no end."""
        return jnp.asarray(jnp.inf, self.dt.dtype)

    def evaluate(self, t0, t1=None, left: bool = True, use_levy: bool = False):
        """Increment over the grid step from t0 to t1."""
        if t1 is None or use_levy:
            raise PolicyError(
                "a grid path has increments only",
                where="GridPath.evaluate",
                allowed="evaluate(t0, t1) over one step",
            )
        # The number of the step makes its increment, not its time: times that were summed are off
        # by roundings.
        position = (t0 - self.t0) / self.dt
        nearest = jnp.round(position)
        step = nearest.astype(jnp.int32)
        slack = 1e3 * jnp.finfo(self.dt.dtype).eps * jnp.maximum(jnp.abs(position), 1.0)
        off_grid = (jnp.abs(position - nearest) > slack) | (
            jnp.abs((t1 - t0) / self.dt - 1) > slack
        )
        step = eqx.error_if(
            step, off_grid, "GridPath: a step off the grid (adaptive steps?); use Fixed(dt) steps"
        )
        normal = increments(self.key, step, channels=self.channels, dtype=self.dt.dtype)
        # Var W = dt; the numbers themselves do not depend on dt, which has a derivative then.
        return normal * jnp.sqrt(self.dt)
