"""What memjax makes of damaged files of settings: stimuli, parameters, networks, fits, populations.

``python -m benchmarks.cases.files.damaged_documents [COUNT] [SEED]`` prints the table alone.
"""

import re
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cases.files.damage import OTHER_DIGITS
from benchmarks.cases.files.documents import DOCUMENTS, Content, Document, is_finite
from benchmarks.cases.files.outcomes import Result, report
from memjax.errors import MemjaxError, MemjaxWarning

OUTCOMES = ("right", "as written", "warned", "refused", "exception", "silent")
"""What the undamaged file says; what the damaged one says, as another parser reads it; something else, with a warning;
exit 2 in one line; a traceback; something else without a word."""

_VALUES = (
    '"1.0"', "true", "null", "[]", "{}", "-1", "0", "-0.0", "1e400", "NaN", "nan", "inf", "-inf", "1" + "0" * 400,
    "1e300", "1e-320", "[" * 3000 + "]" * 3000, "[" * 40 + "]" * 40, '"\\u0000"', '"' + "a" * 5000 + '"',
    '"../../../etc/passwd"', '"."', "9.91E+37", "1,5", "0x10", "1e9", "10000000000000", "'x'", '"\\n"', "[1, 2, 3]",
)  # fmt: skip
_LONG = 200_000
_LONG_LINES = (
    "9" * _LONG, "1," * (_LONG // 2), "a" * _LONG, "[" * _LONG, '{"a":' * (_LONG // 5), "a." * (_LONG // 2) + "a = 1",
    "0." + "1" * _LONG,
)  # fmt: skip
_INSERTED = ("# comment\n", "// comment\n", "\n", "---\n", "1,2,3\n", "x = 1\n", "[x]\n")
_SCALAR = re.compile(r"(?<=[:=,\[] )[^\s,\[\]{}]+|(?<=[=,])[^\s,\[\]{}]+")


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """A damaged file: what was done to it, its content, and whether it was cut within a word or a number."""

    kind: str
    data: bytes
    cut: bool = False


def _truncated(text: str, rng: np.random.Generator) -> Damaged:
    place = int(rng.integers(1, len(text)))
    cut = not (text[place - 1].isspace() or text[place].isspace())
    return Damaged(kind="truncated", data=text[:place].encode(), cut=cut)


def _flipped(text: str, rng: np.random.Generator) -> Damaged:
    data = bytearray(text.encode())
    for k in rng.choice(len(data), int(rng.integers(1, 4)), replace=False):
        data[k] ^= 1 << int(rng.integers(8))
    return Damaged(kind="bits flipped", data=bytes(data))


def _digit(text: str, rng: np.random.Generator) -> Damaged:
    places = [m.start() for m in re.finditer(r"\d", text)]
    k = int(rng.choice(places))
    other = (int(text[k]) + int(rng.integers(1, 10))) % 10
    return Damaged(kind="a digit changed", data=f"{text[:k]}{other}{text[k + 1 :]}".encode())


def _value(text: str, rng: np.random.Generator) -> Damaged:
    places = list(_SCALAR.finditer(text)) or list(re.finditer(r"\S+", text))
    m = places[int(rng.integers(len(places)))]
    other = str(rng.choice(_VALUES))
    return Damaged(
        kind="another value", data=(text[: m.start()] + other + text[m.end() :]).encode()
    )


def _lines(text: str, rng: np.random.Generator) -> Damaged:
    lines = text.splitlines(keepends=True)
    k, way = int(rng.integers(len(lines))), int(rng.integers(4))
    if way == 0:
        lines.insert(k, lines[k])
    elif way == 1:
        del lines[k]
    elif way == 2:
        j = int(rng.integers(len(lines)))
        lines[k], lines[j] = lines[j], lines[k]
    else:
        lines.insert(k, str(rng.choice([*_INSERTED, lines[0]])))
    kind = ("line repeated", "line lost", "lines swapped", "line inserted")[way]
    return Damaged(kind=kind, data="".join(lines).encode())


def _doubled(text: str, rng: np.random.Generator) -> Damaged:
    lines = text.splitlines(keepends=True)
    more = text if rng.random() < 0.5 else "".join(lines[int(rng.integers(len(lines))) :])
    return Damaged(kind="appended to itself", data=(text + more).encode())


def _encoded(text: str, rng: np.random.Generator) -> Damaged:
    name = str(rng.choice(["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp500"]))
    return Damaged(kind="encoding", data=text.encode(name))


def _nulls(text: str, rng: np.random.Generator) -> Damaged:
    place, count = int(rng.integers(len(text))), int(rng.choice([1, 16, 512]))
    rest = text[place + (count if rng.random() < 0.5 else 0) :]
    return Damaged(kind="NUL bytes", data=(text[:place] + "\x00" * count + rest).encode())


def _digits(text: str, rng: np.random.Generator) -> Damaged:
    numbers = list(re.finditer(r"\d+\.?\d*", text))
    m = numbers[int(rng.integers(len(numbers)))]
    table = str.maketrans("0123456789", str(rng.choice(OTHER_DIGITS)))
    other = m[0].translate(table) if rng.random() < 0.6 else f"{m[0]}_0"
    return Damaged(kind="other digits", data=(text[: m.start()] + other + text[m.end() :]).encode())


def _long(text: str, rng: np.random.Generator) -> Damaged:
    lines = text.splitlines(keepends=True)
    lines.insert(
        int(rng.integers(len(lines) + 1)), _LONG_LINES[int(rng.integers(len(_LONG_LINES)))] + "\n"
    )
    return Damaged(kind="a very long line", data="".join(lines).encode())


def _ends(text: str, rng: np.random.Generator) -> Damaged:
    parts = text.split("\n")
    return Damaged(
        kind="line ends",
        data="".join(p + str(rng.choice(["\n", "\r\n", "\r"])) for p in parts[:-1]).encode(),
    )


DAMAGES: tuple[Callable[[str, np.random.Generator], Damaged], ...] = (
    _truncated, _truncated, _flipped, _flipped, _digit, _value, _value, _value, _lines, _lines, _doubled, _encoded,
    _nulls, _digits, _long, _ends,
)  # fmt: skip


def outcome(document: Document, whole: Content, damaged: Damaged, path: Path) -> Result:
    """How the loading of a damaged file ends."""
    path.write_bytes(damaged.data)
    about: dict = dict(name=document.name, kind=damaged.kind, data=damaged.data)
    try:
        with warnings.catch_warnings(record=True) as remarks:
            warnings.simplefilter("always")
            content = document.load(path)
    except MemjaxError as error:
        one = not any("\n" in line or len(line) > 2000 for line in error.lines)
        return Result(outcome="refused" if one else "exception", remarks=str(error)[:3000], **about)
    except Exception:
        return Result(outcome="exception", remarks=traceback.format_exc(limit=-3), **about)
    strange = [w for w in remarks if not issubclass(w.category, MemjaxWarning)]
    if strange:
        how = "exception"  # of another library: nobody reads what it says
    elif is_same(content, whole):
        how = "right"
    elif not is_finite(content):
        how = "silent"
    elif remarks:
        how = "warned"
    else:
        how = "as written" if _says_so(document, damaged) else "silent"
    return Result(outcome=how, remarks="; ".join(str(w.message) for w in remarks), **about)


def is_same(a: Content, b: Content) -> bool:
    """Whether two contents hold the same numbers and words."""
    return a.keys() == b.keys() and all(
        np.array_equal(np.asarray(a[n]), np.asarray(b[n])) for n in a
    )


def _says_so(document: Document, damaged: Damaged) -> bool:
    """Whether the damaged file, as another parser reads it, says something else than the undamaged one."""
    if damaged.cut:
        return False
    try:
        content = document.parse(damaged.data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return content != document.parse(document.text)


def variants(document: Document, count: int, seed: int) -> Iterator[Damaged]:
    """Damaged files, all kinds in turn."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        yield DAMAGES[k % len(DAMAGES)](document.text, rng)


def study(count: int, seed: int = 0, documents=DOCUMENTS) -> list[Result]:
    """Results of so many variants of each document."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for make in documents:
            document = make()
            path = Path(folder) / f"file{document.suffix}"
            path.write_text(document.text, encoding="utf-8", newline="")
            whole = document.load(path)
            for damaged in variants(document, count, seed):
                results.append(outcome(document, whole, damaged, path))
    return results


if __name__ == "__main__":
    sys.exit(report(study, OUTCOMES))
