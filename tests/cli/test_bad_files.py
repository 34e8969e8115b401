#!/usr/bin/python3
"""What is wrong with files, the command line or the machine is said once, with the right status, and leaves no file."""

import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import h5py
import numpy

import kerf_command
from kerf_command import SMALL, KerfTest, finish, kerf, start

LONG = ["--set", "workload.requests=1000000", "--set", "systems.gpus.workload.requests=1000000"]


def wait_for(path, process):
    """Waits until a run has made a file."""
    deadline = time.monotonic() + 60
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if not path.exists():
        raise AssertionError(f"{path} did not appear: {finish(process)}")


class BadInput(KerfTest):
    def test_missing_file(self):
        """A scenario that is not there is named with the system's reason."""
        self.refuses(1, r"none\.yaml: No such file or directory", "run", self.folder / "none.yaml")
        self.refuses(1, r"none\.yaml: No such file or directory", "check", self.folder / "none.yaml", ranks=(1,))

    def test_directory_as_scenario(self):
        """A directory in the place of a scenario is refused as such."""
        self.refuses(1, r"is a directory, a file is wanted", "run", self.folder)

    def test_unreadable_file(self):
        """A scenario that may not be read is named with the system's reason."""
        path = self.scenario()
        path.chmod(0)
        if os.access(path, os.R_OK):
            self.skipTest("this user may read everything")
        self.refuses(1, r"s\.yaml: Permission denied", "run", path)


class BadOutput(KerfTest):
    def test_directory_as_output(self):
        """A directory in the place of a result is refused with a name that would do."""
        says = r"output .*: is a directory; give a file name, such as .*/result\.h5"
        self.refuses(2, says, "run", self.scenario(), "-o", self.folder)

    def test_output_without_a_name(self):
        """An empty name for the result is refused before the work is done."""
        self.refuses(2, r"--output needs the name of a file", "run", self.scenario(), "-o", "", cwd=self.folder)

    def test_output_in_a_missing_directory(self):
        """A result in a directory that is not there is refused before the work is done."""
        output = self.folder / "none" / "x.h5"
        self.refuses(1, r"output .*x\.h5: cannot be written: No such file or directory", "run", self.scenario(), "-o", output)

    def test_read_only_place(self):
        """A result in a place where nobody can write is refused before the work is done."""
        self.refuses(1, r"output /proc/kerf\.h5: cannot be written: ", "run", self.scenario(), "-o", "/proc/kerf.h5")

    def test_output_under_a_file(self):
        """A result below something that is no directory is refused with the system's reason."""
        path = self.scenario()
        says = r"output .*: cannot be written: Not a directory"
        self.refuses(1, says, "run", path, "-o", path / "x.h5", ranks=(1,))

    def test_disk_that_fills_up(self):
        """A disk that fills up while the result is written fails the run, and nothing is left on it."""
        disk = self.folder / "disk"
        disk.mkdir()
        mount = shutil.which("mount") or "mount"
        mounted = os.geteuid() == 0 and not subprocess.call(
            [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], stderr=subprocess.DEVNULL
        )
        if not mounted:
            self.skipTest("a small file system cannot be mounted here")
        try:
            for ranks in (1, 3):
                self.refuses(1, r"output .*x\.h5: .*full", "run", SMALL, "-o", disk / "x.h5", ranks=(ranks,))
        finally:
            subprocess.check_call([shutil.which("umount") or "umount", disk])

    def test_file_that_may_not_grow(self):
        """A result that the system does not let grow fails the run, and nothing is left of it."""
        output = self.folder / "x.h5"
        process = start(
            *("run", self.scenario(), "-q", "-o", output, "--set", "workload.requests=20000"),
            preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
        )
        wait_for(self.folder / "x.h5.part", process)
        # Only now: what MPI writes when it starts is larger.
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (65536, 65536))
        done = finish(process)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"\Akerf: output .*x\.h5: .*\n\Z")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["s.yaml"])

    def test_full_standard_output(self):
        """Tables that cannot be printed fail the run."""
        for arguments in (["run", SMALL], ["catalog"], ["--help"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = kerf(*arguments, stdout=full)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr, "kerf: cannot write to standard output\n")


class BadResult(KerfTest):
    def refuses_show(self, says, path, ranks=(1,)):
        self.refuses(1, says, "show", path, ranks=ranks)

    def test_text_file(self):
        """A text file is no result."""
        self.refuses_show(r"s\.yaml: not a whole HDF5 file", self.scenario(), ranks=(1, 3))

    def test_missing_and_empty_files(self):
        """A file that is not there, or empty, or a directory, is refused by its name."""
        self.refuses_show(r"none\.h5: No such file or directory", self.folder / "none.h5")
        self.refuses_show(r"empty\.h5: not a whole HDF5 file", self.write("empty.h5", ""))
        self.refuses_show(r": is not a file", self.folder)

    def test_hdf5_that_is_no_result(self):
        """An HDF5 file of somebody else is no result, and the message says what it lacks."""
        path = self.folder / "other.h5"
        with h5py.File(path, "w") as file:
            file["numbers"] = [1, 2, 3]
        self.refuses_show(r"other\.h5: not a kerf result: attribute layout_version is missing", path, ranks=(1, 3))

    def test_truncated_result(self):
        """A result that is cut anywhere is refused."""
        whole = self.folder / "whole.h5"
        self.succeeds("run", SMALL, "-q", "-o", whole)
        data = whole.read_bytes()
        for part in (0.02, 0.5, 0.999):
            cut = self.write("cut.h5", data[: int(len(data) * part)])
            self.refuses_show(r"cut\.h5: not a whole HDF5 file \(truncated", cut)

    def test_result_with_a_hole(self):
        """A result that lacks a table, or has one of another size or version, is refused by its name."""
        whole = self.folder / "whole.h5"
        self.succeeds("run", SMALL, "-q", "-o", whole)

        def remove_metric(file):
            del file["summary/tpot"]

        def cut_metric(file):
            del file["summary/e2e"]
            file["summary/e2e"] = [1.0]

        def remove_leaves(file):
            del file["leaves"]

        def change_version(file):
            file.attrs["layout_version"] = 99

        def change_type(file):
            file.attrs["title"] = "of variable length"

        def change_baseline(file):
            file.attrs["baseline"] = numpy.bytes_("nobody")

        for damage, says in [
            (remove_metric, r"/summary/tpot is missing or damaged"),
            (cut_metric, r"/summary/e2e is missing or damaged"),
            (remove_leaves, r"/leaves/key is missing or damaged"),
            (change_version, r"layout version 99; this kerf reads version 1"),
            (change_type, r"attribute title is missing or damaged"),
            (change_baseline, r"the baseline 'nobody' is not a system"),
        ]:
            with self.subTest(damage=damage.__name__):
                path = self.folder / "damaged.h5"
                shutil.copy(whole, path)
                with h5py.File(path, "r+") as file:
                    damage(file)
                self.refuses_show(r"damaged\.h5: not a kerf result: " + says, path)


class BadCommandLine(KerfTest):
    def test_usage(self):
        """A command line that makes no sense is a usage error that says where help is."""
        path = self.scenario()
        for arguments, says in [
            ([], r"a command is wanted; see kerf --help"),
            (["simulate"], r"'simulate' is not a command; see kerf --help"),
            (["run"], r"usage: kerf run SCENARIO"),
            (["run", path, path], r"usage: kerf run SCENARIO"),
            (["run", path, "--fast"], r"unknown option '--fast'; see kerf run --help"),
            (["run", path, "-x"], r"unknown option '-x'; see kerf run --help"),
            (["run", path, "-o"], r"-o needs a value"),
            (["run", path, "--set"], r"--set needs a value"),
            (["run", path, "--quiet=yes"], r"--quiet takes no value"),
            (["show", path, "-o", "x.h5"], r"kerf show takes no --output; see kerf show --help"),
            (["show"], r"usage: kerf show FILE"),
            (["check", path, "--stats"], r"kerf check takes no --stats"),
            (["catalog", "a", "b"], r"usage: kerf catalog \[NAME\]"),
            (["catalog", "b200-hxg"], r"'b200-hxg' is not in the catalog"),
            (["run", path, *["-q"] * 70], r"more than 64 arguments"),
        ]:
            self.refuses(2, says, *arguments, ranks=(1,))

    def test_usage_on_several_ranks(self):
        """A usage error is said once on several ranks."""
        self.refuses(2, r"unknown option '--fast'", "run", self.scenario(), "--fast", ranks=(3,))


class Interrupted(KerfTest):
    def interrupted(self, signal_number, ranks):
        """A long run that gets the signal once its output is reserved."""
        output = self.folder / "x.h5"
        output.write_text("an earlier result")
        process = start("run", self.scenario(), "-o", output, *LONG, ranks=ranks)
        wait_for(self.folder / "x.h5.part", process)
        time.sleep(0.3)
        process.send_signal(signal_number)
        done = finish(process)
        self.assertEqual(output.read_text(), "an earlier result")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["s.yaml", "x.h5"])
        return done

    def test_signals(self):
        """SIGTERM and SIGINT end a long run with status 1 and one message; the earlier result stays, no part is left."""
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                done = self.interrupted(number, 1)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stderr, "kerf: interrupted; nothing was written\n")
                self.assertEqual(done.stdout, "")

    def test_signal_to_several_ranks(self):
        """SIGTERM to mpirun ends a long run on every rank; the earlier result stays, and no part is left."""
        done = self.interrupted(signal.SIGTERM, 3)
        self.assertNotEqual(done.returncode, 0)
        self.assertLessEqual(done.stderr.count("kerf: "), 1)


if __name__ == "__main__":
    kerf_command.main()
