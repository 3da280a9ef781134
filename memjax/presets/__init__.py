"""Parameter sets, published or fitted to a measured device, each with its source and with what it does not claim."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ModelError

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Info:
    """Source of a parameter set.

    Parameters
    ----------
    name : str
        Name, as ``MODEL/SET``.
    title : str
        What the set describes.
    doi, source : str
        Publication, and where the numbers were read.
    obtained : str
        How they were obtained.
    not_claimed : tuple of str
        What the set does not reproduce, or has not been compared with.
    bench : dict of str to float
        The published bench, in SI, by the names of the command line's options.
    verdict : str
        Of a set that memjax fitted to a measured device whether the fit describes it: good or usable; "" of others.
    residual : float or None
        Of such a set the typical residual of the current, or of the voltage under an imposed current [decades].
    command : str
        Of such a set the command that fits it again, in a folder of the data.
    """

    name: str
    title: str
    doi: str
    source: str
    obtained: str
    not_claimed: tuple[str, ...]
    bench: dict[str, float] = field(default_factory=dict)
    verdict: str = ""
    residual: float | None = None
    command: str = ""


def names(model: str | None = None) -> list[str]:
    """Names of the sets, of all models or of one."""
    available = sorted(f"{p.parent.name}/{p.stem}" for p in _FOLDER.glob("*/*.toml"))
    return [n for n in available if model is None or n.split("/")[0] == model]


def measured(model: str | None = None) -> list[Info]:
    """Sources of the sets that memjax fitted to measured devices, of all models or of one."""
    return [x for x in map(info, names(model)) if x.verdict]


def bands(name: str) -> dict[str, tuple[float, float]]:
    """Ends of the 90 % bands of the values of a set [SI], of those that have some.

    Raises
    ------
    ModelError
        If there is no such set.
    """
    rows = _read(name)[1]
    return {n: (float(x["low"]), float(x["high"])) for n, x in rows.items() if "low" in x}


def load(name: str) -> tuple[str, dict[str, Any], Info]:
    """One set.

    Parameters
    ----------
    name : str
        Name, as `names` gives it.

    Returns
    -------
    model : str
        Name of the device model or circuit.
    values : dict of str to float or str
        Parameters [SI] and settings.
    info : Info
        Where they come from.

    Raises
    ------
    ModelError
        If there is no such set, or its file does not fit its model.
    """
    model, entries, information = _read(name)
    return model, _values(entries, model, name), information


def info(name: str) -> Info:
    """Source of one set, without its values.

    Raises
    ------
    ModelError
        If there is no such set.
    """
    return _read(name)[2]


def _read(name: str) -> tuple[str, dict[str, Any], Info]:
    """Model, table of parameters and source of a set, out of its file."""
    if name not in names():
        raise ModelError(f"unknown preset {name!r}", allowed=", ".join(names()))
    content = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    model, entries = content.pop("model"), content.pop("parameters")
    bench = {k: float(entry["value"]) for k, entry in content.pop("bench", {}).items()}
    claims = tuple(content.pop("not_claimed"))
    return model, entries, Info(name=name, bench=bench, not_claimed=claims, **content)


def _values(entries: dict, model: str, name: str) -> dict[str, Any]:
    """Values of a table of parameters, whose units must be those of the model."""
    from ..core.fields import parameter_specs, setting_specs
    from ..core.params import flat
    from ..models import model as model_named

    device = model_named(model)
    units = {n: s.unit for n, s in parameter_specs(device).items()} | dict.fromkeys(
        setting_specs(device), "1"
    )
    entries = flat(entries, leaf="value")
    for key, entry in entries.items():
        if entry["unit"] != units.get(key):
            allowed = f"{key} [{units[key]}]" if key in units else ", ".join(units)
            raise ModelError(f"{key} [{entry['unit']}]", where=f"preset {name}", allowed=allowed)
    return {key: entry["value"] for key, entry in entries.items()}
