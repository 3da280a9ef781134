"""Synthetic measurements that come with memjax, by name: ``example:NAME``."""

from pathlib import Path

from memjax.errors import ReaderError

EXAMPLE = "example:"
"""Prefix of the name of a bundled example."""

FOLDER = Path(__file__).parent / "examples"
_TABLES = (".csv", ".txt", ".tsv", ".dat", ".xls", ".xlsx")


def example_names() -> list[str]:
    """Names of the bundled examples."""
    return sorted(p.stem for p in FOLDER.glob("*") if p.suffix.lower() in _TABLES)


def example_path(name: str) -> Path:
    """File of an example.

    Parameters
    ----------
    name : str
        Name, as ``example:NAME``.

    Raises
    ------
    ReaderError
        If there is no such example; it lists those that exist.
    """
    stem = name.removeprefix(EXAMPLE)
    paths = [p for p in FOLDER.glob("*") if p.suffix.lower() in _TABLES and p.stem == stem]
    if not paths:
        names = ", ".join(EXAMPLE + n for n in example_names()) or "none is bundled"
        raise ReaderError(f"no example {stem!r}", where=name, allowed=names)
    return paths[0]
