"""One look for all pictures: a palette that colour-blind readers can tell apart (Okabe and Ito), little ink."""

import matplotlib
from matplotlib.figure import Figure

ORANGE, SKY, GREEN, BLUE, RED, PINK = "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"
GREY, PALE, INK, SLATE = "#A6A6A6", "#E6E6E6", "#222222", "#8797A5"

PART_COLOURS = {
    "compute": BLUE,
    "memory": SKY,
    "fabric": GREEN,
    "interconnect": ORANGE,
    "software": PINK,
    "waiting": GREY,
}
HARDWARE_COLOURS = [BLUE, RED, GREEN, ORANGE, PINK, SKY]
LINES = ["-", "--", ":", "-."]

LOOK = {"font.size": 9, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": GREY, "hatch.linewidth": 0.5}
TITLE_IN, LEGEND_IN = 0.55, 0.32  # strips above and below the axes, inches
MARGIN_IN = 0.08

# Decorates a function that draws: what it draws has the look, and the caller's settings stay as they are.
look = matplotlib.rc_context(LOOK)


def figure(width_in, height_in, title, subtitle, legend, across=1, **subplots):
    """A figure with a title and a legend (a list of handles, may be empty), and the axes between them.

    It belongs to no window, so there is nothing to close.
    """
    below = LEGEND_IN if legend else 0.0
    made = Figure(figsize=(width_in, height_in), dpi=150, facecolor="white", layout="constrained")
    bottom, top = below / height_in, 1 - TITLE_IN / height_in
    made.get_layout_engine().set(rect=(0, bottom, 1, top - bottom), wspace=0.06)
    left = MARGIN_IN / width_in
    made.text(left, 1 - MARGIN_IN / height_in, title, va="top", fontsize=11, fontweight="bold")
    made.text(left, 1 - 0.31 / height_in, subtitle, va="top", fontsize=8, color="#555555")
    if legend:
        made.legend(handles=legend, loc="lower left", ncol=len(legend), frameon=False, fontsize=8, borderaxespad=0.2)
    axes = made.subplots(1, across, **subplots)
    for one in [axes] if across == 1 else axes:
        clear(one)
    return made, axes


def clear(axes):
    """Leaves of an axes' frame and grid what helps to read a value off it."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8.5, color=GREY, labelcolor=INK)
    axes.grid(axis="x", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)


def rows(axes, result):
    """One row for each system, the first of the scenario on top; the baseline says that it is one."""
    titles = [title + (" (baseline)" if key == result.baseline else "") for key, title in result.systems.items()]
    axes.set_yticks(range(len(titles)), titles)
    axes.set_ylim(len(titles) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def height_of(result, row_in=0.42):
    """Height in inches of a picture with one row for each system."""
    return TITLE_IN + LEGEND_IN + 0.6 + row_in * len(result.systems)


def system_colours(result):
    """Colour of each system: one for each kind of hardware, in the order of the scenario."""
    hardware = list(result.summary.hardware.values)
    kinds = list(dict.fromkeys(hardware))
    return [HARDWARE_COLOURS[kinds.index(kind) % len(HARDWARE_COLOURS)] for kind in hardware]


def system_lines(result):
    """Line style of each system, different among systems of one hardware."""
    hardware = list(result.summary.hardware.values)
    return [LINES[hardware[:i].count(kind) % len(LINES)] for i, kind in enumerate(hardware)]
