#!/usr/bin/python3
"""Holds the accuracy of the model: no slice of the published table may get worse than its bound.

usage: check_accuracy.py KERF TABLE.csv BOUNDS.csv WORKDIR

Runs `kerf validate` on the table and compares, slice by slice, the mean or median absolute error of the nominal prediction,
or the share of rows whose measurement lies outside the range, with the bound stated in BOUNDS.csv. A slice without
predicted rows fails, and so does a predicted row that is in no slice: no row may hide.
"""

import csv
import pathlib
import statistics
import subprocess
import sys


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def predict(kerf, table, workdir):
    """Rows of the table with the columns of the prediction beside them."""
    out = pathlib.Path(workdir) / "accuracy.csv"
    subprocess.run([kerf, "validate", table, "--quiet", "--csv", str(out)], check=True)
    predictions = rows_of(out)
    measured = rows_of(table)
    if [row["id"] for row in predictions] != [row["id"] for row in measured]:
        sys.exit("the prediction does not have the rows of the table")
    return [{**row, **prediction} for row, prediction in zip(measured, predictions)]


def belongs(row, bound):
    return not row["reason"] and all(
        not bound[key] or row[key] == bound[key] for key in ("hardware", "engine", "metric", "use")
    )


def outside(row):
    return not float(row["low"]) <= float(row["measured"]) <= float(row["high"])


def statistic_of(rows, name):
    errors = [abs(float(row["error"])) for row in rows]
    return {
        "mean": lambda: statistics.mean(errors),
        "median": lambda: statistics.median(errors),
        "outside": lambda: sum(outside(row) for row in rows) / len(rows),
    }[name]()


def main(kerf, table, bounds, workdir):
    rows = predict(kerf, table, workdir)
    slices = rows_of(bounds)
    failures = 0
    for row in rows:
        if not row["reason"] and not any(belongs(row, bound) for bound in slices):
            print(f"FAIL {row['id']} is predicted but in no slice")
            failures += 1
    for bound in slices:
        chosen = [row for row in rows if belongs(row, bound)]
        value = statistic_of(chosen, bound["statistic"]) if chosen else None
        good = value is not None and value <= float(bound["bound"])
        failures += not good
        shown = "no rows" if value is None else f"{100 * value:.1f} %"
        print(
            f"{'ok  ' if good else 'FAIL'} {bound['slice']:45s} {len(chosen):3d} rows"
            f"  {bound['statistic']:8s} {shown:>8s}  bound {100 * float(bound['bound']):.1f} %"
        )
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
