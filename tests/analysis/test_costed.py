"""The file of `kerf run -o` on a training scenario opens as a dataset, and a file that is none says so in one line."""

import os
import shutil

import h5py
import pytest

import kerf_analysis as kerf
from kerf_analysis import training


@pytest.fixture(scope="module")
def path():
    """Of scenarios/trillion-mixture-training.yaml."""
    path = os.environ.get("KERF_TEST_TRAINING")
    if not path:
        pytest.skip("KERF_TEST_TRAINING names no result of a training scenario")
    return path


def test_figures_have_names_and_units(path):
    data = kerf.open_costed(path)
    assert data.attrs["content"] == "training" and data.attrs["network"] == "kimi-k2-instruct"
    assert list(data.system.values) == ["cs3", "cs4", "gb200"] and list(data.column.values) == ["low", "nominal", "high"]
    assert data.step_time.attrs["units"] == "s" and data.cost_rate.attrs["units"] == "USD/s"
    assert data.part_time.sum("part").values == pytest.approx(data.step_time.values)
    assert (data.step_time.sel(column="low") > data.step_time.sel(column="high")).all()
    assert float(data.stream_time.sel(system="gb200", column="nominal")) == 0
    assert "Kimi K2" in data.attrs["table"] and "systems:" in data.attrs["scenario"]


def test_systems_stand_side_by_side(path):
    data = kerf.open_costed(path)
    table = training.compare(data).set_index("system")
    assert list(table.number) == [64, 64, 1024] and table["speed", "nominal"][0] == 1
    assert (table["speed", "low"] <= table["speed", "nominal"]).all()
    assert (table["speed", "nominal"] <= table["speed", "high"]).all()
    step = data.step_time.sel(column="nominal")
    assert table["speed", "nominal"][2] == pytest.approx(float(step[0] / step[2]))
    watts = data.facility_power.sel(column="nominal") / training.speed(data).sel(column="nominal")
    assert table["J", "nominal"].values == pytest.approx(watts.values)
    text = "\n".join(training.lines(data))
    assert "weights: all experts are streamed" in text and "USD per million tokens" in text


def test_other_files_are_refused(path, one_user_path, tmp_path):
    with pytest.raises(kerf.ResultError, match="no such file"):
        kerf.open_costed(tmp_path / "none.h5")
    with pytest.raises(kerf.ResultError, match="not a result of a scenario with"):
        kerf.open_costed(one_user_path)
    damaged = tmp_path / "damaged.h5"
    shutil.copy(path, damaged)
    with h5py.File(damaged, "r+") as file:
        del file["training/mfu"]
    with pytest.raises(kerf.ResultError, match="it has no /training/mfu"):
        kerf.open_costed(damaged)
