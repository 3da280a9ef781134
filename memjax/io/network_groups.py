"""The groups of a network file: neurons with the parameters of presets, files and fits, and sources."""

import itertools
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import params, presets
from ..circuit import Circuit
from ..device import device_names
from ..errors import ModelError
from ..fields import parameter_specs, setting_specs
from ..models import CIRCUITS, model as model_named
from ..network import Neurons, Poisson, SpikeList, Threshold, image_latencies, image_rates
from ..network.groups import Group
from ..population import POPULATION, Population
from ..system import Environment
from ..transforms import from_spec
from .columns import load_array, load_columns
from .fit import load_fit
from .tables import (
    COUNT,
    FLAG,
    LIST,
    NOT_NEGATIVE,
    NUMBER,
    NUMBERS,
    POSITIVE,
    TEXT,
    Kind,
    Table,
    one_of,
)

_SOURCES = ("preset", "params", "fit", "population")
"""Keys that say where parameters come from."""

_VALUE = Kind("a finite number, or the word of a setting", lambda x: NUMBER.fits(x) or TEXT.fits(x))


@dataclass(frozen=True, kw_only=True)
class _Given:
    """Where parameters come from: a preset, a file, a fit, or a population."""

    model: str | None
    preset: str | None
    params: Path | None
    fit: Path | None
    population: Path | None
    cycle_spread: bool

    def read(self, models: Iterable[str]) -> tuple[Any, dict[str, float], Population | None]:
        """The device or circuit, standard deviations of logarithms of parameters from its fit, and its population."""
        allowed = [self.model] if self.model else list(models)
        if self.population is not None:
            base = model_named(self.model) if self.model else None
            drawn = Population.load(self.population, base=base, models=allowed)
            return drawn.base, {}, drawn
        values: dict[str, Any] = {}
        spread: dict[str, float] = {}
        model, where = self.model, ""
        if self.preset is not None:
            model, values, _ = presets.load(self.preset)
            where = f"preset {self.preset}"
        elif self.fit is not None:
            fit, where = load_fit(self.fit), str(self.fit)
            model, values = fit.model, fit.values
            spread = fit.spread if self.cycle_spread else {}
            if fit.bench.get("reversed"):
                raise ModelError(
                    "a fit of a device with its terminals swapped",
                    where=where,
                    fix="fit it again with --sign and the voltages as the circuit has them",
                )
        if model not in allowed:
            allowed = ", ".join(allowed)
            raise ModelError(f"parameters of the model {model!r}", where=where, allowed=allowed)
        own = model_named(str(model))
        if self.params is not None:
            values, where = params.load(self.params, words=setting_specs(own)), str(self.params)
        params.known(own, spread, where=where)
        return params.replace(own, values, where=where), dict(spread), None


def _given(t: Table, models: Iterable[str]) -> _Given:
    """What a table says of where parameters come from."""
    there = [key for key in _SOURCES if t.has(key)]
    if len(there) > 1:
        t.note("", f"{', '.join(there)} together", allowed=f"one of {', '.join(_SOURCES)}")
    kind = one_of(*models)
    named = bool(there) and there != ["params"]
    return _Given(
        model=t.take("model", kind, None) if named else t.take("model", kind),
        preset=t.take("preset", TEXT, None),
        params=t.file("params", None),
        fit=t.file("fit", None, inside="fit.json"),
        population=t.file("population", None, inside=POPULATION),
        cycle_spread=t.take("cycle_spread", FLAG, True),
    )


def read_group(t: Table, name: str, seed: int) -> Group:
    """A group as its table says.

    Parameters
    ----------
    t : Table
        Its table.
    name : str
        Its name.
    seed : int
        Of what is drawn.

    Raises
    ------
    WrongTableError
        Where something is wrong, which is noted.
    """
    kind = t.take("kind", one_of(*_KINDS), "neurons")
    return t.give_up() if kind is None else _KINDS[kind](t, name, seed)


def _neurons(t: Table, name: str, seed: int) -> Neurons:
    """Circuits."""
    given, n, bias, spike = _given(t, CIRCUITS), t.take("n", COUNT), _bias(t), _spike(t)
    start, kelvin = t.values("start", NUMBERS), t.take("temperature", POSITIVE, None)
    values = t.values("values", _VALUE)
    spread, together = t.values("spread", NOT_NEGATIVE), t.take("correlation", LIST, [])
    devices = {e: (d, _given(d, device_names())) for e, d in t.named("devices", {}).items()}
    others = [k for k in ("spread", "correlation", "devices") if t.has(k)]
    if given.population is not None and others:
        t.note("population", f"together with {', '.join(others)}", allowed="one of them")
    t.finish()
    circuit, fitted, parts = _circuit(t, given, devices)
    known = list(parameter_specs(circuit))
    t.known("values", values, [*known, *setting_specs(circuit)])
    t.known("spread", spread, known)
    t.known("spike.signal", [spike["signal"]], [s.name for s in circuit.specs])
    t.known("start", start, [s.name for s in circuit.specs])
    t.known("bias", bias if isinstance(bias, dict) else [], circuit.ports)
    drawn = [prefix + n for prefix, part in parts for n in part.names]
    for key, given_too in {"values": values, "spread": spread}.items():
        if twice := [n for n in given_too if n in drawn]:
            t.note(key, f"{', '.join(twice)} given and drawn", allowed="one of them")
    t.finish()
    with t.at("values"):
        circuit = params.replace(circuit, values)
    t.finish()
    scattered = _log_normal(t, circuit, {**fitted, **spread}, together)
    population = _joined(circuit, [*parts, *([("", scattered)] if scattered else [])])
    return Neurons(
        name=name,
        n=n,
        circuit=circuit,
        spike=Threshold(**spike),
        bias=_arrays(bias),
        values={} if population is None else _drawn(population, n, seed, name),
        start=_arrays(start),
        env=Environment() if kelvin is None else Environment(kelvin),
    )


def _joined(circuit: Circuit, parts: Sequence[tuple[str, Population]]) -> Population | None:
    """The population of a circuit out of those of its parts, which differ independently, each after its prefix."""
    if not parts:
        return None
    names = tuple(prefix + n for prefix, part in parts for n in part.names)
    center = jnp.concatenate([part.center for _, part in parts])
    root = jax.scipy.linalg.block_diag(*(part.root for _, part in parts))
    return Population(circuit, names, center, root)


def _drawn(population: Population, n: int, seed: int, name: str) -> dict[str, np.ndarray]:
    """Parameters of neurons, the same whatever precision JAX has been set to."""
    with jax.enable_x64(True):
        root, center = (jnp.asarray(x, float) for x in (population.root, population.center))
        whole = Population(population.base, population.names, center, root)
        # Groups differ in what they draw, whatever groups stand beside them.
        key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()) & 0x7FFFFFFF)
        return {k: np.asarray(x) for k, x in whole.sample(key, n).items()}


def _arrays(value: Any) -> Any:
    """Lists as arrays, also in a table."""
    if isinstance(value, dict):
        return {k: _arrays(x) for k, x in value.items()}
    return np.asarray(value, float) if isinstance(value, list) else value


def _bias(t: Table) -> Any:
    """Value of the first driven source, or of each by its name."""
    if isinstance(t.content.get("bias"), dict):
        return t.values("bias", NUMBERS)
    return t.take("bias", NUMBERS, 0.0)


def _spike(t: Table) -> dict[str, Any]:
    """Arguments of `Threshold`."""
    s = t.table("spike")
    return {
        "signal": s.take("signal", TEXT),
        "level": s.take("level", NUMBER),
        "rearm": s.take("rearm", NUMBER, None),
        "sign": s.take("sign", one_of(1, -1), 1),
    }


def _circuit(
    t: Table, given: _Given, devices: Mapping[str, tuple[Table, _Given]]
) -> tuple[Circuit, dict[str, float], list[tuple[str, Population]]]:
    """The circuit with its devices replaced, what scatters from cycle to cycle by their fits, and populations."""
    circuit, spread, whole = given.read(CIRCUITS)
    parts = [] if whole is None else [("", whole)]
    t.known("devices", devices, circuit.devices)
    elements = dict(zip(circuit.names, circuit.elements, strict=True))
    for element, (inner, own) in devices.items():
        with inner.at():
            device, scatters, drawn = own.read(device_names())
            parts += [] if drawn is None else [(f"{element}.", drawn)]
            elements[element] = device
            spread = {k: x for k, x in spread.items() if not k.startswith(f"{element}.")}
            spread |= {f"{element}.{k}": x for k, x in scatters.items()}
    t.finish()
    netlist = [(n, elements[n], *nets) for n, nets in zip(circuit.names, circuit.nets, strict=True)]
    return Circuit(netlist, parasitic=circuit.parasitic) if devices else circuit, spread, parts


def _log_normal(
    t: Table, circuit: Circuit, spread: dict[str, float], together: list
) -> Population | None:
    """A population whose parameters have these standard deviations of their logarithms, and correlations."""
    names, specs = [n for n, x in spread.items() if x > 0], parameter_specs(circuit)
    sigma, center, matrix = [], [], np.eye(len(names))
    for name in names:
        x, forward = params.get(circuit, name), from_spec(specs[name]).forward
        near = (math.nan if x is None else float(x)) * np.exp(1e-6 * np.arange(-1, 2))
        with np.errstate(all="ignore"):
            z = forward(near)
        if not (np.all(np.isfinite(z)) and z[2] != z[0]):
            low, high = specs[name].bounds
            t.note("spread", f"{name} = {x}", allowed=f"above {low:g}, below {high:g}, and not 0")
        center.append(z[1])
        sigma.append(spread[name] * (z[2] - z[0]) / 2e-6)
    for k, entry in enumerate(together):
        if not _is_pair(entry, names):
            allowed = f"[NAME, NAME, number from -1 to 1], of {', '.join(names) or 'a spread'}"
            t.note(f"correlation[{k}]", f"{entry!r:.80}", allowed=allowed)
            continue
        for a, b in itertools.permutations(map(names.index, entry[:2])):
            matrix[a, b] = entry[2]
    t.finish()
    covariance = np.outer(sigma, sigma) * matrix
    return Population.of(circuit, names, center=center, covariance=covariance) if names else None


def _is_pair(entry: Any, names: list[str]) -> bool:
    """Whether it is two names and a correlation."""
    fine = isinstance(entry, list) and len(entry) == 3 and NUMBER.fits(entry[2])
    return (
        fine
        and entry[0] in names
        and entry[1] in names
        and entry[0] != entry[1]
        and (abs(entry[2]) <= 1)
    )


def _poisson(t: Table, name: str, seed: int) -> Poisson:
    """Random sources."""
    n, file = t.take("n", COUNT), t.file("file", None)
    rate = t.take("rate", NUMBERS, None) if t.has("file") else t.take("rate", NUMBERS)
    interval = t.take("interval", POSITIVE, None)
    if t.has("file") and rate is not None:
        t.note("", "rate and file together", allowed="one of them")
    t.finish()
    if file is not None:
        rate = load_array(file)
        rate = rate.ravel() if interval is None and 1 in rate.shape else rate
    return Poisson(name=name, n=n, rate=np.asarray(rate, float), interval=interval)


def _spikes(t: Table, name: str, seed: int) -> SpikeList:
    """Listed spikes."""
    n, file = t.take("n", COUNT), t.file("file")
    t.finish()
    found = load_columns(file, ("source", "time_s"), whole=("source",))
    return SpikeList(name=name, n=n, source=found["source"], time=found["time_s"])


def _images(t: Table, name: str, seed: int) -> Poisson | SpikeList:
    """Images as rates or latencies, one source per pixel."""
    code, file = t.take("code", one_of("rates", "latencies")), t.file("file")
    n, interval = t.take("n", COUNT, None), t.take("interval", POSITIVE)
    if code == "latencies":
        options = {"darkest": t.take("darkest", NOT_NEGATIVE, 0.05)}
    else:
        options = {k: t.take(k, NOT_NEGATIVE, x) for k, x in (("low", 0.0), ("high", 100.0))}
    t.finish()
    images = load_array(file)
    pixels = math.prod(images.shape[1:])
    if n not in (None, pixels):
        t.note("n", str(n), allowed=f"{pixels}, a source per pixel, or left out")
        t.finish()
    if code == "rates":
        rate = image_rates(images, **options)
        return Poisson(name=name, n=pixels, rate=rate, interval=interval)
    source, time = image_latencies(images, interval=interval, **options)
    return SpikeList(name=name, n=pixels, source=source, time=time)


_KINDS = {"neurons": _neurons, "poisson": _poisson, "spikes": _spikes, "images": _images}
