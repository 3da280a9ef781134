"""The folder of a trained density: what it is in words, and its numbers with a checksum."""

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import memjax as mj
from memjax.errors import ModelError
from memjax.runtime.documents import load_json
from memjax.runtime.files import prepare_output, write_json, writing_folder
from memjax.runtime.flags import check_flags

from .posterior import AmortisedPosterior

SCHEMA_VERSION = 1
"""Layout of the folder that this version writes."""

CONTENT, NUMBERS = "amortised.json", "posterior.memjax"
"""Files of the folder."""

_LAYOUT = "a folder that memjax fit --amortise or save_amortised wrote"


def content_of(posterior: AmortisedPosterior) -> dict[str, Any]:
    """What ``amortised.json`` says, but for the checksum."""
    protocol, density = posterior.protocol, posterior.density
    compliance = protocol.bench.compliance
    return {
        "schema_version": SCHEMA_VERSION,
        "versions": {n: version(n) for n in ("memjax", "jax", "equinox", "flowjax")},
        "model": posterior.device.name,
        "prior": posterior.prior.as_json(),
        "protocol": {
            "sweeps": len(protocol.order),
            "readings": int(protocol.edges[-1]),
            "duration_s": [float(r[-1]) for r in protocol.rows],
            "range_V": [[float(v.min()), float(v.max())] for v in protocol.voltages],
            "relative": protocol.relative,
            "floor_A": protocol.floor,
            "resolution_A": protocol.resolution,
            "compliance_A": None if compliance is None else float(compliance),
        },
        "simulations": posterior.simulations,
        "failed": posterior.failed,
        "settings": posterior.settings,
        "seed": posterior.seed,
        "training": {
            "networks": len(density.losses),
            "passes": [len(x) for x in density.losses],
            "loss_held_out": [float(x[:, 1].min()) for x in density.losses],
        },
        "calibration": posterior.calibration.as_json(),
    }


def save_amortised(
    posterior: AmortisedPosterior, folder: str | Path, *, force: bool = False
) -> None:
    """Write a trained density.

    Parameters
    ----------
    posterior : AmortisedPosterior
        The density.
    folder : str or Path
        Is made: ``amortised.json`` says what it is, ``posterior.memjax`` has the numbers, as `memjax.save` writes them.
    force : bool
        Whether an earlier one is replaced.

    Raises
    ------
    OutputError
        If it exists or cannot be written.
    """
    check_flags({"force": force}, where="save_amortised")
    path = prepare_output(folder, force=force, folder=True, marker=CONTENT)
    with writing_folder(path) as place:
        fill(posterior, place)


def fill(posterior: AmortisedPosterior, place: Path) -> None:
    """Write both files into a folder that is there."""
    mj.save(place / NUMBERS, posterior)
    check = hashlib.sha256((place / NUMBERS).read_bytes()).hexdigest()
    write_json(place / CONTENT, content_of(posterior) | {"sha256": check})


def load_amortised(folder: str | Path) -> AmortisedPosterior:
    """Read a trained density; the posterior that it gives.

    Parameters
    ----------
    folder : str or Path
        As `save_amortised` wrote it. Nothing of it is run.

    Raises
    ------
    ModelError
        If it is no such folder, of another version, or its numbers are not those that were written.
    """
    path = Path(folder)
    content = load_json(path / CONTENT, ModelError, what="no trained density", allowed=_LAYOUT)
    number = content.get("schema_version") if isinstance(content, dict) else None
    if number != SCHEMA_VERSION:
        what, allowed = f"schema_version {number!r:.60}", str(SCHEMA_VERSION)
        raise ModelError(what, where=str(path / CONTENT), allowed=allowed, fix="train it again")
    file = path / NUMBERS
    try:
        check = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise ModelError(what, where=str(file), allowed=_LAYOUT) from error
    if check != content.get("sha256"):
        fix = "copy the whole folder again, or train again"
        raise ModelError("its checksum is not that of amortised.json", where=str(file), fix=fix)
    posterior = mj.load(file)
    if not isinstance(posterior, AmortisedPosterior):
        kind = type(posterior).__name__
        raise ModelError(f"a {kind} in place of a trained density", where=str(file))
    return posterior
