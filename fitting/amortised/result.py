"""Posteriors of many devices: draws in the parameters' units, and devices of which nothing can be said."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from memjax.core.reprs import of_tree

if TYPE_CHECKING:
    import pandas


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
        """See `__repr__`."""
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
