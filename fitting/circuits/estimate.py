"""Estimates of parameters of a circuit from an information matrix of their logarithms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.html import card, or_text
from memjax.core.params import constrain
from memjax.core.transforms import from_spec

from ..page.fit_blocks import parameter_table
from ..page.render import render
from ..parameters import parameter_rows, sits_at_bound

LIMIT = 0.5
"""Relative standard deviation above which a parameter counts as undetermined."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Estimate:
    """Free parameters and how well they are known.

    Parameters
    ----------
    circuit : Circuit
        With the best parameters.
    values, std : dict of str to float
        Best values and standard deviations to first order [the parameter's unit], by dotted name.
    correlation : Float[np.ndarray, "free free"]
        Correlations, in the order of `values`.
    undetermined : tuple of str
        Parameters whose relative standard deviation exceeds `LIMIT`, or that are part of a
        direction in which the data say next to nothing. Their standard deviations have no meaning
        beyond being large.
    """

    circuit: mj.Circuit
    values: dict[str, float]
    std: dict[str, float]
    correlation: Float[np.ndarray, "free free"]
    undetermined: tuple[str, ...]

    def z_scores(self, truth: Mapping[str, float]) -> dict[str, float]:
        """(estimate - truth) / standard deviation of each parameter that is named in `truth`."""
        return {n: (self.values[n] - x) / self.std[n] for n, x in truth.items()}

    def table(self) -> list[dict]:
        """One row per parameter of the circuit, see `fitting.result.AbstractFit.table`; there are no intervals."""
        at_bound = [n for n in self.values if sits_at_bound(self.circuit, n)]
        return parameter_rows(
            self.circuit, self.std, {}, undetermined=self.undetermined, at_bound=at_bound
        )

    def __repr__(self) -> str:
        """A line for each free parameter."""
        specs, lines = parameter_specs(self.circuit), ["Estimate"]
        for n, x in self.values.items():
            remark = ", not determined" * (n in self.undetermined)
            lines.append(f"  {n} = {x:.4g} +- {self.std[n]:.2g} {specs[n].unit}{remark}")
        return "\n".join(lines)

    def _repr_html_(self) -> str | None:
        """Free parameters with units."""
        return or_text(lambda: card("Estimate", "", self.html()))

    def html(self) -> str:
        """Table of the free parameters."""
        free_rows = {row["name"]: row for row in self.table() if row["free"]}
        return render(parameter_table({"synthetic_truth": False, "parameters": free_rows}))


def values_at(circuit: mj.Circuit, free: Sequence[str], z: np.ndarray) -> dict[str, float]:
    """Values [SI] at coordinates."""
    specs = parameter_specs(circuit)
    pairs = zip(free, z, strict=True)
    return {n: float(from_spec(specs[n]).inverse(jnp.asarray(x))) for n, x in pairs}


def lifted_inverse(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of an information matrix of logarithms, and each parameter's share in its null directions.

    Information below that of ten times the limit is lifted to it.
    """
    # A parameter that is known to no better than a factor of 150 adds no information worth inverting.
    size, axes = np.linalg.eigh(information)
    least = (10 * LIMIT) ** -2
    null = np.sqrt(np.sum(axes[:, size <= least] ** 2, axis=1))
    return (axes / np.maximum(size, least)) @ axes.T, null


def estimate_of(
    circuit: mj.Circuit,
    free: tuple[str, ...],
    z: np.ndarray,
    *,
    information: np.ndarray,
    surely: np.ndarray | None = None,
) -> Estimate:
    """The estimate out of the information matrix of the logarithms, and of what of it is sure."""
    covariance, _ = lifted_inverse(information)
    strict, null = lifted_inverse(information if surely is None else surely)
    values, sigma = values_at(circuit, free, z), np.sqrt(np.diag(covariance))
    undetermined = (np.sqrt(np.diag(strict)) > LIMIT) | (null > 0.1) | (sigma > LIMIT)
    return Estimate(
        circuit=constrain(circuit, free, jnp.asarray(z)),
        values=values,
        std={n: float(s * (abs(values[n]) or 1.0)) for n, s in zip(free, sigma, strict=True)},
        correlation=covariance / np.outer(sigma, sigma),
        undetermined=tuple(n for n, loose in zip(free, undetermined, strict=True) if loose),
    )
