"""A page for each room of the API, and one for each public name: what a room's `__init__` offers."""

import functools
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

from docutils import nodes, utils
from sphinx import addnodes

import memjax

FOLDER = Path(__file__).parents[1] / "api"
NO_ROOMS = {"__main__", "cli"}
"""Modules of memjax that are programs."""

FIRST = """# API

Every public name has a page. A name is public where `memjax`, `fitting` or a room of `memjax` offers it.
A room is a module directly below `memjax`; most scripts need only `import memjax as mj`
and `import fitting as ft`.

"""


def rooms() -> list[str]:
    """Names of the modules whose names are public."""
    below = [m.name for m in pkgutil.iter_modules(memjax.__path__) if m.name not in NO_ROOMS]
    inner = ["device.laws", "network.nir", "network.rates", "network.toml"]
    return ["memjax", "fitting", *(f"memjax.{n}" for n in (*below, *inner))]


def module(name: str):
    """The module itself, also where a function of the same name hides it."""
    return importlib.import_module(name)


def offered(name: str) -> list[str]:
    """Classes and functions that a room offers: those of a package's `__init__`, or defined in the module."""
    room = module(name)
    here = []
    for key in dir(room):
        if key.startswith("_"):
            continue
        value = getattr(room, key)  # a name may be imported at its first use
        origin = getattr(value, "__module__", None) or ""
        ours = origin.split(".")[0] in ("memjax", "fitting")
        local = hasattr(room, "__path__") or origin == name
        if callable(value) and ours and local:
            here.append(key)
    return sorted(here, key=lambda n: (not inspect.isclass(getattr(room, n)), n.lower()))


def public_names() -> dict[str, dict[str, str]]:
    """For each room, the page of each of its names: where the object is offered first."""
    pages: dict[int, str] = {}
    table: dict[str, dict[str, str]] = {}
    for room in rooms():
        table[room] = {}
        for name in offered(room):
            value = getattr(module(room), name)
            table[room][name] = pages.setdefault(id(value), f"{room}.{name}")
    return {room: names for room, names in table.items() if names}


def _room_page(room: str, names: dict[str, str]) -> str:
    summary = (inspect.getdoc(module(room)) or "").split("\n\n")[0]
    text = f"{room}\n{'=' * len(room)}\n\n{summary}\n\n"
    own = [n for n, page in names.items() if page == f"{room}.{n}"]
    classes = [n for n in own if inspect.isclass(getattr(module(room), n))]
    for title, group in (("Classes", classes), ("Functions", [n for n in own if n not in classes])):
        if group:
            rows = "\n".join(f"   ~{room}.{n}" for n in group)
            text += f".. rubric:: {title}\n\n.. autosummary::\n   :toctree: names\n\n{rows}\n\n"
    if others := [page for n, page in names.items() if n not in own]:
        links = ", ".join(f":py:obj:`{page}`" for page in sorted(others))
        text += f"The room also offers {links}.\n"
    return text


def write_if_changed(path: Path, text: str) -> None:
    """Leave a file alone whose text stays, so that Sphinx does not read it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_pages(app, config) -> None:
    """Write all pages of the section."""
    table = public_names()
    toctree = "\n".join(table)
    write_if_changed(
        FOLDER / "index.md", f"{FIRST}```{{toctree}}\n:maxdepth: 1\n\n{toctree}\n```\n"
    )
    for room, names in table.items():
        write_if_changed(FOLDER / f"{room}.rst", _room_page(room, names))


def escape_shapes(app, what, name, obj, options, lines) -> None:
    """A shape such as "*batch rows" is no emphasis."""
    lines[:] = [re.sub(r'([" ])\*(?=\w[\w ]*")', r"\1\\*", line) for line in lines]


def link_bases(app, name, obj, options, bases) -> None:
    """A base class that has a page is a link, another one plain text."""
    for k, base in enumerate(bases):
        page = _pages().get(id(base))
        bases[k] = (
            f":py:obj:`~{page}`" if page else f"``{base.__module__.split('.')[0]}.{base.__name__}``"
        )


@functools.cache
def _pages() -> dict[int, str]:
    """Page of each public object."""
    table = public_names()
    return {id(getattr(module(r), n)): p for r, names in table.items() for n, p in names.items()}


@functools.cache
def _links() -> dict[str, str]:
    """Page by each way to write a name: dotted, after `mj.` or `ft.`, and alone where it is a class of one room."""
    table = public_names()
    links, alone = {}, {}
    for room, names in table.items():
        short = room.replace("memjax", "mj", 1).replace("fitting", "ft", 1)
        for name, page in names.items():
            links |= {f"{room}.{name}": page, f"{short}.{name}": page}
            if inspect.isclass(getattr(module(room), name)):
                alone.setdefault(name, set()).add(page)
    return {name: min(pages) for name, pages in alone.items() if len(pages) == 1} | links


def code(role, rawtext, text, lineno, inliner, options=None, content=()):
    """A name in single backticks: a link where it is public, else code."""
    literal = nodes.literal(rawtext, utils.unescape(text))
    page = _links().get(literal.astext())
    if page is None:
        return [literal], []
    link = addnodes.pending_xref(
        rawtext,
        literal,
        refdomain="py",
        reftype="obj",
        reftarget=page,
        refexplicit=True,
        refwarn=True,
    )
    return [link], []


def setup(app):
    """Write the pages before Sphinx, and autosummary, look for sources."""
    app.add_role("code-or-link", code)
    app.connect("config-inited", write_pages)
    app.connect("autodoc-process-docstring", escape_shapes, priority=100)
    app.connect("autodoc-process-bases", link_bases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
