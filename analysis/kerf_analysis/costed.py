"""Results of scenarios that are worked out at once: training steps, passes of images. Knows nothing of pictures."""

import pathlib

import h5py
import xarray as xr

from kerf_analysis.result import LAYOUT_VERSION, ResultError, decoded, reason_of, text_of

CONTENTS = ["training", "images"]
REQUIRED = {
    "training": ["step_time", "part_time", "tokens_per_step", "mfu", "facility_power", "rated_power", "cost_rate"],
    "images": ["batch_time", "part_time", "rate", "mfu", "facility_power", "rated_power", "cost_rate"],
}


def read_costed(path):
    """The figures of `kerf run -o` on a scenario with `training` or `images`: an xarray.Dataset over system, column (low,
    nominal, high) and part, in SI units. Its attrs have content, title, network, kerf_version, scenario and table.
    """
    path = pathlib.Path(path)
    try:
        with h5py.File(path, "r") as file:
            content = check(path, file)
            attributes = {name: text_of(value) for name, value in file.attrs.items()}
            attributes |= {name: text_of(file[name][()]) for name in ("scenario", "table")}
        data = xr.load_dataset(path, engine="h5netcdf", group=content)
    except FileNotFoundError:
        raise ResultError(f"{path}: no such file") from None
    except OSError as error:
        raise ResultError(f"{path}: {reason_of(error)}") from None
    strings = {name: decoded(variable) for name, variable in data.variables.items() if variable.dtype.kind == "S"}
    scales = {name: text for name, text in strings.items() if name in data.coords}
    others = {name: text for name, text in strings.items() if name not in data.coords}
    return data.assign_coords(scales).assign(others).assign_attrs(attributes)


def check(path, file):
    content = text_of(file.attrs.get("content", ""))
    if content not in CONTENTS:
        raise ResultError(f"{path}: not a result of a scenario with `training` or `images`")
    if file.attrs.get("layout_version", 0) > LAYOUT_VERSION:
        raise ResultError(f"{path}: was written by a later Kerf: use the analysis/ that came with it")
    for name in ["scenario", "table", *(f"{content}/{name}" for name in REQUIRED[content])]:
        if name not in file:
            raise ResultError(f"{path}: not a whole result: it has no /{name}")
    return content
