"""Pages: escaped, whole, and in one look."""

from html.parser import HTMLParser

import pytest

from fitting.page.blocks import (
    Box,
    Bullets,
    Code,
    Link,
    Note,
    Picture,
    Section,
    Table,
    Text,
)
from fitting.page.render import render, write_page
from memjax.errors import ModelError

NASTY = "<script>'\"&"
EMPTY = {"meta", "img", "br"}  # elements without an end


class _Checked(HTMLParser):
    """Whether each element ends where it should, and which there are."""

    def __init__(self, text: str) -> None:
        HTMLParser.__init__(self)
        self.open, self.names = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.names.append(tag)
        self.open += [tag] * (tag not in EMPTY)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def every_block(text: str, path) -> list:
    """A block of each kind that holds a text wherever it may."""
    path.write_bytes(b"123")
    return [
        Text(text, title=text),
        Text([text, Code(text), Link(text, text)]),
        Note(text),
        Bullets([text], look="warn"),
        Table([text, text], [[text, text * 30]] * 20, title=text),
        Table((), [[text]]),
        Box({text: text, "several": [text]}),
        Picture(path, text),
        Section(text, [Section([Code(text)], [Note(text)]), Text(text)]),
        Section(text, [Text(text)], folded=True),
    ]


def test_all_that_people_wrote_is_escaped_and_every_element_ends(tmp_path):
    write_page(tmp_path, NASTY, NASTY, every_block(NASTY, tmp_path / "a.png"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    checked = _Checked(page)
    assert "script" not in checked.names
    assert page.count("&lt;script&gt;") > 60
    assert {"h1", "h2", "h3", "details", "summary", "dl", "ul", "table", "img", "code", "a"} <= set(
        checked.names
    )


def test_sections_within_sections_have_smaller_titles_and_may_be_folded():
    text = render(Section("a", [Section("b", [Text("c")])]), Section("d", [], folded=True))
    plain = text.replace("\n", "")
    assert plain == ("<h1>a</h1><h2>b</h2><p>c</p><details><summary><b>d</b></summary></details>")


def test_a_page_needs_nothing_beside_it_and_a_picture_leads_to_the_drawing_beside_it(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"123")
    text = render(Picture(path, "a loop"))
    assert "data:image/png;base64,MTIz" in text
    assert "href" not in text
    path.with_suffix(".svg").write_text("<svg/>")
    assert '<a href="a.svg"><img' in render(Picture(path, "a loop"))
    assert '<a href="1-dc/a.svg"><img' in render(Picture(path, "a loop", folder="1-dc"))


def test_long_tables_with_a_title_are_folded():
    rows = [["a"]] * 20
    assert "<details>" in render(Table(["n"], rows, title="t"))
    assert "<details>" not in render(Table(["n"], rows, title="t", long=20))
    assert "<details>" not in render(Table(["n"], rows))


def test_a_page_suits_a_phone_and_the_dark_and_runs_nothing(tmp_path):
    write_page(tmp_path, "fit", "Fit", [])
    whole = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert whole.startswith("<!doctype html>")
    policy = "default-src 'none';img-src data:;style-src 'unsafe-inline';base-uri 'none';form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy"\ncontent="{policy}">' in whole
    assert '<meta name="viewport" content="width=device-width,initial-scale=1">' in whole
    assert "prefers-color-scheme:dark" in whole


@pytest.mark.wrong_types
def test_what_is_no_block_is_refused():
    with pytest.raises(
        ModelError, match=r"'a title'.* is no block of a page.*fitting\.page\.blocks"
    ):
        render(("a title", "<p>HTML</p>"))
