"""Spatial attention: detection of weak objects in noise where activity has lowered thresholds, and where it has not."""

import numpy as np

from benchmarks.cases.tasks_attention import pictures, task
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap

CONTRASTS = {"smoke": (0.3, 0.6), "full": (0.3, 0.45, 0.6, 0.8, 1.0)}
TRIALS = {"smoke": 6, "full": 40}

CONDITIONS = {
    "threshold falls": {"epsilon": 1.5, "cue": True},
    "threshold stays": {"epsilon": 0.0, "cue": True},
    "no cue": {"epsilon": 1.5, "cue": False},
}

PUBLISHED = {"inside": (0.70, 0.90), "outside": (0.20, 0.80)}
"""Accuracy without and with threshold lowering that doi:10.1002/advs.202301323 reports, of another task."""

Z = 4.0


def run(size: str, record: Recorder) -> None:
    """Each condition; the same scenes and the same noise of the sources in all of them."""
    scenes = task.Scenes(contrasts=CONTRASTS[size], trials=TRIALS[size])
    found, maps = {}, {}
    for name, condition in CONDITIONS.items():
        seconds, responses = lap(lambda condition=condition: task.respond(scenes, **condition))
        maps[name] = responses.maps
        found[name] = {
            where: [
                task.with_errors(scenes, responses, k, where == "inside")
                for k in range(len(scenes.contrasts))
            ]
            for where in ("inside", "outside")
        }
        record.ok(
            name,
            Times(run=[seconds]),
            error=None,
            reference="none: detection rates at 5 % false alarms, with standard errors over trials",
            problem=f"{scenes.trials} trials of each contrast, 256 neurons each, "
            f"epsilon = {condition['epsilon']:g}, {'a' if condition['cue'] else 'no'} cue",
            n=scenes.trials * len(scenes.contrasts),
            extra=found[name] | {"clusters": responses.clusters, "contrasts": scenes.contrasts},
        )
    # Where attention is to help: the mean over contrasts of the gain inside, over its standard error.
    pairs = zip(found["threshold falls"]["inside"], found["threshold stays"]["inside"], strict=True)
    gains = np.array(
        [(a["rate"] - b["rate"], np.hypot(a["rate_se"], b["rate_se"])) for a, b in pairs]
    )
    z = gains[:, 0].sum() / max(np.sqrt(np.sum(gains[:, 1] ** 2)), 1e-9)
    record.ok(
        "gain inside",
        Times(run=[0.0]),
        error=float(not z > Z) if size == "full" else None,
        reference=f"0 if threshold lowering raises detection in the attended part by more than {Z:g} standard errors",
        tolerance=0.5 if size == "full" else None,
        problem="mean over contrasts",
        n=scenes.trials * len(scenes.contrasts),
        extra={"z": float(z), "gain": float(gains[:, 0].mean()), "published": PUBLISHED},
    )
    pictures.write(record.path, scenes, found, maps)


CASE = Case(
    name="tasks_attention", run=run, baseline="threshold stays", suites=("tasks",), limit_s=1800.0
)
