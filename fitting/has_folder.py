"""What can be written as the folder of a fit, whatever makes it."""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

from memjax.runtime.flags import check_flags


class HasFolder:
    """A result of a kind of data, which is written as a folder.

    Attributes
    ----------
    kind : str
        Label of the kind, see `fitting.kinds.Kind`.
    """

    kind: ClassVar[str]

    @property
    def sources(self) -> Sequence[Mapping[str, Any]]:
        """What the measured data say of where they come from, see `memjax.Measurement.source`."""
        return ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The measured files, where they are known and still there."""
        names = dict.fromkeys(s.get("file") for s in self.sources)
        return tuple(Path(n) for n in names if n and Path(n).exists())

    def save(self, folder: str | Path, *, force: bool = False) -> Path:
        """Write the folder that ``memjax fit`` writes: fit.json, tables, pictures and report.html.

        Parameters
        ----------
        folder : str or Path
            The folder to make.
        force : bool
            Whether a folder of an earlier fit is replaced.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        OutputError
            Where something else is there, or it cannot be written.
        """
        check_flags({"force": force}, where="save")
        (point,) = entry_points(group="memjax.folders", name="fit")  # it lies above all fits
        return point.load()(self, folder, force=force)
