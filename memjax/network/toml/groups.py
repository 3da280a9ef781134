"""The groups of a network file: neurons with the parameters of presets, files and fits, and sources."""

import itertools
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ... import presets
from ...circuit import Circuit
from ...core import params
from ...core.fields import parameter_specs, setting_specs
from ...core.system import Environment
from ...core.transforms import from_spec
from ...device import device_names
from ...errors import MemjaxError, ModelError, NetworkError
from ...io.fit import load_fit
from ...models import CIRCUITS, model as model_named
from ...population import POPULATION, Population
from ...runtime.memory import check_size
from ..groups import (
    Group,
    Neurons,
    Poisson,
    SpikeList,
    Threshold,
    check_members,
    image_latencies,
    image_rates,
    on_off,
    with_pauses,
)
from .columns import load_array, load_columns
from .tables import (
    COUNT,
    FLAG,
    LIST,
    NOT_NEGATIVE,
    NUMBER,
    NUMBERS,
    POSITIVE,
    TEXT,
    VALUE,
    Table,
    one_of,
)


@dataclass
class Sketch:
    """The known properties of a group, also of an invalid one, by which projections and records are checked.

    Parameters
    ----------
    neurons : bool
        Whether it may be a group of neurons.
    n : int, optional
        Members.
    circuit : Circuit, optional
        The circuit of each member.
    model : str, optional
        Name of the model that it is, with the model's own devices.
    stimuli : tuple of (float, int), optional
        Length [s] and number of the images that a group of sources shows.
    """

    neurons: bool = True
    n: int | None = None
    circuit: Circuit | None = None
    model: str | None = None
    stimuli: tuple[float, int] | None = None


_SOURCES = ("preset", "params", "fit", "population")
"""Keys that say where parameters come from."""


@dataclass(frozen=True)
class Scatter:
    """Standard deviations of logarithms of parameters, and the correlations of pairs of them."""

    sigma_ln: Mapping[str, float] = field(default_factory=dict)
    correlations: Sequence[tuple[str, str, float]] = ()

    def inside(self, element: str) -> "Scatter":
        """The same of parameters of an element of a circuit."""
        pairs = [(f"{element}.{a}", f"{element}.{b}", r) for a, b, r in self.correlations]
        return Scatter({f"{element}.{n}": s for n, s in self.sigma_ln.items()}, pairs)

    def without(self, element: str) -> "Scatter":
        """Return the scatter without the parameters of an element."""
        spread = {n: s for n, s in self.sigma_ln.items() if not n.startswith(f"{element}.")}
        return Scatter(spread, [p for p in self.correlations if {*p[:2]} <= {*spread}])

    def __add__(self, other: "Scatter") -> "Scatter":
        pairs = [*self.correlations, *other.correlations]
        return Scatter({**self.sigma_ln, **other.sigma_ln}, pairs)


@dataclass(frozen=True, kw_only=True)
class _ParameterSource:
    """Source of parameters: a preset, a file, a fit, or a population."""

    model: str | None
    preset: str | None
    params: Path | None
    fit: Path | None
    population: Path | None
    cycle_spread: bool
    wrong: bool

    def read(self, models: Iterable[str]) -> tuple[Any, Scatter, Population | None]:
        """The device or circuit, the scatter of its parameters from its fit, and its population."""
        allowed = [self.model] if self.model else list(models)
        if self.population is not None:
            base = model_named(self.model) if self.model else None
            population = Population.load(self.population, base=base, models=allowed)
            return population.base, Scatter(), population
        values: dict[str, Any] = {}
        scatter = Scatter()
        model, where = self.model, ""
        if self.preset is not None:
            model, values, _ = presets.load(self.preset)
            where = f"preset {self.preset}"
        elif self.fit is not None:
            fit, where = load_fit(self.fit), str(self.fit)
            model, values = fit.model, fit.values
            if self.cycle_spread:
                scatter = Scatter(fit.spread, fit.correlations)
            if fit.bench.get("reversed"):
                raise ModelError(
                    "a fit of a device with its terminals swapped",
                    where=where,
                    fix="fit it again with --sign and the voltages as the circuit has them",
                )
        if model not in allowed:
            allowed = ", ".join(allowed)
            raise ModelError(f"parameters of the model {model!r}", where=where, allowed=allowed)
        circuit = model_named(str(model))
        if self.params is not None:
            values, where = params.load(self.params, words=setting_specs(circuit)), str(self.params)
        params.known(circuit, scatter.sigma_ln, where=where)
        return params.replace(circuit, values, where=where), scatter, None


def _parameter_source(t: Table, models: Iterable[str]) -> _ParameterSource:
    """Read from a table where parameters come from."""
    problems_before = len(t.source.problems)
    keys = [key for key in _SOURCES if t.has(key)]
    if len(keys) > 1:
        t.note("", f"{', '.join(keys)} together", allowed=f"one of {', '.join(_SOURCES)}")
    kind = one_of(*models)
    has_model = bool(keys) and keys != ["params"]
    fields = dict(
        model=t.take("model", kind, None) if has_model else t.take("model", kind),
        preset=t.take("preset", TEXT, None),
        params=t.file("params", None),
        fit=t.file("fit", None, inside="fit.json"),
        population=t.file("population", None, inside=POPULATION),
        cycle_spread=t.take("cycle_spread", FLAG, True),
    )
    return _ParameterSource(**fields, wrong=len(t.source.problems) > problems_before)


def read_group(t: Table, name: str, seed: int, sketch: Sketch) -> Group:
    """Read a group from its table.

    Parameters
    ----------
    t : Table
        Its table.
    name : str
        Its name.
    seed : int
        Of what is drawn.
    sketch : Sketch
        Receives the known properties of the group as they are read.

    Raises
    ------
    WrongTableError
        Where something is wrong, which is noted.
    """
    kind = t.take("kind", one_of(*_KINDS), "neurons")
    sketch.neurons = kind in (None, "neurons")
    count = t.content.get("n")
    sketch.n = count if COUNT.fits(count) else None
    if sketch.n is not None:
        with t.errors_at("n"):
            check_members(sketch.n, where="")
        if t.wrong:
            sketch.n = None  # connections to so many are not judged
            t.give_up()
    return t.give_up() if kind is None else _KINDS[kind](t, name, seed, sketch)


def _neurons(t: Table, name: str, seed: int, sketch: Sketch) -> Neurons:
    """Circuits."""
    source, n, bias, spike = _parameter_source(t, CIRCUITS), t.take("n", COUNT), _bias(t), _spike(t)
    start, kelvin = t.values("start", NUMBERS), t.take("temperature", POSITIVE, None)
    values = t.values("values", VALUE)
    spread, correlations = t.values("spread", NOT_NEGATIVE), t.take("correlation", LIST, [])
    devices = {
        e: (d, _parameter_source(d, device_names()))
        for e, d in t.named_tables("devices", {}).items()
    }
    conflicts = [k for k in ("spread", "correlation", "devices") if t.has(k)]
    if source.population is not None and conflicts:
        t.note("population", f"together with {', '.join(conflicts)}", allowed="one of them")
    t.note_unknown_keys()
    if source.wrong:  # all the rest is about the circuit
        t.give_up()
    circuit, fit_scatter, parts, unknown = _circuit(t, source, devices)
    sketch.circuit, sketch.model = circuit, None if devices else source.model
    names = _Names(circuit, unknown)
    names.check(t, "values", values, settings=True)
    names.check(t, "spread", spread)
    _check_start(t, start, circuit, n)
    _check_lengths(t, "bias", bias if isinstance(bias, dict) else {"": bias}, n)
    t.check_names("spike.signal", [spike["signal"]] if spike["signal"] else [], names.states)
    t.check_names("start", start, names.states)
    t.check_names("bias", bias if isinstance(bias, dict) else [], circuit.ports)
    population_names = [prefix + n for prefix, part in parts for n in part.names]
    for key, table_names in {"values": values, "spread": spread}.items():
        if twice := [n for n in table_names if n in population_names]:
            t.note(key, f"{', '.join(twice)} given and drawn", allowed="one of them")
    threshold = None
    if not any(spike[k] is None for k in ("signal", "level", "sign")):
        with t.errors_at("spike"):
            threshold = Threshold(**spike)
    fine = {k: x for k, x in values.items() if VALUE.fits(x) and k in names.all}
    circuit = _with_values(t, circuit, fine)
    fine = {k: x for k, x in spread.items() if NOT_NEGATIVE.fits(x) and k in names.all}
    log_normal = _log_normal(t, circuit, fit_scatter + Scatter(fine), correlations or [])
    t.finish()
    population = _join_populations(circuit, [*parts, *([("", log_normal)] if log_normal else [])])
    return Neurons(
        name=name,
        n=n,
        circuit=circuit,
        spike=threshold,  # pyright: ignore[reportArgumentType]  # where there is none, that was noted
        bias=_arrays(bias),
        values={} if population is None else _sample_population(population, n, seed, name),
        start=_arrays(start),
        env=Environment() if kelvin is None else Environment(kelvin),
    )


class _Names:
    """Names that a circuit gives to its parameters, settings and states.

    Parameters
    ----------
    circuit : Circuit
        The circuit.
    unknown : sequence of str
        Its elements of which nothing is known, because what stands in their place cannot be read.
    """

    def __init__(self, circuit: Circuit, unknown: Sequence[str]):
        self.unknown = tuple(f"{e}." for e in unknown)
        self.parameters, self.settings = (
            list(parameter_specs(circuit)),
            list(setting_specs(circuit)),
        )
        self.states = [s.name for s in circuit.specs]
        self.all = {*self.parameters, *self.settings}

    def check(self, t: Table, key: str, names: Iterable[str], *, settings: bool = False) -> None:
        """Note names of no parameter, nor of a setting where these are meant too."""
        known_names = [n for n in names if not n.startswith(self.unknown or ("\0",))]
        t.check_names(key, known_names, [*self.parameters, *(self.settings if settings else [])])


def _check_lengths(t: Table, key: str, numbers: Mapping[str, Any], n: int | None) -> None:
    """Note lists that are neither of one number nor of one for each member."""
    for name, x in numbers.items():
        if n is not None and isinstance(x, list) and len(x) not in (1, n):
            where = f"{key}.{name}".strip(".")
            t.note(where, f"{len(x)} numbers", allowed=f"one, or {n}")


def _check_start(t: Table, start: Mapping[str, Any], circuit: Circuit, n: int | None) -> None:
    """Note lists of another length, and states beyond their bounds."""
    _check_lengths(t, "start", start, n)
    for spec in circuit.specs:
        x, (low, high) = start.get(spec.name), spec.bounds
        if NUMBERS.fits(x) and not np.all((np.asarray(x) >= low) & (np.asarray(x) <= high)):
            t.note(f"start.{spec.name}", f"{x!r:.60}", allowed=f"{low:g} to {high:g} {spec.unit}")


def _with_values(t: Table, circuit: Circuit, values: Mapping[str, Any]) -> Circuit:
    """The circuit with other values, each of which is noted where it is out of bounds."""
    try:
        return params.replace(circuit, values)
    except MemjaxError:
        for name, x in values.items():
            with t.errors_at("values"):
                params.replace(circuit, {name: x})
    return circuit


def _join_populations(
    circuit: Circuit, parts: Sequence[tuple[str, Population]]
) -> Population | None:
    """The population of a circuit out of those of its parts, which differ independently, each after its prefix."""
    if not parts:
        return None
    names = tuple(prefix + n for prefix, part in parts for n in part.names)
    center = jnp.concatenate([part.center for _, part in parts])
    root = jax.scipy.linalg.block_diag(*(part.root for _, part in parts))
    return Population(circuit, names, center, root)


def _sample_population(
    population: Population, n: int, seed: int, name: str
) -> dict[str, np.ndarray]:
    """Parameters of neurons, the same whatever precision JAX has been set to."""
    width = len(population.names)  # normal numbers, and their products with the root
    check_size(
        n, 8 * width * (width + 3), what="members with parameters of their own", where=f"group {name!r}",
        error=NetworkError,
    )  # fmt: skip
    with jax.enable_x64(True):
        root, center = (jnp.asarray(x, float) for x in (population.root, population.center))
        double = Population(population.base, population.names, center, root)
        # Groups differ in what they draw, whatever groups stand beside them.
        key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()) & 0x7FFFFFFF)
        return {k: np.asarray(x) for k, x in double.sample(key, n).items()}


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
    t: Table, source: _ParameterSource, devices: Mapping[str, tuple[Table, _ParameterSource]]
) -> tuple[Circuit, Scatter, list[tuple[str, Population]], list[str]]:
    """The circuit with its devices replaced, the cycle scatter of their fits, populations, and the elements whose
    devices cannot be read.
    """
    circuit, scatter, population = source.read(CIRCUITS)
    parts = [] if population is None else [("", population)]
    t.check_names("devices", devices, circuit.devices)
    elements = dict(zip(circuit.names, circuit.elements, strict=True))
    unknown = set(devices)
    for element, (inner, device_source) in devices.items():
        if inner.wrong or element not in circuit.devices:
            continue
        with inner.errors_at():
            device, of_device, device_population = device_source.read(device_names())
            parts += [] if device_population is None else [(f"{element}.", device_population)]
            elements[element] = device
            scatter = scatter.without(element) + of_device.inside(element)
            unknown.discard(element)
    netlist = [(n, elements[n], *nets) for n, nets in zip(circuit.names, circuit.nets, strict=True)]
    circuit = Circuit(netlist, parasitic=circuit.parasitic) if devices else circuit
    return circuit, scatter, parts, sorted(unknown)


def _log_normal(
    t: Table, circuit: Circuit, scatter: Scatter, correlations: list
) -> Population | None:
    """A population whose parameters have these standard deviations of their logarithms, and correlations."""
    spread = scatter.sigma_ln
    names, specs = [n for n, x in spread.items() if x > 0], parameter_specs(circuit)
    sigma, center, matrix = [], [], np.eye(len(names))
    for name in names:
        x, forward = params.get(circuit, name), from_spec(specs[name]).forward
        points = (math.nan if x is None else float(x)) * np.exp(1e-6 * np.arange(-1, 2))
        with np.errstate(all="ignore"):
            z = forward(points)
        if not (np.all(np.isfinite(z)) and z[2] != z[0]):
            low, high = specs[name].bounds
            t.note("spread", f"{name} = {x}", allowed=f"above {low:g}, below {high:g}, and not 0")
            z = np.arange(3.0)
        center.append(z[1])
        sigma.append(spread[name] * (z[2] - z[0]) / 2e-6)
    for a, b, r in scatter.correlations:
        if a in names and b in names:
            matrix[names.index(a), names.index(b)] = matrix[names.index(b), names.index(a)] = r
    for k, entry in enumerate(correlations):
        if not _is_pair(entry, names):
            allowed = f"[NAME, NAME, number from -1 to 1], of {', '.join(names) or 'a spread'}"
            t.note(f"correlation[{k}]", f"{entry!r:.80}", allowed=allowed)
            continue
        for a, b in itertools.permutations(map(names.index, entry[:2])):
            matrix[a, b] = entry[2]
    if t.wrong:
        return None
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


def _poisson(t: Table, name: str, seed: int, sketch: Sketch) -> Poisson:
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


def _spikes(t: Table, name: str, seed: int, sketch: Sketch) -> SpikeList:
    """Listed spikes."""
    n, file = t.take("n", COUNT), t.file("file")
    t.finish()
    columns = load_columns(file, ("source", "time_s"), integers=("source",))
    return SpikeList(name=name, n=n, source=columns["source"], time=columns["time_s"])


def _images(t: Table, name: str, seed: int, sketch: Sketch) -> Poisson | SpikeList:
    """Images as rates or latencies, one source per pixel."""
    code, file = t.take("code", one_of("rates", "latencies")), t.file("file")
    n, interval = t.take("n", COUNT, None), t.take("interval", POSITIVE)
    opposite, pause = False, 0.0
    if code == "latencies":
        options = {"darkest": t.take("darkest", NOT_NEGATIVE, 0.05)}
    else:
        options = {k: t.take(k, NOT_NEGATIVE, x) for k, x in (("low", 0.0), ("high", 100.0))}
        opposite, pause = t.take("on_off", FLAG, False), t.take("pause", NOT_NEGATIVE, 0.0)
    t.finish()
    images = load_array(file)
    if opposite:
        images = on_off(images)
    pixels = math.prod(images.shape[1:])
    sketch.n = pixels
    if n not in (None, pixels):
        t.note("n", str(n), allowed=f"{pixels}, a source per pixel, or left out")
        t.finish()
    if code == "rates":
        rate, interval = with_pauses(image_rates(images, **options), interval=interval, pause=pause)
        return Poisson(name=name, n=pixels, rate=rate, interval=interval)
    sketch.stimuli = (interval, len(images))
    source, time = image_latencies(images, interval=interval, **options)
    return SpikeList(name=name, n=pixels, source=source, time=time)


_KINDS = {"neurons": _neurons, "poisson": _poisson, "spikes": _spikes, "images": _images}
