"""A number that others published or computed, ours beside it, and what the difference says."""

from dataclasses import dataclass

AGREES, DIFFERS, KNOWN = "agrees", "differs", "differs, as is known"


@dataclass(frozen=True, kw_only=True)
class Number:
    """One published number and ours.

    Parameters
    ----------
    name : str
        What it is, with its conditions.
    unit : str
        The unit of both.
    published, ours : float
        The values.
    tolerance : float
        The largest difference that the digits printed, the other code's step and the scatter of both leave.
    mark : str
        "S" read in the authors' own code or data, "2nd" transcribed by a third party, "C" computed from the published
        equations with independent code.
    source : str
        Where it comes from.
    gap : str
        Why it is known that the model does not give this number; empty where it should.
    """

    name: str
    unit: str
    published: float
    ours: float
    tolerance: float
    mark: str
    source: str
    gap: str = ""

    @property
    def difference(self) -> float:
        """Ours less the published one, over the published one."""
        return self.ours / self.published - 1

    @property
    def verdict(self) -> str:
        """Whether the two agree within the tolerance."""
        if abs(self.ours - self.published) <= self.tolerance:
            return AGREES
        return KNOWN if self.gap else DIFFERS


def half_digit(text: str) -> float:
    """Half a unit of the last digit of a number as it was printed, such as ``"1.45"`` or ``"4.3e9"``.

    Parameters
    ----------
    text : str
        The number.
    """
    mantissa, _, exponent = text.partition("e")
    return 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def number(
    name: str,
    unit: str,
    text: str,
    ours: float,
    source: str,
    method: float = 0.0,
    *,
    mark: str = "C",
    gap: str = "",
) -> Number:
    """A number as it was printed, which may differ by half its last digit and by what the method leaves.

    Parameters
    ----------
    name, unit, source, mark, gap : str
        As of `Number`.
    text : str
        The published number.
    ours : float
        Ours.
    method : float
        What steps, widths and scatter of both codes leave, in the unit.
    """
    return Number(
        name=name,
        unit=unit,
        published=float(text),
        ours=float(ours),
        tolerance=half_digit(text) + method,
        mark=mark,
        source=source,
        gap=gap,
    )


def table(numbers: list[Number]) -> str:
    """The numbers as a table in Markdown."""
    head = "| number | published | ours | unit | difference | may differ by | verdict | source |"
    lines = [head, "|" + "---|" * 8]
    for x in numbers:
        verdict = f"{x.verdict}: {x.gap}" if x.verdict == KNOWN else x.verdict
        values = (
            f"{x.published:.4g} | {x.ours:.4g} | {x.unit} | {x.difference:+.2%} | {x.tolerance:.2g}"
        )
        lines.append(f"| {x.name} | {values} | {verdict} | {x.source} [{x.mark}] |")
    return "\n".join(lines) + "\n"
