"""Numbers drawn once per sweep or per reading, from counters: spread between cycles, and read noise."""

import zlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer, Key

from ..errors import ModelError
from ..runtime.arguments import MEMBERS, as_integer, is_traced
from .path import device_key


def _keys(
    seed: int, members: int, sweeps: Int[np.ndarray, " n"], purpose: str, first: int = 0
) -> Key[Array, "members n"]:
    """One key per member and sweep."""

    def key_of(m, k):
        return device_key(seed, member=m, sweep=k, purpose=purpose)

    over_sweeps = jax.vmap(key_of, (None, 0))
    numbers = member_numbers(first, members, where="noise")
    return jax.vmap(over_sweeps, (0, None))(numbers, jnp.asarray(sweeps))


def member_numbers(
    first: Any, count: int, *, where: str
) -> Integer[Array | np.ndarray, " members"]:
    """Numbers of so many members from the first on, which may be traced.

    Raises
    ------
    BoundsError
        For anything but integers, and where a number is more than the counters of the noise tell apart.
    """
    count = as_integer("members", count, where=where, lowest=1)
    if is_traced(first):
        return first + jnp.arange(count)
    first = as_integer("first", first, where=where, lowest=0, highest=MEMBERS - count)
    return np.arange(first, first + count, dtype=np.uint32)


def cycle_factors(
    seed: int,
    sigma_ln: Mapping[str, float],
    *,
    members: int,
    sweeps: int,
    first: int = 0,
    correlation: Float[np.ndarray, "names names"] | None = None,
) -> dict[str, Float[Array, "members sweeps"]]:
    """Log-normal factors of parameters, drawn afresh for each member and sweep.

    Parameters
    ----------
    seed : int
        Seed of the run.
    sigma_ln : mapping of str to float
        Standard deviation of the logarithm, by parameter.
    members, sweeps : int
        How many are drawn.
    first : int
        Number of the first member.
    correlation : Float[np.ndarray, "names names"], optional
        Correlations of the logarithms, in the order of `sigma_ln`; independent by default.

    Returns
    -------
    dict
        Factors exp(sigma N). Those of one member, sweep and parameter depend on seed, member, sweep
        and the parameter's name only; correlated ones on the names before it, too.

    Raises
    ------
    ModelError
        For correlations that are none.
    """
    keys = _keys(seed, members, np.arange(sweeps), "spread", first)
    normal = []
    for name in sigma_ln:
        # A hash that is the same in every process, which Python's own is not.
        number = zlib.crc32(name.encode()) & 0x7FFFFFFF

        def draw(key, number=number):
            return jax.random.normal(jax.random.fold_in(key, number))

        normal.append(jax.vmap(jax.vmap(draw))(keys))
    if correlation is not None:
        root = correlation_root(correlation, len(normal))
        normal = [sum(a * x for a, x in zip(row, normal, strict=True)) for row in root]
    pairs = zip(sigma_ln.items(), normal, strict=True)
    return {name: jnp.exp(sigma * x) for (name, sigma), x in pairs}


def correlation_root(
    correlation: Float[np.ndarray, "names names"], count: int
) -> Float[np.ndarray, "names names"]:
    """Lower triangular root of so many correlations.

    Raises
    ------
    ModelError
        If the matrix is not symmetric with ones on its diagonal and no negative variance in any direction.
    """
    matrix = np.asarray(correlation, float)
    fits = matrix.shape == (count, count) and np.allclose(matrix, matrix.T, atol=1e-9)
    if not (fits and np.allclose(np.diag(matrix), 1.0) and np.linalg.eigvalsh(matrix)[0] > -1e-9):
        raise ModelError(
            f"correlations {matrix.tolist()}",
            where="cycle_factors",
            allowed=f"a symmetric matrix of {count} rows, with ones on its diagonal and no negative variance",
        )
    # As little as rounding on the diagonal: correlations of one and minus one have a root, too.
    return np.linalg.cholesky(matrix + 1e-12 * np.eye(count))


def instrument_noise(
    seed: int,
    i: Float[Array, "members rows"],
    *,
    sweep: Int[np.ndarray, " rows"],
    row: Int[np.ndarray, " rows"],
    relative: float,
    floor: float,
    limit: float | Float[np.ndarray, " rows"] | None = None,
) -> Float[Array, "members rows"]:
    r"""Currents as an instrument reads them.

    Parameters
    ----------
    seed : int
        Seed of the run.
    i : Float[Array, "members rows"]
        True currents [A].
    sweep, row : Int[np.ndarray, "rows"]
        Which sweep, counted from 0, and which reading in it.
    relative : float
        Standard deviation of ln\|i\|.
    floor : float
        Standard deviation of what is added [A].
    limit : float or Float[np.ndarray, "rows"], optional
        Compliance [A], of each reading where they differ: an instrument knows its own limit, so that a point at it is
        exact.

    Returns
    -------
    Float[Array, "members rows"]
        i exp(relative N) + floor N' [A]; the numbers of a reading depend on seed, member, sweep and
        row only.
    """
    keys = _keys(seed, i.shape[0], sweep, "read")

    def draw(key, r):
        return jax.random.normal(jax.random.fold_in(key, r), (2,), i.dtype)

    normal = jax.vmap(jax.vmap(draw), (0, None))(keys, jnp.asarray(row))
    reading = i * jnp.exp(relative * normal[..., 0]) + floor * normal[..., 1]
    if limit is None:
        return reading
    # A soft limiter holds the current a little below the limit: within one per cent it counts as at
    # it.
    ceiling = jnp.broadcast_to(jnp.asarray(0.99 * limit, i.dtype), i.shape[1:])
    return jnp.where(jnp.abs(i) < ceiling[None], reading, i)
