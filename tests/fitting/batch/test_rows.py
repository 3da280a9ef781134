"""Rows: reasons in the place of fits, and files that hold what was written."""

import json
from dataclasses import asdict

from fitting.batch.rows import Posterior, Row, row_of


def test_a_reason_makes_a_row_without_numbers():
    row = row_of("a", "no table of numbers")
    assert (row.name, row.failure, row.values, row.posterior) == (
        "a",
        "no table of numbers",
        {},
        None,
    )


def test_a_posterior_outlives_a_file():
    one = Posterior(values={"r": 1 / 3}, std={"r": 0.1}, z=[0.2], distance=1.5, outside=True)
    assert Posterior(**json.loads(json.dumps(asdict(one)))) == one
    assert asdict(Row(name="a", posterior=one))["posterior"]["outside"] is True
