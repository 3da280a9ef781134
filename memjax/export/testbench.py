"""A deck of ngspice that drives an exported model and writes what `memjax read` reads."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..circuit import Bench
from ..stimulus import Sampled
from .parts import Assembly, Port
from .spice import Dialect, identifier

_ROWS = 1000
"""Rows that are written, where a waveform does not say at which times."""

_STRAY = 1e-13
"""Capacitance across a device behind a limit or a resistance that says none [F]: its node moves at a finite speed."""

_DROP = 1e-4
"""Voltage across a source's current limit where it sets in [V]."""


@dataclass(frozen=True, kw_only=True)
class Testbench:
    """Circuit around a model.

    Parameters
    ----------
    waves : dict of str to Sampled
        What each driven source gives.
    bench : Bench
        Elements around a device.
    step : float
        Interval of the rows that are written, and the longest step of the solve [s].
    """

    waves: Mapping[str, Sampled]
    bench: Bench
    step: float

    __test__ = False

    @property
    def duration(self) -> float:
        """How long it runs [s]."""
        return max(float(w.times[-1]) for w in self.waves.values())

    def deck(
        self, assembly: Assembly, dialect: Dialect, *, file: str, out: str, instance: str = ""
    ) -> str:
        """The deck: it includes the model's file and writes time, voltage and current.

        Parameters
        ----------
        assembly : Assembly
            What is driven.
        dialect : Dialect
            Of SPICE.
        file : str
            Name of the model's file, beside the deck.
        out : str
            Name of the table that a run writes.
        instance : str
            Line of the instance where the model is no subcircuit.
        """
        first = assembly.ports[0]
        voltage, current = self._signals(first)
        ends = [_end(n) for n in assembly.terminals]
        device = len(assembly.parts) == 1 and not assembly.parts[0].name
        at = list(reversed(ends)) if device and self.bench.reversed else ends
        lines = [
            f"* drives {assembly.name}: ngspice -b FILE, then memjax read {out}",
            *([f".include {file}"] if not instance else []),
            *[x for p in assembly.ports for x in self._source(p, device)],
            instance or f"X1 {' '.join(at)} {identifier(assembly.name)}",
        ]
        lines += self._around() if device else []
        options = ".options method=gear reltol=1e-6 abstol=1e-15 vntol=1e-9 chgtol=1e-20"
        if dialect.name == "LTspice":
            lines += [
                ".options method=gear reltol=1e-6 abstol=1e-15 vntol=1e-9",
                f".tran 0 {self.duration!r} 0 {self.step!r}",
            ]
            return "\n".join([*lines, f".save {voltage} {current} V(*)", ".end"]) + "\n"
        control = [
            ".control", *([f"pre_osdi {file}"] if instance else []), "set numdgt=12", "set wr_singlescale",
            "set wr_vecnames", *(["setseed 1"] if assembly.noisy else []),
            f"tran {self.step!r} {self.duration!r} 0 {self.step!r}",
            f"let v_V = {voltage}", f"let i_A = {current}", "linearize v_V i_A", f"wrdata {out} v_V i_A", ".endc",
        ]  # fmt: skip
        return "\n".join([*lines, options, *control, ".end"]) + "\n"

    def _signals(self, port: Port) -> tuple[str, str]:
        """Voltage and current that an instrument shows at a source."""
        a, b = (_outer(n) for n in port.nodes)
        volts = f"v({a})" if b == "0" else f"v({a})-v({b})" if a != "0" else f"-v({b})"
        amps = f"-i(V{port.name})" if port.quantity == "voltage" else "i(Vmeter)"
        return volts, amps

    def _source(self, port: Port, device: bool) -> list[str]:
        """A source with its waveform; a current source behind a meter."""
        wave = _pwl(self.waves[port.name])
        a, b = (_end(n) if not device else _outer(n) for n in port.nodes)
        if port.quantity == "voltage":
            return [f"V{port.name} {a} {b} {wave}"]
        return [f"I{port.name} {b} meter {wave}", f"Vmeter meter {a} 0"]

    def _around(self) -> list[str]:
        """Elements between the source and a device."""
        bench, here, lines = self.bench, "in", []
        if bench.compliance is not None:
            low = (
                bench.compliance if bench.compliance_negative is None else bench.compliance_negative
            )
            lines += _limiter(bench.compliance, low)
            here = "limited"
        series = bench.series_resistance or 0.0
        lines.append(f"Rs {here} p {series!r}" if series else f"Vs {here} p 0")
        if bench.parallel_resistance is not None:
            lines.append(f"Rp p n {bench.parallel_resistance!r}")
        stray = (
            _STRAY if bench.parallel_capacitance is None and (series or bench.compliance) else None
        )
        c = bench.parallel_capacitance if stray is None else stray
        return [*lines, *([f"Cp p n {c!r}"] if c else []), "Vn n 0 0"]


def _outer(node: str) -> str:
    """Return the node outside of the bench that belongs to a terminal of a device."""
    return {"p": "in", "n": "0"}.get(node, _end(node))


def _end(node: str) -> str:
    return node if node == "0" else identifier(node)


def _limiter(high: float, low: float) -> list[str]:
    """The current limit of a source, as `memjax.circuit.limiter.soft_limit` has it."""
    limit = repr(high) if high == low else f"(V(in,limited) > 0 ? {high!r} : {low!r})"
    y = f"(V(in,limited)/{_DROP!r})"
    inside = f"{y}*pow(1 + pow(min(abs({y}), 1), 64), -0.015625)"
    beyond = f"sgn({y})*pow(1 + pow(1/max(abs({y}), 1), 64), -0.015625)"
    return [f"Blimit in limited I={limit}*(abs({y}) < 1 ? {inside} : {beyond})"]


def _pwl(wave: Sampled) -> str:
    """A waveform of straight lines, a staircase with edges of a thousandth of a step."""
    t, u = np.asarray(wave.times, float), np.asarray(wave.values, float)
    if wave.kind == "staircase":
        edge = 1e-3 * np.diff(t)
        t = np.concatenate([[t[0]], *[[b, b + e] for b, e in zip(t[1:], edge)]])
        u = np.append(np.repeat(u[:-1], 2), u[-1])
    pairs = [f"{float(a)!r} {float(b)!r}" for a, b in zip(t, u)]
    rows = [" ".join(pairs[k : k + 4]) for k in range(0, len(pairs), 4)]
    return "PWL(" + "\n+ ".join(rows) + ")"


def triangle(amplitude: float, duration: float) -> Sampled:
    """A triangle to both polarities and back."""
    t = np.array([0.0, 0.25, 0.75, 1.0]) * duration
    return Sampled(t, np.array([0.0, amplitude, -amplitude, 0.0]))


def default_step(wave: Sampled) -> float:
    """Interval of rows: that of the samples where there are many, else a thousandth of the duration."""
    t = np.asarray(wave.times, float)
    return float(np.median(np.diff(t))) if len(t) > 50 else float(t[-1]) / _ROWS
