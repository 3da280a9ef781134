"""Pages: escaped, whole, and in one look."""

import pytest

from fitting.html import bullets, html_table, page, picture, remarks

pytestmark = pytest.mark.fast


def test_what_people_wrote_is_escaped():
    assert "<b>" not in page("<b>", "") + html_table([["<b>"]], ["<b>"]) + bullets(["<b>"])


def test_a_page_needs_nothing_beside_it(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"123")
    whole = page("fit", picture(path, "a loop"))
    assert "data:image/png;base64,MTIz" in whole
    assert "href" not in whole
    assert 'src="http' not in whole


def test_remarks_say_what_was_interrupted_and_what_is_not_determined():
    content = {"notes": ["a note"], "warnings": [], "undetermined": ["mu"], "interrupted": True}
    said = remarks(content, "one more")
    assert (
        said.index("interrupted") < said.index("a note") < said.index("mu") < said.index("one more")
    )
    assert "none" in remarks({"notes": [], "warnings": [], "undetermined": []})
