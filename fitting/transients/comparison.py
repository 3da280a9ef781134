"""Measured and simulated delays and relaxations against each other: moments, tests, and what the tests can see."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ..stochastic.two_sample import energy_test

NAMES = ("delay", "relaxation")

_RESAMPLED = 2000  # resamplings by which the standard error of a coefficient of variation is found
# Simulated experiments by which a power is found, and permutations in each.
_REPEATS, _PERMUTATIONS = 200, 199

LEVEL = 0.05
"""Level of the energy test whose power is reported."""

_FAR = 2.0  # standard errors that are told as a difference

METHOD = (
    "delays restricted to the width of the pulse and relaxations to what was watched after it, of curves that "
    "switched, measured and simulated alike; z of the mean logarithm by standard errors of both, z of the CV by "
    "resampling both; cv_of_n is the CV of as many simulated curves as were measured (mean, SD)"
)


def compare_times(
    measured: Float[np.ndarray, "curves 2"],
    simulated: Float[np.ndarray, "draws 2"],
    limits: Float[np.ndarray, " 2"],
    *,
    step: float,
    tolerance: float,
    seed: int,
    repeats: int = _REPEATS,
) -> dict:
    """Moments of both times on both sides, differences in standard errors, energy tests and their power.

    Parameters
    ----------
    measured, simulated : Float[np.ndarray, "n 2"]
        Delays and relaxations [s], restricted to the limits.
    limits : Float[np.ndarray, "2"]
        How long either was watched [s].
    step : float
        Shortest time that is told from none [s].
    tolerance : float
        Share of a limit within which a time counts as not ended.
    seed : int
        Of resampling and permutations.
    repeats : int
        Simulated experiments for each power.

    Returns
    -------
    dict
        `method` in words; `times`, by name: `measured` and `simulated` (`n`, `ended`, `censored` [share], `mean` [s],
        `cv`, `cv_se`, `ln_mean`, `ln_sd`), `log_ratio` of simulated to measured with `log_ratio_se` and `z_log`,
        `z_cv`, `cv_of_n` and `z_cv_of_n`; `energy_p` of the joint logarithms and of each; `level`, and `power`
        of the joint test at it by alternative.
    """
    rng, times = np.random.default_rng(seed), {}
    limits = np.asarray(limits) * (1 - tolerance)
    switched = [x[:, 0] < limits[0] for x in (measured, simulated)]
    for k, name in enumerate(NAMES):
        x, y = measured[:, k], simulated[:, k]
        if k:  # a curve that never switched has nothing to relax
            x, y = x[switched[0]], y[switched[1]]
        times[name] = _one(x, y, float(limits[k]), rng)
    x, y = np.log(measured), np.log(simulated)
    scale = np.maximum(np.std(x, axis=0), 1e-12)
    x, y = x / scale, y / scale
    columns = {"joint": slice(None), NAMES[0]: slice(0, 1), NAMES[1]: slice(1, 2)}
    low, high = np.log(step) / scale, np.log(limits / (1 - tolerance)) / scale
    power = {}
    for label, change in ALTERNATIVES.items():
        other = lambda z, change=change: np.clip(change(z), low, high)  # noqa: E731
        power[label] = energy_power(y, other, len(x), seed=seed, repeats=repeats)
    energy_p = {n: energy_test(x[:, c], y[:, c], seed=seed) for n, c in columns.items()}
    return {"method": METHOD, "times": times, "energy_p": energy_p, "level": LEVEL, "power": power}


def _far(times: dict) -> dict[str, float]:
    """How far both sides of one kind of time are from each other, by moment [standard errors]."""
    keys = {"mean logarithm": "z_log", "CV": "z_cv"}
    return {word: times[key] for word, key in keys.items() if times[key] is not None}


def summary(comparison: dict) -> list[str]:
    """The same in a line for each time, and one for the tests."""
    lines = []
    for name, c in comparison["times"].items():
        sides = (
            f"{word} mean {1e3 * c[word]['mean']:.3g} ms, CV {c[word]['cv']:.2f} ± {c[word]['cv_se']:.2f}, "
            f"{c[word]['n'] - c[word]['ended']} of {c[word]['n']} not ended"
            for word in ("measured", "simulated")
        )
        z = ", ".join(f"{word} {x:.2f}" for word, x in _far(c).items())
        lines.append(f"{name}: {'; '.join(sides)}; standard errors between: {z}")
    p = ", ".join(f"{n} {x:.3f}" for n, x in comparison["energy_p"].items())
    powers = ", ".join(f"{n} {x:.2f}" for n, x in comparison["power"].items())
    return [*lines, f"energy test: p {p}", f"its power at {comparison['level']:g}: {powers}"]


def differences(comparison: dict) -> list[str]:
    """What tells the two apart: tests below the level, and moments more than two standard errors apart."""
    tests = comparison["energy_p"].items()
    low = [f"energy test of {n}, p = {p:.3f}" for n, p in tests if p <= LEVEL]
    moments = ((n, *x) for n, c in comparison["times"].items() for x in _far(c).items())
    return low + [
        f"{word} of the {n}, {x:.1f} standard errors" for n, word, x in moments if abs(x) > _FAR
    ]


def _one(x: np.ndarray, y: np.ndarray, limit: float, rng: np.random.Generator) -> dict:
    m, s = (_moments(side, limit, rng) for side in (x, y))
    of_n = _cv(y[rng.integers(0, len(y), (_RESAMPLED, len(x)))])
    mean, sd = float(of_n.mean()), float(of_n.std(ddof=1))
    ratio = s["ln_mean"] - m["ln_mean"]
    ratio_se = float(np.hypot(m["ln_sd"] / np.sqrt(m["n"]), s["ln_sd"] / np.sqrt(s["n"])))
    return {
        "measured": m,
        "simulated": s,
        "log_ratio": ratio,
        "log_ratio_se": ratio_se,
        "z_log": _over(ratio, ratio_se),
        "z_cv": _over(s["cv"] - m["cv"], float(np.hypot(m["cv_se"], s["cv_se"]))),
        "cv_of_n": [mean, sd],
        "z_cv_of_n": _over(mean - m["cv"], sd),
    }


def _over(difference: float, error: float) -> float | None:
    """A difference in standard errors; None where there is no error."""
    return difference / error if error > 0 else None


def _cv(x: Float[np.ndarray, "... n"]) -> Float[np.ndarray, "..."]:
    """Coefficient of variation along the last axis."""
    return np.asarray(np.std(x, axis=-1, ddof=1) / np.mean(x, axis=-1))


def _moments(x: np.ndarray, limit: float, rng: np.random.Generator) -> dict:
    """Moments of restricted times, and how many ended."""
    drawn = _cv(x[rng.integers(0, len(x), (_RESAMPLED, len(x)))])
    ended, logs = int(np.sum(x < limit)), np.log(x)
    return {
        "n": len(x),
        "ended": ended,
        "censored": 1 - ended / len(x),
        "mean": float(np.mean(x)),
        "cv": float(_cv(x)),
        "cv_se": float(np.std(drawn, ddof=1)),
        "ln_mean": float(np.mean(logs)),
        "ln_sd": float(np.std(logs, ddof=1)),
    }


def _moved(shift: float, width: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """Logarithms of delay moved by so many of their SD, and drawn together about their mean."""

    def change(z: np.ndarray) -> np.ndarray:
        mean, sd = z[:, 0].mean(), z[:, 0].std()
        return np.column_stack([mean + width * (z[:, 0] - mean) + shift * sd, z[:, 1]])

    return change


ALTERNATIVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none (size of the test)": _moved(0.0),
    "log delay longer by 0.5 SD": _moved(0.5),
    "log delay longer by 1 SD": _moved(1.0),
    "log delay longer by 2 SD": _moved(2.0),
    "SD of log delay halved": _moved(0.0, 0.5),
}
"""What else the curves could be: changes of simulated logarithms of delay and relaxation."""


def energy_power(
    cycles: Float[np.ndarray, "draws d"],
    change: Callable[[Float[np.ndarray, "draws d"]], Float[np.ndarray, "draws d"]],
    n: int,
    *,
    seed: int,
    level: float = LEVEL,
    repeats: int = _REPEATS,
) -> float:
    """Probability that an energy test tells `n` cycles of another law from simulated ones.

    Each of `repeats` experiments draws `n` of the cycles, which `change` makes ones of the other law, and compares them
    with as many as there are, drawn anew: the standard error of the result is at most 0.5 over the root of the repeats.
    """
    rng, other, m = np.random.default_rng(seed), change(cycles), len(cycles)
    hits = 0
    for k in range(repeats):
        x, y = other[rng.integers(0, m, n)], cycles[rng.integers(0, m, m)]
        hits += energy_test(x, y, seed=seed + 1 + k, permutations=_PERMUTATIONS) <= level
    return hits / repeats
