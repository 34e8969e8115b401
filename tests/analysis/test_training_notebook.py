"""The notebook of training comparisons is committed without outputs, and its cells run on a result."""

import json
import os
import pathlib
import shutil

import matplotlib
import pytest

NOTEBOOK = pathlib.Path(__file__).parents[2] / "analysis" / "notebooks" / "training.ipynb"


def code_cells():
    return [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_is_committed_without_outputs():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code_cells())


def test_its_cells_run(tmp_path, monkeypatch, capsys):
    path = os.environ.get("KERF_TEST_TRAINING")
    if not path:
        pytest.skip("KERF_TEST_TRAINING names no result of a training scenario")
    matplotlib.use("Agg")
    shutil.copy(path, tmp_path / "training.h5")
    monkeypatch.setenv("KERF_RESULTS", str(tmp_path))
    names = {}
    for cell in code_cells():
        exec("".join(cell["source"]), names)
    printed = capsys.readouterr().out
    assert "weights: all experts are streamed" in printed and "matrices" in printed
    names["figure"].savefig(tmp_path / "intervals.png")
    assert (tmp_path / "intervals.png").stat().st_size > 10000
