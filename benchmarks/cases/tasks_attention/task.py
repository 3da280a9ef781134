"""Weak objects in noise on a grid of neurons, a part of which a cue has made active before: a task of our own."""

from dataclasses import dataclass

import numpy as np

import memjax as mj
from memjax.network import (
    Network,
    Neurons,
    Poisson,
    Projection,
    Receptor,
    Threshold,
    image_rates,
    one_to_one,
    run,
)
from memjax.neuron import stl_neuron

SIDE, ATTENDED = 16, 8
"""Neurons along a side of the grid, and of the attended part in its corner."""

FRAME, CUE_FRAMES = 0.1, 3
"""Time of a frame [s], and frames of the cue; one frame of background follows, and then the scene."""

HIGH, WEIGHT, TAU = 300.0, 0.5, 1e-2
"""Rate of a bright pixel [1/s]; what a spike adds to the voltage of its neuron's input [V], and how it decays [s]."""

BACKGROUND = 0.15
"""Brightness of what is no object: a mean drive of 0.22 V, and noise about it."""

DEVICE = {"alpha": 0.2, "gamma": 100.0, "mu": 36.0, "tau_c": 0.5, "sigma": 1e-3}
"""Static threshold of 1 V, slow enough for steps of 10 us; clusters of half a second; the rest are the defaults."""

DT = 1e-5

FALSE_ALARMS = 0.05
"""Rate of false alarms at which detection rates are compared."""


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """Trials with two objects inside and two outside of the attended part, each of 2 by 2 pixels.

    Parameters
    ----------
    contrasts : tuple of float
        Brightness of the objects; each with as many trials.
    trials : int
        Of each contrast.
    seed : int
        Of the places of the objects.
    """

    contrasts: tuple[float, ...]
    trials: int
    seed: int = 0

    @property
    def places(self) -> np.ndarray:
        """Row and column of the first pixel of each place, 16 of them 4 apart."""
        row = np.arange(1, SIDE, 4)
        return np.stack(np.meshgrid(row, row, indexing="ij"), axis=-1).reshape(-1, 2)

    @property
    def attended(self) -> np.ndarray:
        """Whether each place is inside the attended part."""
        return np.all(self.places + 1 < ATTENDED, axis=1)

    @property
    def objects(self) -> np.ndarray:
        """Whether there is an object, by contrast, trial and place."""
        rng = np.random.default_rng(self.seed)
        order = rng.random((len(self.contrasts), self.trials, len(self.places)))
        objects = np.zeros(order.shape, bool)
        for part in (self.attended, ~self.attended):
            rank = np.argsort(np.argsort(np.where(part, order, 2.0), axis=-1), axis=-1)
            objects |= part & (rank < 2)
        return objects

    def frames(self, cue: bool) -> np.ndarray:
        """Brightness by frame, contrast, trial, row and column."""
        shape = (CUE_FRAMES + 2, len(self.contrasts), self.trials, SIDE, SIDE)
        frames = np.full(shape, BACKGROUND)
        if cue:
            frames[:CUE_FRAMES, ..., :ATTENDED, :ATTENDED] = 1.0
        objects = self.objects
        for k, (row, column) in enumerate(self.places):
            bright = np.where(objects[..., k], np.asarray(self.contrasts)[:, None], BACKGROUND)
            frames[-1, ..., row : row + 2, column : column + 2] = bright[..., None, None]
        return frames


@dataclass(frozen=True, kw_only=True)
class Responses:
    """What the grid did.

    Parameters
    ----------
    counts : np.ndarray
        Spikes while the scene was shown, by contrast, trial and place.
    maps : np.ndarray
        The same of each neuron in the first trial of the second contrast, by row and column.
    clusters : dict of str to float
        Mean second state at the end, inside and outside of the attended part.
    """

    counts: np.ndarray
    maps: np.ndarray
    clusters: dict[str, float]


def respond(scenes: Scenes, *, epsilon: float, cue: bool, seed: int = 0) -> Responses:
    """Show scenes to grids of neurons, each trial to a grid of its own.

    Parameters
    ----------
    scenes : Scenes
        What is shown.
    epsilon : float
        Lowering of the threshold by full clusters, in units of kT; at 0 it stays where it is.
    cue : bool
        Whether the attended part is made active before.
    seed : int
        Of all noise.
    """
    frames = scenes.frames(cue)
    n = frames[0].size
    circuit = stl_neuron(mj.params.replace(mj.SecondOrderDiffusive(), DEVICE), c=4e-9)
    grid = Neurons(
        name="grid",
        n=n,
        circuit=circuit,
        spike=Threshold(signal="memristor.f", level=0.9, rearm=0.5),
        values={"memristor.epsilon": np.full(n, epsilon)},
    )
    rates = image_rates(frames.reshape(len(frames), -1), high=HIGH)
    scene = Poisson(name="scene", n=n, rate=rates, interval=FRAME)
    pixels = Projection(
        pre="scene",
        post="grid",
        edges=one_to_one(n),
        receptor=Receptor(tau=TAU),
        weight=WEIGHT,
    )
    network = Network(groups=[scene, grid], projections=[pixels], dt=DT, seed=seed)
    recording = run(network, len(frames) * FRAME)
    member, time = recording.spikes["grid"]
    frame = np.minimum((time / FRAME - 1e-9).astype(int), len(frames) - 1)
    spikes = np.bincount(frame * n + member, minlength=len(frames) * n).reshape(frames.shape)
    counts = [spikes[-1, ..., r : r + 2, c : c + 2].sum(axis=(-2, -1)) for r, c in scenes.places]
    clusters = recording.states["grid"]["memristor.c"].reshape(-1, SIDE, SIDE)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[:ATTENDED, :ATTENDED] = True
    return Responses(
        counts=np.stack(counts, axis=-1),
        maps=spikes[-1, 1, 0],
        clusters={
            "inside": float(clusters[:, inside].mean()),
            "outside": float(clusters[:, ~inside].mean()),
        },
    )


def detection_rate(hits: np.ndarray, alarms: np.ndarray, rate: float = FALSE_ALARMS) -> float:
    """Share of objects that are detected at a rate of false alarms.

    Parameters
    ----------
    hits, alarms : np.ndarray
        Spikes at places with and without an object.
    rate : float
        False alarms at places without one.

    Notes
    -----
    An object is where there are more spikes than a criterion; of equal numbers a share is taken at random so that the
    rate is met, which is the straight line between two points of the receiver's characteristic.
    """
    criteria = np.arange(max(hits.max(), alarms.max()) + 1, -2, -1)
    false_alarms, detections = (
        np.array([np.mean(x > c) for c in criteria]) for x in (alarms, hits)
    )
    return float(np.interp(rate, false_alarms, detections))


def discrimination(hits: np.ndarray, alarms: np.ndarray) -> float:
    """Area under the receiver's characteristic: 0.5 is chance, 1 is perfect."""
    greater, equal = (np.mean(f(hits[:, None], alarms[None])) for f in (np.greater, np.equal))
    return float(greater + 0.5 * equal)


def by_place(
    scenes: Scenes, responses: Responses, contrast: int, inside: bool, trials: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Spikes at places with and without an object, inside or outside of the attended part, of some trials."""
    part = scenes.attended == inside
    counts = responses.counts[contrast][trials][:, part]
    objects = scenes.objects[contrast][trials][:, part]
    return counts[objects], counts[~objects]


def with_errors(
    scenes: Scenes, responses: Responses, contrast: int, inside: bool, draws: int = 200
) -> dict[str, float]:
    """Detection rate and discrimination, and their standard errors over trials, drawn again with repetition."""
    trials, rng = np.arange(scenes.trials), np.random.default_rng(0)
    samples = [trials, *(rng.integers(scenes.trials, size=(draws, scenes.trials)))]
    pairs = [by_place(scenes, responses, contrast, inside, s) for s in samples]
    rates = np.array([detection_rate(*p) for p in pairs])
    areas = np.array([discrimination(*p) for p in pairs])
    return {
        "rate": rates[0],
        "rate_se": rates[1:].std(ddof=1),
        "area": areas[0],
        "area_se": areas[1:].std(ddof=1),
    }
