"""The population of a batch: medians, how devices differ, how cycles do, and the file that devices are drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import memjax as mj
from memjax.core.fields import parameter_specs, setting_specs
from memjax.errors import DataError, FitError
from memjax.io.fit import FitFile, load_fit
from memjax.population import POPULATION

from ..inference.devices import Devices
from ..inference.hierarchy import Hierarchy, fit_population
from .figures import determined
from .fit import Row

# Share of the devices that have to determine a parameter for its errors to be told from the spread.
_SHARE = 0.5


@dataclass(frozen=True)
class BatchPopulation:
    """The population of the devices of a batch.

    Parameters
    ----------
    hierarchy : Hierarchy or None
        The fitted population; None where there is none.
    population : Population or None
        What devices are drawn from; None where they have no common base.
    method : str
        How it was found, in words.
    note : str
        What is to be known about it, or why there is none; empty where all is plain.
    """

    hierarchy: Hierarchy | None = None
    population: mj.Population | None = None
    method: str = ""
    note: str = ""

    def as_json(self) -> dict[str, Any] | None:
        """For ``batch.json``: a row per parameter, and correlations from device to device; None where there is none."""
        if self.hierarchy is None or self.population is None:
            return None
        return {
            "file": POPULATION,
            "method": self.method,
            "devices": len(self.hierarchy.labels),
            "parameters": self.hierarchy.table(self.population.base),
            "correlation": np.round(self.hierarchy.correlation, 4).tolist(),
        }


def batch_population(
    rows: Sequence[Row], fits: Path, device: mj.AbstractDevice | mj.Circuit
) -> BatchPopulation:
    """The population that fitted devices belong to; those that failed are left out. `fits` holds their fits.

    Notes
    -----
    Where each parameter is determined by at least half of the devices, the errors of their fits are taken off
    (`fit_population`). Else these are no errors to first order: estimates lie along curved valleys, and what is drawn
    is like the estimates, errors and all.
    """
    fitted = [r for r in rows if not r.failure]
    try:
        devices = Devices.from_fits(fitted)
        base = _base([load_fit(fits / f"{r.name}.json") for r in fitted], device)
        few = [n for n in devices.names if len(determined(fitted, n)) < _SHARE * len(fitted)]
        if not few:
            hierarchy = fit_population(devices)
            method = "restricted maximum likelihood"
            return BatchPopulation(hierarchy, hierarchy.population(base), method)
    except (DataError, FitError, np.linalg.LinAlgError) as error:
        return BatchPopulation(note=f"no population to draw from: {error}")
    hierarchy = Hierarchy.of_estimates(devices, np.array([r.z for r in fitted]), few)
    note = f"not determined by most devices: {', '.join(few)}; what is drawn is like the estimates, errors and all"
    method = "covariance of the estimates"
    return BatchPopulation(hierarchy, hierarchy.population(base), method, note)


def _base(fits: Sequence[FitFile], device: Any) -> Any:
    """What devices have in common: settings, and medians of their values; none reversed, or it is a `DataError`."""
    kinds = {tuple((n, f.values[n]) for n in setting_specs(device)) for f in fits}
    if len(kinds) > 1:
        texts = sorted(", ".join(f"{n} = {x}" for n, x in kind) for kind in kinds)
        what = f"devices of different settings: {'; '.join(texts)}"
        raise DataError(what, allowed="one kind", fix="fit each kind by itself")
    swapped = sum(bool(f.bench.get("reversed")) for f in fits)
    if swapped:
        what = f"{swapped} of {len(fits)} devices stand with their terminals swapped"
        raise DataError(what, fix="fit them with --sign, and the voltages as the circuit has them")
    names = [n for n in parameter_specs(device) if all(n in f.values for f in fits)]
    medians = {n: float(np.median([f.values[n] for f in fits])) for n in names}
    return mj.params.replace(device, {**dict(*kinds), **medians})
