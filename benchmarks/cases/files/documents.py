"""Small files of settings, one of each kind that memjax reads, with what loads them."""

import csv
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

import memjax as mj
from memjax.core.fields import setting_specs
from memjax.io.fit import load_fit
from memjax.io.pulse_fit import load_pulse_fit
from memjax.io.stimulus import load_stimulus
from memjax.network.toml import load_network
from memjax.population import Population

Content = dict[str, Any]
"""What was loaded: numbers, words and arrays by name."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file of settings.

    Parameters
    ----------
    name : str
        Of its kind.
    text : str
        Its content.
    suffix : str
        Of its name.
    load : callable
        What memjax makes of a path.
    parse : callable
        What somebody else makes of the text, to compare two texts by; raises `ValueError` where it is none.
    """

    name: str
    text: str
    suffix: str
    load: Callable[[Path], Content]
    parse: Callable[[str], Any] = field(default=json.loads)


def _leaves(tree: Any) -> Content:
    """Arrays and numbers of a tree, and its words."""
    arrays, rest = eqx.partition(tree, eqx.is_array_like)
    numbers = {f"{k}": np.asarray(x) for k, x in enumerate(jax.tree.leaves(arrays))}
    return numbers | {"rest": str(jax.tree.leaves(rest))}


def _table(text: str) -> list[list[float]]:
    """Rows of numbers below a header of a CSV."""
    header, *rows = [row for row in csv.reader(text.split("\n")) if any(row)]
    return [[hash(tuple(header))], *([float(c) for c in row] for row in rows)]


def stimulus() -> Document:
    """Triangle of 24 rows."""
    t = np.linspace(0, 2.3, 24)
    u = 1.5 * np.sin(3 * t)
    rows = "\n".join(f"{a:.4f},{b:.6e}" for a, b in zip(t, u, strict=True))

    def load(path: Path) -> Content:
        s = load_stimulus(path)
        return {"t": np.asarray(s.times), "u": np.asarray(s.values), "quantity": s.quantity}  # pyright: ignore[reportAttributeAccessIssue]

    return Document(
        name="stimulus", text=f"t_s,v_V\n{rows}\n", suffix=".csv", load=load, parse=_table
    )


def deck() -> Document:
    """One source of pulses."""
    text = "a deck\nV1 a 0 PULSE(0 1.5 1u 10n 10n 5u 20u)\nR1 a 0 10k\n.tran 10n 100u\n.end\n"

    def load(path: Path) -> Content:
        s = load_stimulus(path)
        return {"t": np.asarray(s.times), "u": np.asarray(s.values)}  # pyright: ignore[reportAttributeAccessIssue]

    return Document(name="SPICE deck", text=text, suffix=".cir", load=load, parse=str.split)


def _parameters(path: Path) -> Content:
    values = mj.params.load(path, words=setting_specs(mj.Vteam()))
    return mj.params.to_dict(mj.params.replace(mj.Vteam(), values, where=str(path)))


def parameters() -> Document:
    """All parameters of a model as TOML."""
    values = mj.params.to_dict(mj.Vteam())
    lines = "\n".join(f"{n} = {json.dumps(x)}" for n, x in values.items())
    return Document(
        name="parameters, TOML",
        text=lines + "\n",
        suffix=".toml",
        load=_parameters,
        parse=tomllib.loads,
    )


def parameters_json() -> Document:
    """The same as JSON."""
    text = json.dumps(mj.params.to_dict(mj.Vteam()), indent=1)
    return Document(name="parameters, JSON", text=text + "\n", suffix=".json", load=_parameters)


_NETWORK = """
duration = 1e-3
dt = 2e-6
seed = 3

[groups.in]
kind = "poisson"
n = 5
rate = 2000

[groups.exc]
model = "threshold-switch-neuron"
n = 4
bias = 2.0
spike = { signal = "switch.x", level = 0.5, rearm = 0.2 }
spread = { "r_in.r" = 0.1 }
values = { "switch.tau" = 1e-5, "switch.w" = 0.005 }

[[projections]]
name = "drive"
pre = "in"
post = "exc"
connect = { rule = "fixed_fan_in", fan_in = 3 }
weight = 0.05
tau = 1e-4
delay = 1e-4

[record]
watch = { exc = [1] }
every = 4e-5
"""


def network() -> Document:
    """Sources, neurons, one projection, a record."""

    def load(path: Path) -> Content:
        file = load_network(path)
        net = file.network
        content: Content = {
            "duration": file.duration, "every": file.every, "watch": str(file.watch), "dt": net.dt,
            "seed": net.seed, "steps": net.clock.steps,
        }  # fmt: skip
        for group in net.groups:
            content |= {f"{group.name}/{k}": x for k, x in _leaves(vars(group)).items()}
        for p in net.projections:
            content |= {
                f"{p.name}/{n}": np.asarray(x) for n, x in vars(p.edges).items() if x is not None
            }
            content |= {
                f"{p.name}/{n}": x for n, x in _leaves((p.receptor, p.weight, p.delay)).items()
            }
        return content

    return Document(name="network", text=_NETWORK, suffix=".toml", load=load, parse=tomllib.loads)


def _fit_content(**more: Any) -> dict:
    """What a ``fit.json`` holds at least."""
    values = mj.params.to_dict(mj.Vteam())
    table = {
        n: {"value": x, "unit": "", "std": abs(x) / 10, "bounds": [None, None], "free": True}
        for n, x in values.items() if isinstance(x, float)
    }  # fmt: skip
    bench = {"series_resistance": 1e3, "compliance": 1e-3, "reversed": False, "temperature": 300.0}
    return {
        "schema_version": 1, "model": "vteam", "parameters": table, "bench": bench,
        "read_noise": {"relative": 0.01, "floor_A": 1e-12}, "cycle_spread": {"k_on": {"sigma_ln": 0.1}},
    } | more  # fmt: skip


def fit() -> Document:
    """A fit of sweeps."""

    def load(path: Path) -> Content:
        return {n: repr(x) for n, x in vars(load_fit(path)).items()}

    text = json.dumps(_fit_content(), indent=1) + "\n"
    return Document(name="fit.json", text=text, suffix=".json", load=load)


def pulse_fit() -> Document:
    """A fit of conductances per pulse."""
    parts = ("jitter", "programming", "slope", "bend", "flicker")
    names = ["read", *(f"{part}_{branch}" for part in parts for branch in ("set", "reset"))]
    noise = [{"name": n, "value": 0.01} for n in names]
    pulses = {
        "voltages_V": [1.0, -1.2], "widths_s": [1e-6, 2e-6], "read_voltage_V": 0.2, "period_s": 1e-3,
        "steps_per_pulse": 4, "noise": noise, "curve_S": [1e-5, 5e-5], "device": "a",
    }  # fmt: skip

    def load(path: Path) -> Content:
        return _leaves(load_pulse_fit(path))

    text = json.dumps(_fit_content(pulses=pulses), indent=1) + "\n"
    return Document(name="fit.json of pulses", text=text, suffix=".json", load=load)


def population() -> Document:
    """Two parameters that differ from device to device, and from cycle to cycle."""
    content = {
        "schema_version": 1, "model": "vteam", "values": mj.params.to_dict(mj.Vteam()),
        "names": ["k_on", "k_off"], "median": {"k_on": -10.0, "k_off": 10.0}, "center": [2.0, 3.0],
        "root": [[0.1, 0.0], [0.02, 0.2]], "cycle_root": [[0.05, 0.0], [0.0, 0.03]],
    }  # fmt: skip

    def load(path: Path) -> Content:
        return _leaves(Population.load(path))

    return Document(
        name="population", text=json.dumps(content, indent=1) + "\n", suffix=".json", load=load
    )


DOCUMENTS: tuple[Callable[[], Document], ...] = (
    stimulus, deck, parameters, parameters_json, network, fit, pulse_fit, population,
)  # fmt: skip
"""One of each kind."""


def is_finite(content: Mapping[str, Any]) -> bool:
    """Whether what was loaded holds no NaN: an infinity may stand for no bound."""
    arrays = [np.asarray(x) for x in content.values() if not isinstance(x, str | None)]
    return not any(np.any(np.isnan(a)) for a in arrays if a.dtype.kind == "f")
