"""Packages that not everybody installs."""

from collections.abc import Sequence
from importlib.util import find_spec

from ..errors import UsageError


def require_packages(names: Sequence[str], *, what: str, where: str, extra: str) -> None:
    """Refuse what packages that are not installed would end, perhaps after minutes and with nothing written.

    Parameters
    ----------
    names : sequence of str
        The packages.
    what, where : str
        What needs them, up to their names; the command or option.
    extra : str
        Of memjax, which installs them.

    Raises
    ------
    UsageError
        Where one is missing.
    """
    missing = [n for n in names if find_spec(n) is None]
    if missing:
        fix = f"pip install 'memjax[{extra}]'"
        raise UsageError(f"{what} {', '.join(missing)}", where=where, fix=fix)
