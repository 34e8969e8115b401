"""The file of `kerf validate -o` opens as a table, and a file that is none says so in one line."""

import os
import shutil

import h5py
import numpy as np
import pytest

import kerf_analysis as kerf


@pytest.fixture(scope="module")
def path():
    """Of tests/support/measured.csv."""
    path = os.environ.get("KERF_TEST_VALIDATION")
    if not path:
        pytest.skip("KERF_TEST_VALIDATION names no validation")
    return path


def test_rows_come_with_units_and_reasons(path):
    rows = kerf.open_validation(path).set_index("id")
    assert list(rows.index) == ["S1", "S2", "S3", "S4"]
    assert rows.use["S1"] == "fit" and rows.about["S2"] == "llama-3.1-8b" and rows.software["S3"] == "vLLM"
    assert rows.measured["S3"] == 0.12
    made = rows[rows.reason == ""]
    assert len(made) == 3 and (made.low <= made.predicted).all() and (made.predicted <= made.high).all()
    assert made.error.values == pytest.approx(made.predicted / made.measured - 1)
    assert rows.reason["S4"] == "metric accept_len is not predicted yet" and np.isnan(rows.predicted["S4"])
    assert rows.naive["S1"] == pytest.approx(0.064)  # median of the two others
    assert rows.attrs["units"]["error"] == "1"
    assert rows.attrs["provenance"]["ranks"] == 1


def test_other_files_are_refused(path, one_user_path, tmp_path):
    with pytest.raises(kerf.ResultError, match="no such file"):
        kerf.open_validation(tmp_path / "none.h5")
    with pytest.raises(kerf.ResultError, match="has no /validation; `kerf validate -o` writes one"):
        kerf.open_validation(one_user_path)
    damaged = tmp_path / "damaged.h5"
    shutil.copy(path, damaged)
    with h5py.File(damaged, "r+") as file:
        del file["validation/low"]
    with pytest.raises(kerf.ResultError, match="it has no /validation/low"):
        kerf.open_validation(damaged)
