"""The models of which a choice is made: those that can describe what sweeps show, nearest at their starts first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.data import Features, Suitability, Traits, features, suitable
from memjax.data.features import NO_SWEEPS
from memjax.errors import DataError, FitError

from ..constants import AUTOMATIC
from ..optimize.levenberg_marquardt import Progress, half_squares
from ..sweeps.learned import learned_functions
from ..sweeps.prepare import prepare
from ..sweeps.thinning import thin

COUNT = 3
"""Models that are fitted."""

SCREENED = 32
"""Starts of each candidate that are solved: their best loss tells models apart by factors, hardly by less."""

POINTS = 100
"""Points of a sweep at the most in this screening: the shape of a loop, no more."""

_ONE_SIDED = 0.02
"""Share of the largest value that a sweep to one side may have at the other one: an offset at rest."""

_TOGETHER = 8
"""Starts that are solved at once: as many as in a fit."""


@dataclass(frozen=True, kw_only=True)
class Shortlist:
    """Models of which a choice is made, and why the others are not among them.

    Parameters
    ----------
    features : Features
        What the sweeps show.
    models : tuple of str
        Names of the models to fit, nearest first.
    losses : dict of str to float
        Loss of the best start of each candidate [1], half the sum of squares over all points of the sweeps.
    reservations : dict of str to tuple of str
        Why some of these are the second choice.
    objections : dict of str to tuple of str
        Why others cannot describe the device, or could not be solved.
    notes : tuple of str
        What is to be known of the choice beside that.
    """

    features: Features
    models: tuple[str, ...]
    losses: dict[str, float]
    reservations: dict[str, tuple[str, ...]]
    objections: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Content of ``comparison.json`` beside the comparison."""
        reasons = {"reservations": self.reservations, "objections": self.objections}
        return {
            "features": self.features.to_json() | {"text": str(self.features)},
            "start_losses": self.losses,
            "shortlist": list(self.models),
            **{k: {n: list(x) for n, x in texts.items()} for k, texts in reasons.items()},
        }


def shortlist(
    measurements: Sequence[mj.Measurement],
    *,
    models: Sequence[str] | None = None,
    count: int = COUNT,
    needed: Sequence[str] = (),
    tick: Callable[[str, int], None] | None = None,
    hear: Callable[[str, Progress], None] | None = None,
    **options: Any,
) -> Shortlist:
    """Models that can describe what sweeps show, nearest at their starts first.

    Parameters
    ----------
    measurements : sequence of Measurement
        All of one device.
    models : sequence of str, optional
        Devices among which the choice is made; by default all whose laws are those of physics.
    count : int
        Number of models at the most.
    needed : sequence of str
        Parameters that a model has to have.
    tick : callable, optional
        Called with the name of each model before its starts are solved, and with the number of models that are left.
    hear : callable, optional
        Called with the name of each model and the best of its starts.
    **options : Any
        `bench`, `env`, `point_time`, `free`, `fix`, `start`, `model_sigma`, `thresholds` of `SweepProblem`; `seed`.

    Raises
    ------
    DataError
        If no sweep was measured both ways, no loop opens, or no model can describe the device; with the nearest.
    FitError
        If no start of any candidate could be solved.
    """
    shown = _features(measurements)
    devices = {n: mj.model(n) for n in models or mj.device_names()}
    if models is None:  # what is learned describes anything: it is offered where no law does
        devices = {n: d for n, d in devices.items() if not learned_functions(d)}
    bench = options.get("bench") or mj.Bench()
    table = {n: Traits.of(device) for n, device in devices.items()}
    judged = suitable(shown, table, reversed=bench.reversed)
    against = dict(judged.objections)
    lacking: set[str] = set()
    for name, device in devices.items():
        if names := [n for n in needed if n not in parameter_specs(device)]:
            lacking.add(name)
            against[name] = (*against.get(name, ()), f"it has no {', '.join(names)}")
    able = [n for n in devices if n not in against]
    if not able:
        raise _none_can(shown, judged, against)
    losses = _screen(measurements, {n: devices[n] for n in able}, options, against, tick, hear)
    order = sorted(losses, key=lambda n: (n in judged.reservations, losses[n]))
    if not order:
        raise FitError(f"no start of {', '.join(able)} could be solved", where=AUTOMATIC)
    notes = []
    if len(order) == 1:
        others = {n for n in judged.objections if n not in order and n not in lacking}
        near = next((n for n in judged.nearest if n in others), None)
        if near is None:
            notes = [f"{order[0]} alone can describe the device"]
        else:
            reasons = " and ".join(against[near])
            notes = [
                f"{order[0]} alone can describe the device; {near} is fitted for comparison, though {reasons}"
            ]
            order.append(near)
    return Shortlist(
        features=shown,
        models=tuple(order[:count]),
        losses=losses,
        reservations={n: x for n, x in judged.reservations.items() if n in losses},
        objections=against,
        notes=tuple(notes),
    )


def _features(measurements: Sequence[mj.Measurement]) -> Features:
    """What sweeps show; raises where that is nothing."""
    shown = features(*measurements)
    if shown is None:
        fix = "name the models: --model A,B"
        raise DataError(NO_SWEEPS, where=AUTOMATIC, allowed="sweeps up and back", fix=fix)
    if not shown.switches:
        what = f"{shown}: nothing tells models apart"
        allowed = "sweeps whose way back differs from the way out"
        fix = "choose sweeps that switch with --sweeps, or name the models: --model A,B"
        raise DataError(what, where=AUTOMATIC, allowed=allowed, fix=fix)
    return shown


def _none_can(
    shown: Features, judged: Suitability, against: Mapping[str, tuple[str, ...]]
) -> DataError:
    """The error where no model can describe a device: it is fitted only by a model that someone names."""
    near = judged.nearest[0]
    return DataError(
        f"no model can describe what the sweeps show: {shown}", where=AUTOMATIC,
        allowed=f"nearest is {near}, but {' and '.join(against[near])}",
        fix="where the sweeps are of several devices, or some do not switch, choose some with --sweeps; "
        f"--model {near} fits them all the same",
    )  # fmt: skip


def _screen(
    measurements: Sequence[mj.Measurement],
    devices: Mapping[str, Any],
    options: Mapping[str, Any],
    against: dict[str, tuple[str, ...]],
    tick: Callable[[str, int], None] | None,
    hear: Callable[[str, Progress], None] | None,
) -> dict[str, float]:
    """Loss of the best start of each device.

    Those of which no start is solved are added to what speaks `against` them.
    """
    point_time = options.get("point_time")
    thinned = [thin(first_sweeps(m), POINTS, point_time=point_time) for m in measurements]
    losses = {}
    for k, (name, device) in enumerate(devices.items()):
        if tick is not None:
            tick(name, len(devices) - k)
        try:
            start = _best_start(thinned, device, **options)
        except (FitError, DataError, LinAlgError) as error:
            against[name] = (f"it cannot begin: {error}",)
            continue
        loss = float(start.cost[0])
        if np.isfinite(loss):
            losses[name] = loss
            if hear is not None:
                hear(name, start)
        else:
            against[name] = ("it has no start that could be solved",)
    return losses


def first_sweeps(measurement: mj.Measurement) -> mj.Measurement:
    """The first sweep to each side, or to both, of a recording: of set and reset sweeps one each."""
    small = _ONE_SIDED * float(np.max(np.abs(measurement.applied)))
    chosen: dict[tuple[bool, bool], int] = {}
    for label, sweep in measurement.sweeps():
        sides = bool(np.any(sweep.applied > small)), bool(np.any(sweep.applied < -small))
        chosen.setdefault(sides, label)
        if len(chosen) == 3:
            break
    return measurement.select(np.isin(measurement.sweep, list(chosen.values())))


def _best_start(measurements: Sequence[mj.Measurement], device: Any, **options: Any) -> Progress:
    """The start that leaves the least of the response, as a search that has not begun; of infinite cost where none is
    solved.
    """
    defaults: dict[str, Any] = dict.fromkeys(("bench", "env", "point_time", "free", "fix"))
    defaults["seed"] = 0
    prepared = prepare(measurements, device, **(defaults | options), screened=SCREENED)
    solved = prepared.problem.for_many_calls()
    # Not the events, which count for volatile models alone, nor the prior.
    rows = np.asarray(prepared.problem.group.target).size
    starts, costs = prepared.candidates[:SCREENED], []
    for k in range(0, SCREENED, _TOGETHER):
        r, ok, _ = solved.observe(starts[k : k + _TOGETHER])
        costs.append(half_squares(np.asarray(r)[:, :rows], np.asarray(ok)))
    cost = np.concatenate(costs)
    best = [int(np.argmin(cost))]
    return Progress(np.asarray(starts)[best], cost[best], problem=prepared.problem)
