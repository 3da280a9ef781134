"""JSON and TOML out of files from anywhere: what is damaged, ambiguous, deep or large is one error in one line."""

import json
import re
import sys
import tomllib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import MemjaxError, MemjaxWarning, escape

DEEPEST = 64
"""Levels of tables in tables, and of lists in lists, at most."""

LARGEST = 256 * 2**20
"""Size of a file at most [bytes]: fits of thousands of cycles have some ten million."""

_BARE_END = re.compile(r"[^\s=#\"'\]},]+$")
"""A value at the end of a text that no quotation mark and no bracket closes."""

_CUT_EXPONENT = re.compile(r"[eE]-0+$")
"""A negative exponent of nothing, which nobody writes: it was ``e-05``."""


def parse_json(text: str) -> Any:
    """Content of JSON.

    Parameters
    ----------
    text : str
        The text.

    Raises
    ------
    ValueError
        If it is no JSON (a `json.JSONDecodeError`), names a key twice, or is too deep.
    """
    return _checked(lambda: json.loads(text, object_pairs_hook=_unique))


def parse_toml(text: str, *, where: str = "the file") -> dict[str, Any]:
    """Content of TOML.

    Parameters
    ----------
    text : str
        The text.
    where : str
        Its file, for the warning.

    Raises
    ------
    ValueError
        If it is no TOML, is too deep, or ends within an exponent.

    Warns
    -----
    MemjaxWarning
        If it ends without a line end, behind a value that may be longer.
    """
    _check_keys(text)
    content = _checked(lambda: tomllib.loads(text))
    if cut := last_bare_value(text):
        if _CUT_EXPONENT.search(cut):
            raise ValueError(f"the file ends within a number, {cut!r}")
        warnings.warn(
            f"{where} ends without a line end: its last value, {cut:.40}, may be cut",
            MemjaxWarning, stacklevel=2,
        )  # fmt: skip
    return content


def _check_keys(text: str) -> None:
    """Raise for a key of very many parts: what parses it takes memory with their square."""
    if text.count(".") <= DEEPEST:
        return
    for piece in re.split(r"[=,{\n]", text):
        if piece.count(".") > DEEPEST and not re.search("[#\"']", piece):
            raise ValueError(f"a key of more than {DEEPEST} parts")


def last_bare_value(text: str) -> str:
    """The value with which a text ends, where no line end, bracket or quotation mark says that it is whole."""
    last = text[text.rfind("\n") + 1 :]
    if "#" in last or not (value := _BARE_END.search(last)):
        return ""
    return "" if value[0] in ("true", "false") else value[0]


def load_json(path: str | Path, error: type[MemjaxError], *, what: str, allowed: str) -> Any:
    """Content of a JSON file.

    Parameters
    ----------
    path : str or Path
        The file.
    error : type
        Of the error.
    what, allowed : str
        What cannot be read, and what would be: for the error.

    Raises
    ------
    MemjaxError
        Of that type, if the file cannot be read, is too large, or is no JSON.
    """
    return _loaded(path, parse_json, error, what, allowed)


def load_toml(
    path: str | Path, error: type[MemjaxError], *, what: str, allowed: str
) -> dict[str, Any]:
    """Content of a TOML file; arguments and errors as `load_json` has them."""
    return _loaded(path, lambda text: parse_toml(text, where=printable(path)), error, what, allowed)


def read_text(path: str | Path) -> str:
    """Text of a file in UTF-8.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, is larger than `LARGEST`, or no text; of one line.
    """
    path = Path(path)
    if path.is_char_device() or path.stat().st_size > LARGEST:
        raise ValueError(f"no file of at most {LARGEST >> 20} MiB")
    text = path.read_bytes().decode("utf-8-sig")
    if "\x00" in text:
        raise ValueError("NUL bytes: a binary file, or a damaged one")
    return text


def _loaded(
    path: str | Path, parse: Callable[[str], Any], error: type[MemjaxError], what: str, allowed: str
) -> Any:
    try:
        return parse(read_text(path))
    except FileNotFoundError:
        raise error(
            f"{what}: no such file", where=str(path), allowed=allowed, fix="check the path"
        ) from None
    except (OSError, ValueError) as reason:
        text = getattr(reason, "strerror", None) or str(reason)
        raise error(f"{what}: {text:.300}", where=printable(path), allowed=allowed) from reason


def printable(path: str | Path) -> str:
    """A path for a message: what no terminal shows is escaped, and what is too long is shortened."""
    text = escape(str(path))
    return text if len(text) <= 300 else f"{text[:150]}...{text[-100:]}"


def _checked(parse: Callable[[], Any]) -> Any:
    try:
        content = parse()
    except RecursionError:
        raise ValueError(f"nested more than {DEEPEST} levels deep") from None
    _check_depth(content)
    return content


def _check_depth(content: Any) -> None:
    """Raise where tables and lists are nested too deeply: what reads them calls itself for each level."""
    level = [content]
    for _ in range(DEEPEST):
        values = [
            x.values() if isinstance(x, dict) else x for x in level if isinstance(x, dict | list)
        ]
        level = [x for inner in values for x in inner if isinstance(x, dict | list)]
        if not level:
            return
    raise ValueError(f"nested more than {DEEPEST} levels deep")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The table of pairs of a key and a value, of which no key stands twice."""
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r:.60} stands twice in one table")
    return table


def is_finite_number(x: Any) -> bool:
    """Whether a value is a number that a float holds: whole numbers of JSON and TOML may have 400 digits."""
    return isinstance(x, int | float) and not isinstance(x, bool) and abs(x) <= sys.float_info.max


def in_known_case(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Names of columns as they are known, whatever their case; one that two known names would be stays as it is."""
    lower = [n.lower() for n in known]
    plain = {n.lower(): n for n in known if lower.count(n.lower()) == 1}
    return [n if n in known else plain.get(n.lower(), n) for n in names]
