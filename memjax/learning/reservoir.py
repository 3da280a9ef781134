"""A volatile device, or several, as a dynamical reservoir: masked inputs, virtual nodes, states read along the way."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..circuit import Bench
from ..device import AbstractDevice
from ..errors import BoundsError
from ..noise import instrument_noise
from ..policy import Fixed
from ..result import Trace
from ..simulate import simulate
from ..stimulus import Sampled

READINGS = ("current", "conductance", "log-current")
"""What is read of a device at the end of each node."""


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


class Reservoir(eqx.Module):
    r"""Devices in parallel, each of which sees the input behind a mask of its own and is read once per mask value.

    Parameters
    ----------
    device : AbstractDevice
        A volatile device.
    mask : Float[Array, "devices nodes"]
        By what the input is multiplied in each interval of a step: the virtual nodes.
    hold : float
        How long each value of a mask is held [s].
    gain, offset : float
        Voltage of device d at node n of step k: offset + gain mask[d, n] u(k) [V].
    reading : {"current", "conductance", "log-current"}
        What is read at the end of each node: i [A], i / v [S] (0 at no voltage), or log10 of the modulus of i in A.
    steps : int
        Time steps of the solve in a node.
    values : mapping of str to Float[Array, "devices"] or Float[Array, "members devices"]
        Parameters that differ from device to device, or from run to run too [SI].
    relative, floor : float
        Read noise: standard deviation of the logarithm of the current, and of what is added [A].
    bench : Bench, optional
        What stands around each device.

    Notes
    -----
    L. Appeltant et al., Nat. Commun. 2, 468 (2011), doi:10.1038/ncomms1476 for virtual nodes behind a mask;
    Y. Zhong et al., Nat. Commun. 12, 408 (2021), doi:10.1038/s41467-020-20692-1 for volatile memristors in parallel.
    The device's own equations are solved, so that derivatives with respect to mask, gain and offset pass through them.
    """

    device: AbstractDevice
    mask: Float[Array, "devices nodes"] = eqx.field(converter=jnp.asarray)
    gain: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    offset: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.0)
    hold: float = eqx.field(static=True, kw_only=True)
    reading: str = eqx.field(static=True, default="current", kw_only=True)
    steps: int = eqx.field(static=True, default=10, kw_only=True)
    values: Mapping[str, Any] = eqx.field(default_factory=dict, kw_only=True)
    relative: float = eqx.field(static=True, default=0.0, kw_only=True)
    floor: float = eqx.field(static=True, default=0.0, kw_only=True)
    bench: Bench | None = eqx.field(default=None, kw_only=True)

    def __check_init__(self):
        if self.reading not in READINGS:
            allowed = ", ".join(READINGS)
            raise BoundsError(f"reading = {self.reading!r}", where="Reservoir", allowed=allowed)
        if jnp.ndim(self.mask) != 2 or 0 in jnp.shape(self.mask):
            shape = jnp.shape(self.mask)
            raise BoundsError(
                f"a mask of shape {shape}", where="Reservoir", allowed="devices times nodes"
            )
        if not (np.isfinite(self.hold) and self.hold > 0 and self.steps >= 1):
            about = f"hold = {self.hold!r} s, steps = {self.steps!r}"
            raise BoundsError(about, where="Reservoir", allowed="> 0 s, at least 1")

    @property
    def count(self) -> int:
        """Number of states that a step gives."""
        return int(np.prod(jnp.shape(self.mask)))

    def voltages(self, inputs: Float[Array, " steps"]) -> Float[Array, "devices intervals"]:
        """Voltage of each device in each interval of the mask [V]."""
        u = jnp.asarray(inputs)
        product = self.mask[:, None, :] * u[None, :, None]
        return self.offset + self.gain * product.reshape(len(self.mask), -1)

    def trace(
        self,
        inputs: Float[Array, " steps"],
        *,
        seed: int = 0,
        members: int = 1,
        deterministic: bool = False,
    ) -> Trace:
        """The simulation behind `states`: a sweep per device, a row per interval."""
        v = self.voltages(inputs)
        starts = np.arange(v.shape[1]) * self.hold
        # A hair before the next value is applied: the reading belongs to this one.
        read = starts + self.hold * (1 - 1e-9)
        each = {
            n: jnp.broadcast_to(jnp.asarray(x), (members, len(v))) for n, x in self.values.items()
        }
        return simulate(
            self.device,
            [Sampled(starts, row, "staircase") for row in v],
            bench=self.bench,
            policy=Fixed(dt=self.hold / self.steps, single_precision=True),
            save=read,
            seed=seed,
            members=members,
            deterministic=deterministic,
            carry_state=False,
            values=each or None,
            on_failure="raise",
        )

    def states(
        self,
        inputs: Float[Array, " steps"],
        *,
        seed: int = 0,
        members: int = 1,
        deterministic: bool = False,
    ) -> Float[Array, "members steps states"]:
        """What is read in each step: all nodes of the first device, then those of the next.

        Parameters
        ----------
        inputs : Float[Array, "steps"]
            The input, usually within 0 .. 1.
        seed : int
            Of the devices' noise.
        members : int
            Runs of the same reservoir with independent noise.
        deterministic : bool
            Whether noise is left out.

        Raises
        ------
        SolveError
            If a solve failed.
        """
        devices, nodes = jnp.shape(self.mask)
        trace = self.trace(inputs, seed=seed, members=members, deterministic=deterministic)
        current = trace.i
        if not deterministic and (self.relative or self.floor):
            sweep, row = np.divmod(np.arange(current.shape[1]), current.shape[1] // devices)
            read: Any = dict(sweep=sweep, row=row, relative=self.relative, floor=self.floor)
            current = instrument_noise(seed, current, **read)
        shape = (members, devices, len(jnp.asarray(inputs)), nodes)
        reading = self._read(trace.v, current).reshape(shape)
        return jnp.moveaxis(reading, 1, 2).reshape(members, shape[2], devices * nodes)

    def _read(self, v: Array, i: Array) -> Array:
        """What `reading` says."""
        if self.reading == "current":
            return i
        if self.reading == "conductance":
            return jnp.where(v == 0, 0.0, i / jnp.where(v == 0, 1.0, v))
        return jnp.log10(jnp.abs(i) + 1e-15)  # below any instrument's floor
