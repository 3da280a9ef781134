"""Simulate devices of a prior, train a density on them, and see whether it is right on others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import memjax as mj
from memjax.errors import DataError, ModelError
from memjax.runtime.arguments import as_seed
from memjax.runtime.deprecated import forward_keywords
from memjax.runtime.flags import check_flags
from memjax.runtime.memory import check_size
from memjax.simulate.policy import require_x64

from .calibration import DEVICES, DRAWS, calibrate
from .density import TrainingSettings, train
from .network import DensitySettings, require_flows
from .posterior import AmortisedPosterior
from .prior import Prior
from .protocol import SweepProtocol
from .simulations import Simulations, Simulator
from .statistics import POINTS, Reach, SweepStatistics

SIMULATIONS = 40_000
"""Devices that are simulated for training, where nothing else is asked for."""

_FEWEST = 500  # devices of which a density may be trained at all
_HELD = 0.1  # share of them that decides which networks are kept
_REPLICATES = 4  # readings of each device with other errors: new numbers at no solve


@dataclass(frozen=True, kw_only=True)
class DevicePrior:
    """What the devices of a training are drawn from: ranges, or a population.

    Parameters
    ----------
    bounds : mapping of str to (float, float), optional
        Ranges of the free parameters [unit], within which they are log-uniform (uniform where a range begins at 0 or
        below). ``sigma_ln(NAME)`` is the standard deviation from cycle to cycle of the logarithm of NAME.
    population : memjax.Population, optional
        What devices are drawn from in place of ranges, with its spread from cycle to cycle.
    cycle_spread : mapping of str to float, optional
        Standard deviations from cycle to cycle of the logarithms of parameters, where these are known.
    """

    bounds: Mapping[str, tuple[float, float]] | None = None
    population: mj.Population | None = None
    cycle_spread: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class SimulationSettings:
    """How the devices of a training are simulated, and what is kept of their sweeps.

    Parameters
    ----------
    policy : AbstractPolicy, optional
        By default fixed damped drift-implicit steps, ten between two readings, where noise acts, else adaptive ones.
    deterministic : bool
        Whether diffusion and jumps are left out.
    points : int
        Stretches of a sweep at the most over which the logarithmic current is averaged.
    """

    policy: Any = None
    deterministic: bool = False
    points: int = POINTS

    def __post_init__(self):
        check_flags({"deterministic": self.deterministic}, where="amortise")


@forward_keywords(groups={"prior": DevicePrior, "simulation": SimulationSettings})
def amortise(
    device: mj.AbstractDevice | mj.Circuit | str,
    protocol: SweepProtocol,
    *,
    prior: DevicePrior | None = None,
    simulations: int = SIMULATIONS,
    simulation: SimulationSettings | None = None,
    seed: int = 0,
    density: DensitySettings | None = None,
    training: TrainingSettings | None = None,
    tick: Callable[..., None] | None = None,
) -> AmortisedPosterior:
    r"""Train a posterior for all devices of a model under a protocol.

    Parameters
    ----------
    device : AbstractDevice, Circuit or str
        The model, with the values of what is not free; or its name.
    protocol : SweepProtocol
        What is applied to each device, and how it is read.
    prior : DevicePrior
        What devices are drawn from: ranges of the free parameters, or a population.
    simulations : int
        Devices that are simulated for training; 1,000 more are for the test.
    simulation : SimulationSettings, optional
        How they are simulated.
    seed : int
        Of all random numbers.
    density, training
        Sizes of the networks, and how they are trained.
    tick : callable, optional
        ``tick(stage, text, done=, most=)`` hears how far it has come: devices or passes since the last call, and those
        that are left at the most.

    Returns
    -------
    AmortisedPosterior
        With the `calibration` that it passed, or not: then `AmortisedPosterior.posterior` refuses.

    Raises
    ------
    DataError, ModelError, BoundsError
        For wrong arguments; without flowjax.
    FitError
        If most simulated devices failed.
    PolicyError
        In float32.

    Notes
    -----
    Nothing of it is a likelihood: what can be simulated can be trained on. The answer is the posterior given the
    statistics of the sweeps (`SweepStatistics`), to what the networks have learnt of it; the calibration sees what they
    have not, on average over the prior, and nothing of a wrong model.
    """
    seed = as_seed(seed, where="amortise", lowest=0)
    require_x64()
    require_flows()
    if simulations < _FEWEST:
        raise DataError(f"{simulations} simulations", where="amortise", allowed=f">= {_FEWEST}")
    model = mj.model(device) if isinstance(device, str) else device
    settings = simulation or SimulationSettings()
    simulator = _simulator(model, protocol, prior or DevicePrior(), settings, seed)
    size = 4 * _REPLICATES * len(simulator.statistics.names())
    words = {"what": "simulations", "where": "amortise", "fix": "take fewer"}
    check_size(simulations, size, **words, error=DataError)
    return _trained(simulator, simulations, density, training, tick or (lambda *_, **__: None))


def _trained(
    simulator: Simulator,
    simulations: int,
    density: DensitySettings | None,
    training: TrainingSettings | None,
    show: Callable[..., None],
) -> AmortisedPosterior:
    """The density of simulated devices."""
    total, settings = simulations + DEVICES, training or TrainingSettings()
    simulated = 0

    def count(before: int) -> Callable[[int], None]:
        def tell(done: int) -> None:
            nonlocal simulated
            new, simulated = before + done - simulated, before + done
            show("simulate", f"{simulated} of {total} devices", done=new, most=total - simulated)

        return tell

    def passed(k: int, n: int, a: float, b: float) -> None:
        most = settings.epochs * (settings.networks - k + 1) - n
        text = f"network {k}, pass {n}, loss {a:.4g}, of held-out devices {b:.4g}"
        show("train", text, done=1, most=most)

    known = simulator.run(0, simulations, replicates=_REPLICATES, tick=count(0))
    fresh = simulator.run(simulations, DEVICES, tick=count(simulations))
    trained = train(
        known.u,
        known.statistics,
        held=max(round(_HELD * len(known.u)), 1),
        seed=simulator.seed,
        settings=density,
        training=training,
        tick=passed,
    )
    return _posterior(simulator, known, fresh, trained)


def _simulator(
    model: Any, protocol: Any, prior: DevicePrior, settings: SimulationSettings, seed: int
) -> Simulator:
    bounds, population = prior.bounds, prior.population
    if not isinstance(protocol, SweepProtocol):
        kind = type(protocol).__name__
        allowed = "SweepProtocol.of(measurement, relative=...)"
        raise DataError(f"a {kind} in place of a protocol", where="amortise", allowed=allowed)
    if (bounds is None) == (population is None):
        what = "no bounds and no population" if bounds is None else "bounds and a population"
        raise DataError(what, where="amortise", allowed="one of the two")
    if population is not None and type(population.base) is not type(model):
        what = f"a population of {population.base.name} for {model.name}"
        raise ModelError(what, where="amortise", allowed="a population of the same model")
    base = model if population is None else population.base
    law = Prior.of_bounds(model, bounds or {}) if population is None else Prior.of_population(population)  # fmt: skip
    keeps = not getattr(base, "volatile", True)
    return Simulator(
        device=base,
        protocol=protocol,
        prior=law,
        cycle_spread={n: float(x) for n, x in (prior.cycle_spread or {}).items()},
        statistics=SweepStatistics(protocol=protocol, first=keeps, points=settings.points),
        seed=seed,
        policy=settings.policy,
        deterministic=settings.deterministic,
    )


def _posterior(
    simulator: Simulator, known: Simulations, fresh: Simulations, trained: Any
) -> AmortisedPosterior:
    """The density with its calibration on devices that it never saw."""
    u = trained.draw(fresh.statistics[0], DRAWS, seed=simulator.seed)
    spread = {n: f"{x:g}" for n, x in simulator.cycle_spread.items()}
    settings = {
        "solver": repr(simulator.solver()),
        "noise": "left out" if simulator.deterministic else "as the model has it",
        "cycle_spread": ", ".join(f"{n} {x}" for n, x in spread.items()) or "none but what is free",
    }
    return AmortisedPosterior(
        device=simulator.device,
        prior=simulator.prior,
        statistics=simulator.statistics,
        density=trained,
        reach=Reach.of(known.statistics[0], trained.scale),
        calibration=calibrate(simulator.prior.names, fresh.u, u),
        simulations=len(known.u) + len(fresh.u) + known.failed + fresh.failed,
        failed=known.failed + fresh.failed,
        settings=settings,
        seed=simulator.seed,
    )
