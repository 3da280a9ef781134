"""Large tables, read in chunks: the same numbers, to the bit, as of small ones."""

import numpy as np
import pytest

import memjax.data.large
import memjax.data.text
from memjax.data import read, read_records

ROWS = 3000
RNG = np.random.default_rng(0)
V = np.tile(np.concatenate([np.linspace(0, 1, 250), np.linspace(1, 0, 250)]), 6)
TABLE = "".join(
    f"{k // 500},{k * 1e-3!r},{v!r},{v * 1e-4 * (1 + 0.1 * x)!r}\n"
    for k, (v, x) in enumerate(zip(V.tolist(), RNG.standard_normal(ROWS).tolist(), strict=True))
)
LATER = "".join(f"{int(row[0]) + 6}{row[1:]}\n" for row in TABLE.splitlines())
HEADER = "cycle,t_s,v_V,i_A\n"


@pytest.fixture
def both(tmp_path, monkeypatch):
    """Readings of one text in one piece, and in chunks of some 40 rows."""

    def both(text, read=read, **options):
        path = tmp_path / "file.csv"
        path.write_text(text, encoding="utf-8")
        small = read(path, **options)
        with monkeypatch.context() as patch:
            patch.setattr(memjax.data.text, "LARGE", 1000)
            patch.setattr(memjax.data.text, "_BEGINNING", 2000)
            patch.setattr(memjax.data.large, "CHUNK", 2000)
            taken = []
            original = memjax.data.text.read_large
            patch.setattr(
                memjax.data.text, "read_large",
                lambda *a, **k: taken.append(original(*a, **k)) or taken[-1],
            )  # fmt: skip
            return small, read(path, **options), taken[0] is not None

    return both


def same(a, b):
    for name in ("v", "i", "t", "sweep", "at_compliance"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), strict=True)
    assert a.warnings == b.warnings
    assert a.compliances == b.compliances


@pytest.mark.parametrize(
    "text",
    [
        HEADER + TABLE,
        HEADER + TABLE[:-3],  # cut within its last number
        HEADER + TABLE.replace("\n", "\n\n", 5),
        HEADER + TABLE.replace("\n3,", "\n# paused\n3,", 1),
        HEADER + TABLE + "1,2\n",  # a row that is short
        (HEADER + TABLE).replace(",", "\t"),
        (HEADER + TABLE).replace(",", ";").replace(".", "."),
    ],
)
def test_chunks_give_the_same_to_the_bit_with_the_same_warnings(both, text):
    small, large, in_chunks = both(text)
    assert in_chunks
    same(small, large)


@pytest.mark.wrong_types
def test_labels_that_are_words_or_two_columns_give_the_same_sweeps(both):
    rows = TABLE.splitlines()
    words = HEADER.replace("cycle", "device,cycle") + "".join(
        f"{'ab'[k * 2 // ROWS]},{k // 500 % 3}{row[row.index(',') :]}\n"
        for k, row in enumerate(rows)
    )
    small, large, in_chunks = both(words)
    assert in_chunks
    same(small, large)
    assert large.source["sweep_names"] == ("a 0", "a 1", "a 2", "b 0", "b 1", "b 2")
    assert small.source["sweep_names"] == large.source["sweep_names"]


@pytest.mark.parametrize(
    "text",
    [
        HEADER + TABLE + HEADER + LATER,  # a second header
        HEADER + TABLE.replace("\n3,", "\n,", 1),  # a cell that is empty
        (HEADER + TABLE).replace(",", ";").replace(".", ","),  # decimal commas
    ],
)
def test_what_chunks_cannot_hold_is_read_in_one_piece(both, text):
    small, large, in_chunks = both(text)
    assert not in_chunks
    same(small, large)


def test_rows_that_stand_there_twice_are_said_of_large_tables_too(both):
    rows = TABLE.splitlines(keepends=True)
    text = "v_V,i_A\n" + "".join(r.split(",", 2)[2] for r in [*rows[:700], *rows[690:]])
    small, large, in_chunks = both(text)
    assert in_chunks
    same(small, large)
    assert (
        "10 rows repeat what stands before, cell by cell: line 702 is line 692 again"
        in large.warnings
    )


def test_records_are_read_in_chunks_too(both):
    t = np.cumsum(RNG.exponential(1.0, 500))
    text = "run,t_s,r_ohm\n" + "".join(
        f"{k // 250},{x:.6f},{1e4 + y:.3f}\n"
        for k, (x, y) in enumerate(zip(t, RNG.random(500), strict=True))
    )
    small, large, in_chunks = both(text, read=read_records)
    assert in_chunks
    assert [r.label for r in small] == [r.label for r in large] == ["0", "1"]
    for a, b in zip(small, large, strict=True):
        np.testing.assert_array_equal(a.r, b.r, strict=True)
        np.testing.assert_array_equal(a.t, b.t, strict=True)
