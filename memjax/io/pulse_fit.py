"""A pulsed device and its randomness, out of the ``fit.json`` of conductances per pulse."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core import params
from ..core.system import Environment
from ..data import PulseProtocol
from ..device import AbstractDevice
from ..errors import ModelError
from ..models import model
from ..synapse import Pulsed, PulseNoise
from .fit import fit_content, fit_file, load_fit

_LAYOUT = "the fit.json of a 'memjax fit' of conductances per pulse"


def load_pulse_fit(path: str | Path, *, cycles: bool = False) -> tuple[Pulsed, PulseNoise]:
    """The device with its pulses, and what is random about each.

    Parameters
    ----------
    path : str or Path
        The file, or the directory of the fit.
    cycles : bool
        Whether parameters are drawn anew in each cycle, as the fit found; else the noise is that of pulses alone.

    Returns
    -------
    tuple of (Pulsed, PulseNoise)
        The noise is `PulseNoise.none` where the fit had too few cycles to say anything.

    Raises
    ------
    ModelError
        If it is no such fit.
    """
    fit, pulses = load_fit(path), pulses_of(path)
    path = fit_file(path)
    try:
        protocol = PulseProtocol(
            voltages=tuple(pulses["voltages_V"]),
            widths=tuple(pulses["widths_s"]),
            read_voltage=pulses["read_voltage_V"],
            period=pulses["period_s"],
        )
        device = params.replace(model(fit.model), fit.values, where=str(path))
        if not isinstance(device, AbstractDevice):
            raise TypeError(f"{fit.model} is no device")
        pulsed = Pulsed.under(
            device,
            protocol,
            env=Environment(fit.bench.get("temperature") or 300.0),
            substeps=pulses["steps_per_pulse"],
            reversed=bool(fit.bench.get("reversed")),
        )
        return pulsed, _noise(pulses, fit.spread if cycles else {})
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"no fit of pulses: {type(error).__name__} {error}", where=str(path), allowed=_LAYOUT
        ) from error


def pulses_of(path: str | Path) -> dict[str, Any]:
    """What a ``fit.json`` says of pulses.

    Raises
    ------
    ModelError
        If it is no fit of conductances per pulse.
    """
    content = fit_content(path)
    if not isinstance(content.get("pulses"), dict):
        what = f"a fit of {content.get('kind') or 'sweeps'}"
        raise ModelError(
            what, where=str(path), allowed=_LAYOUT, fix="name the folder of a fit of pulses"
        )
    return content["pulses"]


def _noise(pulses: dict[str, Any], cycle: Mapping[str, float]) -> PulseNoise:
    """Amplitudes by their names in the file, and spreads from cycle to cycle."""
    values = {r["name"]: float(r["value"]) for r in pulses["noise"]}
    if not values:
        return PulseNoise.none()
    curve = np.asarray(pulses["curve_S"], float)
    pair = lambda n: jnp.asarray([values[f"{n}_set"], values[f"{n}_reset"]], float)  # noqa: E731
    names = ("jitter", "programming", "slope", "bend", "flicker")
    return PulseNoise(
        **{n: pair(n) for n in names},
        read=jnp.asarray(values["read"], float),
        g_mid=jnp.asarray((curve.max() + curve.min()) / 2, float),
        g_span=jnp.asarray(np.ptp(curve), float),
        cycle={n: jnp.asarray(s, float) for n, s in cycle.items() if s > 0},
    )
