"""The wafer map: what lies on each wafer, and how full its memory is."""

import math

from matplotlib.patches import Patch, Rectangle

from kerf_analysis import style
from kerf_analysis.result import KINDS

WAFERS_IN_A_ROW = 10
GAP, CAPTION = 0.12, 0.3  # beside and below a wafer, in widths of a wafer; a wafer is an inch wide
WIDTH_MIN_IN = 6.5  # the legend needs it
LIGHT = 0.4  # opacity of the KV cache beside that of the weights

KIND_COLOURS = dict(zip(KINDS, [style.ORANGE, style.PINK, style.BLUE, style.GREEN]))


def systems_on_wafers(result):
    """Keys of the systems that have a placement, in the order of the scenario."""
    placed = set(result.placement["system"]) if len(result.placement) else set()
    return [system for system in result.systems if system in placed]


@style.look
def wafer_map(result, system):
    """What a system holds on each wafer: a rectangle for every stage of the pipeline, filled as far as its SRAM is.

    The map is schematic. A rectangle has the area of the PEs of its stage and the true order on its wafer, but it is
    drawn in shelves that tile the wafer, because the result does not say where on the wafer it lies.
    """
    stages = result.placement[result.placement["system"] == system]
    one = result.summary.sel(system=system, column="nominal")
    capacity = float(one.memory_capacity / one.accelerators)
    wafers = int(stages.wafer.max()) + 1
    rows, across = math.ceil(wafers / WAFERS_IN_A_ROW), min(wafers, WAFERS_IN_A_ROW)
    width, height = max(GAP + across * (1 + GAP), WIDTH_MIN_IN), GAP + rows * (1 + GAP + CAPTION)
    figure, axes = style.figure(
        width,
        height + style.TITLE_IN + style.LEGEND_IN,
        f"Layers on the wafers of {one.title.item()}",
        f"number: stage of the pipeline; %: share of the {capacity / 1e9:.1f} GB of usable SRAM; schematic",
        legend_of(stages),
    )
    for wafer in range(wafers):
        left = (wafer % WAFERS_IN_A_ROW) * (1 + GAP)
        bottom = -(wafer // WAFERS_IN_A_ROW) * (1 + GAP + CAPTION)
        draw_wafer(axes, left, bottom, wafer, stages[stages.wafer == wafer], capacity)
    axes.set(xlim=(-GAP, width - GAP), ylim=(1 + GAP - height, 1 + GAP))
    axes.set_aspect("equal", anchor="NW")
    axes.axis("off")
    return figure


def draw_wafer(axes, left, bottom, wafer, stages, capacity_bytes):
    used = float((stages.weight_bytes + stages.kv_bytes).sum())
    areas = list(stages.pe_rows * stages.pe_columns)
    axes.add_patch(Rectangle((left, bottom), 1, 1, color=style.PALE, linewidth=0))
    for stage, (x, y, width, height) in zip(stages.itertuples(), shelves(areas)):
        room = capacity_bytes * width * height
        draw_stage(axes, (left + x, bottom + y, width, height), stage, room)
    axes.add_patch(Rectangle((left, bottom), 1, 1, fill=False, edgecolor=style.INK, linewidth=1.2))
    caption = f"wafer {wafer}\n{100 * used / capacity_bytes:.0f} %"
    axes.text(left + 0.5, bottom - 0.04, caption, ha="center", va="top", fontsize=7, color=style.INK)


def draw_stage(axes, box, stage, room_bytes):
    """One stage: weights from the bottom, its KV cache in a lighter tone on top of them."""
    x, y, width, height = box
    colour = KIND_COLOURS[stage.kind]
    weights = min(1.0, stage.weight_bytes / room_bytes) * height
    cache = min(height - weights, stage.kv_bytes / room_bytes * height)
    axes.add_patch(Rectangle((x, y), width, weights, color=colour, linewidth=0))
    axes.add_patch(Rectangle((x, y + weights), width, cache, color=colour, alpha=LIGHT, linewidth=0))
    axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor="white", linewidth=1.0))
    if min(width, height) > 0.15:
        middle = (x + width / 2, y + weights / 2)
        axes.text(*middle, f"{stage.index:.0f}", ha="center", va="center", fontsize=7, color="white")


def shelves(areas):
    """Boxes (x, y, width, height) that tile the unit square with the given areas, in rows from the top left."""
    total, boxes, top = sum(areas), [], 1.0
    across = math.ceil(math.sqrt(len(areas)))
    for begin in range(0, len(areas), across):
        shelf = areas[begin : begin + across]
        height, left = sum(shelf) / total, 0.0
        for area in shelf:
            width = area / sum(shelf)
            boxes.append((left, top - height, width, height))
            left += width
        top -= height
    return boxes


def legend_of(stages):
    kinds = list(dict.fromkeys(stages.kind))
    patches = [Patch(color=KIND_COLOURS[kind], label=kind) for kind in kinds]
    patches.append(Patch(color=style.BLUE, alpha=LIGHT, linewidth=0, label="lighter: KV cache"))
    patches.append(Patch(color=style.PALE, label="free"))
    return patches
