"""The pictures of a result. Every function takes a Result and returns a matplotlib Figure."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from kerf_analysis import style
from kerf_analysis.units import FACTORS, in_unit, label, short
from kerf_analysis.wafers import systems_on_wafers, wafer_map

METRIC_TITLES = {
    "output_speed_per_user": "Output speed for one user",
    "throughput": "Output speed for all users",
    "ttft": "Time to first token",
    "tpot": "Time per output token",
    "e2e": "Time of a request",
}

# Below this a distribution over the requests of a system says little.
REQUESTS_OF_A_DISTRIBUTION = 20

INTERVAL = Line2D([], [], color=style.INK, marker="|", markersize=6, linewidth=1.2, label="low to high")
NOMINAL = Line2D([], [], color=style.INK, marker="o", markersize=5, linestyle="", label="nominal")
MARKER = {"color": "white", "marker": "D", "markersize": 5, "markeredgecolor": style.INK, "linestyle": ""}
PUBLISHED = Line2D([], [], label="published by others", **MARKER)


@style.look
def time_per_token(result):
    """Stacked bars: where the time of an output token goes (ms), per system, nominal values."""
    legend = part_legend(result)
    figure, axes = style.figure(
        9,
        style.height_of(result),
        "Where the time of an output token goes",
        f"{result.title}: nominal values, mean over tokens",
        legend,
    )
    totals = draw_parts(axes, result)
    draw_labels(axes, totals, [f"{short(ms)} ms, {short(1e3 / ms)} tokens/s" for ms in totals], room=1.32)
    style.rows(axes, result)
    return figure


@style.look
def output_speed(result):
    """Bars with intervals: output tokens per second that one user sees, and the published figures."""
    figure, axes = style.figure(
        9,
        style.height_of(result),
        "Output speed for one user",
        f"{result.title}; bars: nominal values, median over requests",
        [*interval_legend(result), *published_legend(result, "published_output_speed_per_user")],
    )
    draw_speeds(axes, result, style.system_colours(result), endings=[""] * len(result.systems))
    style.rows(axes, result)
    return figure


@style.look
def ratio(result, metric="output_speed_per_user"):
    """Dots with intervals on a logarithmic axis: how many times better than the baseline each system is."""
    values = result.ratio(metric)
    baseline = result.systems[result.baseline]
    figure, axes = style.figure(
        9,
        style.height_of(result, row_in=0.38),
        f"{METRIC_TITLES[metric]}, compared with {baseline}",
        f"{result.title}; interval: a system at its worst against the baseline at its best, and the other way round",
        [NOMINAL, *interval_legend(result)],
    )
    axes.axvline(1, color=style.GREY, linewidth=1)
    draw_intervals(axes, values, style.system_colours(result), marker="o")
    texts = [ratio_text(row) for row in values.values]
    axes.set_xscale("log")
    for row, text in enumerate(texts):
        axes.text(1.02, row, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5)
    axes.set_xlabel("Times better than the baseline (1)")
    ticks_in_plain_numbers(axes)
    style.rows(axes, result)
    return figure


@style.look
def end_to_end(result):
    """Stacked bars: time to the first token and from there to the last (s), per system, nominal values."""
    first = result.interval("ttft").sel(column="nominal").values
    whole = result.interval("e2e")
    legend = [
        Patch(color=style.ORANGE, label="until the first token (prefill)"),
        Patch(color=style.BLUE, label="until the last (decode)"),
        *interval_legend(result),
        *published_legend(result, "published_e2e"),
    ]
    figure, axes = style.figure(
        9,
        style.height_of(result),
        "Time of a request from arrival to the last token",
        f"{result.title}; bars: nominal values, median over requests",
        legend,
    )
    rows = np.arange(len(first))
    totals = whole.sel(column="nominal").values
    axes.barh(rows, first, height=0.6, color=style.ORANGE)
    axes.barh(rows, totals - first, left=first, height=0.6, color=style.BLUE)
    draw_intervals(axes, whole, [style.INK] * len(rows))
    published = draw_published(axes, result, "published_e2e")
    to_ms = FACTORS["s", "ms"]
    texts = [f"{short(total)} s (first token {short(start * to_ms)} ms)" for start, total in zip(first, totals)]
    draw_labels(axes, whole.sel(column="high").values, texts, room=1.38, published=published)
    axes.set_xlabel(label(whole))
    style.rows(axes, result)
    return figure


@style.look
def distribution(result):
    """Share of requests that were as fast or faster: time to first token (s) and per output token (ms), nominal."""
    nominal = result.requests[result.requests["column"] == "nominal"]
    panels = [("ttft", 1, "Time to first token (s)"), ("tpot", FACTORS["s", "ms"], "Time per output token (ms)")]
    panels = [panel for panel in panels if nominal[panel[0]].notna().any()]
    figure, axes = style.figure(
        5.5 * len(panels),
        4.6,
        "How long users wait",
        f"{result.title}; share of requests that took no longer, nominal values",
        [],
        across=len(panels),
        sharey=True,
    )
    for one, (metric, factor, text) in zip(np.atleast_1d(axes), panels):
        for key, colour, line in zip(result.systems, style.system_colours(result), style.system_lines(result)):
            values = factor * nominal.loc[nominal["system"] == key, metric].dropna()
            draw_distribution(one, values, color=colour, linestyle=line, label=result.systems[key])
        one.set(xlabel=text, ylim=(0, 1.02))
        one.grid(axis="y", color=style.PALE, linewidth=0.8)
        spread_out(one)
    first, last = np.atleast_1d(axes)[[0, -1]]
    first.set_ylabel("Share of requests")
    last.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    return figure


@style.look
def overview(result):
    """The one picture of a result: output speed with intervals, and beside it where the time of a token goes."""
    legend = [*part_legend(result), *interval_legend(result)]
    legend += published_legend(result, "published_output_speed_per_user")
    figure, (speed, time) = style.figure(
        12,
        style.height_of(result),
        result.title,
        "left: output speed for one user (times the baseline); "
        "right: where the time of an output token goes, nominal values",
        legend,
        across=2,
        sharey=True,
    )
    ratios = result.ratio("output_speed_per_user").sel(column="nominal").values
    draw_speeds(speed, result, [style.SLATE] * len(ratios), endings=[f" ({short(times)}x)" for times in ratios])
    totals = draw_parts(time, result)
    draw_labels(time, totals, [f"{short(ms)} ms" for ms in totals], room=1.12)
    for axes in (speed, time):
        style.rows(axes, result)
    time.tick_params(axis="y", labelleft=False)
    return figure


def has_distribution(result):
    """Whether every system answered enough requests for a distribution over them to be worth a picture."""
    nominal = result.requests[result.requests["column"] == "nominal"]
    return nominal["system"].value_counts().min() >= REQUESTS_OF_A_DISTRIBUTION


def has_decode(result):
    """Whether every system made tokens after the first, so that there is an output speed to show."""
    return bool(np.isfinite(result.summary.output_speed_per_user).all())


def all_of(result):
    """Every picture that this result can have, by name."""
    pictures = {}
    if has_decode(result):
        pictures["overview"] = overview(result)
        pictures["output-speed"] = output_speed(result)
        pictures["time-per-token"] = time_per_token(result)
    pictures["ratio"] = ratio(result, "output_speed_per_user" if has_decode(result) else "ttft")
    pictures["end-to-end"] = end_to_end(result)
    for system in systems_on_wafers(result):
        pictures[f"wafers-{system}"] = wafer_map(result, system)
    if has_distribution(result):
        pictures["distribution"] = distribution(result)
    return pictures


def part_legend(result):
    """The parts that take any time at all."""
    parts = result.summary.tpot_part.sel(column="nominal").max("system")
    return [Patch(color=style.PART_COLOURS[part], label=part) for part in parts.part.values[parts.values > 0]]


def interval_legend(result):
    return [INTERVAL] if result.summary.sizes["column"] > 1 else []


def published_legend(result, name):
    return [PUBLISHED] if np.isfinite(result.summary[name]).any() else []


def draw_parts(axes, result):
    """Stacks the parts of the time per output token; returns the totals in ms."""
    parts = in_unit(result.summary.tpot_part.sel(column="nominal"), "ms")
    rows, left = np.arange(parts.sizes["system"]), np.zeros(parts.sizes["system"])
    for part in parts.part.values:
        width = parts.sel(part=part).values
        axes.barh(rows, width, left=left, height=0.6, color=style.PART_COLOURS[part])
        left = left + width
    axes.set_xlabel(f"Time per output token ({parts.units})")
    return left


def draw_speeds(axes, result, colours, endings):
    """Bars, intervals and published figures of the output speed; `endings` come after the numbers of the rows."""
    speed = result.interval("output_speed_per_user")
    nominal, high = speed.sel(column="nominal").values, speed.sel(column="high").values
    axes.barh(range(len(nominal)), nominal, height=0.6, color=colours, alpha=0.75)
    draw_intervals(axes, speed, [style.INK] * len(nominal))
    published = draw_published(axes, result, "published_output_speed_per_user")
    texts = [f"{short(value)}{ending}" for value, ending in zip(nominal, endings)]
    draw_labels(axes, high, texts, room=1.4, published=published)
    axes.set_xlabel(f"Output speed per user ({speed.units})")


def draw_intervals(axes, values, colours, marker=""):
    """Low to high of each system as a line, and a marker at its nominal value."""
    for row, ((low, nominal, high), colour) in enumerate(zip(values.values, colours)):
        ends = [[nominal - low], [high - nominal]] if low < high else None
        axes.errorbar(nominal, row, xerr=ends, color=colour, marker=marker, markersize=6, capsize=3, linewidth=1.2)


def draw_published(axes, result, name):
    """Marks the published figures, NaN where there is none, and returns them."""
    published = result.summary[name].values
    axes.plot(published, range(len(published)), **MARKER, zorder=5)
    return published


def draw_labels(axes, ends, texts, room, published=np.nan):
    """Text behind the end of each row, with the published figure if there is one.

    It stands behind the marker of the published figure when that is where the text would be. `room` is how much wider
    than the longest row the axes get.
    """
    published = np.broadcast_to(published, len(texts))
    texts = [text + (f"  \N{WHITE DIAMOND} {short(p)}" if np.isfinite(p) else "") for text, p in zip(texts, published)]
    width = room * np.nanmax(np.fmax(ends, published))
    axes.set_xlim(0, width)
    in_the_way = (published > ends) & (published < ends + 0.2 * width)
    for row, (end, text) in enumerate(zip(np.where(in_the_way, published, ends), texts)):
        axes.annotate(text, (end, row), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8.5)


def draw_distribution(axes, values, **line):
    """Steps up by an equal share at every value."""
    if len(values) > 0:
        values = np.sort(values)
        share = np.arange(len(values) + 1) / len(values)
        axes.step([values[0], *values], share, where="post", linewidth=1.5, **line)


def ratio_text(bounds):
    low, nominal, high = bounds
    if low == high:
        return f"{short(nominal)}x"
    return f"{short(nominal)}x  [{short(low)}, {short(high)}]"


def spread_out(axes):
    """Gives an axis a logarithmic scale when its values lie more than a decade apart."""
    low, high = axes.dataLim.intervalx
    if high > 10 * low > 0:
        axes.set_xscale("log")
        ticks_in_plain_numbers(axes)
    else:
        axes.set_xlim(left=0)


def ticks_in_plain_numbers(axes):
    """Ticks of a logarithmic axis at round numbers, written out; more of them where less than a decade is seen."""
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
