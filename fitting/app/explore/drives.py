"""How each model is driven where nothing is measured: sweeps of devices, constant drives of circuits."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A triangle sweep of a device.

    Parameters
    ----------
    peak, negative : float
        Peaks of either polarity [V].
    period : float
        Time of one sweep [s].
    preset : str
        Parameters, those of `MODEL/PRESET`; the model's own defaults where there is none.
    compliance : float, optional
        Current limit of the source [A].
    cycles : int
        Number of sweeps; a device that remembers carries its state on.
    settings : mapping of str to str
        Settings beside those of the preset.
    """

    peak: float
    period: float
    preset: str = ""
    negative: float | None = None
    compliance: float | None = None
    cycles: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)


SWEEPS = {
    "diffusive": Sweep(
        peak=0.5, negative=0.5, period=4.0, preset="wang2024-dc-symmetric", compliance=1e-6
    ),
    "diffusive-spice": Sweep(peak=1.0, period=4.0, preset="wang2024-spice-single"),
    "diffusive-1m1t1r": Sweep(peak=0.5, negative=0.5, period=1.0, preset="zhao2025-table1"),
    "langevin": Sweep(peak=25.0, negative=25.0, period=1.0, preset="reconstruction"),
    "langevin-chain": Sweep(peak=0.8, negative=0.8, period=1.0, preset="illustration"),
    "ag-filament": Sweep(peak=2.0, negative=2.0, period=0.1, preset="wei-model"),
    "second-order": Sweep(peak=1.0, negative=1.0, period=1.0, preset="illustration"),
    "and-ts": Sweep(peak=1.0, period=1e-4, preset="ostrovskii2025"),
    "threshold-switch": Sweep(peak=21.0, period=70.0, preset="vo2-galloni2024"),
    "drift": Sweep(peak=0.8, negative=0.8, period=1e-3, preset="zhuo2022-bipolar", cycles=2),
    "event-switches": Sweep(
        peak=1.2, negative=1.2, period=10.0, preset="el-geresy", settings={"form": "mean"}
    ),
    "linear-drift": Sweep(peak=3.0, negative=3.0, period=1.0, preset="strukov2008", cycles=2),
    "vteam": Sweep(peak=1.0, negative=1.0, period=1.0, preset="illustration", cycles=2),
    "yakopcic": Sweep(peak=1.0, negative=1.0, period=1.0, preset="tiotto", cycles=2),
    "stanford-pku": Sweep(peak=0.8, negative=0.8, period=1.0, preset="port", cycles=2),
    "jart-vcm": Sweep(peak=1.5, negative=1.5, period=1.0, preset="v1b", cycles=2),
    "mms": Sweep(peak=0.5, negative=0.5, period=0.1, preset="knowm", cycles=2),
    "ecm": Sweep(peak=1.0, negative=1.0, period=1.0, preset="illustration", cycles=2),
    "hybrid": Sweep(peak=1.0, negative=3.0, period=100.0, preset="nb-sto", cycles=2),
}


@dataclass(frozen=True, kw_only=True)
class Drive:
    """The waveform of a circuit's source, and what its picture shows.

    Parameters
    ----------
    times, values : tuple of float
        Corners [s], and voltages [V] or currents [A] there.
    signals : tuple of str
        States that are drawn.
    quantity : {"voltage", "current"}
        Which of the two is imposed.
    preset : str
        Parameters, those of `MODEL/PRESET`.
    spike : tuple of (str, float, float)
        State that spikes where it rises above a level after it was below a lower one [its unit].
    """

    times: tuple[float, ...]
    values: tuple[float, ...]
    signals: tuple[str, ...]
    quantity: str = "voltage"
    preset: str = ""
    spike: tuple[str, float, float] = ("", 0.0, 0.0)


def _burst(pulses: int, level: float, width: float, period: float, end: float) -> dict:
    """Corners of a train of pulses, and silence after it."""
    edge = width / 50
    times, values = [0.0], [0.0]
    for k in range(pulses):
        start = k * period
        times += [start + edge, start + width, start + width + edge, start + period]
        values += [level, level, 0.0, 0.0]
    return {"times": (*times, end), "values": (*values, 0.0)}


DRIVES = {
    "1m1t1r": Drive(
        times=(0.0, 0.06),
        values=(1.0, 1.0),
        signals=("gate.v", "drain.v"),
        preset="zhao2025-table1-noisy",
        spike=("gate.v", 0.2, 0.1),
    ),
    "1m1t1r-chain": Drive(
        times=(0.0, 0.5),
        values=(1.0, 1.0),
        signals=("gate_1.v", "gate_2.v", "gate_3.v"),
        preset="illustration",
        spike=("gate_1.v", 0.2, 0.1),
    ),
    "integrate-and-fire": Drive(
        **_burst(12, 2.5, 5e-6, 40e-6, 1e-3),
        signals=("node.v", "memristor.f"),
        preset="wang2024",
        spike=("memristor.f", 0.09, 0.05),
    ),
    "relaxation-oscillator": Drive(
        times=(0.0, 0.02),
        values=(1.0, 1.0),
        signals=("node.v", "memristor.f"),
        preset="wang2024",
        spike=("memristor.f", 0.75, 0.6),
    ),
    "current-oscillator": Drive(
        times=(0.0, 1e-3, 1.01e-3, 60.0),
        values=(0.0, 0.0, 1e-7, 1e-7),
        signals=("node.v", "memristor.f"),
        quantity="current",
        preset="wang2024-spice",
        spike=("memristor.f", 0.5, 0.3),
    ),
    "langevin-neuron": Drive(
        times=(0.0, 25.0),
        values=(31.0, 31.0),
        signals=("node.v", "memristor.x"),
        spike=("memristor.x", -0.4, -0.6),
    ),
    "stl-neuron": Drive(
        times=(0.0, 0.4, 0.4001, 0.7, 0.7001, 1.0),
        values=(3.0, 3.0, 0.0, 0.0, 0.7, 0.7),
        signals=("memristor.f", "memristor.c"),
        spike=("memristor.f", 0.8, 0.6),
    ),
    "threshold-switch-neuron": Drive(
        times=(0.0, 3e-3),
        values=(1.0, 1.0),
        signals=("node.v", "switch.x"),
        spike=("switch.x", 0.5, 0.3),
    ),
    "dpi-neuron": Drive(
        times=(0.0, 0.06),
        values=(1e-10, 1e-10),
        signals=("mem.v", "ref.v"),
        quantity="current",
        spike=("ref.v", 0.6, 0.3),
    ),
}


SWEEP = Sweep(peak=1.0, negative=1.0, period=1.0)
"""How a device model of one's own is driven."""
