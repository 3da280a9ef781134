"""What stands at the head of an exported file: the model, its sources, each parameter with its unit and sigma."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import escape
from .parts import Assembly


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Origin of an exported model.

    Parameters
    ----------
    summary : str
        What the model is, in one line.
    origin : str
        Of its parameters: default values, a preset, a file or a fit.
    references : tuple of str
        Sources of the equations.
    std : dict of str to float
        Standard deviations of fitted parameters [SI].
    spread : dict of str to float
        Standard deviation of the logarithm of parameters from cycle to cycle.
    version : str
        Of memjax.
    """

    summary: str
    origin: str
    references: tuple[str, ...]
    std: Mapping[str, float] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)
    version: str = ""

    def lines(self, assembly: Assembly, mark: str) -> list[str]:
        """Comments, each with the mark of the language."""
        text = [
            f"{assembly.name}: {self.summary}",
            f"memjax {self.version}; parameters: {self.origin}",
        ]
        text += [f"source: {r}" for r in self.references]
        text += ["", "parameter = value unit, and standard deviation where it was fitted"]
        units = assembly.units
        for name, value in assembly.values.items():
            sigma = f", std {self.std[name]:.3g}" if name in self.std else ""
            cycle = (
                f", ln varies by {self.spread[name]:.3g} from cycle to cycle"
                if name in self.spread
                else ""
            )
            text.append(f"  {name} = {value!r} {units[name]}{sigma}{cycle}")
        text += [f"note: {n}" for n in assembly.notes]
        # A line break out of a file's name would begin a line that a simulator runs.
        return [f"{mark} {escape(line)}".rstrip() for line in text]
