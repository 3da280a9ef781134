"""The content of a fit directory's ``fit.json``."""

import json
from pathlib import Path

from memjax.errors import DataError

SCHEMA = 1
"""Layout of a ``fit.json``."""


def load(folder: Path) -> dict:
    """The content of a fit directory's ``fit.json``.

    Raises
    ------
    DataError
        If it is missing or not what memjax writes.
    """
    path = folder / "fit.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema_version"] != SCHEMA:
            raise ValueError(f"schema_version {content['schema_version']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"no fit to report on: {error}",
            where=str(path),
            allowed="a folder made by 'memjax fit'",
        ) from error
    return content
