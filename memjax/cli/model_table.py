"""What is told of the models, kept in ``models.json`` beside this file: no model is loaded to show it.

`write` writes the file anew; a test compares it with the models.
"""

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..runtime.model_names import physics_of

if TYPE_CHECKING:
    from ..data.suitability import Traits

FILE = Path(__file__).with_name("models.json")
"""Descriptions of the models of this library by name, as `describe_model` gives them, without presets."""


def summary(doc: str) -> str:
    """First line of a docstring, without markup."""
    return doc.split("\n")[0].replace("`", "")


def describe_model(name: str) -> dict[str, Any]:
    """Return what ``memjax models NAME --json`` prints, from the model itself: states, parameters, references,
    presets.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    import jax

    from ..circuit import Circuit
    from ..core.fields import describe
    from ..data.suitability import Traits
    from ..models import documentation, model

    with jax.enable_x64(True):  # 0.1 and not 0.10000000149
        instance, (doc, references) = model(name), documentation(name)
        parameters = describe(instance)
    circuit = isinstance(instance, Circuit)
    states = instance.specs if isinstance(instance, Circuit) else instance.states
    return with_presets(
        {
            "name": name,
            "summary": summary(doc),
            "kind": "circuit" if circuit else "device",
            "volatile": instance.volatile,
            "traits": None if circuit else Traits.of(instance).to_json(),
            "noise": instance.noise_structure.__name__,
            "states": [asdict(s) | {"bounds": list(s.bounds)} for s in states],
            "parameters": parameters,
            "netlist": _netlist(instance) if circuit else None,
            "references": list(references),
            "doc": doc,
        }
    )


def _netlist(instance: Any) -> list[dict]:
    """Elements of a circuit, and their nodes."""
    parts = zip(instance.names, instance.elements, instance.nets)
    return [
        {"name": n, "element": e.name, "nodes": list(net), "driven": n in instance.ports}
        for n, e, net in parts
    ]


def with_presets(description: dict[str, Any]) -> dict[str, Any]:
    """A description with the presets of its model, before the long text."""
    from .. import presets

    infos = [asdict(presets.info(p)) for p in presets.names(description["name"])]
    doc = {"doc": description.pop("doc")}
    return description | {"presets": infos} | doc


@functools.cache
def _kept() -> dict[str, dict[str, Any]]:
    """The descriptions of the file. JSON has no infinity: a bound that it lacks is one."""
    models = json.loads(FILE.read_text(encoding="utf-8"))
    for model in models.values():
        for row in (*model["states"], *model["parameters"]):
            if row["bounds"] is not None:
                low, high = row["bounds"]
                row["bounds"] = [
                    -math.inf if low is None else low,
                    math.inf if high is None else high,
                ]
    return models


def description_of(name: str) -> dict[str, Any]:
    """`describe_model`, without loading a model of this library.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    require_models([name])
    return with_presets(dict(_kept()[name])) if name in _kept() else describe_model(name)


def model_names() -> list[str]:
    """`memjax.model_names`, without loading any."""
    devices = [p.name for p in entry_points(group="memjax.devices")]
    return [*(n for n in dict.fromkeys(devices) if n not in _kept()), *_kept()]


def traits() -> "dict[str, Traits]":
    """Return what the devices of this library can describe, by name, without loading any."""
    from ..data.suitability import Traits

    traits = {n: facts["traits"] for n, facts in _kept().items() if facts["traits"] is not None}
    return {n: Traits.from_json(content) for n, content in traits.items()}


def require_models(names: Sequence[str]) -> None:
    """Refuse unknown names in the words of `memjax.model`, before anything is loaded.

    Raises
    ------
    ModelError
        It lists those that exist.
    """
    known = model_names()
    for name in names:
        if (physics_of(name) or name) not in known:
            raise ModelError(
                f"unknown model {name!r}", allowed=", ".join(known), fix="see 'memjax models'"
            )


def kept_content() -> str:
    """Return the content that the file has to hold."""
    from ..device.registry import BUILT_IN
    from ..models import CIRCUITS
    from .command import jsonable

    models = {n: describe_model(n) for n in (*(c.name for c in BUILT_IN), *CIRCUITS)}
    for model in models.values():
        del model["presets"]
    # A line a model: a change of one shows as a change of its line.
    lines = [
        f"{json.dumps(n)}: {json.dumps(x, allow_nan=False)}" for n, x in jsonable(models).items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write() -> None:
    """Write the file anew."""
    FILE.write_text(kept_content(), encoding="utf-8")
