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


def test_a_setting_of_the_model_is_a_word(folder):
    path = folder / "array.toml"
    source = 'model = "vteam"\nvalues = { conduction = "exponential", r_on = 1e4 }'
    path.write_text(TEXT.replace('population = "wafer"', source))
    cells = load_array_file(path).array.cells
    assert (cells.conduction, float(cells.r_on)) == ("exponential", 1e4)


def test_a_population_that_is_missing_is_one_error(folder):
    path = folder / "array.toml"
    path.write_text(TEXT.replace('"wafer"', '"nowhere"'))
    with pytest.raises(UsageError, match="'nowhere' cannot be read") as error:
        load_array_file(path)
    assert "no device" not in str(error.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("x.csv", "", "it holds no numbers; in .*x.csv of cells"),
        ("x.csv", "1,1\n1\n", "columns changed from 2 to 1 at row 2; in .*x.csv of cells"),
        ("x.csv", "1;1\n1;1\n", "could not convert string '1;1' to float64 at row 0, column 1; in"),
        ("x.npy", "text", "it holds no plain array; in .*x.npy of cells"),
    ],
)
def test_a_file_without_an_array_is_said_in_a_sentence(folder, name, content, cause):
    (folder / name).write_text(content)
    path = folder / "array.toml"
    path.write_text(TEXT.replace("x.csv", name))
    with pytest.raises(UsageError, match=f"no array can be read: .*{cause}"):
        load_array_file(path)
