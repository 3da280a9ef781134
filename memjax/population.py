"""Many devices that differ: parameters drawn per device, and per cycle, from a correlated distribution."""

import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from numpy.typing import ArrayLike

from .circuit import OWN, Circuit
from .core import params
from .core.fields import parameter_specs
from .core.html import card, fold, html_table, inline_picture, or_text, pictures
from .core.reprs import of_tree
from .core.transforms import from_spec
from .device import AbstractDevice
from .errors import ModelError
from .models import model
from .noise.draws import member_numbers
from .runtime.arguments import as_integer, as_seed
from .runtime.copies import copied
from .runtime.documents import load_json
from .runtime.files import write_json
from .runtime.flags import check_flags

SCHEMA_VERSION = 1
"""Layout of the file that `Population.save` writes."""

POPULATION = "population.json"
"""The file in the folder of a batch of fits."""

_DEVICES, _CYCLES = (zlib.crc32(w) & 0x7FFFFFFF for w in (b"devices", b"cycles"))
"""Numbers that are folded into a key, so that devices and cycles never share random numbers."""

_VECTOR = 16
"""Of how many numbers the widest vectors of a processor are a part."""

_LAYOUT = "a file that memjax.Population.save wrote"


class Population(eqx.Module):
    """Devices or circuits whose parameters are drawn from a normal distribution in unconstrained coordinates.

    These coordinates are logarithms for most parameters, see `memjax.core.transforms`: a log-normal
    distribution, whose median is at its centre. Bounds hold in every draw.

    Parameters
    ----------
    base : AbstractDevice or Circuit
        The common device or circuit; it has the values of all parameters that are not drawn.
    names : tuple of str
        Parameters that are drawn.
    center : Float[Array, "names"]
        Their medians, in unconstrained coordinates.
    root : Float[Array, "names names"]
        A root R of the covariance R R' from device to device.
    cycle_root : Float[Array, "names names"] or None
        The same from cycle to cycle of one device; None where cycles are alike.
    """

    base: AbstractDevice | Circuit
    names: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " names"] = eqx.field(converter=copied)
    root: Float[Array, "names names"] = eqx.field(converter=copied)
    cycle_root: Float[Array, "names names"] | None = eqx.field(default=None, converter=copied)

    @classmethod
    def of(
        cls,
        base: AbstractDevice | Circuit,
        names: Sequence[str],
        *,
        center: ArrayLike,
        covariance: ArrayLike,
        cycle_covariance: ArrayLike | None = None,
    ) -> "Population":
        """A population with a given median and covariance, both in unconstrained coordinates.

        Raises
        ------
        ModelError
            If a name is unknown or numbers do not fit together: a covariance is symmetric and has no
            negative variance in any direction.
        """
        names = tuple(params.known(base, names))
        middle = jnp.asarray(copied(center), jnp.result_type(float))
        if middle.shape != (len(names),) or not np.all(np.isfinite(middle)):
            raise ModelError(
                f"a centre {np.asarray(center).tolist()}",
                where="Population",
                allowed=f"{len(names)} finite coordinates: {', '.join(names)}",
            )
        root = _root(covariance, len(names))
        cycle = None if cycle_covariance is None else _root(cycle_covariance, len(names))
        return cls(base, names, middle, root, cycle)

    @classmethod
    def from_values(
        cls,
        base: AbstractDevice | Circuit,
        values: Mapping[str, Float[np.ndarray, " devices"]],
    ) -> "Population":
        """Population with the median and the covariance of a table: errors of its values count as spread.

        Parameters
        ----------
        base : AbstractDevice or Circuit
            What all have in common.
        values : mapping of str to Float[np.ndarray, "devices"]
            Parameters of each device [SI]. Of fits, `fitting.fit_population` is the better choice.
        """
        specs = parameter_specs(base)
        names = params.known(base, values)
        columns = [from_spec(specs[n]).forward(jnp.asarray(values[n], float)) for n in names]
        z = np.stack([np.asarray(c) for c in columns])
        if z.shape[1] < 2:
            raise ModelError("one device", where="Population.from_values", allowed="two or more")
        covariance = np.atleast_2d(np.cov(z))
        return cls.of(base, names, center=z.mean(axis=1), covariance=covariance)

    def __repr__(self) -> str:
        """The base, and of each drawn parameter the median and the range of 90 % of the devices."""
        return of_tree(self, self._text)

    def _text(self) -> str:
        """See `__repr__`."""
        specs = parameter_specs(self.base)
        middle, (low, high) = self.median(), self.interval()
        summaries = "; ".join(
            f"{n} {float(middle[n]):.4g} ({float(low[n]):.3g} to {float(high[n]):.3g})"
            + ("" if specs[n].unit == "1" else f" {specs[n].unit}")
            for n in self.names
        )
        cycles = "alike" if self.cycle_root is None else "drawn"
        return f"Population({self.base.name}: {summaries}; cycles {cycles})"

    def _repr_html_(self) -> str | None:
        """A table of medians and ranges with units, and the picture of `plot`."""

        def build() -> str:
            specs = parameter_specs(self.base)
            ends = (
                *self.interval(),
                *(() if self.cycle_root is None else self.interval(cycles=True)),
            )
            columns = [self.median(), *ends]
            rows = [
                [n, *(f"{float(x[n]):.4g}" for x in columns), specs[n].unit, specs[n].doc]
                for n in self.names
            ]
            head = ["parameter", "median", "devices: 5 %", "95 %"]
            head += ["cycles of one: 5 %", "95 %"] * (self.cycle_root is not None)
            table = html_table(rows, [*head, "unit", "meaning"])
            text = f"{len(self.names)} parameters of {self.base.name} are drawn per device"
            text += "" if self.cycle_root is None else ", and per cycle about the device's own"
            parameters = fold("Drawn parameters", table, count=len(rows))
            return card("Population", text, inline_picture(self.plot), parameters)

        return or_text(build)

    def plot(self) -> Any:
        """Draw the range of 90 % of the devices over the median, parameter by parameter, see `memjax.plot.ranges`."""
        (low, high), middle = self.interval(), self.median()
        columns = (np.array([float(x[n]) for n in self.names]) for x in (low, middle, high))
        return pictures().ranges(self.names, *columns, label="90 % of devices")

    def interval(
        self, level: float = 0.9, *, cycles: bool = False
    ) -> tuple[dict[str, Float[Array, ""]], dict[str, Float[Array, ""]]]:
        """Ends [SI] by name of the range that holds a share of the devices, each parameter by itself.

        Parameters
        ----------
        level : float
            The share, above 0 and below 1.
        cycles : bool
            Whether it is that of the cycles of a device that has the median.

        Raises
        ------
        ModelError
            For another share.
        """
        check_flags({"cycles": cycles}, where="Population.interval")
        if not 0 < level < 1:
            raise ModelError(
                f"level = {level!r}", where="Population.interval", allowed="above 0 and below 1"
            )
        reach = NormalDist().inv_cdf((1 + level) / 2)
        deviation = reach * jnp.sqrt(jnp.diag(self.cycle_covariance if cycles else self.covariance))
        low, high = (self._values((self.center + s * deviation)[None]) for s in (-1, 1))
        return {n: x[0] for n, x in low.items()}, {n: x[0] for n, x in high.items()}

    @property
    def covariance(self) -> Float[Array, "names names"]:
        """From device to device, in unconstrained coordinates."""
        return self.root @ self.root.T

    @property
    def cycle_covariance(self) -> Float[Array, "names names"]:
        """From cycle to cycle of one device, in unconstrained coordinates."""
        root = self.cycle_root
        return jnp.zeros_like(self.root) if root is None else root @ root.T

    def median(self) -> dict[str, Float[Array, ""]]:
        """Medians [SI] by name."""
        return {n: x[0] for n, x in self._values(self.center[None]).items()}

    def sample(
        self, key: int | Key[Array, ""], n: int, *, sweeps: int | None = None, first: int = 0
    ) -> dict[str, Array]:
        """Values of the drawn parameters.

        Parameters
        ----------
        key : int or Key[Array, ""]
            Seed or key. Device m's draw depends on it and on m only, not on how many are drawn.
        n : int
            Number of devices.
        sweeps : int, optional
            Number of cycles of each, drawn about the device's own values; without it the
            values of the devices themselves.
        first : int
            Number of the first device, so that a population can be drawn in chunks.

        Returns
        -------
        dict of str to Float[Array, "n"] or Float[Array, "n sweeps"]
            SI values by name; with `sweeps` these are `values` of `memjax.simulate`.
        """
        n = as_integer("n", n, where="Population.sample", error=ModelError, lowest=1)
        if sweeps is not None:
            sweeps = as_integer(
                "sweeps", sweeps, where="Population.sample", error=ModelError, lowest=1
            )
        seed = _as_key(key, "Population.sample")
        # Whole vectors and sums written out: the last bit would else depend on how many are drawn.
        count, size = n + -n % _VECTOR, (len(self.names),)
        members = member_numbers(first, count, where="Population.sample")
        device_root = jax.random.fold_in(seed, _DEVICES)

        def draw(k):
            return jax.random.normal(k, size, self.root.dtype)

        normal = jax.vmap(lambda m: draw(jax.random.fold_in(device_root, m)))(members)
        z = self.center[None] + jnp.sum(normal[:, None] * self.root[None], axis=-1)
        if sweeps is None:
            return {k: x[:n] for k, x in self._values(z).items()}
        return self._cycles(seed, jnp.broadcast_to(z[:n, None], (n, sweeps, *size)), first)

    def sample_cycles(
        self,
        key: int | Key[Array, ""],
        values: Mapping[str, Float[Array, "devices cycles"]],
        *,
        first: int = 0,
    ) -> dict[str, Float[Array, "devices cycles"]]:
        """Values of cycles, drawn about the devices' own.

        Parameters
        ----------
        key : int or Key[Array, ""]
            Seed or key; a draw depends on it, on the number of the device and on that of the cycle.
        values : mapping of str to Float[Array, "devices cycles"]
            The drawn parameters of the devices, in each cycle [SI].
        first : int
            Number of the first device.
        """
        specs = parameter_specs(self.base)
        z = jnp.stack([from_spec(specs[n]).forward(values[n]) for n in self.names], axis=-1)
        return self._cycles(_as_key(key, "Population.sample_cycles"), z, first)

    def _cycles(self, seed, z: Float[Array, "devices cycles names"], first: int):
        """Values of cycles about coordinates of the devices."""
        if self.cycle_root is None:
            return self._values(z)
        fold, (members, sweeps, size) = jax.random.fold_in, z.shape
        cycle = fold(seed, _CYCLES)

        def draw(m, s):
            return jax.random.normal(fold(fold(cycle, m), s), (size,), self.root.dtype)

        draw_all = jax.vmap(jax.vmap(draw, (None, 0)), (0, None))
        numbers = member_numbers(first, members, where="Population.sample")
        normal = draw_all(numbers, jnp.arange(sweeps))
        return self._values(z + jnp.sum(normal[:, :, None] * self.cycle_root[None, None], axis=-1))

    def scale_spread(self, *, devices: float = 1.0, cycles: float = 1.0) -> "Population":
        """The population with its standard deviations multiplied: from device to device, from cycle to cycle."""
        cycle = None if self.cycle_root is None or cycles == 0 else cycles * self.cycle_root
        return Population(self.base, self.names, self.center, devices * self.root, cycle)

    def devices(
        self, key: int | Key[Array, ""], n: int, *, first: int = 0
    ) -> tuple[AbstractDevice | Circuit, Any]:
        """Many devices in one, and `in_axes` of `jax.vmap`, see `memjax.params.ensemble`."""
        return params.ensemble(self.base, self.sample(key, n, first=first))

    def _values(self, z: Float[Array, "... names"]) -> dict[str, Array]:
        """SI values of unconstrained coordinates."""
        specs = parameter_specs(self.base)
        return {n: from_spec(specs[n]).inverse(z[..., k]) for k, n in enumerate(self.names)}

    def save(self, path: str | Path, *, name: str | None = None) -> None:
        """Write JSON.

        Parameters
        ----------
        path : str or Path
            The file; one that exists is replaced.
        name : str, optional
            Name by which `memjax.model` makes the base, by default its own; a circuit that it does not make is given to
            `load`.
        """
        model_name = self.base.name if name is None else name
        cycle = None if self.cycle_root is None else np.asarray(self.cycle_root).tolist()
        content = {
            "schema_version": SCHEMA_VERSION,
            "model": model_name,
            "values": params.to_dict(self.base),
            "names": list(self.names),
            "median": {n: float(x) for n, x in self.median().items()},
            "center": np.asarray(self.center).tolist(),
            "root": np.asarray(self.root).tolist(),
            "cycle_root": cycle,
        }
        write_json(path, content)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        base: AbstractDevice | Circuit | None = None,
        models: Sequence[str] = (),
    ) -> "Population":
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file, or the folder of a batch of fits.
        base : AbstractDevice or Circuit, optional
            The base, where it is a circuit of one's own; its values are those of the file.
        models : sequence of str
            Models that it may be of; any where there are none.

        Raises
        ------
        ModelError
            If the file cannot be read, does not fit the base, or is of another model.
        """
        path = Path(path)
        path = path / POPULATION if os.path.isdir(path) else path
        where = str(path)
        try:
            content = load_json(path, ModelError, what="no population can be read", allowed=_LAYOUT)
            if content["schema_version"] != SCHEMA_VERSION:
                raise ValueError(f"schema_version {content['schema_version']!r}")
            if base is None and content["model"] in (None, OWN):
                raise ValueError("it names no model: give its circuit as base=")
            if models and content["model"] not in (None, *models):
                raise ModelError(
                    f"parameters of the model {content['model']!r}",
                    where=where,
                    allowed=", ".join(models),
                )
            device = model(content["model"]) if base is None else base
            device = params.replace(device, content["values"], where=where)
            root = np.array(content["root"], float)
            population = cls.of(
                device, content["names"], center=content["center"], covariance=root @ root.T
            )

            def as_own(r):
                return jnp.asarray(r, jnp.result_type(float))

            cycle = None if content["cycle_root"] is None else as_own(content["cycle_root"])
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ModelError(
                f"no population can be read: {error}", where=where, allowed=_LAYOUT
            ) from error
        return cls(device, population.names, population.center, as_own(root), cycle)


def _as_key(key: Any, where: str) -> Any:
    """The key of a seed, or a key as it is."""
    dtype = getattr(key, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key):
        return key
    if np.shape(key) == (2,) and isinstance(key, jax.Array):  # of jax.random.PRNGKey
        return key
    return jax.random.key(as_seed(key, where=where, error=ModelError))


def _root(covariance: Any, n: int) -> Float[Array, "names names"]:
    """A symmetric root of a covariance."""
    c = np.asarray(covariance, float)
    fine = c.shape == (n, n) and bool(np.all(np.isfinite(c)))
    if fine:
        size, axes = np.linalg.eigh((c + c.T) / 2)
        tiny = 1e-9 * max(float(np.max(np.abs(size))), 1e-300)
        fine = bool(np.allclose(c, c.T, atol=tiny) and np.all(size > -tiny))
    if not fine:
        raise ModelError(
            f"a covariance {c.tolist()}",
            where="Population",
            allowed=f"symmetric, {n} by {n}, no negative variance",
        )
    return jnp.asarray((axes * np.sqrt(np.maximum(size, 0.0))) @ axes.T, jnp.result_type(float))


__all__ = ["POPULATION", "Population"]
