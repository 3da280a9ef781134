"""A quantity of the bench that a fit was not told of, in numbers and in words."""

from dataclasses import asdict, dataclass

from ..constants import FREE_BENCH

_PHRASES = {
    "series_resistance": "a resistance in series",
    "offset_current": "an offset of the current",
    "offset_voltage": "an offset of the voltage",
    "parallel_resistance": "a shunt",
    "parallel_capacitance": "a capacitance across the device",
}


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A quantity of the bench that a fit would rather have.

    Parameters
    ----------
    quantity : str
        Word of ``--free-bench``.
    value : float
        Its estimate [`unit`].
    unit : str
        SI unit.
    loss, loss_without : float
        Half the sum of squared residuals of the data with it and without it.
    bic_difference : float
        By which the Bayesian information criterion falls.
    moves : dict of str to (float, float)
        Parameters of the device that move by more than a twentieth, without and with it [SI].
    """

    quantity: str
    value: float
    unit: str
    loss: float
    loss_without: float
    bic_difference: float
    moves: dict[str, tuple[float, float]]

    def __str__(self) -> str:
        phrase = _PHRASES[FREE_BENCH[self.quantity]]
        moves = [f"{n} from {a:.3g} to {b:.3g}" for n, (a, b) in list(self.moves.items())[:3]]
        moved = f", moves {', '.join(moves)}" if moves else ""
        return (
            f"{phrase} of {self.value:.3g} {self.unit} lowers the loss of the data from {self.loss_without:.3g} to "
            f"{self.loss:.3g} (information criterion by {self.bic_difference:.3g}){moved}: free it with --free-bench "
            f"{self.quantity}"
        )

    def as_json(self) -> dict:
        """The fields by name, and the sentence."""
        return asdict(self) | {"sentence": str(self)}
