"""Languages that a model can be exported to, by the name that the command line uses."""

from collections.abc import Callable
from dataclasses import dataclass

from .parts import Assembly
from .provenance import Provenance
from .spice import LTSPICE, NGSPICE, Dialect, netlist
from .testbench import Testbench
from .verilog_a import instance_of, module


@dataclass(frozen=True, kw_only=True)
class Target:
    """A language.

    Parameters
    ----------
    name : str
        On the command line.
    write : callable
        Takes an `Assembly` and a `Provenance`; gives the text of the file.
    has_white_noise : bool
        Whether noise is white, and not samples that are held for an interval.
    deck : callable
        Takes an `Assembly`, a `Testbench`, the name of the file and that of the table; gives the testbench.
    """

    name: str
    has_white_noise: bool
    write: Callable[[Assembly, Provenance], str]
    deck: Callable[[Assembly, Testbench, str, str], str]


def _spice(dialect: Dialect) -> Target:
    def write(assembly: Assembly, provenance: Provenance) -> str:
        head = [*provenance.lines(assembly, "*"), f"* for {dialect.name}"]
        return "\n".join(head) + "\n" + netlist(assembly, dialect)

    def deck(assembly: Assembly, bench: Testbench, file: str, out: str) -> str:
        return bench.deck(assembly, dialect, file=file, out=out)

    name = {"ngspice": "spice"}.get(dialect.name, "ltspice")
    return Target(name=name, has_white_noise=False, write=write, deck=deck)


def _verilog_a() -> Target:
    def write(assembly: Assembly, provenance: Provenance) -> str:
        return "\n".join(provenance.lines(assembly, "//")) + "\n" + module(assembly)

    def deck(assembly: Assembly, bench: Testbench, file: str, out: str) -> str:
        compiled = file.rsplit(".", 1)[0] + ".osdi"
        return bench.deck(assembly, NGSPICE, file=compiled, out=out, instance=instance_of(assembly))

    return Target(name="verilog-a", has_white_noise=True, write=write, deck=deck)


TARGETS: dict[str, Target] = {t.name: t for t in (_spice(NGSPICE), _spice(LTSPICE), _verilog_a())}
"""The languages by name."""
