"""The page of a fit directory, and what cannot be made one."""

import json

import pytest

from fitting.report import build
from memjax.errors import DataError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no fit.json in the folder; .*check the path"),
        ({"kind": "tea leaves"}, "tea leaves"),
        ({"kind": "targets"}, r"cannot be read.*run 'memjax fit' again"),  # no tables
    ],
)
def test_a_folder_without_a_fit_a_known_kind_or_tables_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "fit.json").write_text(json.dumps({"schema_version": 1} | content))
    with pytest.raises(DataError, match=message):
        build(tmp_path)
