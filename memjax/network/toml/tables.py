"""Tables of a file, read key by key: all errors are collected and raised together."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ...core.params import flat
from ...errors import MemjaxError
from ...io.fit import other_fits
from ...runtime.documents import is_finite_number, load_toml
from ...runtime.files import is_inside


def _as_it_is(x: Any) -> Any:
    """The value itself."""
    return x


@dataclass(frozen=True)
class Kind:
    """A kind of value: its description, a test and a conversion.

    Parameters
    ----------
    allowed : str
        In words.
    fits : callable
        Whether a value is of that kind.
    convert : callable
        Conversion of a value to the form in which it is used.
    """

    allowed: str
    fits: Callable[[Any], bool]
    convert: Callable[[Any], Any] = _as_it_is


def _is_number(x: Any) -> bool:
    """Whether it is a finite number."""
    return is_finite_number(x)


def _is_whole(x: Any, lowest: int) -> bool:
    """Whether it is a whole number that 63 bits hold."""
    return isinstance(x, int) and not isinstance(x, bool) and lowest <= x < 2**63


NUMBER = Kind("a finite number", _is_number, float)
POSITIVE = Kind("a finite number > 0", lambda x: _is_number(x) and x > 0, float)
NOT_NEGATIVE = Kind("a finite number >= 0", lambda x: _is_number(x) and x >= 0, float)
WHOLE = Kind("a whole number >= 0", lambda x: _is_whole(x, 0))
COUNT = Kind("a whole number >= 1", lambda x: _is_whole(x, 1))
WHOLES = Kind(
    "a list of whole numbers >= 0",
    lambda x: isinstance(x, list) and all(_is_whole(v, 0) for v in x),
)
FLAG = Kind("true or false", lambda x: isinstance(x, bool))
TEXT = Kind("a text", lambda x: isinstance(x, str) and x != "")
VALUE = Kind("a finite number, or the word of a setting", lambda x: NUMBER.fits(x) or TEXT.fits(x))
LIST = Kind("a list", lambda x: isinstance(x, list))
NUMBERS = Kind(
    "a finite number, or a list of them",
    lambda x: _is_number(x) or (isinstance(x, list) and x != [] and all(map(NUMBERS.fits, x))),
    lambda x: x if isinstance(x, list) else float(x),
)


def one_of(*words: Any) -> Kind:
    """One of these words."""
    return Kind(", ".join(map(str, words)), lambda x: type(x) in map(type, words) and x in words)


class WrongTableError(MemjaxError):
    """An error in a table, which has been noted already."""


_NO_DEFAULT: Any = object()
"""Default of a key that has to be there."""


class Source:
    """A file that is read table by table, with the files that it names and its errors.

    Parameters
    ----------
    path : str or Path
        The file. Paths in it are relative to its folder.

    Attributes
    ----------
    files : dict of str to str
        SHA-256 of each file that was read, by its path as written.
    problems : list of MemjaxError
        What is wrong.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.files: dict[str, str] = {}
        self.problems: list[MemjaxError] = []

    def load(self, error: type[MemjaxError]) -> "Table":
        """The whole file, which is TOML.

        Raises
        ------
        MemjaxError
            Of the given type, if it cannot be read.
        """
        try:
            content = self.path.read_bytes()
        except (OSError, ValueError):
            content = b""  # what is wrong is said below
        table = load_toml(self.path, error, what="cannot be read", allowed="a TOML file")
        self.files[self.path.name] = hashlib.sha256(content).hexdigest()
        return Table(table, "", self)

    def note(self, what: str, where: str, *, allowed: str = "", fix: str = "") -> None:
        """Note what is wrong, as `MemjaxError` has it."""
        self.problems.append(MemjaxError(what, where=where, allowed=allowed, fix=fix))

    def check(self, error: type[MemjaxError]) -> None:
        """Raise where anything was wrong.

        Raises
        ------
        MemjaxError
            Of the given type: the first problem, and after it the others.
        """
        if not self.problems:
            return
        first, *others = self.problems
        details = dict(where=first.where, allowed=first.allowed, fix=first.fix)
        raise error(first.what, **details, others=others)


class Table:
    """One table of a file.

    Parameters
    ----------
    content : mapping
        What it holds.
    path : str
        Its name, dotted.
    source : Source
        The file.

    Attributes
    ----------
    keys_read : dict of str to None
        Keys that were asked for, in order.
    """

    def __init__(self, content: Mapping[str, Any], path: str, source: Source):
        self.content, self.path, self.source = content, path, source
        self.keys_read: dict[str, None] = {}
        self._inner: list[Table] = []
        self._wrong = False

    def where(self, key: str) -> str:
        """Dotted name of a key."""
        return f"{self.path}.{key}".strip(".")

    def note(self, key: str, what: str, *, allowed: str = "", fix: str = "") -> None:
        """Note what is wrong at a key; at the table itself where it is empty."""
        self._wrong = True
        self.source.note(what, self.where(key) or "the file", allowed=allowed, fix=fix)

    def take(self, key: str, kind: Kind, default: Any = _NO_DEFAULT) -> Any:
        """Value of a key; None where it is of another kind or missing without a default."""
        self.keys_read[key] = None
        if key not in self.content:
            if default is _NO_DEFAULT:
                self.note("", f"no key {key!r}", allowed=f"{key} = {kind.allowed}")
                return None
            return default
        value = self.content[key]
        if kind.fits(value):
            return kind.convert(value)
        self.note(key, f"{value!r:.60}", allowed=kind.allowed)
        return None

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        self.keys_read[key] = None
        return key in self.content

    def table(self, key: str, default: Mapping[str, Any] | None = None) -> "Table":
        """The table of a key; an empty one where it is missing, noted unless there is a default."""
        kind = Kind("a table", lambda x: isinstance(x, dict))
        content = self.take(key, kind, _NO_DEFAULT if default is None else default)
        if content is None:  # what it lacks is not worth a word
            return Table({}, self.where(key), Source(self.source.path))
        self._inner.append(Table(content, self.where(key), self.source))
        return self._inner[-1]

    def tables(self, key: str) -> list["Table"]:
        """Tables in a list, none where it is missing."""
        kind = Kind(
            f"tables [[{self.where(key)}]]",
            lambda x: isinstance(x, list) and all(isinstance(v, dict) for v in x),
        )
        tables = self.take(key, kind, []) or []
        return [Table(x, f"{self.where(key)}[{k}]", self.source) for k, x in enumerate(tables)]

    def named_tables(
        self, key: str, default: Mapping[str, Any] | None = None
    ) -> dict[str, "Table"]:
        """Tables by name."""
        outer = self.table(key, default)
        return {n: outer.table(n) for n in outer.content}

    def values(self, key: str, kind: Kind) -> dict[str, Any]:
        """Values by name, where names have dots or stand in tables of their own."""
        inner = self.table(key, {})
        values = flat(inner.content)
        inner.keys_read |= dict.fromkeys(inner.content)
        for name, x in values.items():
            if not kind.fits(x):
                inner.note(name, f"{x!r:.60}", allowed=kind.allowed)
        return {n: kind.convert(x) if kind.fits(x) else x for n, x in values.items()}

    def file(self, key: str, default: Any = _NO_DEFAULT, *, inside: str = "") -> Any:
        """Return the path of a file that a key names, of one called `inside` if it is a folder; None if there is
        none.
        """
        filename = self.take(key, TEXT, default)
        if filename is None:
            return None
        if not is_inside(filename):
            self.note(
                key, f"{filename!r} leads out of the folder of the file",
                allowed="a file in it, or a link in it",
            )  # fmt: skip
            return None
        path = self.source.path.parent / filename
        try:
            if inside and path.is_dir():
                path = path / inside
                if not path.exists():
                    what, fix = f"no {inside} in {filename!r:.80}", other_fits(path.parent)
                    self.note(key, what, allowed=f"a file, or a folder with {inside}", fix=fix)
                    return None
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError) as error:  # a NUL in the name is the latter
            reason = getattr(error, "strerror", None) or str(error)
            self.note(key, f"{filename!r:.80} cannot be read ({reason})", allowed="a file")
            return None
        label = (
            f"{filename}/{inside}"
            if path.name == inside and Path(filename).name != inside
            else filename
        )
        self.source.files[label] = digest
        return path

    def check_names(self, key: str, names: Iterable[str], allowed: Iterable[str]) -> None:
        """Note names that are not among those allowed."""
        allowed = list(allowed)
        unknown = [n for n in names if n not in allowed]
        if unknown:
            what = f"no {', '.join(map(repr, unknown))}"
            self.note(key, what, allowed=", ".join(allowed) or "none")

    @contextmanager
    def errors_at(self, key: str = "") -> Iterator[None]:
        """Context that catches an error of memjax and notes it as an error at a key."""
        try:
            yield
        except WrongTableError:
            self._wrong = True
        except MemjaxError as error:
            key_name = self.where(key)
            # "group 'exc'" says no more than "groups.exc"; a file does.
            inner = error.where if not key_name or "/" in error.where or "." in error.where else ""
            self._wrong = True
            location = " of ".join(w for w in (inner, key_name) if w)
            self.source.note(error.what, location, allowed=error.allowed, fix=error.fix)

    def give_up(self) -> NoReturn:
        """Leave the table, in which something that all the rest depends on is wrong.

        Raises
        ------
        WrongTableError
            Always.
        """
        self.keys_read |= dict.fromkeys(self.content)
        raise WrongTableError("a table that is wrong", where=self.path)

    @property
    def wrong(self) -> bool:
        """Whether something has been noted, here or in tables inside."""
        return self._wrong or any(inner.wrong for inner in self._inner)

    def finish(self) -> None:
        """Note keys that nobody asked for, and go on only where nothing is wrong.

        Raises
        ------
        WrongTableError
            Where something is.
        """
        self.note_unknown_keys()
        if self.wrong:
            self.give_up()

    def note_unknown_keys(self) -> None:
        """Note keys that nobody asked for, here and in tables inside."""
        unknown = [k for k in self.content if k not in self.keys_read]
        if unknown:
            what = f"no key{'s' if len(unknown) > 1 else ''} {', '.join(map(repr, unknown))}"
            self.note("", what, allowed=", ".join(self.keys_read))
        self.keys_read |= dict.fromkeys(unknown)
        for inner in self._inner:
            inner.note_unknown_keys()
