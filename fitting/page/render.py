"""HTML of blocks: the templates of this room, and the tables, lists and pictures that notebooks show too."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memjax.core.html import bullet_list, fold, html_table, image
from memjax.errors import ModelError
from memjax.runtime.files import writing

from .blocks import Block, Picture, Section, Words


@functools.cache
def _template(name: str) -> Any:
    """A template, which escapes all that is no markup of ours; writers of `memjax.core.html` escape by themselves."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    options: dict[str, Any] = dict(autoescape=True, trim_blocks=True, undefined=StrictUndefined)
    environment = Environment(loader=PackageLoader("fitting.page"), **options)
    for write in (bullet_list, fold, html_table, _image):
        environment.filters[write.__name__] = lambda *x, write=write, **y: Markup(write(*x, **y))
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment.get_template(f"{name}.html.jinja")


def _image(picture: Picture) -> str:
    """A picture, its bytes in the page; what is no block of any kind comes here too, and is refused."""
    if not isinstance(picture, Picture):
        what, where = f"{picture!r:.60} is no block of a page", "fitting.page"
        raise ModelError(what, where=where, allowed="the classes of fitting.page.blocks")
    drawing = picture.path.with_suffix(".svg")
    link = (Path(picture.folder) / drawing.name).as_posix() if drawing.exists() else None
    return image(picture.path.read_bytes(), picture.alt, link=link)


def render(*blocks: Block) -> str:
    """Return blocks as HTML without a page around them, for notebooks."""
    return _template("blocks").render(blocks=blocks)


def write_page(folder: Path, title: str, heading: Words, blocks: Sequence[Block]) -> None:
    """Write ``report.html`` into a folder: a page that needs nothing beside it, runs no script and loads nothing.

    `title` is what the browser calls it, `heading` what stands on top of it.
    """
    text = _template("page").render(title=title, blocks=[Section(heading, blocks)])
    with writing(folder / "report.html") as temporary:
        temporary.write_text(text, encoding="utf-8")
