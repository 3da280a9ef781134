"""The README in two minutes; its Python, and all code of the pages, run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.pages import DOCS, LONG, run

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
GRADIENTS = ROOT / "docs" / "numerics" / "gradients.md"
OPTAX = ROOT / "docs" / "numerics" / "gradients-optax.md"
PAGES = sorted(
    p for p in set((ROOT / "docs").glob("*.md")) - set(LONG) if "```python" in p.read_text("utf8")
)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_code_of_a_page_runs(page):
    """The long ones run in .ci/run, a process each."""
    run(page)


@pytest.mark.study
@pytest.mark.parametrize("page", [README, *PAGES, *LONG], ids=lambda p: p.name)
def test_without_float64_a_page_refuses_or_gives_the_same_numbers(page):
    """In a process of its own: JAX's default."""
    words = [sys.executable, "-m", "tests.pages", "--float32", str(page)]
    done = subprocess.run(words, capture_output=True, check=False, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert " s, refused: " in done.stdout or " s, equal: " in done.stdout


def _run_block(page, number):
    """A Python block of a page, and the names that it defines."""
    code = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[number]
    names: dict = {}
    exec(compile(code, page.name, "exec"), names)
    return names


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("page", [README, GRADIENTS], ids=lambda p: p.name)
def test_the_library_example_runs(page):
    names = _run_block(page, 0)
    assert names["ensemble"].check().v.shape[0] == 20
    # Central differences of solves at rtol 1e-9 (benchmarks/cases/derivatives): the case's own 1e-3.
    np.testing.assert_allclose(names["slope"], 7.75320e-9, rtol=1e-3)
    np.testing.assert_allclose(names["by_mu"], -3.86984e-3, rtol=1e-3)


@pytest.mark.study
def test_optax_alone_fits_five_parameters_that_are_30_percent_off():
    with jax.numpy_dtype_promotion("standard"):  # as a user has it; optax counts in int32
        names = _run_block(OPTAX, 0)
    device, fitted, z = (names[n] for n in ("device", "fitted", "z"))
    for name in names["names"]:
        true, begin, found = (float(getattr(d, name)) for d in (device, names["start"], fitted))
        assert abs(begin / true - 1) > 0.29
        np.testing.assert_allclose(found, true, rtol=1e-2)
    # Along one direction from where each parameter is off by a few percent; the difference is of second order in 1e-3.
    away = z + 0.03 * np.array([1, -1, 1, -1, 1])
    step = 1e-3 * np.array([1.0, 0.5, -0.5, 0.3, -0.2])
    (_, high), (_, low) = (names["slope_and_value"](away + s * step) for s in (1, -1))
    slope = names["slope_and_value"](away)[0] @ step
    np.testing.assert_allclose(slope, (high - low) / 2, rtol=1e-2)


def test_the_two_commands_are_one_line_each():
    text = README.read_text(encoding="utf-8")
    venv = "python3 -m venv .venv && . .venv/bin/activate && pip install -e "
    fit = "memjax fit example:diffusive-sweeps --model diffusive --out demo"
    assert f'{venv}".[all]" && {fit}\n' in text
    assert f'{venv}".[test]" && pytest\n' in text


def test_the_readme_is_read_in_two_minutes():
    """At most 700 words, one picture, and a table of at most 8 figures, each with its command."""
    text = README.read_text(encoding="utf-8")
    assert len(text.split()) <= 700
    (picture,) = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert (ROOT / picture).stat().st_size < 200_000
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert 0 < len(rows) <= 8
    assert all(re.search(r"\| `[^`]+` \|$", row) for row in rows)


def test_a_page_of_reference_has_at_most_700_words():
    """As `wc -w` counts, with code and tables; lessons and what a build of the site writes do not count.

    The page on lanes, from which one adds drivers and backends, has 800.
    """
    built = {"_build", "api", "board", "cases", "commands.md", "gallery", "models"}
    elsewhere = built | {"tutorials"}
    pages = [p for p in DOCS.rglob("*.md") if not elsewhere & set(p.relative_to(DOCS).parts)]
    words = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").split()) for p in pages}
    assert len(words) > 100
    longest = {"docs/development/lanes.md": 800}
    assert {page: n for page, n in words.items() if n > longest.get(page, 700)} == {}


@pytest.mark.parametrize(
    "page",
    [
        README,
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_links_between_pages_hold(page):
    if any(part in ("_build", "cases", "api", "gallery") for part in page.relative_to(ROOT).parts):
        pytest.skip("written by a build of the site")
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
    # The pages of models and the board of ratios are written by a build of the site.
    written = ("models/", "board/")
    missing = [
        t for t in targets if not any(w in t for w in written) and not (page.parent / t).exists()
    ]
    assert missing == []
