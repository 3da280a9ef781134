"""Arrays out of files: cells that are drawn from a population."""

import numpy as np
import pytest

import memjax as mj
from memjax.crossbar.array_file import load_array_file
from memjax.errors import UsageError

TEXT = """[array]
word_line = 1.0
bit_line = 1.0
[cells]
population = "wafer"
seed = 3
states = { x = "x.csv" }
[input]
voltage = 0.1
"""
SHAPE = (4, 3)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    base = mj.Vteam(conduction="exponential", r_on=1e4, r_off=1e6)
    values = {"r_on": 1e4 * np.exp(0.3 * rng.normal(size=20))}
    (tmp_path / "wafer").mkdir()
    mj.Population.from_values(base, values).save(tmp_path / "wafer" / "population.json")
    np.savetxt(tmp_path / "x.csv", np.full(SHAPE, 0.5), delimiter=",")
    (tmp_path / "array.toml").write_text(TEXT)
    return tmp_path


def test_each_cell_is_drawn_from_the_population_by_the_seed(folder):
    cells = load_array_file(folder / "array.toml").array.cells
    population = mj.Population.load(folder / "wafer")
    drawn = mj.crossbar.draw_cells(population, SHAPE, seed=3)
    np.testing.assert_array_equal(cells.r_on, drawn.r_on)
    assert len(np.unique(cells.r_on)) == 12
    assert float(cells.r_off) == 1e6


def test_a_population_beside_a_model_is_refused(folder):
    path = folder / "array.toml"
    path.write_text(TEXT.replace("seed = 3", 'model = "vteam"'))
    with pytest.raises(UsageError, match="allowed: one of model, preset, fit and population"):
        load_array_file(path)
