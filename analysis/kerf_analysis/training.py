"""Training on several systems side by side: `python3 -m kerf_analysis.training FILE.h5 ...` prints a table of results of `kerf run -o`.

A row per system: how many accelerators, its speed and what that makes of the first system's, its energy and cost for what
it works on (a million tokens, a thousand images), each as nominal [low .. high], and what takes most of its time.
"""

import sys

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kerf_analysis import style
from kerf_analysis.costed import read_costed
from kerf_analysis.result import ResultError

UNITS = {"training": "token", "images": "image"}
PRICED = 1e6  # of them are what a price is for


def speed(data):
    """Tokens or images per second of all accelerators (system, column)."""
    return data.rate if data.attrs["content"] == "images" else data.tokens_per_step / data.step_time


def compare(data):
    """A pandas.DataFrame with a row per system and columns (figure, low | nominal | high) beside single ones. `speed` is
    over the first system's, the interval as if nothing uncertain were common to both. J are per unit, USD per PRICED."""
    rate, first = speed(data), speed(data).isel(system=0)
    figures = {
        "speed": (rate.min("column") / first.max(), rate.sel(column="nominal") / first.sel(column="nominal")),
        "J": spread(data.facility_power / rate),
        "USD": spread(PRICED * data.cost_rate / rate),
        "MFU": spread(data.mfu),
    }
    highs = {"speed": rate.max("column") / first.min()} | {name: each[2] for name, each in figures.items() if name != "speed"}
    table = pd.DataFrame({"system": data.title.values, "number": data.accelerators.values.astype(int)})
    for name, each in figures.items():
        for column, values in zip(("low", "nominal", "high"), (each[0], each[1], highs[name])):
            table[name, column] = values.values
    table.loc[0, [("speed", column) for column in ("low", "nominal", "high")]] = 1.0
    return table.assign(power=relative(data.rated_power), cost=relative(data.cost_rate), limit=data.limit.values)


def spread(values):
    return values.min("column"), values.sel(column="nominal"), values.max("column")


def relative(values):
    nominal = values.sel(column="nominal").values
    return nominal / nominal[0]


def cell(row, name, scale=1.0):
    low, nominal, high = (scale * row[name, column] for column in ("low", "nominal", "high"))
    if np.isnan(nominal):
        return "-"
    return f"{short(nominal)} [{short(low)} .. {short(high)}]" if low < high else short(nominal)


def short(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def lines(data):
    """The table as text."""
    unit = UNITS[data.attrs["content"]]
    heads = ["times as fast", "MFU, %", f"J per {unit}", f"USD per million {unit}s"]
    yield data.attrs["title"]
    yield f"  {'':26} {'number':>6} {'power':>5} {'cost':>5}  " + "".join(f"{head:24}" for head in heads) + "most"
    for _, row in compare(data).iterrows():
        cells = [cell(row, "speed"), cell(row, "MFU", 100), cell(row, "J"), cell(row, "USD")]
        figures = "".join(f"{text:24}" for text in cells)
        yield f"  {row.system:26.26} {row.number:6} {row.power:5.2f} {row.cost:5.2f}  {figures}{row.limit}"


@style.look
def picture(results):
    """Speed over the first system's and joules per unit, a row of intervals for each network: a matplotlib figure."""
    figure = Figure(figsize=(10, 0.8 + 0.65 * len(results)), dpi=150, facecolor="white", layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for place, data in enumerate(results):
        table = compare(data)
        for row in range(len(table)):
            at = place + 0.25 * (row - (len(table) - 1) / 2)
            for axis, name in zip(axes, ("speed", "J")):
                low, nominal, high = (table[name, column][row] for column in ("low", "nominal", "high"))
                label = table.system[row] if place == 0 and axis is axes[0] else None
                axis.plot([low, high], [at, at], color=style.HARDWARE_COLOURS[row % 6], linewidth=3, alpha=0.4, solid_capstyle="butt")
                axis.plot(nominal, at, "o", color=style.HARDWARE_COLOURS[row % 6], markersize=5, label=label)
    axes[0].set_yticks(range(len(results)), [data.attrs["network"] for data in results])
    axes[0].invert_yaxis()
    axes[0].axvline(1, color="0.6", linewidth=0.8, zorder=0)
    for axis, title in zip(axes, ("times as fast as the first system", "J per token or image")):
        axis.set(xscale="log", xlabel=title)
        axis.grid(axis="x", color="0.9")
    axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, borderaxespad=0.2)
    return figure


def main(paths):
    for path in paths:
        print("\n".join(lines(read_costed(path))), end="\n\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ResultError as error:
        sys.exit(f"kerf_analysis.training: {error}")
