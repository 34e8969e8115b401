#!/usr/bin/python3
"""The catalog's libraries of collectives predict measured tables within the bounds of collective_bounds.csv.

    check_collectives.py KERF BOUNDS.csv WORKDIR

The tables are those of ai-dynamo/aiconfigurator @ 095f58a (systems/data) and no part of the project: their folder stands
in the environment variable KERF_COLLECTIVE_TABLES. Without it the check is skipped (77). A bound is on the mean absolute
error of a table's rows that are about one thing and were put to one use: `held` and none (a GPU that no fit saw) count.
"""

import csv
import os
import pathlib
import subprocess
import sys

import h5py
import numpy

SKIPPED = 77


def rows_of(kerf, table, out):
    """Columns about, use, error and reason of a table's rows."""
    subprocess.run([kerf, "validate", "-q", str(table), "-o", str(out)], check=True)
    with h5py.File(out, "r") as file:
        group = file["validation"]
        return {name: numpy.array(group[name][()]) for name in ("about", "use", "error", "reason")}


def main():
    kerf, bounds, workdir = sys.argv[1:]
    folder = os.environ.get("KERF_COLLECTIVE_TABLES")
    if not folder:
        print("check_collectives: skipped; KERF_COLLECTIVE_TABLES does not name the folder of the tables")
        sys.exit(SKIPPED)
    failed, tables = False, {}
    for bound in csv.DictReader(open(bounds, encoding="utf-8")):
        name = bound["table"]
        if name not in tables:
            tables[name] = rows_of(kerf, pathlib.Path(folder) / name, pathlib.Path(workdir) / "collectives.h5")
        rows = tables[name]
        chosen = (rows["about"] == bound["about"].encode()) & (rows["use"] == bound["use"].encode())
        chosen &= rows["reason"] == b""
        error = numpy.abs(rows["error"][chosen]).mean() if chosen.any() else numpy.inf
        verdict = "" if error <= float(bound["bound"]) else "  FAILED"
        failed = failed or bool(verdict)
        print(f"{name:26} {bound['about']:38} {bound['use']:5} {chosen.sum():5} rows {100 * error:5.1f} % of "
              f"{100 * float(bound['bound']):5.1f} %{verdict}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
