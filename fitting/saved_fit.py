"""A fit out of its folder: what it found, without the search that found it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import memjax as mj
from memjax.errors import DataError
from memjax.io.fit import load_fit

from .fit_card import in_words
from .fit_json import load as load_content
from .report import build
from .verdict import Verdict

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, repr=False)
class SavedFit:
    """A fit of any kind that ``memjax fit`` or `AbstractFit.save` wrote.

    Parameters
    ----------
    folder : Path
        Its folder.
    content : mapping
        Its ``fit.json``.
    device : AbstractDevice or Circuit
        With the best parameters.
    bench : Bench
        What stood around it, quantities that were fitted among it.
    """

    folder: Path
    content: Mapping[str, Any]
    device: mj.AbstractDevice | mj.Circuit
    bench: mj.Bench

    @property
    def kind(self) -> str:
        """Label of the kind of its data."""
        return self.content.get("kind", "sweeps")

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.content["model"]

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the parameters that were fitted."""
        return tuple(self.content["free"])

    @property
    def values(self) -> dict[str, float]:
        """Values of the free parameters [SI]."""
        return {n: self._rows[n]["value"] for n in self.free}

    @property
    def std(self) -> dict[str, float]:
        """Their standard deviations [SI], where the fit gives one."""
        rows = self._rows
        return {n: rows[n]["std"] for n in self.free if rows[n]["std"] is not None}

    @property
    def level(self) -> float:
        """Probability that `intervals` hold."""
        return self.content["uncertainty"]["level"]

    @property
    def intervals(self) -> dict[str, tuple[float | None, float | None]]:
        """Ends of the intervals [SI]; None where one is open."""
        return {n: tuple(x) for n, x in self.content["uncertainty"]["intervals"].items()}

    @property
    def undetermined(self) -> tuple[str, ...]:
        """Parameters that the data do not determine."""
        return tuple(self.content["undetermined"])

    @property
    def at_bound(self) -> tuple[str, ...]:
        """Parameters that sit at a bound."""
        return tuple(self.content["at_bound"])

    @property
    def loss(self) -> float:
        """Half the sum of squared residuals."""
        return self.content["loss"]

    @property
    def notes(self) -> tuple[str, ...]:
        """Decisions that were taken, in words."""
        return tuple(self.content["notes"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the result, in words."""
        return tuple(self.content["warnings"])

    @property
    def verdict(self) -> Verdict | None:
        """What the fit is worth, and why; None where the file does not say."""
        said = self.content.get("verdict")
        return said and Verdict(word=said["word"], reason=said["reason"])

    @property
    def _rows(self) -> dict[str, Any]:
        """Rows of the device's parameters, and of those of the bench."""
        return self.content["parameters"] | self.content.get("bench_parameters", {})

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each parameter, as `AbstractFit.table` does."""
        return [{"name": n, **row} for n, row in self._rows.items()]

    def data(self, name: str = "measured") -> "pandas.DataFrame":
        """Return a table of the folder: ``"measured"``, ``"simulated"`` or another.

        Raises
        ------
        DataError
            Where there is none of that name.
        """
        import pandas

        path = self.folder / f"{name}.csv"
        if not path.exists():
            there = ", ".join(sorted(p.stem for p in self.folder.glob("*.csv"))) or "none"
            raise DataError(f"no table {name!r}", where=str(self.folder), allowed=there)
        return pandas.read_csv(path)

    def report(self) -> Path:
        """Draw the pictures and the page of the folder anew; the page."""
        build(self.folder)
        return self.folder / "report.html"

    def __repr__(self) -> str:
        """The kind, the model, the verdict's word, the loss, and a line for each free parameter."""
        units = {n: row["unit"] for n, row in self._rows.items()}
        return in_words(self, f"SavedFit({self.model}, {self.kind}", units)


def load(folder: str | Path) -> SavedFit:
    """Read the folder of a fit.

    Parameters
    ----------
    folder : str or Path
        What ``memjax fit`` or `AbstractFit.save` wrote.

    Returns
    -------
    SavedFit
        Values, deviations, intervals, verdict, tables, and the device with its bench.

    Raises
    ------
    DataError, ModelError
        Where it holds no fit, or one of a device that `memjax.model` does not make.
    """
    place = Path(folder)
    content, file = load_content(place), load_fit(place)
    device = mj.params.replace(mj.model(file.model), file.values, where=str(place))
    known = {f.name for f in fields(mj.Bench)}
    around: dict[str, Any] = {n: x for n, x in file.bench.items() if n in known and x is not None}
    bench = mj.Bench(**around)
    return SavedFit(folder=place, content=content, device=device, bench=bench)
