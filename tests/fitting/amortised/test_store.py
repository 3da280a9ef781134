"""A trained density in a folder: the same again, and nothing where the folder is damaged."""

import json

import numpy as np
import pytest

import memjax as mj
from fitting.amortised.store import CONTENT, NUMBERS, load_amortised, save_amortised
from memjax.errors import ModelError, OutputError

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(untrained, tmp_path):
    path = tmp_path / "density"
    save_amortised(untrained, path)
    return path


@pytest.mark.integration
def test_what_is_read_answers_as_what_was_written(untrained, currents, folder):
    again = load_amortised(folder)
    a, b = untrained.posterior(currents[:5]), again.posterior(currents[:5])
    for name in a.draws:
        np.testing.assert_array_equal(a.draws[name], b.draws[name])
    assert repr(again) == repr(untrained)


def test_it_says_what_it_is(folder):
    about = json.loads((folder / CONTENT).read_text())
    assert about["model"] == "mms"
    assert set(about["versions"]) == {
        "memjax",
        "jax",
        "equinox",
        "flowjax",
    }
    assert about["prior"]["r_on"] == {"law": "log-uniform", "low": 300, "high": 900, "unit": "ohm"}
    assert about["protocol"]["readings"] == 41
    assert about["calibration"]["passed"] is True


def test_damage_is_one_line(untrained, folder):
    numbers, content = (folder / NUMBERS).read_bytes(), (folder / CONTENT).read_text()
    (folder / NUMBERS).write_bytes(numbers[:-1])
    with pytest.raises(ModelError, match="its checksum is not that"):
        load_amortised(folder)
    (folder / NUMBERS).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        load_amortised(folder)
    (folder / CONTENT).write_text(content.replace('"schema_version": 1', '"schema_version": 9'))
    with pytest.raises(ModelError, match="schema_version 9"):
        load_amortised(folder)
    with pytest.raises(ModelError, match="no trained density"):
        load_amortised(folder / "nothing")


def test_another_object_is_none(untrained, folder):
    import hashlib

    mj.save(folder / NUMBERS, mj.MetastableSwitches())
    about = json.loads((folder / CONTENT).read_text())
    about["sha256"] = hashlib.sha256((folder / NUMBERS).read_bytes()).hexdigest()
    (folder / CONTENT).write_text(json.dumps(about))
    with pytest.raises(ModelError, match="a MetastableSwitches in place of a trained density"):
        load_amortised(folder)


def test_nothing_is_overwritten_without_force(untrained, folder):
    with pytest.raises(OutputError, match="it exists already"):
        save_amortised(untrained, folder)
    save_amortised(untrained, folder, force=True)
    assert load_amortised(folder).seed == 3
