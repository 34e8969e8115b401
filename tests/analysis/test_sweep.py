"""The file of a sweep opens as a table with frontiers and crossovers, and a file that is none says so in one line."""

import shutil

import h5py
import numpy as np
import pytest

import kerf_analysis as kerf
from kerf_analysis.sweep import DONE, REFUSED, YIELDS


@pytest.fixture(scope="module")
def sweep(sweep_path):
    return kerf.open_sweep(sweep_path)


def test_points_have_their_system_setting_and_figures(sweep):
    points = sweep.points
    assert list(sweep.systems.values()) == ["CS-3", "H100", "H100, speculative"]
    assert len(points) == 4 + 8 + 4 and (points.state == REFUSED).sum() == 4
    assert list(points["workload.users"][:4]) == [1, 4, 16, 64]
    refused = points[points.state == REFUSED]
    assert set(refused.system) == {"gpu"} and refused.reason.str.contains("tensor 3").all()
    assert refused.throughput.isna().all() and points.throughput[points.state == DONE].notna().all()
    assert points.attrs["units"]["output_tokens_per_joule"] == "token/J"


def test_nobody_beats_the_frontier(sweep):
    for yields, marked in YIELDS.items():
        frontier = sweep.frontier(yields)
        assert set(frontier.index) == set(sweep.points.index[sweep.points[marked] == 1])
        assert (np.diff(frontier.output_speed_per_user) > 0).all() and (np.diff(frontier[yields]) < 0).all()
    assert set(sweep.frontier(system="gpu").system) == {"gpu"}
    with pytest.raises(ValueError, match="no yield 'speed'"):
        sweep.frontier("speed")


def test_crossovers_end_at_the_fastest_point(sweep):
    for systems in (None, ["wafer", "gpu"]):
        rows = sweep.crossovers("output_tokens_per_dollar", systems)
        chosen = sweep.done if systems is None else sweep.done[sweep.done.system.isin(systems)]
        assert rows.up_to.iloc[-1] == chosen.output_speed_per_user.max()
        assert (rows.system != rows.system.shift()).all()


def test_every_system_is_a_line_in_every_panel(sweep):
    figure = kerf.frontier.frontier(sweep)
    assert len(figure.axes) == len(YIELDS)
    for axes in figure.axes:
        assert len([line for line in axes.lines if line.get_linestyle() != "None"]) == len(sweep.systems)
        assert axes.get_xlabel() == "Output tokens/s per user" and axes.get_xscale() == "log"


def test_other_files_are_refused(sweep_path, one_user_path, tmp_path):
    with pytest.raises(kerf.ResultError, match="no such file"):
        kerf.open_sweep(tmp_path / "none.h5")
    with pytest.raises(kerf.ResultError, match="not a sweep; `kerf run -o`"):
        kerf.open_sweep(one_user_path)
    damaged = tmp_path / "damaged.h5"
    shutil.copy(sweep_path, damaged)
    with h5py.File(damaged, "r+") as file:
        del file["points/pareto_cost"]
    with pytest.raises(kerf.ResultError, match="it has no /points/pareto_cost"):
        kerf.open_sweep(damaged)
