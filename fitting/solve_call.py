"""What a problem asks for in the options of ``memjax fit``: with these a fit is made again from its own folder."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import memjax as mj
from memjax.data.bundled import EXAMPLE, FOLDER as EXAMPLES
from memjax.errors import MemjaxError
from memjax.io.request import BENCH_ELEMENTS

from .config import options_of
from .kinds import Kind, kinds

IN_PYTHON = "python"
"""Entry of a configuration that names what was said in Python, and what no option says."""

Said = dict[str, dict[str, Any]]
"""Options and their values, by the name of the field of a problem in whose place they stand."""


class SolveCall(NamedTuple):
    """What `fitting.solve` was called with: the problem, and the seed."""

    problem: Any
    seed: int


def config_of(fit: Any) -> dict[str, Any]:
    """What ``memjax fit --config`` takes to make a fit again.

    Parameters
    ----------
    fit : AbstractFit
        A fit; where `fitting.solve` did not make it nothing is known of it, and the configuration is empty.

    Returns
    -------
    dict
        As the command line leaves it in ``fit.json``: options that are not at their defaults. Under `IN_PYTHON` it
        names what no option says: fields of the problem, ``data`` among them where the files hold something else.
    """
    call = getattr(fit, "call", None)
    if call is None:
        return {}
    kind = kinds()[fit.kind]
    if kind.options is None:
        return {}
    problem = call.problem
    said = _common(problem) | kind.options(problem)
    config = _plain({n: x for options in said.values() for n, x in options.items()})
    config = {n: x for n, x in config.items() if x not in (None, False, [], {}, "")}
    lost = [f.name for f in fields(problem) if not _is_said(problem, f, said)]
    lost += ["device"] * (not _is_device(problem.device, config))
    lost += ["data"] * (kind.read is not None and not _are_data(problem.data, config, kind))
    config |= {"seed": call.seed} if call.seed else {}
    config |= _stages(fit)
    return config | ({IN_PYTHON: list(dict.fromkeys(lost))} if lost else {})


def name_of(file: str | Path) -> str:
    """The name by which ``memjax fit`` takes a file: that of a bundled example is ``example:NAME``."""
    path = Path(file)
    return f"{EXAMPLE}{path.stem}" if path.parent == EXAMPLES else str(file)


def source_files(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """The option that names the files that data come from, by what these say of their source."""
    return {"files": list(dict.fromkeys(name_of(s["file"]) for s in sources if s.get("file")))}


def _common(problem: Any) -> Said:
    """Options of what problems of all kinds have."""
    bench, env = getattr(problem, "bench", None), getattr(problem, "env", None)
    said: Said = {
        "device": _of_device(problem.device),
        "free": {"free": list(problem.free or ())},
        "fix": {"fix": dict(problem.fix or {})},
        "start": {"start": dict(problem.start or {})},
        "env": {} if env in (None, mj.Environment()) else {"temperature": float(env.temperature)},
        "bench": {} if bench is None else {n: getattr(bench, n) for n in BENCH_ELEMENTS},
    }
    if bench is not None:
        negative = said["bench"].pop("compliance_negative")
        both = [said["bench"]["compliance"], negative]
        said["bench"] |= {"reversed": bench.reversed} | ({} if negative is None else {"compliance": both})  # fmt: skip
    return said


def _of_device(device: Any) -> dict[str, Any]:
    """Options that name a model, its values other than its own, and narrower bounds."""
    from memjax.core.fields import parameter_specs, stored

    try:
        plain = mj.model(device.name)
    except MemjaxError:
        return {"model": device.name}
    specs, known = parameter_specs(device), parameter_specs(plain)
    held = {n: stored(device, n) for n in specs if n in known}
    values = {n: float(x) for n, x in held.items() if x is not None and x != stored(plain, n)}
    bounds = {n: list(specs[n].bounds) for n in held if specs[n].narrowed}
    return {"model": device.name, "model_values": values, "bounds": bounds}


def _is_device(device: Any, config: Mapping[str, Any]) -> bool:
    """Whether options make the device."""
    import jax

    try:
        made = mj.params.replace(mj.model(config["model"]), config.get("model_values", {}))
        bounds = {n: (low, high) for n, (low, high) in config.get("bounds", {}).items()}
        made = mj.params.with_bounds(made, bounds)
    except MemjaxError:
        return False
    (leaves, made_so), (wanted, structure) = jax.tree.flatten(made), jax.tree.flatten(device)
    return made_so == structure and same(leaves, wanted)


def _are_data(data: Any, config: Mapping[str, Any], kind: Kind) -> bool:
    """Whether the files hold the data, read as the options say."""
    defaults = {f.name: f.default for c in kind.configs for f in fields(c)}
    limits = {}
    if isinstance(config.get("compliance"), list):
        limits = dict(zip(("compliance", "compliance_negative"), config["compliance"], strict=True))
    try:
        read = kind.read and kind.read(SimpleNamespace(**defaults | dict(config) | limits))
    except (MemjaxError, OSError):
        return False
    return same(read, list(data) if isinstance(read, list) and isinstance(data, tuple) else data)


def _is_said(problem: Any, field: Any, said: Said) -> bool:
    """Whether a field of a problem is at its default, or said by options."""
    return field.name in said or same(getattr(problem, field.name), field.default)


def _stages(fit: Any) -> dict[str, Any]:
    """Options of what came behind the fit: randomness by simulation, intervals by another method."""
    names = {n for c in kinds()[fit.kind].configs for n in options_of(c)}
    stages: dict[str, Any] = {}
    if fit.stochastic is not None and "stochastic" in names:
        stages |= {"stochastic": True, "draws": fit.stochastic.draws}
    if fit.profiles or fit.sample is not None:
        stages["uncertainty"] = "profile" if fit.sample is None else "nuts"
    return stages


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, arrays and what dataclasses hold among them."""
    import jax
    import numpy as np

    numbers = np.ndarray | jax.Array | float
    if isinstance(a, numbers) and isinstance(b, numbers):
        return np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")
    if type(a) is not type(b):
        return False
    if is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same(x, b[n]) for n, x in a.items())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    import jax
    import numpy as np

    if isinstance(value, Mapping):
        return {str(n): _plain(x) for n, x in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(x) for x in value]
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return np.asarray(value).tolist()
    return str(value) if isinstance(value, Path) else value
