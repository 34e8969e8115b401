"""The file of `kerf heat -o` opens as data sets, is drawn, and a file that is none says so in one line."""

import os

import kerf_analysis as kerf
import kerf_analysis.plot
import pytest


@pytest.fixture(scope="module")
def path():
    """Of tests/support/heat.yaml."""
    path = os.environ.get("KERF_TEST_HEAT")
    if not path:
        pytest.skip("KERF_TEST_HEAT names no heat file")
    return path


def test_maps_come_with_units(path):
    systems = kerf.open_heat(path)
    assert set(systems) == {"wafer", "gpu"}
    wafer = systems["wafer"]
    assert wafer.silicon.dims == ("y", "x") and wafer.silicon.attrs["units"] == "K"
    assert wafer.attrs["hardware"] == "cs-3" and wafer.attrs["device"] == "wafer"
    assert float(wafer.silicon.max()) == pytest.approx(float(wafer.silicon_most))
    assert "stage_x" not in systems["gpu"] and float(systems["gpu"].memory_most) > float(systems["gpu"].coolant_in)


def test_maps_are_drawn(path, tmp_path):
    figure = kerf.heat_map(kerf.open_heat(path))
    titles = {axes.get_title(loc="left") for axes in figure.axes}
    assert {"wafer, wafer 0", "gpu, GPU 0", "wafer: drop of the supply"} <= titles
    assert kerf_analysis.plot.main(["--heat", path, str(tmp_path / "heat.png")]) == 0
    assert (tmp_path / "heat.png").stat().st_size > 10000


def test_other_files_are_refused(one_user_path, tmp_path):
    with pytest.raises(kerf.ResultError, match="no such file"):
        kerf.open_heat(tmp_path / "none.h5")
    with pytest.raises(kerf.ResultError, match="has no /heat; `kerf heat -o` writes one"):
        kerf.open_heat(one_user_path)
