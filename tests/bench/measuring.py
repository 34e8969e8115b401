"""Runs one benchmark program, on one rank directly and on several under mpirun, and reads the line that it prints.

Only Python's own library is needed.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile

SECONDS_MOST = 600

# What Open MPI needs as root, with more ranks than cores, and beside other work.
MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_mpi_yield_when_idle": "1",
}
BUSY_SHARE = 0.9  # of CPU time in wall time: below it somebody else had the core


class Failed(Exception):
    """A program that did not end well, with what it said."""


def environment():
    return {**MPI_ENVIRONMENT, **os.environ}


def find_program(build, name):
    """The program's path, or None if this build has none."""
    path = pathlib.Path(build) / "bench" / name
    return path if path.is_file() and os.access(path, os.X_OK) else None


def value_of(text):
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def read_lines(output):
    """The lines of key=value of a program's output, as dictionaries."""
    lines = []
    for line in output.splitlines():
        if line.startswith("bench="):
            pairs = [word.split("=", 1) for word in shlex.split(line) if "=" in word]
            lines.append({key: text if key in ("digest", "sum") else value_of(text) for key, text in pairs})
    return lines


def run(program, arguments, ranks=1, prefix=()):
    """All lines that the program prints."""
    command = [*prefix, str(program), *map(str, arguments)]
    if ranks > 1:
        command = ["mpirun", "-np", str(ranks), *command]
    try:
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=SECONDS_MOST, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{shlex.join(command)}: not done after {SECONDS_MOST} s") from late
    lines = read_lines(done.stdout)
    if done.returncode != 0 or not lines:
        raise Failed(f"{shlex.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return lines


def perf_works():
    if not shutil.which("perf"):
        return False
    done = subprocess.run(["perf", "stat", "-x,", "-e", "instructions:u", "true"], capture_output=True, check=False)
    return done.returncode == 0 and b"not " not in done.stderr  # "not supported", "not counted"


def instruction_counter():
    """How instructions can be counted here: "perf", "valgrind" (some 50 times slower), or None."""
    if perf_works():
        return "perf"
    return "valgrind" if shutil.which("valgrind") else None


def count_instructions(counter, program, arguments):
    """(instructions, events) of a run on one rank."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report"
        prefix = {
            "perf": ["perf", "stat", "-x,", "-e", "instructions:u", "-o", str(report)],
            "valgrind": [
                *("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
                f"--log-file={report}",
            ],
        }[counter]
        line = run(program, arguments, prefix=prefix)[0]
        text = report.read_text(encoding="utf-8", errors="replace")
    pattern = r"^(\d+),,instructions" if counter == "perf" else r"I\s+refs:\s+([\d,]+)"
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise Failed(f"no count of instructions in what {counter} says:\n{text}")
    return int(found.group(1).replace(",", "")), line["events"]


def instructions_per_event(counter, program, arguments, totals):
    """By the difference of two run lengths, so that start-up cancels."""
    (i0, e0), (i1, e1) = (count_instructions(counter, program, [*arguments, "--total", t]) for t in totals)
    return (i1 - i0) / (e1 - e0)
