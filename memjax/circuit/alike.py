"""Elements of a circuit that are alike but for their numbers, evaluated by one program."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

FEWEST = 4
"""Elements of one kind from which on they are mapped. Fewer stay scalars, of which a kernel makes whole vectors of
circuits."""


def evaluate(
    function: Callable, elements: Mapping[str, Any], arguments: Mapping[str, tuple]
) -> dict[str, Any]:
    """What a function gives for each element.

    Parameters
    ----------
    function : callable
        ``function(element, *arguments)`` gives a PyTree of arrays.
    elements : mapping of str to Module
        Elements by name.
    arguments : mapping of str to tuple
        Arguments of each.

    Returns
    -------
    dict
        Results by name, in the order of the elements.

    Notes
    -----
    Those that differ in numbers alone are traced and compiled once, however many they are: a program of one after
    the other grows with their number, and the time to compile it faster.
    """
    kinds: dict[Hashable, list[str]] = {}
    for name, element in elements.items():
        kinds.setdefault(_kind((element, arguments[name])), []).append(name)
    results: dict[str, Any] = {}
    for names in kinds.values():
        if len(names) < FEWEST:
            results |= {n: function(elements[n], *arguments[n]) for n in names}
            continue
        parts = [eqx.partition((elements[n], arguments[n]), eqx.is_array) for n in names]
        static = parts[0][1]
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *(p[0] for p in parts))

        def one(numbers, static=static):
            element, values = eqx.combine(numbers, static)
            return function(element, *values)

        mapped = jax.vmap(one)(stacked)
        results |= {n: jax.tree.map(lambda x, k=k: x[k], mapped) for k, n in enumerate(names)}
    return {n: results[n] for n in elements}


def _kind(parts: Any) -> Hashable:
    """What elements have in common that one program evaluates: structure, shapes, and all that is no array."""
    arrays, static = eqx.partition(parts, eqx.is_array)
    shapes = tuple((x.shape, jnp.result_type(x)) for x in jax.tree.leaves(arrays))
    leaves, tree = jax.tree.flatten(static)
    return jax.tree.structure(arrays), shapes, tuple(leaves), tree
