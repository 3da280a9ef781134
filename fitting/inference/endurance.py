"""Resistances of an endurance test from device to device and from cycle to cycle, as a population."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.params import known
from memjax.core.transforms import from_spec
from memjax.data import EnduranceRecord
from memjax.errors import DataError

from .devices import Devices
from .hierarchy import Hierarchy, fit_population

_FEWEST = 3
"""Cycles of a device, less its mean, from which a covariance of two states has an inverse."""


def fit_endurance(
    records: Sequence[EnduranceRecord],
    base: mj.AbstractDevice | mj.Circuit,
    *,
    on: str = "r_on",
    off: str = "r_off",
) -> Hierarchy:
    """Medians, spreads and correlations of the two resistances, from device to device and from cycle to cycle.

    Parameters
    ----------
    records : sequence of EnduranceRecord
        Endurance tests of two devices or more, such as `memjax.read` gives: resistances [ohm] or conductances [S].
    base : AbstractDevice or Circuit
        What has the resistances among its parameters.
    on, off : str
        Parameters that are the low and the high resistance [ohm].

    Returns
    -------
    Hierarchy
        `population(base)` of it is sampled by `memjax simulate --population`, in networks, and in Python.

    Raises
    ------
    ModelError
        For parameters that the model does not have.
    DataError
        For currents, which are no resistances; for fewer than two devices with three whole cycles; for states that are
        not positive.
    FitError
        Where the spread does not converge.

    Notes
    -----
    The coordinates of a device's cycles, see `memjax.core.transforms`, are normal about those of the device, with one
    covariance for all devices, and those of the devices are normal, too: restricted maximum likelihood of the second
    covariance, the first one being that of all cycles about their devices. Cycles in which one state is missing are
    left out. Devices whose window closes count as they are, and widen both.
    """
    specs, names = parameter_specs(base), tuple(known(base, (on, off)))
    means, within, freedom, labels, counts = [], np.zeros((2, 2)), 0, [], []
    for record in records:
        z = _coordinates(record, [specs[n] for n in names])
        if len(z) < _FEWEST:
            continue
        means.append(z.mean(axis=0))
        within += (z - means[-1]).T @ (z - means[-1])
        # The mean of each device takes one degree of freedom.
        freedom += len(z) - 1
        labels.append(record.device)
        counts.append(len(z))
    if len(means) < 2:
        raise DataError(
            f"{len(means)} devices with {_FEWEST} cycles of both states",
            where="fit_endurance",
            allowed="at least two",
        )
    within = within / freedom
    # The mean of n cycles has an nth of the covariance from cycle to cycle.
    information = np.array(counts)[:, None, None] * np.linalg.inv(within)
    score = np.einsum("dij,dj->di", information, np.array(means))
    return fit_population(
        Devices(
            names=names,
            labels=tuple(labels),
            information=information,
            score=score,
            within=within,
            cycles=freedom,
        )
    )


def _coordinates(record: EnduranceRecord, specs: Sequence[Any]) -> Float[np.ndarray, "cycles 2"]:
    """Unconstrained coordinates of the low and the high resistance of the whole cycles of a device."""
    if record.quantity == "i":
        raise DataError(
            "currents in the place of resistances",
            where=f"fit_endurance, device {record.device}",
            allowed="resistances or conductances",
            fix="divide the voltage at which they were read by them",
        )
    states = np.stack([record.lrs, record.hrs], axis=1)
    whole = states[np.all(np.isfinite(states), axis=1)]
    if np.any(whole <= 0):
        raise DataError(
            f"{np.sum(np.any(whole <= 0, axis=1))} cycles whose states are not positive",
            where=f"fit_endurance, device {record.device}",
            allowed="above 0",
        )
    ohm = whole if record.quantity == "r" else 1 / whole
    columns = (from_spec(s).forward(jnp.asarray(x)) for s, x in zip(specs, ohm.T, strict=True))
    return np.stack([np.asarray(c) for c in columns], axis=1)
