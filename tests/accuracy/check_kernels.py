#!/usr/bin/python3
"""The catalog's kernel leaves predict tables of measured kernels within the bounds of kernel_bounds.csv.

    check_kernels.py KERF BOUNDS.csv

The tables are those of ai-dynamo/aiconfigurator @ 095f58a (systems/data) and no part of the project: their folder stands
in the environment variable KERF_KERNEL_TABLES. Without it the check is skipped (77). A bound is on the mean absolute
error of the rows that no fit has seen; on hardware that was not fitted at all that is every row, and the same ones count.
"""

import csv
import os
import pathlib
import re
import subprocess
import sys

SKIPPED = 77


def errors(kerf, bound, folder):
    """Mean absolute error by use of the rows, over all formats."""
    command = [kerf, "calibrate", str(folder / bound["table"]), "--check"]
    command += ["--operator", bound["operator"], "--hardware", bound["hardware"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"check_kernels: {' '.join(command)}: {done.stderr}")
    lines = re.finditer(r"^ +all +(\S.*?) +\d+ rows +mean +([\d.]+) %", done.stdout, re.MULTILINE)
    return {line[1]: float(line[2]) / 100 for line in lines}


def main():
    kerf, bounds = sys.argv[1:]
    folder = os.environ.get("KERF_KERNEL_TABLES")
    if not folder:
        print("check_kernels: skipped; KERF_KERNEL_TABLES does not name the folder of the tables")
        sys.exit(SKIPPED)
    failed = False
    for bound in csv.DictReader(open(bounds, encoding="utf-8")):
        error = errors(kerf, bound, pathlib.Path(folder)).get(bound["rows"], float("inf"))
        verdict = "" if error <= float(bound["bound"]) else "  FAILED"
        failed = failed or bool(verdict)
        print(f"{bound['operator']:10} {bound['hardware']:12} {bound['rows']:17} {100 * error:5.1f} % of "
              f"{100 * float(bound['bound']):5.1f} %{verdict}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
