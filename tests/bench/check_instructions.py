#!/usr/bin/python3
"""The engine takes no more instructions per event than it did: a measure that a busy machine does not disturb.

    tests/bench/check_instructions.py [--build FOLDER] [--update]

Counts PHOLD's instructions per event on one rank with valgrind, as the difference of two run lengths, and compares
with instructions.csv beside this file. More than 5 % above is a failure (status 1). Faster is reported: then, and when a
slower engine is meant, --update writes the new counts. By valgrind and not perf, because perf counts nothing on machines
without performance counters, and the two differ a little. Status 77 (skipped): no valgrind, or no such program.
"""

import argparse
import os
import pathlib
import shutil
import sys

import measuring

BOUNDS = pathlib.Path(__file__).resolve().parent / "instructions.csv"
TOLERANCE = 0.05
SKIPPED = 77


def bounds():
    """The comments and the head of the table, and its rows."""
    lines = BOUNDS.read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if not line.startswith("#")]
    head = [line for line in lines if line.startswith("#")] + table[:1]
    names = table[0].split(",")
    return head, [dict(zip(names, line.split(","), strict=True)) for line in table[1:]]


def judge(case, measured, bound):
    """A word on one case, and whether it is in bounds."""
    change = measured / bound - 1.0 if bound else float("inf")
    words = f"{case}: {measured:.1f} instructions per event, {bound:.1f} in {BOUNDS.name} ({change:+.1%})"
    if change > TOLERANCE:
        return f"{words}: more than {TOLERANCE:.0%} above; mend it, or say why and run with --update", False
    if change < -TOLERANCE:
        return f"{words}: faster; --update keeps it so", True
    return words, True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--update", action="store_true", help="write the counts measured now")
    options = parser.parse_args()
    program = measuring.find_program(options.build, "bench_phold")
    if not program or not shutil.which("valgrind"):
        print(f"skipped: no {'valgrind' if program else f'bench_phold in {options.build}'}")
        return 1 if os.environ.get("KERF_NO_SKIP") else SKIPPED
    head, rows = bounds()
    good = True
    for row in rows:
        totals = (row["shorter"], row["longer"])
        measured = measuring.instructions_per_event("valgrind", program, row["arguments"].split(), totals)
        words, in_bounds = judge(row["case"], measured, float(row["instructions_per_event"]))
        print(words)
        good = good and in_bounds
        row["instructions_per_event"] = f"{measured:.1f}"
    if options.update:
        BOUNDS.write_text("\n".join([*head, *(",".join(row.values()) for row in rows)]) + "\n", encoding="utf-8")
        return 0
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except measuring.Failed as failed:
        sys.exit(f"check_instructions: {failed}")
