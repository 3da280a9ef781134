"""Writing 64 x 64 pairs of a device and its noise that were fitted to measured pulses."""

import os
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import fitting as ft
import memjax as mj
from benchmarks.records import ROOT, Recorder
from benchmarks.timing import Times, lap
from memjax.crossbar import Pulses, WriteNoise, conductances_of, program, states_at
from memjax.data import PulseProtocol, PulseRecord, read_records
from memjax.synapse import PulseNoise

DATA = Path(os.environ.get("MEMJAX_DATA", ROOT.parent / "shared" / "data")) / "clean"
PROTOCOL = PulseProtocol(voltages=(2.5, -2.7), widths=(1.5e-6, 1e-5), period=5e-4, read_voltage=0.2)
"""Pulses of the measurement."""

SHAPE, CYCLES, ROUNDS = (64, 128), 5, 30
WIRE, ON = 0.5, 100.0
"""Segments of the wires and transistors that are on [ohm]."""


def _fit(record: Recorder) -> ft.PulseFit | None:
    """Metastable switches, fitted to the first cycles of the first VCM device."""
    path = DATA / "vcm_potentiation_depression.csv"
    if not path.exists():
        reason = f"no {path}: set MEMJAX_DATA"
        record.write("fitted devices are written", status="skipped", reason=reason)
        return None
    one = next(r for r in read_records(path) if isinstance(r, PulseRecord))
    early = one.select(slice(0, CYCLES))
    return ft.solve(ft.PulseProblem(early, mj.MetastableSwitches(), protocol=PROTOCOL))


def _array(device: mj.AbstractDevice, g: float) -> mj.Crossbar:
    """Cells of one conductance [S], behind transistors."""
    state = device.states[0].name
    # A word line carries the currents of all its cells at once: 13 mA, of which wires of 2 ohm would take 1.6 V.
    array = mj.Crossbar(
        cells=device, states={state: np.full(SHAPE, 0.5)}, selector=ON,
        wires=mj.crossbar.Wires(WIRE, WIRE, drive_both_ends=True),
    )  # fmt: skip
    return states_at(array, jnp.full(SHAPE, g), PROTOCOL.read_voltage)


def _noise_score(array: mj.Crossbar, pulses: Pulses, noise: PulseNoise, high: float) -> float:
    """Score of the variance of what one set pulse adds to each cell, over the programming noise of the fit there."""
    alone = eqx.tree_at(lambda n: (n.jitter, n.flicker, n.read), noise, replace_fn=jnp.zeros_like)
    still = PulseNoise.none()
    options = {"pulses": pulses, "tolerance": 1e-12, "rounds": 1}
    noisy, silent = (
        program(array, np.full(SHAPE, high), noise=WriteNoise(n), **options).conductances
        for n in (alone, still)
    )
    sigma = np.asarray(alone.programming[0] * alone.size(jnp.asarray(silent), jnp.asarray(0)))
    count = noisy.size
    return float((np.sum(((noisy - silent) / sigma) ** 2) - count) / np.sqrt(2 * count))


def write_fitted(record: Recorder) -> None:
    """Write a random matrix, and compare the scatter of a pulse with the noise of the fit."""
    fit = _fit(record)
    if fit is None:
        return
    noise = PulseNoise.none() if fit.randomness is None else fit.randomness.noise
    low, middle, high = np.quantile(np.asarray(fit.curve()), (0.2, 0.5, 0.8))
    array = _array(fit.device, float(middle))
    pulses = Pulses(
        PROTOCOL.voltages, widths=PROTOCOL.widths, steps=0.03, scheme="gate", read_voltage=PROTOCOL.read_voltage
    )  # fmt: skip
    name = f"{SHAPE[0]} x {SHAPE[1]} fitted VCM cells, wires of {WIRE:g} ohm"
    seconds, z = lap(lambda: _noise_score(array, pulses, noise, float(high)))
    record.ok(
        "scatter of a pulse, fitted devices", Times(run=[seconds]), error=abs(z), tolerance=4.0,
        reference="z of the variance, by the noise of the fit", problem=name, n=array.states["x"].size, dtype="float64",
    )  # fmt: skip
    weight = np.random.default_rng(0).uniform(-1, 1, (SHAPE[0], SHAPE[1] // 2))
    w = np.stack([weight, -weight], axis=-1).reshape(SHAPE)
    targets = low + (high - low) * np.maximum(w, 0)
    sigma = float(np.max(np.asarray(noise.programming + noise.jitter)))
    seconds, done = lap(
        lambda: program(
            array,
            targets,
            pulses=pulses,
            noise=WriteNoise(noise),
            tolerance=2 * sigma,
            rounds=ROUNDS,
        )
    )
    before = np.asarray(conductances_of(array, PROTOCOL.read_voltage)) - targets
    record.ok(
        "fitted devices are written", Times(run=[seconds]), error=float((~done.reached).mean()), tolerance=0.2,
        reference="share of cells off their targets", problem=name, n=targets.size, dtype="float64",
        extra={
            "rounds": done.rounds, "pulses": int(done.pulses.sum()), "energy_J": done.energy, "sigma_S": sigma,
            "rms_before_S": float(np.sqrt(np.mean(before**2))), "rms_S": done.errors.tolist(),
            "off_target": done.off_target.tolist(), "range_S": [float(low), float(high)],
        },
    )  # fmt: skip
