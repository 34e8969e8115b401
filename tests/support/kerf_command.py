"""Runs the kerf command as a user does: on one rank directly, on several under mpirun.

A test file ends with kerf_command.main(): its first argument is the program. Only Python's own library is needed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SCENARIOS = SOURCE / "scenarios"
SMALL = SOURCE / "tests" / "support" / "small.yaml"
SECONDS_MOST = 200

# What a user writes first: a system on wafers, one on GPUs, a load of each kind. The tests count lines in it.
SCENARIO = """\
title: two systems
network: mixtral-8x7b
workload:
  users: 2
  requests: 3
  prompt_tokens: 100
  answer_tokens: 10
systems:
  wafers:
    hardware: cs-3
    count: 4
  gpus:
    hardware: h200-sxm
    count: 8
    workload: {arrivals: poisson, rate: 20 1/s}
"""

program = None


def environment(**changes):
    """The environment of a run, without what would choose another catalog; None removes a variable."""
    kept = {name: value for name, value in os.environ.items() if name != "KERF_CATALOG"}
    if os.geteuid() == 0:
        kept.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    kept.update(
        OMPI_MCA_rmaps_base_oversubscribe="1",
        OMPI_MCA_hwloc_base_binding_policy="none",
        OMPI_MCA_mpi_yield_when_idle="1",
    )
    kept.update(changes)
    return {name: value for name, value in kept.items() if value is not None}


def command_line(arguments, ranks):
    # -q: mpirun adds no words of its own to what kerf says.
    launcher = ["mpirun", "-q", "-n", str(ranks)] if ranks > 1 else []
    return [*launcher, str(program), *map(str, arguments)]


def start(*arguments, ranks=1, env=None, **options):
    """Starts kerf; its words go to pipes unless the options say otherwise."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(command_line(arguments, ranks), env=env or environment(), text=True, **options)


def finish(process):
    """Waits for kerf to end and returns what it said; a run that hangs is a failure."""
    try:
        stdout, stderr = process.communicate(timeout=SECONDS_MOST)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def kerf(*arguments, **options):
    """Runs kerf to its end and returns what it said."""
    return finish(start(*arguments, **options))


class KerfTest(unittest.TestCase):
    """A test with a folder of its own, which is gone afterwards."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kerf-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, text):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def scenario(self, *changes):
        """The scenario above with (old, new) replaced, each of which must be there."""
        text = SCENARIO
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new, 1)
        return self.write("s.yaml", text)

    def succeeds(self, *arguments, ranks=1, **options):
        done = kerf(*arguments, ranks=ranks, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def refuses(self, status, says, *arguments, ranks=(1, 3), **options):
        """The command fails with `status`, prints nothing but one message that matches `says`, and leaves no file."""
        before = self.files()
        runs = [(count, start(*arguments, ranks=count, **options)) for count in ranks]
        for count, done in [(count, finish(process)) for count, process in runs]:
            with self.subTest(arguments=arguments, ranks=count):
                lines = done.stderr.splitlines()
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertEqual(len(lines), 1, f"one line is wanted: {done.stderr}")
                self.assertTrue(lines[0].startswith("kerf: "), done.stderr)
                self.assertTrue(re.search(says, lines[0]), f"{says!r} is not in {lines[0]!r}")
                self.assertEqual(done.stdout, "")
        self.assertEqual(self.files(), before)

    def files(self):
        """Everything below the folder, files with size and time of change."""
        facts = {path: path.lstat() for path in sorted(self.folder.rglob("*"))}
        return {path: (at.st_size, at.st_mtime_ns) if path.is_file() else None for path, at in facts.items()}


def main():
    global program
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} KERF [TEST ...]")
    program = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(module="__main__", verbosity=2)
