"""Brownian increments on a grid of steps, from counters: any step of any device without the steps before."""

from typing import ClassVar

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from ..errors import PolicyError

_PURPOSES = ("path", "spread", "read")


def device_key(
    seed: int | Int[Array, ""],
    *,
    member: int | Int[Array, ""],
    sweep: int | Int[Array, ""],
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
    key = jax.random.fold_in(jax.random.key(seed), _PURPOSES.index(purpose))
    return jax.random.fold_in(jax.random.fold_in(key, member), sweep)


def increments(
    key: Key[Array, ""], step: Int[Array, ""], *, channels: int, dtype
) -> Float[Array, " channels"]:
    """Standard normal numbers of one step, one per noise channel."""
    return jax.random.normal(jax.random.fold_in(key, step), (channels,), dtype)


class GridPath(dfx.AbstractBrownianPath):
    """Brownian path on the grid t0 + n dt, as a diffrax control.

    Parameters
    ----------
    key : Key[Array, ""]
        See `device_key`.
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

    key: Key[Array, ""]
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
        del left
        if t1 is None or use_levy:
            raise PolicyError(
                "a grid path has increments only",
                where="GridPath.evaluate",
                allowed="evaluate(t0, t1) over one step",
            )
        position = (t0 - self.t0) / self.dt
        nearest = jnp.round(position)
        step = nearest.astype(jnp.int32)
        slack = 1e3 * jnp.finfo(self.dt.dtype).eps * jnp.maximum(jnp.abs(position), 1.0)
        off = (jnp.abs(position - nearest) > slack) | (jnp.abs((t1 - t0) / self.dt - 1) > slack)
        step = eqx.error_if(
            step, off, "GridPath: a step off the grid (adaptive steps?); use Fixed(dt) steps"
        )
        normal = increments(self.key, step, channels=self.channels, dtype=self.dt.dtype)
        return normal * jnp.sqrt(self.dt)
