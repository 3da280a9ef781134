"""Writing 64 x 64 pairs: time, what is reached, and whether errors are those of the noise."""

import numpy as np

import memjax as mj
from benchmarks.cases.crossbar.decay import drift_by_data, drift_of
from benchmarks.records import Recorder
from benchmarks.timing import Times, lap

LINES = {"smoke": (8, 16), "full": (64, 128)}
LOW, HIGH = 1e-6, 1e-4
SPREAD, READ = 0.02, 2e-3
LAW = mj.crossbar.Retention("power of time", {"r0": 1e4, "nu": 0.02, "t0": 1.0}, spread=0.3)


def _array(shape: tuple[int, int], x: float) -> mj.Crossbar:
    """VTEAM devices between wires of 2 ohm."""
    ends = {"r_on": 1 / HIGH, "r_off": 1 / LOW}
    device = mj.params.replace(mj.Vteam(conduction="exponential"), ends)
    states = {"x": np.full(shape, x)}
    return mj.Crossbar(cells=device, states=states, wires=mj.crossbar.Wires(2.0, 2.0))


def pairs(shape: tuple[int, int]) -> np.ndarray:
    """Conductances of pairs that hold a random matrix [S]."""
    weight = np.random.default_rng(0).uniform(-1, 1, (shape[0], shape[1] // 2))
    w = np.stack([weight, -weight], axis=-1).reshape(shape)
    return 2 * LOW + (0.5 * HIGH - 2 * LOW) * np.maximum(w, 0)


def _write(record: Recorder, shape: tuple[int, int]) -> mj.crossbar.Programmed:
    """Write and verify with noise of pulses and reads."""
    targets = pairs(shape)
    pulses = mj.crossbar.Pulses((-0.4, 0.4), widths=2.5e-4, steps=0.01)
    noise = mj.crossbar.WriteNoise(spread=SPREAD, read=READ)
    seconds, done = lap(
        lambda: mj.crossbar.program(
            _array(shape, 0.7),
            targets,
            pulses=pulses,
            tolerance=5e-2 * targets,
            noise=noise,
            rounds=30,
        )
    )
    record.ok(
        "write and verify", Times(run=[seconds]), error=float((~done.reached).mean()),
        reference="share of cells off their targets", tolerance=0.02, problem=_name(shape), n=done.targets.size,
        dtype="float64",
        extra={
            "rounds": done.rounds, "pulses": int(done.pulses.sum()), "energy_J": done.energy,
            "rms_relative": float(np.sqrt(np.mean((done.conductances / targets - 1) ** 2))),
            "rms_S": done.errors.tolist(), "off_target": done.off_target.tolist(),
        },
    )  # fmt: skip
    return done


def _walk(record: Recorder, shape: tuple[int, int], rounds: int = 5) -> None:
    """Pulses below the thresholds: each adds its noise to the logarithm of the conductance, and nothing else moves."""
    array, path = _array(shape, 0.5), []
    pulses = mj.crossbar.Pulses((-0.29, 0.29), widths=2.5e-4)
    noise = mj.crossbar.WriteNoise(spread=SPREAD)
    seconds, _ = lap(
        lambda: mj.crossbar.program(
            array, np.full(shape, 1.01 * LOW), pulses=pulses, tolerance=1e-12, noise=noise, rounds=rounds,
            progress=path.append,
        )
    )  # fmt: skip
    start = np.log(np.asarray(mj.crossbar.conductances_of(array, 0.1)))
    scores = []
    for done in path:
        chi2 = np.sum(((np.log(done.conductances) - start) / SPREAD) ** 2) / done.rounds
        scores.append(float((chi2 - start.size) / np.sqrt(2 * start.size)))
    record.ok(
        "error against pulses", Times(run=[seconds]), error=max(map(abs, scores)),
        reference="z of the variance of logarithms after each pulse", tolerance=4.0, problem=_name(shape),
        n=start.size, dtype="float64", extra={"z": scores},
    )  # fmt: skip


def _disturb(record: Recorder, shape: tuple[int, int]) -> None:
    """How far one round of all pulses moves the cells that it is not for, by scheme."""
    targets = np.array(mj.crossbar.conductances_of(_array(shape, 0.5), 0.1))
    targets[::2, ::2] *= 2
    for scheme in ("half", "third", "gate"):
        pulses = mj.crossbar.Pulses((-0.7, 0.7), widths=2.5e-5, scheme=scheme)
        tolerance = 0.1 * targets
        seconds, done = lap(
            lambda p=pulses, t=tolerance: mj.crossbar.program(
                _array(shape, 0.5), targets, pulses=p, tolerance=t, rounds=1
            )
        )
        others = np.asarray(done.pulses) == 0
        moved = np.abs(done.conductances / targets - 1)[others]
        record.ok(
            f"disturb, {scheme}", Times(run=[seconds]), error=None, reference="none: it is a finding",
            problem=_name(shape), n=targets.size, dtype="float64",
            extra={"median": float(np.median(moved)), "largest": float(moved.max())},
        )  # fmt: skip


def _name(shape: tuple[int, int]) -> str:
    """Of a problem."""
    return f"{shape[0]} x {shape[1]} VTEAM cells, wires of 2 ohm"


def write(size: str, record: Recorder) -> None:
    """All that is written."""
    shape = LINES[size]
    done = _write(record, shape)
    _walk(record, shape)
    drift_of(record, done, LAW, "drift", _name(shape))
    drift_by_data(record, done, _name(shape))
    _disturb(record, shape)
