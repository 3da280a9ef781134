"""A protocol, its simulator, and a density without training, shared by the tests of this room."""

import numpy as np
import pytest

import memjax as mj
from fitting.amortised.calibration import LEVELS, Calibration
from fitting.amortised.density import Density
from fitting.amortised.network import DensitySettings, leaves_of, new_network, single_precision
from fitting.amortised.posterior import AmortisedPosterior
from fitting.amortised.prior import Prior
from fitting.amortised.protocol import SweepProtocol
from fitting.amortised.simulations import Simulator
from fitting.amortised.statistics import Reach, SweepStatistics

SMALL = DensitySettings(width=16, depth=1, features=4, layers=1, flow_width=8, knots=4)
TIMES = np.linspace(0, 1, 41)
VOLTS = 0.6 * np.sin(2 * np.pi * TIMES)
BOUNDS = {"r_on": (300.0, 900.0), "v_on": (0.2, 0.4)}
MODEL = mj.params.replace(mj.MetastableSwitches(), {"tau": 1e-4, "x0": 0.0})


@pytest.fixture(scope="session")
def protocol() -> SweepProtocol:
    """One sweep, read with an error of 5 %."""
    return SweepProtocol(
        stimuli=(mj.Sampled(TIMES, VOLTS),), rows=(TIMES,), order=(0,), bench=mj.Bench(), relative=0.05, floor=1e-9
    )  # fmt: skip


@pytest.fixture(scope="session")
def simulator(protocol) -> Simulator:
    """Devices of two free parameters without noise of their own."""
    return Simulator(
        device=MODEL,
        protocol=protocol,
        prior=Prior.of_bounds(MODEL, BOUNDS),
        cycle_spread={},
        statistics=SweepStatistics(protocol=protocol, first=True, points=10),
        seed=3,
        deterministic=True,
    )


def of_passing(names, passed: bool = True) -> Calibration:
    """A calibration with a verdict."""
    return Calibration(
        names=tuple(names),
        ranks=np.zeros((4, len(names)), int),
        draws=255,
        p=(0.5 if passed else 1e-4,) * len(names),
        coverage=np.repeat(np.array(LEVELS)[:, None], len(names), axis=1),
        contraction=(0.5,) * len(names),
    )


@pytest.fixture(scope="session")
def currents(simulator) -> np.ndarray:
    """Currents of some devices as they are read [A]."""
    i, good = simulator.currents(0, simulator.coordinates(0, 256))
    assert good.all()
    return simulator.read(i, 0)


@pytest.fixture(scope="session")
def untrained(simulator, currents) -> AmortisedPosterior:
    """All parts of a trained density but for the training."""
    s = simulator.statistics(currents)
    center, scale = s.mean(axis=0), s.std(axis=0)
    with single_precision():
        import jax

        network = new_network(SMALL, 2, s.shape[1], jax.random.key(0))
    density = Density(
        settings=SMALL,
        center=center,
        scale=scale,
        leaves=[leaves_of(network)],
        scales=[np.ones(2, np.float32)],
        free=2,
        losses=[np.zeros((1, 2))],
    )
    return AmortisedPosterior(
        device=MODEL,
        prior=simulator.prior,
        statistics=simulator.statistics,
        density=density,
        reach=Reach.of(s, scale),
        calibration=of_passing(BOUNDS),
        simulations=256,
        failed=0,
        settings={"solver": "Auto()"},
        seed=3,
    )


def measurement(i, t=TIMES, v=VOLTS, **changes) -> mj.Measurement:
    """A sweep that was measured."""
    about = {
        "at_compliance": np.zeros(len(i), bool),
        "sweep": np.zeros(len(i), int),
        "reader": "here",
    }
    return mj.Measurement(**{"t": t, "v": v, "i": np.asarray(i), **about, **changes})
