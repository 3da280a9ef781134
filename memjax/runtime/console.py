"""Lines on standard error, and numbers, lists and tables of text."""

import sys
from collections.abc import Sequence


def say(kind: str, text: str) -> None:
    """Print ``memjax: KIND: TEXT`` as one line on standard error (kind: note, warning, error)."""
    print(f"memjax: {kind}: {' '.join(text.split())}", file=sys.stderr, flush=True)


def counted(count: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{count} {noun}{'s' * (count != 1)}"


def listed(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def table(rows: list[list[str]], *, head: list[str]) -> str:
    """Columns of text, each as wide as its widest cell."""
    widths = [max(len(r[k]) for r in [head, *rows]) for k in range(len(head))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in [head, *rows]]
    return "\n".join(lines)
