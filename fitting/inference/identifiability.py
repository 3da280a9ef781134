"""What data determine of parameters: Fisher information in logarithms, sloppy directions in words."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float
from scipy.linalg import block_diag, qr

from memjax.core.params import known

from ..parameters import slopes, to_parameter_units

LIMIT = 0.5
"""Standard deviation [natural log units] above which a combination counts as not determined."""

_SIMPLEST = 4  # largest denominator of an exponent that is told as a fraction
# Distance within which an exponent is told as a simple fraction, and below which a parameter is not named.
_NEAR = 0.1
_FAR = np.log(1e3)  # move [natural log units] beyond which only its being long is told


@dataclass(frozen=True, kw_only=True)
class Combination:
    """A product of powers of parameters, and how well it is determined.

    Parameters
    ----------
    exponents : dict of str to float
        Exponent of each parameter in it.
    sigma : float
        Standard deviation of its logarithm.
    """

    exponents: dict[str, float]
    sigma: float

    def __str__(self) -> str:
        over, under = (
            [n if abs(p - 1) < 1e-9 else f"{n}^{p:.3g}" for n, p in powers if p > 0]
            for powers in (self.exponents.items(), [(n, -p) for n, p in self.exponents.items()])
        )
        below = under[0] if len(under) == 1 else f"({' '.join(under)})"
        return " ".join(over or ["1"]) + (f"/{below}" if under else "")


@dataclass(frozen=True, kw_only=True)
class Identifiability:
    """Which combinations of parameters the data determine.

    Parameters
    ----------
    names : tuple of str
        Parameters, in the order of the axes' components.
    sigma : Float[np.ndarray, "free"]
        Standard deviation [natural log units] along each axis of the Fisher information, stiffest
        first; infinite where the data say nothing.
    axes : Float[np.ndarray, "free free"]
        The axes, one a column, in logarithms of the parameters.
    determined : tuple of Combination
        The stiffest axis, and what is determined of parameters that are not.
    sloppy : tuple of dict
        For each direction in which the data say little: the move of each parameter
        [natural log units] at which chi squared has risen by 1.
    sentences : tuple of str
        The same in words.
    """

    names: tuple[str, ...]
    sigma: Float[np.ndarray, " free"]
    axes: Float[np.ndarray, "free free"]
    determined: tuple[Combination, ...]
    sloppy: tuple[dict[str, float], ...]
    sentences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For ``fit.json``; None in place of infinity."""
        finite = lambda x: float(x) if np.isfinite(x) else None  # noqa: E731
        return {
            "names": list(self.names),
            "sigma_ln": [finite(s) for s in self.sigma],
            "axes": np.round(self.axes.T, 6).tolist(),
            "determined": [asdict(c) | {"text": str(c)} for c in self.determined],
            "sloppy": [{n: finite(x) for n, x in d.items()} for d in self.sloppy],
            "sentences": list(self.sentences),
        }


def log_slopes(device: Any, names: Sequence[str], z: np.ndarray) -> Float[np.ndarray, " free"]:
    """Change of the logarithm of each parameter's size with its coordinate; of its value where that is 0."""
    names = known(device, names)
    at = np.array([x for (x,) in to_parameter_units(device, names, np.asarray(z)).values()])
    return slopes(device, names, z) / np.where(at == 0, 1.0, at)


def in_logarithms(
    device: Any,
    names: Sequence[str],
    z: Float[np.ndarray, " free"],
    fisher: Float[np.ndarray, "free free"],
) -> Float[np.ndarray, "free free"]:
    """Information on coordinates, prior left out, as information on the logarithms of parameters."""
    slopes = log_slopes(device, names, z)
    steep = np.where(np.abs(slopes) > 1e-12, slopes, np.inf)  # at a bound nothing is said
    # d ln p = steep dz: information on ln p is that on z over both slopes.
    return fisher / np.outer(steep, steep)


def combine(
    names: Sequence[str],
    information: Float[np.ndarray, "free free"],
    better: Sequence[str],
    covariance: Float[np.ndarray, "better better"],
) -> Identifiability:
    """Directions of parameters of which some, not all of them among `names`, are better known from elsewhere.

    `information` and `covariance` are those of logarithms.
    """
    names, better = list(names), list(better)
    other = [k for k, n in enumerate(names) if n not in better]
    there = [n for n in better if n in names]
    mixed, place = [names.index(n) for n in there], [better.index(n) for n in there]
    # Schur's complement: what is left on the others once those known elsewhere are integrated out.
    known = information[np.ix_(mixed, mixed)] + np.linalg.inv(covariance[np.ix_(place, place)])
    across = information[np.ix_(other, mixed)]
    left = information[np.ix_(other, other)] - across @ np.linalg.solve(known, across.T)
    whole = np.asarray(block_diag(np.linalg.inv(covariance), left))
    return of_information([*better, *(names[k] for k in other)], whole)


def of_information(
    names: Sequence[str], information: Float[np.ndarray, "free free"]
) -> Identifiability:
    """Directions of an information matrix of logarithms.

    Notes
    -----
    Of the space of the axes with a standard deviation above `LIMIT` that basis is told in which each
    direction moves one parameter, chosen by pivoting, that the others do not move: directions of a
    model that depends on products of parameters are then ratios of small numbers, and are rounded.
    """
    names = tuple(names)
    size, axes = np.linalg.eigh(information)
    size, axes = np.maximum(size[::-1], 0.0), axes[:, ::-1]
    with np.errstate(divide="ignore"):
        # Eigenvalues below rounding of the largest are noise: nothing is known along those axes.
        sigma = np.where(size > size[0] * 1e-15, 1 / np.sqrt(size), np.inf)
    undetermined = axes[:, sigma > LIMIT]
    best = _combination(names, axes[:, 0], sigma[0])
    determined = [best] if sigma[0] <= LIMIT else []
    sentences = [f"best determined: {best}, to {_percent(sigma[0])}"] if determined else []
    sloppy = []
    if undetermined.shape[1]:
        order = cast(tuple, qr(undetermined.T, pivoting=True, mode="r"))[1]
        pivots = order[: undetermined.shape[1]]
        # Each direction moves its pivot by 1 and the other pivots not at all.
        basis = undetermined @ np.linalg.inv(undetermined[pivots])
        sloppy = [_move(names, x, information) for x in basis.T]
        sentences += [_words(x, names[k]) for x, k in zip(sloppy, pivots, strict=True)]
        more = _of_sloppy(names, basis, pivots, information)
        determined += more
        sentences += [f"determined all the same: {c}, to {_percent(c.sigma)}" for c in more]
    return Identifiability(
        names=names,
        sigma=sigma,
        axes=axes,
        determined=tuple(determined),
        sloppy=tuple(sloppy),
        sentences=tuple(sentences),
    )


def _simple(x: np.ndarray) -> np.ndarray:
    """Exponents as fractions with a small denominator, if they are near to such; else to two digits."""
    for q in range(1, _SIMPLEST + 1):
        near = np.round(x * q) / q
        if np.max(np.abs(near - x)) < _NEAR / q:
            return near
    return np.round(np.where(np.abs(x) < _NEAR, 0.0, x), 2)


def _combination(names: Sequence[str], x: np.ndarray, sigma: float) -> Combination:
    """A direction as a product of powers, its largest exponent 1."""
    pivot = x[np.argmax(np.abs(x))]
    exponents = _simple(x / pivot)
    powers = {n: float(p) for n, p in zip(names, exponents, strict=True) if p}
    return Combination(exponents=powers, sigma=float(sigma / abs(pivot)))


def _move(names: Sequence[str], x: np.ndarray, information: np.ndarray) -> dict[str, float]:
    """Moves of the parameters along a direction at which chi squared has risen by 1."""
    curved = float(x @ information @ x)
    # Curvature below the rounding of the largest is none: the direction is open.
    least = 1e-15 * np.max(np.diag(information)) * (x @ x)
    far = 1 / np.sqrt(curved) if curved > least else np.inf
    with np.errstate(invalid="ignore"):
        return {n: float(p * far) for n, p in zip(names, x, strict=True) if abs(p) >= _NEAR}


def _of_sloppy(names, basis, pivots, information) -> list[Combination]:
    """What is determined of parameters that move along sloppy directions."""
    size, axes = np.linalg.eigh(information)
    # Data that feel no parameter at all have no largest axis either.
    covariance = (axes / np.maximum(size, max(1e-15 * size[-1], 1e-300))) @ axes.T
    combinations = []
    for k, row in enumerate(basis):
        if k in pivots or np.max(np.abs(row)) < _NEAR:
            continue
        # Along sloppy directions parameter k moves by `row` times the pivots: this combination does not move.
        c = np.zeros(len(names))
        c[k], c[pivots] = 1.0, -_simple(row)
        sigma = float(np.sqrt(max(c @ covariance @ c, 0.0)))
        # Whole exponents are easier to read; the deviation of the logarithm is multiplied alike.
        whole = next((q for q in range(1, _SIMPLEST + 1) if np.allclose(q * c, np.round(q * c))), 1)
        if sigma <= LIMIT:
            powers = {n: float(whole * p) for n, p in zip(names, c, strict=True) if p}
            combinations.append(Combination(exponents=powers, sigma=whole * sigma))
    return combinations


def _percent(sigma: float) -> str:
    return f"{100 * np.expm1(sigma):.2g} %"


def _factor(x: float) -> str:
    return "more than 1000" if abs(x) > _FAR else f"{np.exp(abs(x)):.3g}"


def _words(move: dict[str, float], pivot: str) -> str:
    if len(move) == 1:
        return f"{pivot} is not determined: a factor of {_factor(move[pivot])} goes unnoticed"
    rising, falling = (
        [f"{n} ({_factor(x)}-fold)" for n, x in move.items() if sign * x > 0] for sign in (1, -1)
    )
    text = f"{' and '.join(rising)} may rise" + " together" * (len(rising) > 1)
    if falling:
        text += f" while {' and '.join(falling)} fall" + "s" * (len(falling) == 1)
    return text + " without the fit noticing"
