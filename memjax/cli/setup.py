"""A device on its bench, as options say: out of a preset, a file of parameters, a population or a fit."""

import argparse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..io.request import BENCH_ELEMENTS, bench_from
from .command import say

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from ..circuit import Bench, Circuit
    from ..core.system import Environment
    from ..data import ReadNoise
    from ..device import AbstractDevice
    from ..population import Population


@dataclass(kw_only=True)
class Setup:
    """The simulation that is asked for: device, bench, environment, and scatter of the readings."""

    device: "AbstractDevice | Circuit"
    bench: "Bench"
    env: "Environment"
    point_time: float | None
    relative: float = 0.0
    floor: float = 0.0
    read: "ReadNoise | None" = None
    by_sweep: bool = False
    limits: "Float[np.ndarray, 'sweeps 2'] | None" = None
    spread: dict[str, float] = field(default_factory=dict)
    correlation: "Float[np.ndarray, 'spread spread'] | None" = None
    population: "Population | None" = None
    notes: dict[str, str] = field(default_factory=dict)


def _check_fit_model(model: str, fit_model: str, where: str) -> None:
    """Raise where parameters belong to another model."""
    if model != fit_model:
        raise ModelError(
            f"parameters of the model {fit_model!r}", where=where, allowed=f"those of {model!r}"
        )


def setup_device(options: argparse.Namespace) -> Setup:
    """Device, bench and scatter as the options say.

    Parameters
    ----------
    options : argparse.Namespace
        `model`, one of `preset`, `params`, `population` and `fit`, `read_noise` or None, and those of
        `add_bench_options`.

    Raises
    ------
    ModelError
        If parameters are unknown or of another model.
    """
    from .. import presets
    from ..core import params
    from ..core.fields import setting_specs
    from ..data import ReadNoise
    from ..io.fit import load_fit
    from ..models import model as model_named
    from ..population import Population

    default: Any = model_named(options.model)
    bench: dict[str, float | bool | None] = {}
    extra: dict[str, Any] = {}
    if options.preset is not None:
        model, values, info = presets.load(options.preset)
        _check_fit_model(options.model, model, where := f"--preset {options.preset}")
        _suggest(info.bench, options)
        notes = {"preset": options.preset}
    elif options.params is not None:
        values = params.load(options.params, words=setting_specs(default))
        where = options.params
        notes = {"params": options.params}
    elif options.population is not None:
        where, values = options.population, {}
        extra["population"] = Population.load(where, models=(options.model,))
        default, notes = extra["population"].base, {"population": where}
    else:
        fit, where = load_fit(options.fit), options.fit
        _check_fit_model(options.model, fit.model, where)
        values, bench = fit.values, fit.bench
        params.known(default, fit.spread, where=where)
        extra = {"relative": fit.relative, "floor": fit.floor}
        extra["spread"] = {n: s for n, s in fit.spread.items() if s > 0}
        extra["correlation"] = fit.correlation([*extra["spread"]])
        extra["by_sweep"] = bool(bench.get("compliance_by_sweep")) and options.compliance is None
        notes = {"fit": options.fit}
    if options.read_noise is not None:
        extra["read"] = ReadNoise.load(options.read_noise)
        notes["read_noise"] = options.read_noise
    device = params.replace(default, values, where=where)
    parts = bench_from(options, bench)
    return Setup(
        device=device, bench=parts[0], env=parts[1], point_time=parts[2], notes=notes, **extra
    )


def _suggest(published: dict[str, float], options: argparse.Namespace) -> None:
    """Say which bench was published with a preset, where none is given."""
    if published and all(getattr(options, n) is None for n in (*BENCH_ELEMENTS, "point_time")):
        text = " ".join(f"--{n.replace('_', '-')} {x:g}" for n, x in published.items())
        say("note", f"this preset was published with the bench {text}")
