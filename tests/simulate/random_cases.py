"""Random simulations, for comparisons of what computes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import memjax as mj
from fitting.app.explore.drives import SWEEPS
from memjax.circuit import Capacitor, Circuit, Resistor, VoltageSource
from memjax.device import AbstractOhmicDevice
from memjax.solver import SemiImplicitEuler

_OTHERS = {"ecm", "jart-vcm", "langevin-chain", "event-switches", "diffusive-spice"}
"""Models whose steps have no translation into C: iterations in them, a sorted state, jumps."""

MODELS = tuple(n for n in SWEEPS if n not in _OTHERS)
_STEPS = (150, 300)
"""Steps of a sweep, drawn from these: few shapes are few programs."""


@dataclass(frozen=True)
class Case:
    """A call of `mj.simulate`.

    Parameters
    ----------
    device, stimulus : Any
        Its first two arguments.
    options : dict
        The others.
    text : str
        What was drawn, for a message.
    """

    device: Any
    stimulus: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""

    def run(self, scale: float = 1.0) -> mj.Trace:
        """The trace under drives and of devices with all their parameters times a number."""
        one = isinstance(self.stimulus, mj.stimulus.AbstractStimulus)
        stimuli = [self.stimulus] if one else list(self.stimulus)
        specs = mj.fields.parameter_specs(self.device)
        free = free_parameters(self.device) if scale != 1.0 else []
        moved = {n: scale * float(mj.params.get(self.device, n)) for n in free}
        moved = {n: float(np.clip(x, *specs[n].bounds)) for n, x in moved.items()}
        device = mj.params.replace(self.device, moved)
        return mj.simulate(device, [_scaled(s, scale) for s in stimuli], **self.options)


def _scaled(stimulus: Any, scale: float) -> Any:
    if isinstance(stimulus, mj.Drives):
        pairs = zip(stimulus.names, stimulus.parts, strict=True)
        return mj.Drives({n: p * scale for n, p in pairs})
    return stimulus * scale


def _near(rng, x: float) -> float:
    return float(x * np.exp(rng.normal(scale=0.15)))


def random_device(rng, name: str) -> Any:
    """A model with some of its parameters moved, where their bounds allow it."""
    sweep = SWEEPS[name]
    values, settings = mj.presets.load(f"{name}/{sweep.preset}")[1], dict(sweep.settings)
    device = mj.params.replace(mj.model(name), {**dict(values), **settings})
    specs = mj.fields.parameter_specs(device)
    for n in rng.permutation(free_parameters(device))[:3]:
        value = _near(rng, float(mj.params.get(device, str(n))))
        low, high = specs[n].bounds
        device = mj.params.replace(device, {str(n): float(np.clip(value, low, high))})
    return device


def free_parameters(device) -> list[str]:
    """Parameters of a size that may change: those that are set, that are no noise and no state to start from."""

    def is_free(name, spec):
        value = mj.fields.stored(device, name)
        return value is not None and float(value) != 0.0 and not (spec.noise or name.endswith("0"))

    return [n for n, s in mj.fields.parameter_specs(device).items() if is_free(n, s)]


def _drive(rng, peak: float, period: float) -> mj.stimulus.AbstractStimulus:
    """A waveform of one polarity or both, whose pulses are longer than a twentieth of it."""
    height = peak * rng.uniform(0.5, 1.2) * rng.choice([-1.0, 1.0])
    kind = rng.choice(["triangle", "pulses", "sine", "sampled", "sum"])
    pulses = mj.PulseTrain(height, period / 5, period / 2, count=2, edge=period / 100)
    if kind == "pulses":
        return pulses
    sine = mj.Sine(height, 2 / period, 2.0)
    if kind == "sine":
        return sine
    if kind == "sum":
        return pulses * 0.5 + sine * 0.5
    times = np.linspace(0.0, period, 5)
    values = np.array([0.0, height, 0.0, -height, 0.0])
    if kind == "sampled":
        values[1:-1] *= rng.uniform(0.2, 1.0, 3)
    return mj.Sampled(times, values)


def _policy(rng, duration: float) -> mj.Fixed:
    method = SemiImplicitEuler(damped=bool(rng.integers(2)))
    increments = str(rng.choice(["gaussian", "two-point"]))
    steps = int(rng.choice(_STEPS))
    return mj.Fixed(duration / steps, method=method, increments=increments)


def _bench(rng, device) -> mj.Bench | None:
    ohms, amperes = 10 ** rng.uniform(2, 6), 10 ** rng.uniform(-7, -3)
    # Without a capacitance the current behind a resistance is found by iterations, which have no translation; so is the
    # voltage of a device at a compliance, where it is not the current times a resistance.
    node = {"series_resistance": ohms, "parallel_capacitance": 10 ** rng.uniform(-12, -9)}
    limited = {"compliance": amperes}
    is_ohmic = isinstance(device, AbstractOhmicDevice)
    kinds: list[dict[str, float]] = [{}, limited if is_ohmic else node | limited]
    kinds += [node, node | limited]
    return mj.Bench(**kinds[rng.integers(len(kinds))])


def _circuit(rng, names: list[str], tau: float) -> tuple[Circuit, list[str]]:
    """Devices from nodes behind a resistor to the next node or to ground; one source or two; times of nodes of tau."""
    load = float(10 ** rng.uniform(3, 5))
    lines: list[tuple] = [("in", VoltageSource(), "a", "0"), ("load", Resistor(load), "a", "n0")]
    sources, node = ["in"], "n0"
    for k, name in enumerate(names):
        below = "0" if k == len(names) - 1 or rng.integers(2) else f"n{k + 1}"
        lines += [(f"d{k}", random_device(rng, name), node, below)]
        lines += [(f"c{k}", Capacitor(tau / load), node, "0")]
        node = below if below != "0" else node
    if rng.integers(2):
        sources.append("side")
        lines += [("side", VoltageSource(), "b", "0"), ("arm", Resistor(3 * load), "b", node)]
    return Circuit(lines), sources


def random_case(seed: int) -> Case:
    """The case of this number."""
    rng = np.random.default_rng(seed)
    names = [str(n) for n in rng.choice(MODELS, rng.integers(1, 4), replace=False)]
    alone = len(names) == 1 or rng.integers(2)
    first = SWEEPS[names[0]]
    period = first.period
    drives = [_drive(rng, first.peak, period) for _ in range(2)]
    members = int(rng.choice([1, 5, 70]))
    options: dict[str, Any] = dict(
        members=members,
        seed=int(rng.integers(1000)),
        policy=_policy(rng, period),
        save=period / 50,
        deterministic=bool(rng.integers(2)),
        output=mj.Output(on_failure="ignore"),
    )
    if alone:
        device, stimulus = random_device(rng, names[0]), drives[: int(rng.integers(1, 3))]
        options["bench"] = _bench(rng, device)
        options["conditions"] = mj.Conditions(values=_values(rng, device, members))
        names = names[:1]
    else:
        device, sources = _circuit(rng, names, period / 100)
        pairs = dict(zip(sources, drives))
        stimulus = drives[0] if len(sources) == 1 else mj.Drives(pairs)
    if not isinstance(stimulus, list):
        stimulus = [stimulus]
    if len({type(s) for s in stimulus}) > 1:  # sweeps of one run are of one kind
        stimulus = stimulus[:1]
    return Case(device, stimulus, options, f"{seed}: {names}, {stimulus}, {options}")


def _values(rng, device, members: int) -> dict[str, np.ndarray]:
    """One parameter that differs between members, or none."""
    specs, names = mj.fields.parameter_specs(device), free_parameters(device)
    if not rng.integers(2) or not names:
        return {}
    name = str(rng.choice(names))
    spread = float(mj.params.get(device, name)) * np.exp(rng.normal(scale=0.1, size=(members, 1)))
    return {name: np.clip(spread, *specs[name].bounds)}
