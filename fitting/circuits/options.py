"""The part of ``memjax fit`` that takes spike trains, or the trace of a node, of a circuit."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from memjax.errors import DataError
from memjax.io.request import environment, file_of

from ..command import require_circuit
from ..config import (
    CIRCUITS,
    CommonConfig,
    draws,
    level,
    option,
    rearm,
    step,
    stimulus,
    stochastic,
)
from ..progress import Session

if TYPE_CHECKING:
    import numpy as np

    from .spikes import SpikeCalibration
    from .voltage_fit import VoltageFit

_SIGMA = 1e-3  # least standard deviation of a row where none is given, over the range of the trace


@dataclass(frozen=True, kw_only=True)
class SpikeConfig(CommonConfig):
    """What a fit of spike trains is asked for."""

    spikes: str | None = option(
        "fit spike times: files of times, or of traces of this state (as gate.v), which spikes where it rises "
        "above --level; kinetics and noise are calibrated together",
        metavar="SIGNAL",
        group=CIRCUITS,
    )
    stimulus: str | None = stimulus()
    level: float | None = level()
    rearm: float | None = rearm()
    dt: float | None = step()
    draws: int | None = draws()
    stochastic: bool = stochastic()


@dataclass(frozen=True, kw_only=True)
class TraceConfig(CommonConfig):
    """What a fit of the trace of a node is asked for."""

    voltage: str | None = option(
        "fit the trace of a node, or i for the source's current", metavar="NODE", group=CIRCUITS
    )
    stimulus: str | None = stimulus()
    sigma: float | None = option(
        "standard deviation of a row of a trace",
        form="number",
        unit="V or A",
        metavar="V",
        group=CIRCUITS,
    )


def drive(config: Any, circuit: Any) -> Any:
    """The stimulus that drove a circuit, by its ports."""
    from memjax.io.stimulus import load_stimulus

    return load_stimulus(config.stimulus, circuit.ports if len(circuit.ports) > 1 else ())


def _begin(config: Any, circuit: Any, **needed: str) -> tuple[Any, dict[str, Any]]:
    """The circuit at the start, and what both fits are asked for."""
    from memjax.core import params

    from ..problem import begun

    require_circuit(config, circuit, **needed, free="NAME ...")
    circuit = params.replace(circuit, dict(config.fix), where="--fix")
    about = {"free": config.free, "seed": config.seed, "env": environment(config)}
    start = begun(circuit, config.free, dict(config.start))
    return start, about | {"stimulus": drive(config, circuit)}


def fit_trains(config: SpikeConfig, circuit: Any, session: Session) -> "SpikeCalibration":
    """The calibration to spike trains."""
    from memjax.data import read_spike_trains

    from .spikes import calibrate_spikes

    circuit, about = _begin(config, circuit, where="--spikes", stimulus="S.csv", level="V")
    about |= {"level": config.level, "rearm": config.rearm, "signal": config.spikes}
    trains = []
    for name in config.files:
        read = {n: about[n] for n in ("level", "rearm", "signal")}
        trains += read_spike_trains(file_of(name), **read).values()
    with session.stages(checked=False) as stages:
        more: dict[str, Any] = dict(members=config.draws, dt=config.dt, tick=stages)
        calibration = calibrate_spikes(trains, circuit, **about, **more)
    return replace(calibration, model=config.model)


def fit_trace(config: TraceConfig, circuit: Any, session: Session) -> "VoltageFit":
    """The fit of the trace of a node; its errors are those of the residuals where no sigma was given."""
    from memjax.data import read_traces

    from .voltage_fit import fit_voltages

    circuit, about = _begin(config, circuit, where="--voltage", stimulus="S.csv")
    node = str(config.voltage).removesuffix(".v")
    traces = read_traces(file_of(config.files[0]), signal="i" if node == "i" else f"{node}.v")
    if len(config.files) > 1 or len(traces) > 1:
        raise DataError(
            "several traces", where="--voltage", allowed="one", fix="fit each into a folder of its own"
        )  # fmt: skip
    ((t, x),) = traces.values()
    sigma = _scatter(x) if config.sigma is None else config.sigma
    with session.stages(checked=False) as stages:
        fit = fit_voltages(t, x, circuit, node=node, sigma=sigma, **about, tick=stages)
    scale = fit.chi2 if config.sigma is None and fit.chi2 > 1 else 1.0
    stated = config.sigma is not None
    return replace(fit, covariance=scale * fit.covariance, model=config.model, stated=stated)


def _scatter(x: "np.ndarray") -> float:
    """Standard deviation of a row, from second differences: a smooth trace has none."""
    import numpy as np

    away = np.diff(x, n=2)
    own = 1.4826 * float(np.median(np.abs(away - np.median(away)))) / 6**0.5 if away.size else 0.0
    return max(own, _SIGMA * float(np.ptp(x)) or _SIGMA)
