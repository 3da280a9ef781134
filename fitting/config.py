"""What can be asked of a fit: frozen dataclasses whose fields carry their help, their unit and their form.

`fitting.app.config` makes the command line, ``--config`` and the entry in ``fit.json`` out of them; nothing here knows
a command line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, TypeVar

FORMS = (
    "text",
    "number",
    "count",
    "flag",
    "numbers",
    "names",
    "values",
    "ranges",
    "parsed",
    "shared",
)
"""Forms that the value of an option has."""

_KEY = "option"

C = TypeVar("C")


@dataclass(frozen=True)
class Option:
    """What a field of a configuration means to who sets it.

    Parameters
    ----------
    help : str
        One sentence.
    form : str
        One of `FORMS`. "numbers" are as many numbers as `metavar` has words; "names", "values" (``NAME=VALUE``) and
        "ranges" (``NAME=LOW,HIGH``) are lists; "parsed" is what `parse` makes of a word; "shared" options are those of
        other commands as well, where their help and their form stand.
    metavar : str or tuple of str
        What stands for the value in the help.
    unit : str
        Of a number.
    lowest : float
        The least value of a count; of a number -inf (any), 0 (positive) or, with `zero`, zero and above.
    zero : bool
        Whether a number may be zero.
    choices : tuple of str
        Words that are allowed; all if there are none.
    parse : callable, optional
        ``parse(text) -> value``; it raises `DataError`.
    repeated : bool
        Whether the option may be said several times, each adding a value.
    needs : str
        Name of the flag without which the option means nothing.
    group : str
        Under which it stands in the help.
    """

    help: str
    form: str = "text"
    metavar: str | tuple[str, ...] | None = None
    unit: str = ""
    lowest: int | float = 0
    zero: bool = False
    choices: tuple[str, ...] = ()
    parse: Callable[[str], Any] | None = None
    repeated: bool = False
    needs: str = ""
    group: str = ""


def option(help: str, *, form: str = "text", default: Any = None, **properties: Any) -> Any:
    """Return a field of a configuration; the other arguments are those of `Option`: what has a unit is a number."""
    if "unit" in properties:
        form, properties = "number", {"metavar": properties["unit"].upper(), **properties}
    if form == "count":
        properties = {"metavar": "N", **properties}
    return field(default=default, metadata={_KEY: Option(help, form, **properties)})


def flag_option(help: str, **properties: Any) -> Any:
    """Return a field that is true or false."""
    return option(help, form="flag", default=False, **properties)


def shared(default: Any = None) -> Any:
    """Return a field that other commands of memjax have, too, where its help and its form stand."""
    return field(default=default, metadata={_KEY: Option("", "shared")})


def options_of(config: type) -> dict[str, Option]:
    """Options of a configuration by the names of its fields."""
    return {f.name: f.metadata[_KEY] for f in fields(config) if _KEY in f.metadata}


_SEVERAL = "files of several kinds"
CIRCUITS = "spike trains and traces, for circuits"


def stochastic() -> Any:
    """Return the field of ``--stochastic``."""
    return flag_option("calibrate ion noise and spread from cycle to cycle by simulation")


def draws(*, needs: str = "") -> Any:
    """Return the field of ``--draws``."""
    help = (
        "simulated cycles, curves or trains of each parameter set, for --stochastic and --spikes (default 128; of "
        "trains 96, and at least thrice the measured ones): fewer are faster and leave more scatter"
    )
    return option(help, form="count", lowest=8, needs=needs)


def read_voltage() -> Any:
    """Return the field of ``--read-voltage`` [V]."""
    help = "at which conductances are read [V]"
    return option(help, lowest=-float("inf"), unit="V", group=_SEVERAL)


def batch() -> Any:
    """Return the field of ``--batch``."""
    help = (
        "each file is a device of its own: a table with a row per device; a run that was interrupted goes on with the "
        "same command"
    )
    return flag_option(help, group="many devices")


@dataclass(frozen=True, kw_only=True)
class CommonConfig:
    """What fits of all kinds of data are asked for.

    Parameters
    ----------
    files : sequence of str
        Measured files, ``example:NAME`` or ``dataset:NAME``.
    model : str
        Device or circuit, see `memjax.model`.
    """

    files: Any = ()
    model: str = ""
    preset: str | None = option(
        "values of what is not fitted, see 'memjax models MODEL'", metavar="P"
    )
    free: Any = option(
        "parameters to fit (default: what the data show)", form="names", metavar="NAME"
    )
    model_values: Any = option(
        "values of the model before its fit [SI], beside those of --preset",
        form="values",
        default=(),
        metavar="NAME=VALUE",
    )
    fix: Any = option("values to keep [SI]", form="values", default=(), metavar="NAME=VALUE")
    bounds: Any = option(
        "between which free parameters are sought [SI] (default: the model's, see 'memjax models MODEL')",
        form="ranges",
        default=(),
        metavar="NAME=LOW,HIGH",
    )
    start: Any = option(
        "where the search for free parameters and their prior begin [SI], in place of what the data show; further "
        "starts share the value or are scattered about it",
        form="values",
        default=(),
        metavar="NAME=VALUE",
    )
    uncertainty: str = option(
        "intervals to first order (default), by profile likelihood, or from draws of the posterior",
        default="laplace",
        choices=("laplace", "profile", "nuts"),
    )
    seed: int = option(
        "seed of starts and resampling (default 0)", form="count", default=0, metavar="K"
    )
    temperature: float | None = shared()

    @classmethod
    def of(cls: type[C], request: "Request") -> C:
        """Return the configuration of a request: of its fields what was asked for."""
        return request.config(cls)

    @classmethod
    def names(cls, request: "Request") -> set[str]:
        """Return names of the options that mean something to a fit of the request."""
        known = options_of(cls)
        return {n for n, o in known.items() if not o.needs or getattr(request, o.needs)}


@dataclass(frozen=True, kw_only=True)
class ReadingConfig:
    """How files of sweeps and curves are read, see `memjax.io.request.measurement_from`."""

    reader: str | None = shared()
    columns: Any = shared()
    shunt: float | None = shared()
    area: float | None = shared()
    sign: int = shared(1)
    sweeps: Any = shared()
    skip_forming: bool = shared(False)
    exclude: str | None = shared()


@dataclass(frozen=True, kw_only=True)
class ElementsConfig:
    """What stands around a device, see `memjax.io.request.bench_from`."""

    compliance: float | None = shared()
    compliance_negative: float | None = shared()
    series_resistance: float | None = shared()
    parallel_resistance: float | None = shared()
    parallel_capacitance: float | None = shared()
    offset_current: float | None = shared()
    offset_voltage: float | None = shared()
    reversed: bool = shared(False)


@dataclass(frozen=True, kw_only=True)
class OnThresholdConfig:
    """The current that means on."""

    on_threshold: float | None = option(
        "current above which a device is on, for --delays (default 1e-6); for sweeps (default 1e-8, or as the "
        "data say)",
        unit="A",
        group=_SEVERAL,
    )


@dataclass(frozen=True, kw_only=True)
class ThresholdsConfig(OnThresholdConfig):
    """Currents that mean on, and off again."""

    hold_threshold: float | None = option(
        "current below which a device is off again (default 1e-11, or as the data say)",
        unit="A",
        group="sweeps",
    )


@dataclass(frozen=True, kw_only=True)
class RandomConfig:
    """Whether randomness is calibrated, and by how many simulations."""

    stochastic: bool = stochastic()
    draws: int | None = draws(needs="stochastic")


@dataclass(frozen=True, kw_only=True)
class RecordConfig:
    """Which record of a file is fitted, see `fitting.records`, and at which voltage it was read."""

    device: str | None = option(
        "device, or run, of a file that holds several", metavar="LABEL", group=_SEVERAL
    )
    read_voltage: float | None = read_voltage()
    reader: str | None = shared()
    batch: bool = batch()


@dataclass(frozen=True, kw_only=True)
class StimulusConfig:
    """What drove a circuit."""

    stimulus: str | None = option(
        "what drove it, from time 0 on: t_s and v_V or i_A", metavar="S.csv", group=CIRCUITS
    )


@dataclass(frozen=True, kw_only=True)
class SpikingConfig(StimulusConfig):
    """What counts as a spike of a circuit, and how its trains are simulated."""

    level: float | None = option(
        "what a spike rises above [unit of the signal]",
        form="number",
        lowest=-float("inf"),
        metavar="V",
        group=CIRCUITS,
    )
    rearm: float | None = option(
        "below which it was before (default: --level)",
        form="number",
        lowest=-float("inf"),
        metavar="V",
        group=CIRCUITS,
    )
    dt: float | None = option(
        "step of simulated trains to begin with [s]", unit="s", group=CIRCUITS
    )
    draws: int | None = draws()


READING = tuple(f.name for f in fields(ReadingConfig))
"""Options that say how sweeps and curves are read."""

ELEMENTS = tuple(f.name for f in fields(ElementsConfig) if f.name != "compliance_negative")
"""Options that say what stands around a device."""


class Request:
    """Everything that was asked for, by name: what a configuration of a kind is taken out of.

    Parameters
    ----------
    values : mapping of str to Any
        All options; those that were not asked for stand at their defaults.
    explicit : iterable of str
        Names of those that were asked for.
    known : dict, optional
        What was looked up of files already, kept since each kind asks.
    interpret : callable, optional
        ``interpret(values) -> values``: what words and lists of a file mean as options; it raises `UsageError`.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        explicit: Any = (),
        *,
        known: dict[Any, Any] | None = None,
        interpret: Callable[[Mapping[str, Any]], dict[str, Any]] = dict,
    ):
        self.values = MappingProxyType(dict(values))
        self.explicit = tuple(dict.fromkeys(explicit))
        self.known = {} if known is None else known
        self.interpret = interpret

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("values", {})
        if name not in values:
            raise AttributeError(name)
        return values[name]

    def replace(self, *, explicit: Any = None, **changes: Any) -> "Request":
        """Return the same with other values; `explicit` in the place of the names that were asked for."""
        names = self.explicit if explicit is None else explicit
        return Request(
            {**self.values, **changes}, names, known=self.known, interpret=self.interpret
        )

    def updated(self, values: Mapping[str, Any]) -> "Request":
        """Return the same with what a file says of options in their place."""
        return self.replace(**self.interpret(values))

    def config(self, config: type) -> Any:
        """Return the configuration of a kind: of its fields what was asked for."""
        return config(**{f.name: self.values[f.name] for f in fields(config)})
