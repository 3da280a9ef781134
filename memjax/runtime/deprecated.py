"""Keywords and attributes that go: they work for one version, with a DeprecationWarning that says what to write."""

import functools
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any, TypeVar

from ..errors import BoundsError

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])


def warn(old: str, new: str, *, level: int = 2) -> None:
    """Warn that a name goes, of which `level` calls above this one is to blame."""
    warnings.warn(f"{old} goes: say {new}", DeprecationWarning, stacklevel=level + 1)


def forward_attributes(names: Mapping[str, str]) -> Callable[[C], C]:
    """Make a decorator of classes, whose objects still have attributes of the last version.

    Parameters
    ----------
    names : mapping of str to str
        What has the place of each, by the old names: an attribute, dotted where it is one of an attribute; the object
        itself where it is empty.

    Returns
    -------
    callable
        The decorator.
    """

    def decorate(cls: C) -> C:
        for old, new in names.items():
            words = f"Gone in the next version: say {new or 'the object itself'}."
            setattr(cls, old, property(partial(_forwarded, old=old, new=new), doc=words))
        return cls

    return decorate


def _forwarded(self: Any, *, old: str, new: str) -> Any:
    """An attribute of the last version."""
    name = type(self).__name__
    warn(f"{old} of {name}", f"{name}.{new}" if new else f"the {name} itself")
    return operator.attrgetter(new)(self) if new else self


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
        cls, _, name = function.__qualname__.rpartition(".")
        where = cls.rpartition(".")[2] if name == "__init__" else name

        @functools.wraps(function)
        def call(*args: Any, **passed: Any) -> Any:
            for group, cls in classes.items():
                _check_group(where, group, passed.get(group), cls)
            for old in [k for k in passed if k in renamed]:
                warn(f"{old}= of {where}", f"{renamed[old]}=")
                passed[renamed[old]] = passed.pop(old)
            for group, cls in classes.items():
                options = {k: passed.pop(k) for k in list(passed) if homes.get(k) == group}
                if options:
                    said = ", ".join(f"{old}=..." for old in options)
                    old = said.replace("...", "")
                    warn(f"{old} of {where}", f"{group}={cls.__name__}({said})")
                    known = passed.get(group)
                    passed[group] = cls(**options) if known is None else replace(known, **options)
            return function(*args, **passed)

        return call  # pyright: ignore[reportReturnType]

    return decorate
