"""The picture of a sweep: what systems yield against how fast they are for one user."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from kerf_analysis import style

# Yield: factor from the unit of the file, label of the axis.
PANELS = {
    "throughput_per_accelerator": (1.0, "Output tokens/s per accelerator"),
    "output_tokens_per_joule": (1e3, "Output tokens/s per kW, with the building"),
    "output_tokens_per_dollar": (1e-6, "Million output tokens per USD of owning"),
}


@style.look
def frontier(sweep):
    """Three panels: yield per accelerator, per watt and per dollar over the speed of one user, each system a line.

    A line joins the points of a system that none of its own beats; filled markers are on the frontier of all systems.
    """
    colours, lines = looks(sweep)
    marker = {"color": "none", "markeredgecolor": style.INK, "linestyle": "", "markersize": 5}
    legend = [
        Line2D([], [], color=colours[key], linestyle=lines[key], label=title) for key, title in sweep.systems.items()
    ]
    legend.append(Line2D([], [], marker="o", **{**marker, "color": style.INK}, label="nobody beats it"))
    figure, axes = style.figure(
        13.5,
        5.0,
        sweep.title,
        "each point: one number of users and one layout; median speed, nominal values",
        legend,
        across=3,
    )
    for one, (yields, (factor, text)) in zip(axes, PANELS.items()):
        for key in sweep.systems:
            draw_system(one, sweep, key, yields, factor, color=colours[key], linestyle=lines[key])
        one.set(xscale="log", yscale="log", xlabel="Output tokens/s per user", ylabel=text)
        one.grid(color=style.PALE, linewidth=0.8)
        in_plain_numbers(one)
    return figure


def looks(sweep):
    """A colour for each kind of hardware, a line style for each system of it."""
    kinds = list(dict.fromkeys(sweep.hardware.values()))
    colours, lines, seen = {}, {}, {}
    for key, kind in sweep.hardware.items():
        colours[key] = style.HARDWARE_COLOURS[kinds.index(kind) % len(style.HARDWARE_COLOURS)]
        lines[key] = style.LINES[seen.get(kind, 0) % len(style.LINES)]
        seen[kind] = seen.get(kind, 0) + 1
    return colours, lines


def draw_system(axes, sweep, system, yields, factor, **line):
    own = sweep.frontier(yields, system)
    best = own[own.index.isin(sweep.frontier(yields).index)]
    axes.plot(own.output_speed_per_user, factor * own[yields], linewidth=1.4, **line)
    beaten = own.drop(best.index)
    for points, face in ((beaten, "white"), (best, line["color"])):
        axes.plot(
            points.output_speed_per_user,
            factor * points[yields],
            marker="o",
            markersize=4.5,
            markerfacecolor=face,
            markeredgecolor=line["color"],
            linestyle="",
        )


def in_plain_numbers(axes):
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1,) if np.log10(high / low) > 2 else (1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
