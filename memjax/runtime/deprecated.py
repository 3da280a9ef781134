"""Keywords and attributes that go: they work for one version, with a DeprecationWarning that says what to write."""

import functools
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from ..errors import BoundsError

F = TypeVar("F", bound=Callable[..., Any])


def warn(old: str, new: str, *, level: int = 2) -> None:
    """Warn that a name goes, of which `level` calls above this one is to blame."""
    warnings.warn(f"{old} goes: say {new}", DeprecationWarning, stacklevel=level + 1)


def forward_attribute(owner: str, old: str, new: str = "") -> Any:
    """Make an attribute of the last version, which gives another one of the object, or of that, or the object.

    Parameters
    ----------
    owner, old : str
        Names of the class and of the attribute.
    new : str
        What has its place, dotted where it is an attribute of an attribute; the object where it is empty.

    Returns
    -------
    property
        Which warns.
    """

    def get(self: Any) -> Any:
        warn(f"{old} of {owner}", f"{owner}.{new}" if new else f"the {owner} itself")
        return operator.attrgetter(new)(self) if new else self

    return property(get, doc=f"Deprecated: {new or 'the object itself'}.")


def _check_group(where: str, name: str, value: Any, cls: type) -> None:
    if not isinstance(value, cls | None):
        what = f"{name} = {value!r:.60}"
        raise BoundsError(what, where=where, allowed=f"{cls.__name__}(...)")


def forward_keywords(
    names: Mapping[str, str] | None = None, groups: Mapping[str, type] | None = None
) -> Callable[[F], F]:
    """Make a decorator of functions, which still take keywords that they had before.

    Parameters
    ----------
    names : mapping of str to str, optional
        New names of keywords, by the old ones.
    groups : mapping of str to type, optional
        Keywords that take an object of a frozen dataclass, each with its class: fields of it were keywords themselves.

    Returns
    -------
    callable
        The decorator. The function that it gives shows the new signature.
    """
    renamed, classes = dict(names or {}), dict(groups or {})
    homes = {f.name: group for group, cls in classes.items() for f in fields(cls)}

    def decorate(function: F) -> F:
        where = function.__name__

        @functools.wraps(function)
        def call(*args: Any, **passed: Any) -> Any:
            for group, cls in classes.items():
                _check_group(where, group, passed.get(group), cls)
            for old in [k for k in passed if k in renamed]:
                warn(f"{old}= of {where}", f"{renamed[old]}=")
                passed[renamed[old]] = passed.pop(old)
            for old in [k for k in passed if k in homes]:
                group = homes[old]
                cls = classes[group]
                warn(f"{old}= of {where}", f"{group}={cls.__name__}({old}=...)")
                passed[group] = replace(passed.get(group) or cls(), **{old: passed.pop(old)})
            return function(*args, **passed)

        return call  # pyright: ignore[reportReturnType]

    return decorate
