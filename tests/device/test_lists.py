"""Every model of the library stands in every list that CONTRIBUTING.md names: each list is a case of its own."""

import re
from pathlib import Path

import pytest

import memjax as mj
from fitting.app.explore.drives import SWEEPS
from memjax import device
from memjax.cli import model_table
from memjax.device.registry import BUILT_IN
from memjax.models import CIRCUITS
from tests.export.test_ngspice import DRIVES

ROOT = Path(__file__).parents[2]
NAMES = {cls.name for cls in BUILT_IN}


def _named(pattern: str, page: str) -> set[str]:
    """Models that a page names by a pattern."""
    return set(re.findall(pattern, (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)) & NAMES


def _public(package) -> set[str]:
    """Models whose class a package offers."""
    return {cls.name for cls in BUILT_IN if cls.__name__ in dir(package)}


LISTS = {
    "memjax/__init__.pyi": lambda: _public(mj),
    "memjax/device/__init__.py": lambda: _public(device),
    "memjax/presets": lambda: {name.split("/")[0] for name in mj.presets.names()} - set(CIRCUITS),
    "memjax/cli/models.json": lambda: set(model_table.model_names()) & NAMES,
    "docs/models.md": lambda: _named(r"^\| `([^`]+)` \|", "docs/models.md"),
    "docs/physics/index.md": lambda: _named(r"^models/(\S+)$", "docs/physics/index.md"),
    "fitting/app/explore/drives.py": lambda: set(SWEEPS),
    "tests/export/test_ngspice.py": lambda: set(DRIVES),
}
"""Names of the models in each list, by its file."""


@pytest.mark.parametrize("file", LISTS)
def test_every_model_stands_in_every_list_and_no_other_does(file):
    listed = LISTS[file]()
    assert NAMES - listed == set(), f"missing in {file}"
    assert listed - NAMES == set(), f"of no model in {file}"


def test_every_circuit_has_a_preset():
    assert set(CIRCUITS) <= {name.split("/")[0] for name in mj.presets.names()}


@pytest.mark.parametrize("name", [*sorted(NAMES), "diffusive+hybrid", *CIRCUITS])
def test_what_a_name_makes_has_that_name(name):
    assert mj.model(name).name == name
