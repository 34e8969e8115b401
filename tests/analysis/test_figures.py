"""Every picture has something in it, and its axes say what and in which unit."""

import re

import h5py
import numpy as np
import pytest
import synthetic

import kerf_analysis as kerf
from kerf_analysis import figures, plot
from kerf_analysis.units import in_unit, label, short
from kerf_analysis.wafers import shelves, wafer_map

AXES_OF = {
    "overview": [r"Output speed per user \(token/s\)", r"Time per output token \(ms\)"],
    "output-speed": [r"Output speed per user \(token/s\)"],
    "time-per-token": [r"Time per output token \(ms\)"],
    "ratio": ["Times better than the baseline"],
    "end-to-end": [r"End-to-end time .*\(s\)"],
    "distribution": [r"Time to first token \(s\)", r"Time per output token .*\(ms\)"],
}


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def widths_of(axes):
    """Lengths of the horizontal bars, row by row."""
    rows = {}
    for bar in axes.patches:
        rows.setdefault(round(bar.get_y() + bar.get_height() / 2), []).append(bar.get_width())
    return [sum(rows[row]) for row in sorted(rows)]


def test_every_picture_draws_and_names_its_units(any_result, tmp_path):
    pictures = figures.all_of(any_result)
    assert {"overview", "output-speed", "time-per-token", "ratio", "end-to-end"} <= set(pictures)
    for name, picture in pictures.items():
        picture.savefig(tmp_path / "picture.png")
        assert all(axes.has_data() for axes in picture.axes), name
        for axes, pattern in zip(picture.axes, AXES_OF.get(name, [])):
            assert re.fullmatch(pattern + ".*", axes.get_xlabel()), name


def test_every_system_has_its_row(any_result):
    for draw in (figures.overview, figures.output_speed, figures.time_per_token, figures.ratio, figures.end_to_end):
        rows = [text.get_text() for text in draw(any_result).axes[0].get_yticklabels()]
        assert [row.removesuffix(" (baseline)") for row in rows] == list(any_result.systems.values())


def test_the_parts_stack_up_to_the_time_per_token(one_user):
    axes = figures.time_per_token(one_user).axes[0]
    milliseconds = [1e3 * synthetic.nominal_tpot(key) for key in synthetic.KEYS]
    assert widths_of(axes) == pytest.approx(milliseconds)
    assert texts_of(axes)[2] == "6.55 ms, 153 tokens/s"


def test_prefill_and_decode_stack_up_to_the_whole(one_user):
    axes = figures.end_to_end(one_user).axes[0]
    assert widths_of(axes) == pytest.approx(one_user.summary.e2e.sel(column="nominal").values)


def test_published_figures_are_marked_where_there_are_any(one_user):
    axes = figures.output_speed(one_user).axes[0]
    markers = next(line for line in axes.lines if line.get_marker() == "D")
    assert np.array_equal(markers.get_xdata(), [np.nan, 981, 146, 414, np.nan, np.nan], equal_nan=True)


def test_the_ratio_is_drawn_on_a_logarithmic_axis_with_its_interval_beside_it(one_user):
    axes = figures.ratio(one_user).axes[0]
    assert axes.get_xscale() == "log"
    low, nominal, high = one_user.ratio("output_speed_per_user").sel(system="cs3").values
    assert texts_of(axes)[0] == f"{short(nominal)}x  [{short(low)}, {short(high)}]"
    assert texts_of(axes)[2] == "1.00x"


def test_a_distribution_needs_many_requests(one_user, many_users):
    assert "distribution" not in figures.all_of(one_user)
    assert "distribution" in figures.all_of(many_users)


def test_a_distribution_ends_with_every_request(many_users):
    first, later = figures.distribution(many_users).axes
    nominal = many_users.requests[many_users.requests["column"] == "nominal"]
    for axes, metric, factor in ((first, "ttft", 1), (later, "tpot", 1e3)):
        for line, key in zip(axes.lines, synthetic.KEYS):
            values = factor * nominal[nominal["system"] == key][metric]
            assert line.get_ydata()[-1] == 1.0
            assert line.get_xdata()[-1] == pytest.approx(values.max())


@pytest.fixture
def first_tokens_path(folder):
    """A result whose requests end with their first token: nothing has a time per output token."""
    path = synthetic.write(folder / "first-tokens.h5", requests=20)
    with h5py.File(path, "r+") as file:
        for name in ("tpot", "output_speed_per_user"):
            file["summary"][name][...] = np.nan
        file["summary/e2e"][...] = file["summary/ttft"][...]
        file["requests/finish"][...] = file["requests/first_token"][...]
        file["requests/output_tokens"][...] = 1
    return path


def test_a_result_with_first_tokens_only_is_drawn_without_output_speeds(first_tokens_path, tmp_path, capsys):
    pictures = figures.all_of(kerf.open(first_tokens_path))
    assert not {"overview", "output-speed", "time-per-token"} & set(pictures)
    assert [axes.get_xlabel() for axes in pictures["distribution"].axes] == ["Time to first token (s)"]
    assert "Time to first token" in pictures["ratio"].texts[0].get_text()
    assert plot.main([str(first_tokens_path), str(tmp_path / "one.png")]) == 2
    assert "no output speed to show" in capsys.readouterr().err


def test_the_wafer_map_shows_every_wafer_and_its_fill(one_user):
    axes = wafer_map(one_user, "cs3").axes[0]
    captions = [text for text in texts_of(axes) if text.startswith("wafer")]
    assert len(captions) == synthetic.WAFERS
    layers = 3 * (synthetic.LAYER_BYTES + synthetic.CACHE_BYTES)
    assert captions[1] == f"wafer 1\n{100 * layers / synthetic.CAPACITY_PER_WAFER:.0f} %"


@pytest.mark.parametrize("areas", [[1], [1, 2], [3, 1, 2], [1, 1, 1, 1], list(range(1, 12))])
def test_shelves_tile_the_wafer_in_proportion(areas):
    boxes = shelves(areas)
    assert [width * height for _, _, width, height in boxes] == pytest.approx([area / sum(areas) for area in areas])
    for x, y, width, height in boxes:
        assert -1e-9 <= x and x + width <= 1 + 1e-9 and -1e-9 <= y and y + height <= 1 + 1e-9


def test_units_are_those_of_the_file(one_user):
    assert label(one_user.summary.tpot) == "Time per output token after the first, median (s)"
    assert label(in_unit(one_user.summary.tpot, "ms")).endswith("(ms)")
    with pytest.raises(KeyError):
        in_unit(one_user.summary.tpot, "GB")


@pytest.mark.parametrize(
    "value, text",
    [(0.01234, "0.0123"), (1, "1.00"), (99.94, "99.9"), (99.96, "100"), (1395.3, "1,395"), (float("nan"), "nan")],
)
def test_numbers_are_short(value, text):
    assert short(value) == text


def test_the_command_draws_the_overview(one_user_path, tmp_path):
    assert plot.main([str(one_user_path), str(tmp_path / "one.png")]) == 0
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_draws_everything(one_user_path, tmp_path):
    assert plot.main(["--all", str(one_user_path), str(tmp_path / "new")]) == 0
    assert {path.stem for path in (tmp_path / "new").iterdir()} == {
        *("overview", "output-speed", "time-per-token", "ratio", "end-to-end", "wafers-cs3", "wafers-cs3-spec")
    }


def test_the_command_reports_what_is_wrong_in_one_line(tmp_path, capsys):
    assert plot.main([str(tmp_path / "nowhere.h5"), str(tmp_path / "one.png")]) == 2
    assert capsys.readouterr().err == f"kerf_analysis.plot: {tmp_path / 'nowhere.h5'}: no such file\n"
