"""A result file in memory: checked, decoded, with names where the file has indices. Knows nothing of pictures."""

import dataclasses
import pathlib

import h5py
import numpy as np
import pandas as pd
import xarray as xr

LAYOUT_VERSION = 1

# Metrics of /summary, and whether more of it is better.
METRICS = {
    "output_speed_per_user": True,
    "throughput": True,
    "ttft": False,
    "tpot": False,
    "e2e": False,
}

TABLES = ["requests", "accelerators", "placement", "leaves"]

# What a result must have for its pictures and tables; more of it is welcome.
REQUIRED = {
    "summary": [*METRICS, "system", "column", "part", "title", "hardware", "tpot_part", "accelerators"]
    + ["memory_capacity", "published_output_speed_per_user", "published_e2e"],
    "requests": ["system", "column", "arrival", "first_token", "finish", "output_tokens"],
    "accelerators": ["system", "column"],
    "placement": ["system", "index", "kind", "wafer", "pe_rows", "pe_columns", "weight_bytes", "kv_bytes"],
    "leaves": ["system", "entry", "key"],
    "provenance": [],
}

# Kinds of stages in the placement, in the order of their numbers.
KINDS = ["embedding", "dense layer", "mixture-of-experts layer", "head"]


class ResultError(Exception):
    """A file that cannot be read as a result; the message is one line and names the file."""


@dataclasses.dataclass(frozen=True)
class Result:
    """One run of a scenario. Quantities are in SI units; units stand in the attributes of every variable and table.

    attributes        of the file: title, network, baseline (key of a system), kerf_version, seed, digest, ...
    summary           xarray.Dataset over system, column (low, nominal, high) and part
    requests          one row per request, system and column, with ttft, tpot and e2e (s) added
    accelerators      one row per accelerator, system and column
    placement         one row per stage that lies on a wafer, nominal column; empty without wafers
    leaves            one row per uncertain leaf of a system
    scenario          the scenario file as it was given; scenario_resolved has every default
    provenance        where, when and how it was run; all that may differ between two runs of one scenario
    """

    path: pathlib.Path
    attributes: dict
    summary: xr.Dataset
    requests: pd.DataFrame
    accelerators: pd.DataFrame
    placement: pd.DataFrame
    leaves: pd.DataFrame
    scenario: str
    scenario_resolved: str
    provenance: dict

    @property
    def title(self):
        return self.attributes["title"]

    @property
    def baseline(self):
        """Key of the system that the others are compared with."""
        return self.attributes["baseline"]

    @property
    def systems(self):
        """Keys of the systems in the order of the scenario, each with its title."""
        return dict(zip(self.summary.system.values, self.summary.title.values))

    def interval(self, metric):
        """A metric as low <= nominal <= high (system, column), in the unit of the file.

        The file's columns say where the leaves of a system stood (low: at their slower end), so that a time is longest
        in its column `low`. Here low is the smallest value of the three.
        """
        values = self.summary[check_metric(metric)]
        return with_bounds(values.min("column"), values.sel(column="nominal"), values.max("column"), values.attrs)

    def ratio(self, metric):
        """How many times better than the baseline a system is: 2 is twice the speed, or half the time.

        The interval (system, column) is the conservative one: its low end sets the system at its worst against the
        baseline at its best, its high end the other way round, as if nothing that is uncertain were common to both.
        The baseline itself is exactly 1.
        """
        values = self.summary[check_metric(metric)]
        better = values if METRICS[metric] else 1 / values
        base = better.sel(system=self.baseline, drop=True)
        low = better.min("column") / base.max("column")
        nominal = better.sel(column="nominal") / base.sel(column="nominal")
        high = better.max("column") / base.min("column")
        name = f"{values.attrs['long_name']}, times better than {self.systems[self.baseline]}"
        ratio = with_bounds(low, nominal, high, {"units": "1", "long_name": name})
        return ratio.where(ratio.system != self.baseline, 1.0)

    def table(self):
        """The metrics of every system at nominal values, a row each, with units in the headings."""
        nominal = self.summary.sel(column="nominal", drop=True)
        columns = {f"{metric} ({nominal[metric].units})": nominal[metric].values for metric in METRICS}
        return pd.DataFrame(columns, index=pd.Index(nominal.title.values, name="system"))


def check_metric(metric):
    if metric not in METRICS:
        raise ValueError(f"no metric '{metric}'; there are {', '.join(METRICS)}")
    return metric


def with_bounds(low, nominal, high, attributes):
    columns = pd.Index(["low", "nominal", "high"], name="column")
    parts = [part.drop_vars("column", errors="ignore") for part in (low, nominal, high)]
    bounds = xr.concat(parts, columns, coords="minimal", compat="override").transpose("system", "column")
    return bounds.assign_attrs(attributes)


def latest(folder):
    """Path of the result in `folder` that was written last."""
    results = sorted(pathlib.Path(folder).glob("*.h5"), key=lambda path: path.stat().st_mtime)
    if not results:
        raise ResultError(f"{folder}: no results (*.h5) here")
    return results[-1]


def read(path):
    """Reads a result file as a whole and closes it; raises ResultError when it is none or not whole."""
    path = pathlib.Path(path)
    try:
        with h5py.File(path, "r") as file:
            check_layout(path, file)
            fields = read_fields(file)
        return Result(path=path, summary=read_summary(path), **fields)
    except FileNotFoundError:
        raise ResultError(f"{path}: no such file") from None
    except OSError as error:
        raise ResultError(f"{path}: {reason_of(error)}") from None


def reason_of(error):
    """What is wrong with a file that the HDF5 library will not read, in a few words."""
    text = str(error)
    if "truncated file" in text:
        return "truncated: the run or a copy of its result was cut short"
    if "signature not found" in text:
        return "not a Kerf result: not an HDF5 file"
    return f"cannot be read: {text}"


def check_layout(path, file):
    version = file.attrs.get("layout_version")
    if version is None:
        raise ResultError(f"{path}: not a Kerf result: an HDF5 file without the attribute layout_version")
    if version > LAYOUT_VERSION:
        writer = text_of(file.attrs.get("kerf_version", "unknown"))
        raise ResultError(
            f"{path}: has layout {version}, written by Kerf {writer}, and this package reads layout {LAYOUT_VERSION}: "
            "use the analysis/ that came with that Kerf"
        )


    for name in ("title", "baseline"):
        if name not in file.attrs:
            raise ResultError(f"{path}: not a whole Kerf result: it has no attribute {name}")
    wanted = ["scenario", "scenario_resolved", *REQUIRED]
    wanted += [f"{group}/{name}" for group, names in REQUIRED.items() for name in names]
    for name in wanted:
        if name not in file:
            raise ResultError(f"{path}: not a whole Kerf result: it has no /{name}")


def read_fields(file):
    systems = texts_of(file["summary/system"])
    names = {"system": systems, "column": texts_of(file["summary/column"]), "kind": KINDS}
    parts = texts_of(file["summary/part"])
    tables = {group: read_table(file[group], names, parts) for group in TABLES}
    add_request_times(tables["requests"])
    return {
        "attributes": {name: text_of(value) for name, value in file.attrs.items()},
        **tables,
        "scenario": text_of(file["scenario"][()]),
        "scenario_resolved": text_of(file["scenario_resolved"][()]),
        "provenance": read_provenance(file["provenance"]),
    }


def read_summary(path):
    summary = xr.load_dataset(path, engine="h5netcdf", group="summary")
    strings = {name: decoded(variable) for name, variable in summary.variables.items() if variable.dtype.kind == "S"}
    return summary.assign_coords({name: text for name, text in strings.items() if name in summary.coords}).assign(
        {name: text for name, text in strings.items() if name not in summary.coords}
    )


def decoded(variable):
    return (variable.dims, np.char.decode(variable.values, "utf-8"), variable.attrs)


def read_table(group, names, parts):
    """A group of columns as a table; a dataset over (row, part) becomes a column for each part."""
    columns, units = {}, {}
    for name, dataset in columns_in(group):
        for column, values in columns_of(name, dataset, names, parts).items():
            columns[column] = values
            units[column] = text_of(dataset.attrs["units"])
    frame = pd.DataFrame(columns)
    frame.attrs["units"] = units
    return frame


def columns_in(group):
    """The datasets of a group without those that only name its dimensions."""
    return [(name, dataset) for name, dataset in group.items() if not h5py.h5ds.is_scale(dataset.id)]


def columns_of(name, dataset, names, parts):
    if dataset.dtype.kind == "S":
        return {name: texts_of(dataset)}
    if name in names:
        return {name: pd.Categorical.from_codes(dataset[()].astype(int), categories=names[name])}
    if dataset.ndim == 2:
        stem = name.removesuffix("_part")
        return {f"{stem}_{part}": dataset[:, i] for i, part in enumerate(parts)}
    return {name: dataset[()]}


def read_provenance(group):
    """Attributes and datasets of the group; a dataset of one value is that value."""
    datasets = {name: dataset[()] for name, dataset in columns_in(group)}
    single = {name: values.item() if values.size == 1 else values for name, values in datasets.items()}
    return {**{name: text_of(value) for name, value in group.attrs.items()}, **single}


def add_request_times(requests):
    """Time to first token, per output token after the first, and end to end of every request; all in s."""
    later_tokens = (requests.output_tokens - 1).where(requests.output_tokens > 1)
    requests["ttft"] = requests.first_token - requests.arrival
    requests["tpot"] = (requests.finish - requests.first_token) / later_tokens
    requests["e2e"] = requests.finish - requests.arrival
    requests.attrs["units"].update(ttft="s", tpot="s", e2e="s")


def text_of(value):
    return value.decode("utf-8") if isinstance(value, bytes) else value


def texts_of(dataset):
    return [text.decode("utf-8") for text in dataset[()]]
