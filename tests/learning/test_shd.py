"""The Spiking Heidelberg Digits' layout, in files that are made here."""

import h5py
import numpy as np
import pytest

from memjax.errors import BoundsError, ReaderError
from memjax.learning import load_shd

TIMES = [[0.1, 0.05, 0.31], [], [0.2]]
UNITS = [[3, 699, 0], [], [17]]


def write(path, *, times=TIMES, units=UNITS, labels=(4, 0, 19), speaker=(1, 1, 2), without=()):
    """A file as published: half-precision times, ragged arrays."""
    with h5py.File(path, "w") as file:
        for name, rows, kind in (("times", times, np.float16), ("units", units, np.uint16)):
            if f"spikes/{name}" not in without:
                data = file.create_dataset(f"spikes/{name}", len(rows), h5py.vlen_dtype(kind))
                for k, row in enumerate(rows):
                    data[k] = np.array(row, kind)
        if "labels" not in without:
            file["labels"] = np.array(labels)
        file["extra/speaker"] = np.array(speaker, np.uint8)
        file["extra/keys"] = np.array([b"zero", b"null"])
    return path


def test_samples_are_in_the_order_of_time(tmp_path):
    samples = load_shd(write(tmp_path / "shd.h5"))
    assert samples.labels.tolist() == [4, 0, 19]
    assert samples.speakers.tolist() == [1, 1, 2]
    assert samples.keys == ("zero", "null")
    np.testing.assert_allclose(samples.times[0], [0.05, 0.1, 0.31], rtol=2**-11)  # half precision
    assert samples.units[0].tolist() == [699, 3, 0]
    assert samples.times[1].shape == (0,)


def test_a_spiking_network_takes_them(tmp_path):
    shd = load_shd(write(tmp_path / "shd.h5"))
    samples = shd.samples(0.3)
    spikes, time = samples.spikes(np.arange(3), 0.1)
    np.testing.assert_array_equal(spikes, np.moveaxis(shd.counts(0.1, 0.3), 0, 1))
    np.testing.assert_allclose(time[0, 0, 699], 0.05, rtol=2**-11)  # half precision


def test_counts_are_all_spikes_before_the_end(tmp_path):
    samples = load_shd(write(tmp_path / "shd.h5"))
    counts = samples.counts(0.1, 0.3)
    assert counts.shape == (3, 3, 700)
    assert [tuple(x) for x in np.argwhere(counts)] == [(0, 0, 3), (0, 0, 699), (2, 1, 17)]
    assert samples.counts(0.1, 1.0).sum() == 4
    with pytest.raises(BoundsError, match="channel 699; in sample 0; allowed: below 100"):
        samples.counts(0.1, 0.3, units=100)
    with pytest.raises(BoundsError, match="interval = 0"):
        samples.counts(0.0, 0.3)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"without": ("labels",)}, "cannot be read"),
        ({"without": ("spikes/units",)}, "cannot be read"),
        ({"labels": (1, 2)}, "3 samples of times, 3 of units, 2 labels"),
        ({"labels": (1.5, 2.0, 0.0)}, "labels of float64"),
        ({"labels": (1, -2, 0)}, "whole numbers >= 0"),
        ({"speaker": (1,)}, "equally many"),
        ({"units": [[3, 6], [], [17]]}, r"sample 0; allowed: as many times as whole units"),
        ({"times": [[0.1, np.nan, 0.2], [], [0.2]]}, "sample 0; allowed: >= 0"),
        ({"times": [[0.1, 0.3, 0.2], [], [-0.2]]}, "sample 2"),
    ],
)
def test_damaged_files_are_refused(tmp_path, change, text):
    with pytest.raises(ReaderError, match=text):
        load_shd(write(tmp_path / "shd.h5", **change))


def test_what_is_no_hdf5_is_refused(tmp_path):
    path = write(tmp_path / "shd.h5")
    (tmp_path / "cut.h5").write_bytes(path.read_bytes()[:1000])
    (tmp_path / "text.h5").write_text("spikes")
    for name in ("cut.h5", "text.h5", "none.h5"):
        with pytest.raises(ReaderError, match=f"cannot be read.*{name}; allowed: spikes/times"):
            load_shd(tmp_path / name)
