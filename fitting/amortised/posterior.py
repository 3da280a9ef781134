"""A density that was trained for a model and a protocol, and the posteriors that it gives of measured devices."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.reprs import of_tree
from memjax.errors import DataError, MemjaxWarning
from memjax.runtime.arguments import as_seed
from memjax.runtime.flags import check_flags

from .calibration import Calibration
from .density import Density
from .prior import Prior
from .protocol import Aligned, SweepProtocol, align_all
from .statistics import Reach, SweepStatistics

if TYPE_CHECKING:
    import pandas

DRAWS = 255
"""Draws from the posterior of a device, where nothing else is asked for."""

LOST = 0.1
"""Share of the readings of a device that may be no numbers; they are filled in from their neighbours."""


@dataclass(frozen=True, kw_only=True, repr=False)
class DevicePosteriors:
    """What measurements say of the parameters of each device.

    Parameters
    ----------
    labels : tuple of str
        Names of the devices.
    units : dict of str to str
        Units of the parameters, by name.
    draws : dict of str to Float[np.ndarray, "devices draws"]
        Draws from each device's posterior [unit]; draw k of all parameters belong together. Not a number for a device
        that is outside of what was simulated.
    outside : tuple of str
        Why nothing is said of a device, or why its draws are an extrapolation; empty where neither.
    notes : tuple of str
        What is to be known of the reading of each device.
    """

    labels: tuple[str, ...]
    units: dict[str, str]
    draws: dict[str, Float[np.ndarray, "devices draws"]]
    outside: tuple[str, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """Number of devices and draws, medians over devices, and how many are outside."""
        return of_tree(self, self._text)

    def _text(self) -> str:
        known = [k for k, why in enumerate(self.outside) if not why]
        middle = {n: np.median(x[known]) if known else np.nan for n, x in self.median().items()}
        medians = ", ".join(
            f"{n} {x:.4g}" + ("" if self.units[n] == "1" else f" {self.units[n]}")
            for n, x in middle.items()
        )
        size = next(iter(self.draws.values())).shape
        return (
            f"DevicePosteriors({size[0]} devices, {size[1]} draws each; medians {medians}; "
            f"{size[0] - len(known)} outside of what was simulated)"
        )

    def median(self) -> dict[str, Float[np.ndarray, " devices"]]:
        """Medians [unit] by name."""
        return {n: np.median(x, axis=1) for n, x in self.draws.items()}

    def std(self) -> dict[str, Float[np.ndarray, " devices"]]:
        """Standard deviations [unit] by name."""
        return {n: x.std(axis=1, ddof=1) for n, x in self.draws.items()}

    def interval(self, level: float = 0.9) -> dict[str, Float[np.ndarray, "devices 2"]]:
        """Ends [unit] by name of intervals of equal tails."""
        ends = [(1 - level) / 2, (1 + level) / 2]
        return {n: np.quantile(x, ends, axis=1).T for n, x in self.draws.items()}

    def correlation(self) -> Float[np.ndarray, "devices free free"]:
        """Correlations of the parameters of each device, in the order of `draws`."""
        x = np.stack(list(self.draws.values()), axis=1)
        x = x - x.mean(axis=2, keepdims=True)
        covariance = x @ x.transpose(0, 2, 1)
        size = np.sqrt(np.einsum("dii->di", covariance))
        return covariance / (size[:, :, None] * size[:, None, :])

    def to_pandas(self, level: float = 0.9) -> "pandas.DataFrame":
        """A row a device: median, standard deviation and interval of each parameter, and what is to be known.

        Columns are ``NAME``, ``NAME_std``, ``NAME_low``, ``NAME_high`` [unit], ``outside`` and ``notes``.
        """
        import pandas

        columns: dict[str, object] = {"device": list(self.labels)}
        middle, std, ends = self.median(), self.std(), self.interval(level)
        for n in self.draws:
            columns |= {n: middle[n], f"{n}_std": std[n]}
            columns |= {f"{n}_low": ends[n][:, 0], f"{n}_high": ends[n][:, 1]}
        return pandas.DataFrame(columns | {"outside": self.outside, "notes": self.notes})


@dataclass(frozen=True, kw_only=True, repr=False)
class AmortisedPosterior:
    """Posteriors of devices of one model under one protocol, in milliseconds each.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        The model, with the values of what is not free.
    prior : Prior
        What devices were drawn from.
    statistics : SweepStatistics
        What is read off the sweeps of the protocol.
    density : Density
        The trained networks.
    reach : Reach
        The statistics that simulated devices have.
    calibration : Calibration
        Ranks and coverage of devices that were not trained on.
    simulations, failed : int
        Devices that were simulated for training and its test, and those of them whose solve failed.
    settings : dict of str to str
        How they were simulated, in words: solver, noise, spread from cycle to cycle.
    seed : int
        Of all random numbers.
    """

    device: Any
    prior: Prior
    statistics: SweepStatistics
    density: Density
    reach: Reach
    calibration: Calibration
    simulations: int
    failed: int
    settings: dict[str, str]
    seed: int

    def __repr__(self) -> str:
        """Model, free parameters, simulations and the verdict of the calibration."""
        return of_tree(self, self._text)

    def _text(self) -> str:
        verdict = "; ".join(self.calibration.failures) or "calibrated"
        return (
            f"AmortisedPosterior({self.device.name}: {', '.join(self.prior.names)}; "
            f"{self.simulations} simulated devices; {verdict})"
        )

    @property
    def protocol(self) -> SweepProtocol:
        """What is applied to each device, and how it is read."""
        return self.statistics.protocol

    def posterior(
        self,
        data: "mj.Measurement | Sequence[mj.Measurement | Aligned] | Float[np.ndarray, 'devices readings']",
        *,
        draws: int = DRAWS,
        seed: int = 0,
        labels: Sequence[str] | None = None,
        uncalibrated: bool = False,
        extrapolate: bool = False,
        warn: bool = True,
    ) -> DevicePosteriors:
        """What is known of the parameters of measured devices.

        Parameters
        ----------
        data : Measurement, sequence of Measurement or Aligned, or Float[np.ndarray, "devices readings"]
            One device each; or currents [A] at the times of the protocol, sweep after sweep.
        draws : int
            Draws from each posterior.
        seed : int
            Of the draws.
        labels : sequence of str, optional
            Names of the devices; by default those of their files, or numbers.
        uncalibrated : bool
            Whether to answer although the calibration did not pass.
        extrapolate : bool
            Whether to draw for devices outside of what was simulated as well; `outside` names them all the same.
        warn : bool
            Whether to warn of devices that are outside.

        Returns
        -------
        DevicePosteriors

        Raises
        ------
        DataError
            If the calibration did not pass; for another protocol, wrong shapes and numbers.

        Warns
        -----
        MemjaxWarning
            If devices are outside of what was simulated.
        """
        seed = as_seed(seed, where="posterior", lowest=0)
        check_flags(
            {"uncalibrated": uncalibrated, "extrapolate": extrapolate, "warn": warn},
            where="AmortisedPosterior.posterior",
        )
        self.check(uncalibrated=uncalibrated)
        if draws < 20:
            raise DataError(f"{draws} draws", where="posterior", allowed="20 or more")
        labels, i, lost, notes = self._currents(data, labels)
        with np.errstate(invalid="ignore"):
            statistics = self.statistics(i)
        outside = self._outside(statistics, lost)
        for lines, share in zip(notes, lost.tolist(), strict=True):
            lines += [f"{share:.1%} of the readings are no numbers"] * (share > 0)
        finite: Any = np.isfinite(statistics).all(axis=1)
        whole = np.where(finite[:, None], statistics, self.density.center[None])
        u = self.density.draw(whole, draws, seed=seed)
        known = finite & (extrapolate | np.array([not why for why in outside]))
        values = self.prior.values(np.where(known[:, None, None], u, np.nan))
        if (count := sum(map(bool, outside))) and warn:
            text = f"{count} of {len(outside)} devices are outside of what was simulated"
            warnings.warn(f"{text}; `outside` says why", MemjaxWarning, stacklevel=2)
        return DevicePosteriors(
            labels=labels,
            units=dict(zip(self.prior.names, self.prior.units, strict=True)),
            draws=values,
            outside=outside,
            notes=tuple("; ".join(n) for n in notes),
        )

    def check(self, *, uncalibrated: bool = False) -> None:
        """Refuse a density that is not calibrated, unless it may be.

        Raises
        ------
        DataError
            It says which parameter fails, and by how much.
        """
        check_flags({"uncalibrated": uncalibrated}, where="AmortisedPosterior.check")
        if not uncalibrated and not self.calibration.passed:
            what = f"the density is not calibrated: {'; '.join(self.calibration.failures)}"
            fix = "train it with more simulations, or say that it may be uncalibrated"
            raise DataError(what, where="posterior", fix=fix)

    def _currents(
        self, data: Any, labels: Sequence[str] | None
    ) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, list[list[str]]]:
        """Names, currents at the times of the protocol [A], shares that are no numbers, and notes."""
        if isinstance(data, np.ndarray):
            readings = int(self.protocol.edges[-1])
            if data.ndim != 2 or data.shape[1] != readings or not len(data):
                allowed = f"(devices, {readings}), as the protocol has"
                what = f"currents of shape {data.shape}"
                raise DataError(what, where="posterior", allowed=allowed)
            i, lost = self.protocol.fill(data)
            names, notes = [str(k) for k in range(len(i))], [[] for _ in i]
        else:
            devices = [data] if isinstance(data, mj.Measurement) else list(data)
            if not devices:
                raise DataError("no measurement", where="posterior", allowed="one or more")
            i, lost, notes = align_all(self.protocol, devices)
            files = [getattr(m, "source", {}).get("file") for m in devices]
            names = [Path(str(f)).stem if f else str(k) for k, f in enumerate(files)]
        if labels is not None and len(labels) != len(i):
            what = f"{len(labels)} labels of {len(i)} devices"
            raise DataError(what, where="posterior", allowed="one each")
        return tuple(labels or names), i, lost, notes

    def _outside(self, statistics: np.ndarray, lost: np.ndarray) -> tuple[str, ...]:
        """Why devices are outside of what was simulated; empty where they are not."""
        with np.errstate(invalid="ignore"):
            distance = self.reach.distance(statistics)
        words = []
        for far, share in zip(distance, lost, strict=True):
            if share > LOST:
                words.append(f"{share:.0%} of the readings are no numbers (allowed: {LOST:.0%})")
            elif not far <= 1:
                text = "a current that no simulated device has" if np.isinf(far) else (
                    f"{far:.2g} times as far from the mean as 99.9 % of the simulated devices"
                )  # fmt: skip
                words.append(f"outside of what was simulated: {text}")
            else:
                words.append("")
        return tuple(words)
