"""Signs of the shifts of parameters: those of shared ones orthogonal, so that none is noise for another."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key


def shift_signs(
    key: Key[Array, ""], shapes: list[tuple[int, ...]], *, samples: int, dtype
) -> list[Float[Array, "samples ..."]]:
    """Signs of the shifts of parameters in each of so many samples.

    Parameters
    ----------
    key : Key[Array, ""]
        Of the draw.
    shapes : list of tuple of int
        Shapes of the parameters.
    samples : int
        How many.
    dtype
        Of the signs.

    Returns
    -------
    list of Float[Array, "samples ..."]
        +1 or -1, one array per parameter.

    Notes
    -----
    Signs of numbers are Walsh functions, orthogonal over blocks of samples, in each block with random signs of their own:
    thus products of three of them, which are Walsh functions as well, average out. Where there are too many
    numbers for that, and for all members of arrays, signs are drawn independently.
    """
    keys = jax.random.split(key, max(len(shapes), 1))
    numbers = [k for k, shape in enumerate(shapes) if shape == ()]
    block = 1 << len(numbers).bit_length()  # Walsh functions 1 to p need more than p samples
    signs = []
    for k, shape in enumerate(shapes):
        if shape == () and block <= samples:
            blocks = -(-samples // block)
            own = jax.random.rademacher(keys[k], (blocks, 1), dtype)
            walsh = jnp.asarray(_walsh(numbers.index(k) + 1, block), dtype)
            signs.append((own * walsh[None]).reshape(-1)[:samples])
        else:
            signs.append(jax.random.rademacher(keys[k], (samples, *shape), dtype))
    return signs


def _walsh(number: int, size: int) -> np.ndarray:
    """Walsh function of a number at 0 to size - 1: the parity of the bits that both have in common."""
    return np.array([(-1) ** (number & k).bit_count() for k in range(size)])
