"""The folder of a fit, for a command line and a notebook alike."""

from pathlib import Path
from typing import Any

from memjax.core.constants import ROOM_TEMPERATURE
from memjax.io.request import file_of
from memjax.runtime.files import prepare_output, writing_folder

from .constants import MARKER
from .fit_json import load
from .kinds import Origin, true_parameters
from .progress import Stages
from .report import write
from .solve_call import config_of


def write_folder(fit: Any, out: Path, origin: Origin, *, drawn: bool = True) -> dict[str, Any]:
    """Write the folder of a fit as a whole or not at all; the content of its ``fit.json``.

    Parameters
    ----------
    fit : AbstractFit
        The fit.
    out : Path
        Its folder, which `prepare_output` has allowed.
    origin : Origin
        Where the fit comes from.
    drawn : bool
        Whether there are tables and pictures, which take simulations.
    """
    with Stages(["report"], lines=False) as stages, writing_folder(out) as place:
        stages.describe("report")
        write(fit, place, origin, drawn=drawn)
        return load(place)


def save(fit: Any, folder: str | Path, *, force: bool = False) -> Path:
    """See `fitting.result.AbstractFit.save`."""
    out = prepare_output(folder, force=force, folder=True, marker=MARKER)
    kelvin = getattr(getattr(getattr(fit, "problem", None), "env", None), "temperature", None)
    temperature = ROOM_TEMPERATURE if kelvin is None else float(kelvin)
    config = config_of(fit)
    files = fit.files or tuple(map(file_of, config.get("files", ())))
    origin = Origin(
        files=files, truth=true_parameters(files), temperature=temperature, config=config
    )
    write_folder(fit, out, origin)
    return out
