"""What a command is, and what all commands share: parser, numbers, output, messages."""

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ..errors import UsageError
from ..runtime.console import say as say, table as table
from ..runtime.packages import require_packages as require_packages


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of ``memjax``.

    Parameters
    ----------
    name : str
        The word after ``memjax``.
    help : str
        What it does, in one line.
    configure : callable
        Takes the `argparse.ArgumentParser` of the command and adds its arguments.
    run : callable
        Takes the parsed `argparse.Namespace`; returns the exit status.

    Notes
    -----
    Other packages add theirs under the entry-point group ``memjax.commands``: the entry point's
    name is the command's, and it loads to an object with these four attributes. `run` raises a
    `MemjaxError` for what the user can mend (status 2; `SolveError` and `FitError` 3; an attribute
    ``exit_status`` of the error decides otherwise), and ``KeyboardInterrupt("what was saved")``
    where it was interrupted (status 130).
    """

    name: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """An `argparse` parser that raises `UsageError` where argparse prints its usage and exits.

    Attributes
    ----------
    words : list of str
        What it has parsed last: it tells what was said from what stands at its default.
    """

    words: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See `argparse.ArgumentParser`."""
        self.words = _join_negative_numbers(sys.argv[1:] if args is None else args)
        return super().parse_known_args(self.words, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise with the option as WHERE and the help as FIX."""
        argument = re.match(r"argument ([^:]+): (.*)", message, re.DOTALL)
        where, what = (argument[1], argument[2]) if argument else ("", message)
        raise UsageError(what, where=where, fix=f"see '{self.prog} --help'")


_NUMBER = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$|-inf$|-nan$")


def _join_negative_numbers(words: Sequence[str]) -> list[str]:
    """``--option -1e-6`` as ``--option=-1e-6``: argparse takes -1e-6 for an option."""
    out: list[str] = []
    for word in words:
        if _NUMBER.match(word) and out and re.match(r"--[a-z][^=]*$", out[-1]):
            out[-1] += "=" + word
        else:
            out.append(word)
    return out


def plain_float(text: str) -> float:
    """The number that a word is; Python takes ``1_0`` and digits of other scripts for numbers, which they are not here.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not text.isascii() or "_" in text:
        raise ValueError(f"{text!r} is no number")
    return float(text)


def number(unit: str, *, zero: bool = False) -> Callable[[str], float]:
    """Type of an option: a finite number above (or at) zero, in the unit."""
    allowed = f"a finite number {'>=' if zero else '>'} 0 {unit}"

    def convert(text: str) -> float:
        try:
            value = plain_float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: {allowed}")
        return value

    return convert


def signed_number(unit: str) -> Callable[[str], float]:
    """Type of an option: a finite number of either sign, in the unit."""
    allowed = f"a finite number [{unit}]" if unit else "a finite number"

    def convert(text: str) -> float:
        try:
            value = plain_float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: {allowed}")
        return value

    return convert


def count(lowest: int) -> Callable[[str], int]:
    """Type of an option: a whole number from `lowest` to what 63 bits hold."""

    def convert(text: str) -> int:
        try:
            value = int(text) if text.isascii() and "_" not in text else lowest - 1
        except ValueError:
            value = lowest - 1
        if not lowest <= value < 2**63:
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: a whole number >= {lowest}")
        return value

    return convert


def jsonable(value: Any) -> Any:
    """The value with None in place of numbers that JSON has not: infinities and NaN."""
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_json(value: dict) -> None:
    """Print one JSON object on standard output."""
    print(json.dumps(jsonable(value), indent=1, ensure_ascii=False, allow_nan=False))
