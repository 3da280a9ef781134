"""A study of a case that runs by itself."""

from benchmarks.cases.device_fits.alone import run_alone


def test_a_study_has_the_folder_and_the_size_of_the_words_and_is_full_by_default(tmp_path):
    seen = []
    run = lambda size, record: seen.append((size, record.path))  # noqa: E731
    folder = tmp_path / "new"
    assert run_alone("optima", run, [str(folder)]) == folder
    assert run_alone("optima", run, [str(folder), "smoke"]) == folder
    assert seen == [("full", folder / "optima.jsonl"), ("smoke", folder / "optima.jsonl")]
