"""Maps of temperature and voltage: a file of `kerf heat -o`, read and drawn."""

import math
import pathlib

import h5py
import numpy as np
import xarray as xr
from matplotlib.patches import Rectangle

from kerf_analysis import style
from kerf_analysis.result import ResultError, reason_of, text_of

KELVIN = 273.15
MAPS = ["silicon", "plate", "coolant", "power", "leakage", "voltage"]
STAGES = ["stage_x", "stage_y", "stage_width", "stage_height"]
ATTRIBUTES = ["title", "hardware", "cooling", "device", "accelerator"]
PANEL_IN, ROW_IN = 3.6, 3.3  # width of one map with its scale, height of a system's row


def open_heat(path):
    """The systems of a heat file, by name: each an xarray.Dataset over y and x (m), with the figures of docs/heat.md as
    scalars and the rectangles of a wafer's stages over `stage`. Units stand in the attributes."""
    path = pathlib.Path(path)
    try:
        with h5py.File(path, "r") as file:
            if "heat" not in file:
                raise ResultError(f"{path}: no heat maps: it has no /heat; `kerf heat -o` writes one")
            return {name: dataset_of(path, group) for name, group in file["heat"].items()}
    except FileNotFoundError:
        raise ResultError(f"{path}: no such file") from None
    except OSError as error:
        raise ResultError(f"{path}: {reason_of(error)}") from None


def dataset_of(path, group):
    for name in [*MAPS, "x", "y"]:
        if name not in group:
            raise ResultError(f"{path}: not a whole heat file: it has no {group.name}/{name}")
    values = {}
    for name, dataset in group.items():
        if name in ("x", "y", "row", "stage"):
            continue
        about = {"units": text_of(dataset.attrs["units"]), "long_name": text_of(dataset.attrs["long_name"])}
        if name in MAPS:
            values[name] = (("y", "x"), dataset[()], about)
        elif name in STAGES:
            values[name] = (("stage",), dataset[()], about)
        else:
            values[name] = ((), dataset[0], about)
    attributes = {name: read_attribute(group.attrs[name]) for name in ATTRIBUTES}
    return xr.Dataset(values, {"x": group["x"][()], "y": group["y"][()]}, attributes)


def read_attribute(value):
    return int(value) if isinstance(value, (int, np.integer)) else text_of(value)


@style.look
def heat_map(systems):
    """Maps of every system: temperature of the silicon (C), then, on wafers, the drop of the supply voltage (mV)."""
    panels = [(draw_temperature, one) for one in systems.values()]
    panels += [(draw_drop, one) for one in systems.values() if has_drop(one)]
    across = min(2, len(panels))
    down = math.ceil(len(panels) / across)
    figure, axes = style.figure(
        across * PANEL_IN,
        down * ROW_IN + style.TITLE_IN,
        "Temperature of the silicon" + (", and drop of its supply" if len(panels) > len(systems) else ""),
        "at the mean power of the run; the coolant flows from left to right",
        [],
    )
    grid = axes.get_subplotspec().subgridspec(down, across)
    axes.remove()
    for place, (draw_panel, one) in enumerate(panels):
        draw_panel(figure, figure.add_subplot(grid[place // across, place % across]), one)
    return figure


def has_drop(one):
    return float(one.voltage_drop_most) > 0


def draw_temperature(figure, axes, one):
    limit = float(one.silicon_limit) - KELVIN
    draw(figure, axes, one, one.silicon - KELVIN, "inferno", "C")
    which = "wafer" if one.attrs["device"] == "wafer" else "GPU"
    most, out = float(one.silicon_most) - KELVIN, float(one.coolant_out) - KELVIN
    axes.set_title(f"{one.attrs['title']}, {which} {one.attrs['accelerator']}", fontsize=9, loc="left")
    watts = float(one.total_power)
    power = f"{watts / 1e3:.1f} kW" if watts >= 1e4 else f"{watts:.0f} W"
    text = f"{power}; at most {most:.1f} C of {limit:.0f}\ncoolant {float(one.coolant_in) - KELVIN:.1f} to {out:.1f} C"
    axes.set_xlabel(text, fontsize=8)


def draw_drop(figure, axes, one):
    drop = float(one.voltage_drop_most) - (one.voltage - one.voltage.min())
    draw(figure, axes, one, 1e3 * drop, "viridis", "mV")
    axes.set_title(f"{one.attrs['title']}: drop of the supply", fontsize=9, loc="left")
    axes.set_xlabel(f"at most {1e3 * float(one.voltage_drop_most):.1f} mV", fontsize=8)


def draw(figure, axes, one, values, colours, unit):
    """One map in millimetres, with the stages of a wafer on it."""
    style.clear(axes)
    axes.grid(False)
    width, height = (1e3 * float(one[axis][-1] + one[axis][0]) for axis in ("x", "y"))
    image = axes.imshow(values, origin="lower", extent=(0, width, 0, height), cmap=colours, interpolation="nearest")
    figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03, label=unit)
    if "stage_x" in one:
        for box in zip(*(1e3 * one[name].values for name in STAGES)):
            axes.add_patch(Rectangle(box[:2], *box[2:], fill=False, edgecolor="white", linewidth=0.4, alpha=0.6))
    axes.set_xticks([0, round(width)], ["0", f"{width:.0f} mm"])
    axes.set_yticks([])
