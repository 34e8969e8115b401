"""A result opens with names, units and text, and a file that is none says so in one line."""

import shutil

import h5py
import numpy as np
import pytest
import synthetic
import xarray

import kerf_analysis as kerf
from kerf_analysis.result import KINDS


def test_the_summary_has_named_systems_columns_and_parts(one_user):
    assert list(one_user.summary.system.values) == synthetic.KEYS
    assert list(one_user.summary.column.values) == list(synthetic.COLUMNS)
    assert list(one_user.summary.part.values) == synthetic.PARTS
    tpot = one_user.summary.tpot.sel(system="cs3", column="nominal")
    assert tpot.item() == pytest.approx(synthetic.nominal_tpot("cs3"))
    assert tpot.units == "s"


def test_systems_map_keys_to_titles(one_user):
    assert one_user.systems == {key: system[0] for key, system in synthetic.SYSTEMS.items()}
    assert one_user.baseline == synthetic.BASELINE


def test_tables_have_names_instead_of_indices(one_user):
    requests = one_user.requests
    assert len(requests) == len(synthetic.KEYS) * len(synthetic.COLUMNS)
    row = requests[(requests["system"] == "b200") & (requests["column"] == "low")].iloc[0]
    assert row.ttft == pytest.approx(synthetic.SYSTEMS["b200"][4] * synthetic.SLOWER)
    assert row.decode_memory == pytest.approx(3.4e-3 * 499 * synthetic.SLOWER)
    assert one_user.leaves["source"][0] == "a datasheet, §1"
    assert list(one_user.placement["kind"][:3]) == [KINDS[0], KINDS[1], KINDS[2]]
    assert set(one_user.placement["system"]) == {"cs3", "cs3-spec"}
    assert len(one_user.accelerators) == 3 * sum(system[2] for system in synthetic.SYSTEMS.values())


def test_tables_keep_the_units_of_their_columns(one_user):
    assert one_user.requests.attrs["units"]["decode_memory"] == "s"
    assert one_user.accelerators.attrs["units"]["flops"] == "FLOP"
    assert one_user.placement.attrs["units"]["weight_bytes"] == "B"


def test_texts_and_provenance_come_decoded(one_user):
    assert one_user.scenario == "title: Kimi K2.6, one user\n"
    assert one_user.attributes["digest"] == "0123456789abcdef"
    assert one_user.provenance == {"host": "node1", "date": "2026-05-20T12:00:00Z", "ranks": 2, "wall": 1.5}


def test_the_ratio_is_conservative(one_user):
    """Speeds: the low end is the slowest of the system over the fastest of the baseline."""
    ratio = one_user.ratio("output_speed_per_user").sel(system="cs3").values
    nominal = synthetic.nominal_tpot("b200") / synthetic.nominal_tpot("cs3")
    spread = synthetic.SLOWER / synthetic.FASTER
    assert ratio == pytest.approx([nominal / spread, nominal, nominal * spread])


@pytest.mark.parametrize("metric", ["tpot", "ttft", "e2e"])
def test_less_time_is_a_ratio_above_one(one_user, metric):
    nominal = one_user.summary[metric].sel(column="nominal")
    low, middle, high = one_user.ratio(metric).sel(system="gb200").values
    expected = (nominal.sel(system="b200") / nominal.sel(system="gb200")).item()
    spread = synthetic.SLOWER / synthetic.FASTER
    assert [low, middle, high] == pytest.approx([expected / spread, expected, expected * spread])


def test_ratios_of_speed_and_of_time_per_token_agree_for_one_request(one_user):
    assert one_user.ratio("tpot").values == pytest.approx(one_user.ratio("output_speed_per_user").values)


def test_every_ratio_lies_in_its_interval_and_the_baseline_is_one(any_result):
    for metric in kerf.METRICS:
        ratio = any_result.ratio(metric)
        assert (ratio.sel(column="low") <= ratio.sel(column="nominal")).all()
        assert (ratio.sel(column="nominal") <= ratio.sel(column="high")).all()
        assert (ratio.sel(system=any_result.baseline) == 1).all()


def test_parts_of_a_request_sum_to_its_times(any_result):
    requests = any_result.requests
    first = requests.filter(regex="^first_(?!token)").sum(axis=1)
    decode = requests.filter(regex="^decode_").sum(axis=1)
    assert np.allclose(first, requests.ttft, rtol=1e-5, atol=1e-9)
    assert np.allclose(first + decode, requests.e2e, rtol=1e-5, atol=1e-9)


def test_medians_of_the_requests_are_those_of_the_summary(any_result):
    if any_result.path.name == "many-users.h5":
        pytest.skip("made up: its summary is that of the first request")
    medians = any_result.requests.groupby(["system", "column"])[["ttft", "e2e"]].median()
    for metric in ("ttft", "e2e"):
        summary = any_result.summary[metric].to_series().reindex(medians.index)
        assert np.allclose(medians[metric], summary, rtol=1e-9)


def test_the_table_names_its_units(any_result):
    table = any_result.table()
    assert list(table.index) == list(any_result.systems.values())
    assert "output_speed_per_user (token/s)" in table.columns


def test_a_result_with_the_nominal_column_only_has_no_interval(folder):
    result = kerf.open(synthetic.write(folder / "nominal.h5", columns={"nominal": 1.0}))
    ratio = result.ratio("tpot")
    assert (ratio.sel(column="low") == ratio.sel(column="high")).all()
    assert kerf.figures.overview(result).axes


def test_an_unknown_metric_is_refused(one_user):
    with pytest.raises(ValueError, match="no metric 'speed'; there are output_speed_per_user"):
        one_user.ratio("speed")


@pytest.mark.parametrize("group", ["summary", "requests", "accelerators", "placement", "leaves"])
def test_plain_xarray_opens_every_group(one_user_path, group):
    with xarray.open_dataset(one_user_path, engine="h5netcdf", group=group) as data:
        assert not any(name.startswith("phony") for name in data.dims)


def test_plain_xarray_opens_a_real_summary(real_path):
    with xarray.open_dataset(real_path, engine="h5netcdf", group="summary") as summary:
        assert set(summary.dims) == {"system", "column", "part"}
        assert summary.tpot.dims == ("system", "column")
        assert summary.tpot.units == "s"


def test_the_file_is_closed_after_reading(one_user_path, folder):
    path = shutil.copy(one_user_path, folder / "closed.h5")
    kerf.open(path)
    with h5py.File(path, "r+"):
        pass


def refusal(path):
    with pytest.raises(kerf.ResultError) as caught:
        kerf.open(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message


def test_a_missing_file_is_refused(folder):
    assert "no such file" in refusal(folder / "nowhere.h5")


def test_a_file_that_is_not_hdf5_is_refused(folder):
    path = folder / "text.h5"
    path.write_text("title: not a result\n")
    assert "not a Kerf result: not an HDF5 file" in refusal(path)


def test_an_empty_file_is_refused(folder):
    path = folder / "empty.h5"
    path.touch()
    assert "not an HDF5 file" in refusal(path)


def test_hdf5_of_somebody_else_is_refused(folder):
    path = folder / "other.h5"
    with h5py.File(path, "w") as file:
        file["temperature"] = [1.0]
    assert "without the attribute layout_version" in refusal(path)


def test_a_newer_layout_is_refused(one_user_path, folder):
    path = shutil.copy(one_user_path, folder / "newer.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["layout_version"] = 2
    assert "has layout 2, written by Kerf 0.1.0, and this package reads layout 1" in refusal(path)


@pytest.mark.parametrize("missing", ["summary/tpot", "summary", "requests", "scenario", "requests/finish"])
def test_a_result_that_lacks_something_is_refused(one_user_path, folder, missing):
    path = shutil.copy(one_user_path, folder / "lacking.h5")
    with h5py.File(path, "r+") as file:
        del file[missing]
    assert f"not a whole Kerf result: it has no /{missing}" in refusal(path)


def test_a_truncated_file_is_refused_wherever_it_ends(one_user_path, folder):
    whole = one_user_path.read_bytes()
    path = folder / "truncated.h5"
    for share in (0.1, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        assert "truncated" in refusal(path)


def test_the_latest_result_is_the_one_written_last(tmp_path):
    with pytest.raises(kerf.ResultError, match="no results"):
        kerf.latest(tmp_path)
    for name in ("b.h5", "a.h5"):
        synthetic.write(tmp_path / name)
    assert kerf.latest(tmp_path).name == "a.h5"
