"""Exceptions of memjax: every one says what is wrong, where, what is allowed and how to mend it."""

from collections.abc import Sequence


class MemjaxError(Exception):
    """Base of all errors that memjax raises on purpose.

    Parameters
    ----------
    what : str
        What is wrong, with the offending value.
    where : str, optional
        File, line, option or parameter concerned.
    allowed : str, optional
        What would have been accepted.
    fix : str, optional
        What to do about it.
    others : sequence of MemjaxError
        What is wrong beside it.

    Notes
    -----
    The message is ``WHAT, WHERE, ALLOWED, FIX`` on one line, and after it those of others, each behind "also"; the
    command line prints them one a line.

    Attributes
    ----------
    lines : tuple of str
        The messages, one for each error.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        allowed: str = "",
        fix: str = "",
        others: "Sequence[MemjaxError]" = (),
    ):
        self.what, self.where, self.allowed, self.fix = what, where, allowed, fix
        parts = [what, where and f"in {where}", allowed and f"allowed: {allowed}", fix]
        text = "; ".join(map(_one_line, filter(None, parts)))
        self.lines = (text, *(line for error in others for line in error.lines))
        super().__init__("; also ".join(self.lines))


_LONGEST = 1000
"""Characters of a part of a message at most: a damaged file may hold a word of a million."""


def _one_line(text: str) -> str:
    """A text for a message: one line of bounded length, in which what no terminal shows is escaped."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 100]} ... {text[-90:]}"
    return escape(" ".join(text.split()))


def escape(text: str) -> str:
    """A text in which what no terminal shows is written as Python writes it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def allowed_text(allowed: Sequence) -> str:
    """Allowed values of a setting, as text."""
    runs = (
        len(allowed) > 2
        and isinstance(allowed[0], int)
        and allowed[-1] - allowed[0] == len(allowed) - 1
    )
    return f"an integer, {allowed[0]} to {allowed[-1]}" if runs else ", ".join(map(str, allowed))


class UnitError(MemjaxError):
    """A unit cannot be parsed, or has the wrong dimension."""


class BoundsError(MemjaxError):
    """A value lies outside the range in which it has a meaning."""


class ModelError(MemjaxError):
    """A model, parameter, state or preset name is unknown, or a device is declared wrongly."""


class CircuitError(MemjaxError):
    """Elements and nodes make no circuit: a floating or unknown node, a name twice, no ground."""


class UsageError(MemjaxError):
    """What was asked for is wrong: an unknown option, a missing or impossible value."""


class StimulusError(MemjaxError):
    """A stimulus is not a function of time that can be applied."""


class ReaderError(MemjaxError):
    """A file cannot be read as a measurement."""


class PolicyError(MemjaxError):
    """A solver, path and step control do not go together or converge to the wrong process."""


class SolveError(MemjaxError):
    """A solve did not end well and its result would be used."""


class MemjaxWarning(UserWarning):
    """Base of all warnings that memjax gives on purpose: the result stands, and something about it must be known."""


class SolveWarning(MemjaxWarning):
    """Some solves of a simulation did not end well."""


class KernelWarning(MemjaxWarning):
    """A kernel in C is wanted and there is no compiler that builds it: the same is computed, slower."""


class DataError(MemjaxError):
    """The data, or the choice of parameters, make no calibration problem."""


class FitError(MemjaxError):
    """Nothing usable came out of a calibration."""


class OutputError(MemjaxError):
    """A result cannot be written where it was asked for."""


class NetworkError(MemjaxError):
    """Groups, connections and records make no network, or it does not fit the machine."""


class StepWarning(UserWarning):
    """A fixed step is too long for the rates that a run met, or could not be compared with them."""


class GradientError(MemjaxError):
    """A derivative would say nothing of what it is asked for, and is refused."""
