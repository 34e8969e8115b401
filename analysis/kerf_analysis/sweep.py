"""A file of a sweep (`kerf run -o` on a scenario with a section `sweep`): points and what they came to. Draws nothing."""

import dataclasses
import pathlib

import h5py
import numpy as np
import pandas as pd

from kerf_analysis.result import LAYOUT_VERSION, ResultError, reason_of, text_of, texts_of

OPEN, DONE, REFUSED = 0, 1, 2

# What a system yields for what it takes, and the column that marks its Pareto set.
YIELDS = {
    "throughput_per_accelerator": "pareto_accelerator",
    "output_tokens_per_joule": "pareto_energy",
    "output_tokens_per_dollar": "pareto_cost",
}
REQUIRED = ["point", "column", "key", "value", "system", "state", "setting", "reason"]
REQUIRED += ["output_speed_per_user", *YIELDS, *YIELDS.values()]


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Quantities are in SI units; units stand in `points.attrs["units"]`.

    attributes  of the file: title, network, baseline, points
    systems     key of each system and its title
    hardware    key of each system and its catalog entry
    points      one row per point: system (key), state, setting, reason, a column for each swept key, and every figure
                at nominal values
    scenario    the scenario file as it was given
    """

    path: pathlib.Path
    attributes: dict
    systems: dict
    hardware: dict
    points: pd.DataFrame
    scenario: str

    @property
    def title(self):
        return self.attributes["title"]

    @property
    def done(self):
        """The points that were simulated."""
        return self.points[self.points.state == DONE]

    def frontier(self, yields="throughput_per_accelerator", system=None):
        """The points that no other beats in speed per user and in what they yield, slowest first.

        Of all systems, or of one of them.
        """
        if yields not in YIELDS:
            raise ValueError(f"no yield '{yields}'; there are {', '.join(YIELDS)}")
        points = self.done if system is None else self.done[self.done.system == system]
        points = points.dropna(subset=["output_speed_per_user", yields]).sort_values(
            ["output_speed_per_user", yields], ascending=False
        )
        best_of_faster = points[yields].cummax().shift(fill_value=-np.inf)
        return points[points[yields] > best_of_faster].iloc[::-1]

    def crossovers(self, yields="throughput_per_accelerator", systems=None):
        """Who yields most for users who want a speed at least: rows (system, up_to), slowest first."""
        chosen = list(self.systems) if systems is None else list(systems)
        part = dataclasses.replace(self, points=self.points[self.points.system.isin(chosen)])
        frontier = part.frontier(yields)
        run = (frontier.system != frontier.system.shift()).cumsum()
        last = frontier.groupby(run.values).last()
        return pd.DataFrame({"system": last.system.values, "up_to": last.output_speed_per_user.values})


def is_sweep(path):
    """Whether a file is that of a sweep; False for what is no HDF5 file, too."""
    try:
        with h5py.File(path, "r") as file:
            return text_of(file.attrs.get("content", "")) == "sweep"
    except OSError:
        return False


def read_sweep(path):
    """Reads the file of a sweep and closes it; raises ResultError when it is none."""
    path = pathlib.Path(path)
    try:
        with h5py.File(path, "r") as file:
            check(path, file)
            keys = texts_of(file["systems/system"])
            return Sweep(
                path=path,
                attributes={name: text_of(value) for name, value in file.attrs.items()},
                systems=dict(zip(keys, texts_of(file["systems/title"]))),
                hardware=dict(zip(keys, texts_of(file["systems/hardware"]))),
                points=read_points(file["points"], keys),
                scenario=text_of(file["scenario"][()]),
            )
    except FileNotFoundError:
        raise ResultError(f"{path}: no such file") from None
    except OSError as error:
        raise ResultError(f"{path}: {reason_of(error)}") from None


def check(path, file):
    if text_of(file.attrs.get("content", "")) != "sweep":
        raise ResultError(f"{path}: not a sweep; `kerf run -o` on a scenario with a section `sweep` writes one")
    if file.attrs.get("layout_version", 0) > LAYOUT_VERSION:
        raise ResultError(f"{path}: was written by a later Kerf: use the analysis/ that came with it")
    for name in REQUIRED:
        if name not in file["points"]:
            raise ResultError(f"{path}: not a whole sweep: it has no /points/{name}")


def read_points(group, systems):
    columns = texts_of(group["column"])
    nominal = columns.index("nominal")
    table = {"system": [systems[i] for i in group["system"][()]]}
    table.update((name, texts_of(group[name])) for name in ("setting", "reason"))
    units = {}
    for i, key in enumerate(texts_of(group["key"])):
        table[key] = group["value"][:, i]
    for name, dataset in group.items():
        if name in table or name in ("point", "column", "key", "value"):
            continue
        table[name] = dataset[:, nominal] if dataset.ndim == 2 else dataset[()]
        units[name] = text_of(dataset.attrs["units"])
    frame = pd.DataFrame(table)
    frame.attrs["units"] = units
    return frame
