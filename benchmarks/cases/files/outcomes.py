"""How damaged files ended: counts by format, and what must never be."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Result:
    """How one damaged file ended, with what was said.

    Parameters
    ----------
    name : str
        Format of the file, or what it holds.
    kind : str
        Of damage.
    outcome, remarks : str
        How the reading ended, and what it said.
    data : bytes
        The file.
    """

    name: str
    kind: str
    outcome: str
    remarks: str
    data: bytes


def table(results: Sequence[Result], outcomes: Sequence[str]) -> str:
    """Counts of outcomes by format, as Markdown."""
    rows = [f"| format | variants | {' | '.join(outcomes)} |", "|---" * (len(outcomes) + 2) + "|"]
    for name in [*dict.fromkeys(r.name for r in results), "all"]:
        own = [r for r in results if name in (r.name, "all")]
        counts = Counter(r.outcome for r in own)
        cells = [name, len(own), *(counts[o] for o in outcomes)]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def flaws(results: Sequence[Result]) -> list[Result]:
    """Results that must not be."""
    return [r for r in results if r.outcome in ("exception", "silent")]


def report(study: Callable[[int, int], list[Result]], outcomes: Sequence[str]) -> int:
    """Run a study of COUNT variants by SEED, two words of the command line; print its table, and each kind of flaw.

    The exit status is 1 where there is a flaw.
    """
    words = sys.argv[1:]
    results = study(int(words[0]) if words else 500, int(words[1]) if len(words) > 1 else 0)
    print(table(results, outcomes))
    wrong = Counter((r.name, r.kind, r.outcome) for r in flaws(results))
    for (name, kind, how), n in sorted(wrong.items()):
        print(f"{n:4} {how}: {name}, {kind}")
    return int(bool(wrong))
