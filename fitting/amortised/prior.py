"""What devices are drawn from before they are measured: ranges, or the population of a batch of fits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import ParameterSpec, parameter_specs
from memjax.core.params import known
from memjax.core.transforms import from_spec
from memjax.errors import BoundsError, DataError

_SPREAD = re.compile(r"sigma_ln\((.+)\)$")
"""Name of the standard deviation from cycle to cycle of a parameter's logarithm, as in calibrations of randomness."""


def spread_of(name: str) -> str | None:
    """The parameter whose spread from cycle to cycle a name stands for; None where it is a parameter's own."""
    match = _SPREAD.match(name)
    return match[1] if match else None


def spec_of(device: Any, name: str) -> ParameterSpec:
    """Declaration of a parameter, or of its spread from cycle to cycle."""
    base = spread_of(name)
    spec = parameter_specs(device)[known(device, [base or name], where="bounds")[0]]
    if base is None:
        return spec
    text = f"standard deviation of ln {base} from cycle to cycle"
    return ParameterSpec(
        name=name, default=None, unit="1", bounds=(0.0, np.inf), symbol="", doc=text
    )


@dataclass(frozen=True, kw_only=True)
class Prior:
    r"""Law of the free parameters, in coordinates u that are independent standard normal numbers.

    Parameters
    ----------
    names : tuple of str
        Free parameters; ``sigma_ln(NAME)`` is the standard deviation from cycle to cycle of the logarithm of NAME.
    units : tuple of str
        Their units.
    low, high : tuple of float
        Ends of their ranges [unit]; empty where `population` says how they are drawn.
    population : memjax.Population or None
        What devices are drawn from in place of ranges.

    Notes
    -----
    Within a range whose ends are positive the logarithm is uniform, else the value: :math:`x = a^{1-p} b^p` or
    :math:`x = a + (b - a) p` with :math:`p = \Phi(u)`.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    population: mj.Population | None = None

    @classmethod
    def of_bounds(cls, device: Any, bounds: Mapping[str, tuple[float, float]]) -> "Prior":
        """Independent parameters within ranges [unit].

        Raises
        ------
        DataError, ModelError, BoundsError
            For no range, unknown names, and what is no range within the model's bounds.
        """
        if not bounds:
            raise DataError("no bounds", where="amortise", allowed="a range of each free parameter")
        specs = {n: spec_of(device, n) for n in bounds}
        for name, (low, high) in bounds.items():
            lowest, highest = specs[name].bounds
            if not (lowest <= low < high <= highest and np.isfinite([low, high]).all()):
                what = f"{name} between {low:g} and {high:g} {specs[name].unit}"
                allowed = f"LOW < HIGH, both finite, from {lowest:g} to {highest:g}"
                raise BoundsError(what, where="bounds", allowed=allowed)
        ends = [(float(a), float(b)) for a, b in bounds.values()]
        low, high = zip(*ends, strict=True)
        return cls(names=tuple(bounds), units=_units(specs), low=low, high=high)

    @classmethod
    def of_population(cls, population: mj.Population) -> "Prior":
        """Devices of a population, such as that of a batch of fits."""
        specs = parameter_specs(population.base)
        return cls(
            names=population.names,
            units=_units({n: specs[n] for n in population.names}),
            population=population,
        )

    def values(self, u: Float[np.ndarray, "... free"]) -> dict[str, Float[np.ndarray, "..."]]:
        """Values of the free parameters at coordinates [unit]."""
        if self.population is not None:
            z = np.asarray(self.population.center) + u @ np.asarray(self.population.root).T
            return {
                n: np.asarray(self._law(n).inverse(z[..., k])) for k, n in enumerate(self.names)
            }
        from scipy.special import ndtr

        p, out = ndtr(u), {}
        for k, (name, a, b) in enumerate(zip(self.names, self.low, self.high, strict=True)):
            share = p[..., k]
            out[name] = a * (b / a) ** share if a > 0 else a + (b - a) * share
        return out

    def coordinates(
        self, values: Mapping[str, Float[np.ndarray, "..."]]
    ) -> Float[np.ndarray, "... free"]:
        """Coordinates of values; infinite at an end of a range, not a number beyond it."""
        if self.population is not None:
            z = [np.asarray(self._law(n).forward(jnp.asarray(values[n]))) for n in self.names]
            offset = np.stack(z, axis=-1) - np.asarray(self.population.center)
            return offset @ np.linalg.inv(np.asarray(self.population.root)).T
        from scipy.special import ndtri

        columns = []
        for name, a, b in zip(self.names, self.low, self.high, strict=True):
            x = np.asarray(values[name], float)
            columns.append(np.log(x / a) / np.log(b / a) if a > 0 else (x - a) / (b - a))
        return ndtri(np.stack(columns, axis=-1))

    def _law(self, name: str) -> Any:
        base = self.population.base  # pyright: ignore[reportOptionalMemberAccess]
        return from_spec(parameter_specs(base)[name])

    def as_json(self) -> dict[str, Any]:
        """For a file: what each parameter is drawn from."""
        if self.population is None:
            return {
                n: {
                    "law": "log-uniform" if a > 0 else "uniform",
                    "low": a,
                    "high": b,
                    "unit": unit,
                }
                for n, a, b, unit in zip(self.names, self.low, self.high, self.units, strict=True)
            }
        low, high = self.population.interval()
        middle = self.population.median()
        return {
            n: {
                "law": "population",
                "median": float(middle[n]),
                "low": float(low[n]),
                "high": float(high[n]),
                "unit": unit,
            }
            for n, unit in zip(self.names, self.units, strict=True)
        }


def _units(specs: Mapping[str, ParameterSpec]) -> tuple[str, ...]:
    return tuple(s.unit for s in specs.values())
