"""What a command line or a configuration asks for, as a bench, files and measurements."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.bundled import EXAMPLE, example_path
from ..datasets.catalogue import PREFIX as DATASET
from ..errors import UsageError
from ..runtime.deprecated import forward_keywords

if TYPE_CHECKING:
    from ..circuit import Bench
    from ..core.system import Environment
    from ..data import Measurement
    from ..data.base import Source

BENCH_ELEMENTS = (
    "series_resistance", "parallel_resistance", "parallel_capacitance", "compliance", "compliance_negative",
    "offset_current", "offset_voltage",
)  # fmt: skip
"""Attributes of a namespace, keys of a fit's bench, and names of `Bench`'s fields."""


def limits_from(options: Any) -> float | tuple[float, float] | None:
    """Limits of ``--compliance`` [A]: none, one limit, or one for each polarity."""
    limit = getattr(options, "compliance", None)
    negative = getattr(options, "compliance_negative", None)
    return limit if negative is None or limit is None else (limit, negative)


def environment(options: Any) -> "Environment":
    """Return the environment that is asked for: of `temperature` [K], 300 K where it is None."""
    from ..core.system import Environment

    kelvin = options.temperature
    return Environment() if kelvin is None else Environment(float(kelvin))


@forward_keywords(names={"given": "defaults"})
def bench_from(
    options: Any, defaults: Mapping[str, float | bool | None] | None = None
) -> "tuple[Bench, Environment, float | None]":
    """Bench, environment and point time of the bench options.

    Parameters
    ----------
    options : Any
        An object with the attributes of a bench: parsed options of a command, or the configuration of a fit.
    defaults : mapping, optional
        Values [SI] that hold where an option is not used (the bench of a fit), by the names of
        `BENCH_ELEMENTS`, ``reversed``, ``temperature`` and ``point_time``.

    Returns
    -------
    bench : Bench
        Elements around the device.
    env : Environment
        Temperature.
    point_time : float or None
        Time for which each point was held [s].
    """
    from ..circuit import Bench
    from ..core.system import Environment

    def pick(name: str) -> float | None:
        value = getattr(options, name, None)
        if name == "compliance_negative" and options.compliance is not None:
            return value  # one limit that is given holds for both polarities
        value = (defaults or {}).get(name) if value is None else value
        return None if value is None else float(value)

    kelvin = pick("temperature")
    reverse = options.reversed or bool((defaults or {}).get("reversed"))
    bench = Bench(**{name: pick(name) for name in BENCH_ELEMENTS}, reversed=reverse)
    return bench, Environment() if kelvin is None else Environment(kelvin), pick("point_time")


def file_of(name: str) -> Path:
    """Path of a file, of a bundled example where the name is ``example:NAME``, or of a public set: ``dataset:NAME``.

    Raises
    ------
    ReaderError
        If there is no such example or set; it lists those that exist. If the set cannot be had.
    """
    if name.startswith(DATASET):
        from ..datasets import path_of

        stem, _, file = name.removeprefix(DATASET).partition("/")
        return path_of(stem, file or None)
    return example_path(name) if name.startswith(EXAMPLE) else Path(name)


def files_of(names: Sequence[str], *, suffixes: Sequence[str] | None = None) -> list[str]:
    """The files that files, folders, patterns, ``example:NAME`` and ``dataset:NAME`` stand for, in their order.

    Of a folder those with the suffixes are taken, by default all that readers know.
    """
    from ..data import data_files

    choice = {} if suffixes is None else {"suffixes": suffixes}
    by_name = (EXAMPLE, DATASET)
    return [f for n in names for f in ([n] if n.startswith(by_name) else data_files(n, **choice))]


def refuse_choice(options: Any, *, where: str) -> None:
    """Raise for options that choose sweeps, of a file that has none.

    Raises
    ------
    UsageError
        It names the option.
    """
    for name in ("sweeps", "skip_forming", "exclude"):
        if getattr(options, name, None):
            raise UsageError(
                f"--{name.replace('_', '-')} of a file without sweeps", where=where, fix="leave it out"
            )  # fmt: skip


def measurement_from(path: "str | Source", options: Any) -> "Measurement":
    """Read a file, or a bundled example, as it is asked for.

    Parameters
    ----------
    path : str or Source
        File, or ``example:NAME``; or a file that was loaded.
    options : Any
        An object with attributes of how files are read; those that it lacks stand at their defaults.
    """
    from ..data import choose, read, read_exclusions

    measurement = read(
        file_of(path) if isinstance(path, str) else path,
        reader=getattr(options, "reader", None),
        columns=getattr(options, "columns", None),
        shunt=getattr(options, "shunt", None),
        area=getattr(options, "area", None),
        sign=getattr(options, "sign", 1),
        compliance=limits_from(options),
    )
    exclude = getattr(options, "exclude", None)
    return choose(
        measurement,
        sweeps=getattr(options, "sweeps", None),
        skip_forming=getattr(options, "skip_forming", False),
        exclude=None if exclude is None else read_exclusions(exclude),
    )


def measurements_from(names: Sequence[str], options: Any) -> "list[Measurement]":
    """Read files as `measurement_from` does, and join those that are two halves of the same cycles.

    Parameters
    ----------
    names : sequence of str
        Files, or ``example:NAME``.
    options : Any
        As for `measurement_from`; with `interleave` the two files are joined whatever they say of themselves.

    Returns
    -------
    list of Measurement
        In the order of the files.

    Raises
    ------
    UsageError
        For ``--interleave`` of one file or of three.
    """
    from ..data import interleave, interleave_matching

    if not getattr(options, "interleave", False):
        return interleave_matching([measurement_from(n, options) for n in names])
    if len(names) != 2:
        raise UsageError(
            f"{len(names)} files", where="--interleave", allowed="two files of one device",
            fix="name the files of set and reset sweeps",
        )  # fmt: skip
    return [interleave(*(measurement_from(n, options) for n in names))]


def bench_names(bench: "Bench") -> dict[str, str]:
    """Elements of a bench as words for a file."""
    return {n: str(getattr(bench, n)) for n in BENCH_ELEMENTS}
