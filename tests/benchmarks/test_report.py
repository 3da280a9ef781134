"""The report: one page, ratios within one run only."""

import pytest

from benchmarks import report
from benchmarks.records import Recorder, read
from benchmarks.registry import BenchmarkError
from benchmarks.timing import Times


def _record(folder, run_id, seconds):
    names = {"run_id": run_id, "case": "fit", "size": "full", "baseline": "scipy"}
    record = Recorder(path=folder / f"{run_id}.jsonl", **names)
    record.ok("scipy", Times(run=[seconds]), error=1e-2, reference="truth", n=10)
    record.ok("ours", Times(run=[1.0], compile=2.0), error=1e-3, reference="truth", n=10)
    record.write("lmfit", status="skipped", reason="not <built>", peer="scipy-lmfit")


@pytest.mark.integration
def test_a_ratio_is_taken_within_one_run(tmp_path):
    _record(tmp_path, "first", 4.0)
    _record(tmp_path, "second", 8.0)
    ratios = {
        key[-1]: [report.ratio(row, group) for row in group]
        for key, group in report.groups(read(tmp_path)).items()
    }
    assert ratios == {"first": [1.0, 0.25, None], "second": [1.0, 0.125, None]}


@pytest.mark.integration
def test_the_page_holds_its_pictures_and_its_tables(tmp_path):
    _record(tmp_path, "first", 4.0)
    page = report.write(tmp_path).read_text()
    assert page.count("data:image/png;base64,") == 1
    assert "0.25" in page
    assert "not &lt;built&gt;" in page
    assert "http" not in page


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(BenchmarkError, match="no records in"):
        report.write(tmp_path)
