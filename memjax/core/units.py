"""Units as text: the factor to SI and the dimension of "mV", "kOhm" or "A/cm^2"."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from ..errors import UnitError

# Exponents of kg, m, s, A, K.
_UNITS = {
    "1": (1.0, (0, 0, 0, 0, 0)),
    "%": (1e-2, (0, 0, 0, 0, 0)),
    "g": (1e-3, (1, 0, 0, 0, 0)),
    "m": (1.0, (0, 1, 0, 0, 0)),
    "s": (1.0, (0, 0, 1, 0, 0)),
    "min": (60.0, (0, 0, 1, 0, 0)),
    "h": (3600.0, (0, 0, 1, 0, 0)),
    "A": (1.0, (0, 0, 0, 1, 0)),
    "K": (1.0, (0, 0, 0, 0, 1)),
    "Hz": (1.0, (0, 0, -1, 0, 0)),
    "C": (1.0, (0, 0, 1, 1, 0)),
    "N": (1.0, (1, 1, -2, 0, 0)),
    "Pa": (1.0, (1, -1, -2, 0, 0)),
    "J": (1.0, (1, 2, -2, 0, 0)),
    "eV": (1.602176634e-19, (1, 2, -2, 0, 0)),
    "W": (1.0, (1, 2, -3, 0, 0)),
    "V": (1.0, (1, 2, -3, -1, 0)),
    "Ω": (1.0, (1, 2, -3, -2, 0)),
    "S": (1.0, (-1, -2, 3, 2, 0)),
    "F": (1.0, (-1, -2, 4, 2, 0)),
    "H": (1.0, (1, 2, -2, -2, 0)),
    "T": (1.0, (1, 0, -2, -1, 0)),
}
_WORDS = {
    "ohm": "Ω", "ohms": "Ω", "volt": "V", "volts": "V", "amp": "A", "amps": "A", "ampere": "A",
    "amperes": "A", "sec": "s", "second": "s", "seconds": "s", "minute": "min", "minutes": "min",
    "hour": "h", "hours": "h", "siemens": "S", "farad": "F", "kelvin": "K", "hertz": "Hz",
}  # fmt: skip
_PREFIXES = {
    "a": 1e-18, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "μ": 1e-6, "m": 1e-3, "c": 1e-2,
    "d": 1e-1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
}  # fmt: skip
_TOKEN = re.compile(r"\s*([()/*]|\^?[-+]?\d+(?:\.\d+)?|[A-Za-zμΩ%]+)")


@dataclass(frozen=True)
class Unit:
    """A unit as a multiple of the SI unit of its dimension.

    Parameters
    ----------
    factor : float
        Value of one such unit in SI.
    dimension : tuple of int or float
        Exponents of kg, m, s, A and K.
    """

    factor: float
    dimension: tuple[int | float, ...]

    def __mul__(self, other: "Unit") -> "Unit":
        pairs = zip(self.dimension, other.dimension, strict=True)
        return Unit(self.factor * other.factor, tuple(a + b for a, b in pairs))

    def __pow__(self, exponent: int | float) -> "Unit":
        return Unit(self.factor**exponent, tuple(exponent * d for d in self.dimension))


@lru_cache(maxsize=512)
def parse_unit(text: str) -> Unit:
    """Unit that a text names.

    Parameters
    ----------
    text : str
        Units, with or without a prefix, joined by blank, ``*``, ``/``, brackets and ``^``:
        ``mV``, ``µA``, ``kOhm``, ``m^2/(V s)``, ``cm-2``. Quotients are read from the left.

    Returns
    -------
    Unit
        Factor to SI and dimension.

    Raises
    ------
    UnitError
        If the text is no unit.
    """
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("·", "*").strip()
    plain = plain.replace("[", "(").replace("]", ")")
    tokens, end = [], 0
    while end < len(plain) and (match := _TOKEN.match(plain, end)):
        tokens.append(match[1])
        end = match.end()
    if not tokens or end < len(plain):
        raise _nonsense(text)
    unit = _product(tokens, text)
    if tokens:
        raise _nonsense(text)
    return unit


def parse_factor(text: str, *, like: str | None = None) -> float:
    """Factor that turns a number in the unit `text` into SI.

    Parameters
    ----------
    text : str
        Unit, as in `parse_unit`.
    like : str, optional
        A unit of the dimension that is wanted.

    Returns
    -------
    float
        Value of one such unit in SI.

    Raises
    ------
    UnitError
        If the text is no unit, or not one of the dimension of `like`.
    """
    unit = parse_unit(text)
    if like is not None and unit.dimension != parse_unit(like).dimension:
        raise UnitError(f"unit {text!r} does not measure what {like!r} does", allowed=f"{like}")
    return unit.factor


def spelled(text: str, *likes: str) -> str:
    """A unit with the capitals that it has by rule: ``UA`` is uA, ``S`` where a time is meant is s.

    Parameters
    ----------
    text : str
        What stands in a file, where names and units may be all capitals, or all small letters.
    *likes : str
        Units of what may be meant: ``V``, ``A``, ``s``, ``ohm``, ``S``.

    Returns
    -------
    str
        The unit; the text itself where it measures nothing of `likes` in any spelling.

    Notes
    -----
    ``MV``, ``MA``, ``MS`` are taken for thousandths: no source and no device has millions of V, A, S. ``MOHM`` may be
    either and stays.
    """
    plain = text.strip()
    for like in likes:
        if plain[:1] == "M" and like in _NEVER_MILLIONS and _spellings(like).get(plain.lower()):
            return _spellings(like)[plain.lower()]
        try:
            if parse_unit(text).dimension == parse_unit(like).dimension:
                return text
        except UnitError:
            pass
    return next((s for like in likes if (s := _spellings(like).get(plain.lower()))), text)


_NEVER_MILLIONS = ("V", "A", "s", "S")


@lru_cache(maxsize=16)
def _spellings(like: str) -> dict[str, str]:
    """Spelling by rule of the usual units of what `like` measures, by the same in small letters."""
    dimension = parse_unit(like).dimension
    names = [n for n, (_, d) in _UNITS.items() if d == dimension]
    names += ["ohm"] if like == "ohm" else []
    prefixes = ("", "k", "G", "T") if like == "ohm" else ("", "f", "p", "n", "u", "μ", "m", "k")
    known = {
        (p + n).lower(): p + n for n in names for p in prefixes if n not in ("min", "h") or not p
    }
    return known | {n: s for n, s in _WORDS.items() if s in names}


def _product(tokens: list[str], text: str) -> Unit:
    unit = _power(tokens, text)
    while tokens and tokens[0] != ")":
        sign = tokens.pop(0) if tokens[0] in ("*", "/") else "*"
        factor = _power(tokens, text)
        unit = unit * (factor**-1 if sign == "/" else factor)
    return unit


def _power(tokens: list[str], text: str) -> Unit:
    token = tokens.pop(0) if tokens else ""
    if token == "(":
        unit = _product(tokens, text)
        if not tokens or tokens.pop(0) != ")":
            raise _nonsense(text)
    else:
        unit = _parse_token(token, text)
    if token != "1" and tokens and re.fullmatch(r"\^?[-+]?[\d.]+", tokens[0]):
        exponent = float(tokens.pop(0).lstrip("^"))
        unit = unit ** (int(exponent) if exponent.is_integer() else exponent)
    return unit


def _parse_token(token: str, text: str) -> Unit:
    # Ohm is the one word that laboratories write behind a prefix.
    name = _WORDS.get(token.lower(), re.sub("[Oo]hms?$", "Ω", token))
    if name in _UNITS:
        return Unit(*_UNITS[name])
    if name[:1] in _PREFIXES and name[1:] in _UNITS and name[1:] not in ("1", "%"):
        factor, dimension = _UNITS[name[1:]]
        # 1e-3 * 1e-3 is not 1e-6: keep the literal of the prefix where the unit is 1.
        return Unit(_PREFIXES[name[0]] * factor, dimension)
    raise _nonsense(text)


def _nonsense(text: str) -> UnitError:
    return UnitError(
        f"{text!r} is no unit", allowed="units such as mV, uA, kOhm, ms, A/cm^2, m^2/(V s)"
    )
