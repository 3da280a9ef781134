"""The page of a fit directory, and what cannot be made one."""

import json

import pytest

from fitting.report import build, pictures_and_sections
from memjax.errors import DataError

pytestmark = pytest.mark.fast


def test_a_folder_without_a_fit_or_of_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(DataError, match="no fit to report on"):
        build(tmp_path)
    (tmp_path / "fit.json").write_text(json.dumps({"schema_version": 1, "kind": "tea leaves"}))
    with pytest.raises(DataError, match="tea leaves"):
        build(tmp_path)


def test_tables_that_cannot_be_read_are_named(tmp_path):
    make = pictures_and_sections(lambda *_: [], lambda _: [])
    with pytest.raises(DataError, match=r"cannot be read.*run 'memjax fit' again"):
        make({}, tmp_path)
