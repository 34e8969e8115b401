#!/usr/bin/python3
"""A run that was stopped, or killed, goes on from its checkpoint on any number of ranks and ends with the same result.

KERF_KILLS is how many runs the kill test kills (10), KERF_KILL_SEED its random numbers.
"""

import contextlib
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import h5py

import kerf_command
from kerf_command import SMALL, SOURCE, KerfTest, environment, finish, kerf, start
from test_results import differences

KILLS = int(os.environ.get("KERF_KILLS", "10"))
KILL_SEED = int(os.environ.get("KERF_KILL_SEED", "1"))
STOPPED = 85
# Two seconds or so of work for one rank.
LONG = [
    *("--set", "workload.requests=1000", "--set", "systems.gpus.workload.requests=800"),
    *("--set", "systems.wafers-poisson.workload.requests=800"),
]
ENDLESS = ["--set", "workload.requests=1000000", "--set", "systems.gpus.workload.requests=1000000"]


def await_that(condition, process, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"in vain: {process.args}: {finish(process)}")
        time.sleep(0.002)


def ranks_of(process, ranks):
    """Process ids of the ranks: mpirun's children, or the process itself."""
    if ranks == 1:
        return [process.pid]
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


def send(number, pids):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class CheckpointTest(KerfTest):
    """A long run without checkpoints, which every test compares with."""

    @classmethod
    def setUpClass(cls):
        whole = cls("runTest")
        whole.setUp()
        cls.addClassCleanup(whole.doCleanups)
        cls.whole = whole.folder / "whole.h5"
        whole.succeeds("run", SMALL, "-q", *LONG, "-o", cls.whole)

    def runTest(self):
        """Only there so that the class can be made before its tests."""

    def setUp(self):
        super().setUp()
        self.kept = self.folder / "ck.h5"
        self.output = self.folder / "x.h5"

    def same(self, output=None):
        self.assertEqual(differences(self.whole, output or self.output), (0, ""))

    def begin(self, *arguments, ranks=1, scenario=(SMALL, *LONG)):
        """Starts a run with checkpoints and waits until it listens to signals."""
        process = start("run", *scenario, "-q", "-o", self.output, "--checkpoint", self.kept, *arguments, ranks=ranks)
        await_that(pathlib.Path(f"{self.output}.part").exists, process)
        return process

    def go_on(self, *arguments, ranks=1):
        self.succeeds("run", "--restart", self.kept, "-q", "-o", self.output, *arguments, ranks=ranks)
        self.same()

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())


class Restart(CheckpointTest):
    def test_on_any_number_of_ranks(self):
        """Checkpoints that 1, 2 and 3 ranks wrote, the last and the one before, lead to one result on 1 to 4 ranks."""
        for writers in (1, 2, 3):
            self.succeeds(
                *("run", SMALL, "-q", *LONG, "-o", self.output, "--checkpoint", self.kept, "--checkpoint-every", "0.1"),
                ranks=writers,
            )
            self.same()
            self.assertEqual(self.names(), ["ck.h5", "ck.h5.previous", "x.h5"])
            for readers in (1, 2, 3, 4):
                with self.subTest(writers=writers, readers=readers):
                    kept = self.kept if readers % 2 else f"{self.kept}.previous"
                    self.succeeds("run", "--restart", kept, "-q", "-o", self.output, ranks=readers)
                    self.same()
                    with h5py.File(self.output) as file:
                        self.assertEqual(int(file["provenance"].attrs["restarts"]), 1)
                        self.assertEqual(file["provenance"].attrs["restarted_from"].decode(), str(kept))

    def test_without_folding(self):
        """A run of every accelerator goes on as such, and a folded one does not go on without folding."""
        process = self.begin("--full", "--checkpoint-every", "0.2", ranks=2)
        self.assertEqual(finish(process).returncode, 0)
        again = self.folder / "again.h5"
        self.succeeds("run", "--restart", self.kept, "-q", "-o", again, ranks=3)
        self.assertEqual(differences(self.output, again), (0, ""))
        self.refuses(2, "is of a run without --full", "run", "--restart", self.written(), "--full", ranks=(1,))

    def written(self):
        """A checkpoint of the small scenario."""
        self.succeeds(
            *("run", SMALL, "-q", *LONG, "--checkpoint", self.kept, "--checkpoint-every", "0.1"),
        )
        return self.kept

    def test_of_another_scenario(self):
        """A checkpoint of another scenario, override or catalog is refused, and the message says which it is."""
        kept = self.written()
        catalog = self.folder / "catalog"
        shutil.copytree(SOURCE / "models/catalog", catalog)
        self.succeeds("run", SMALL, *LONG, "--restart", kept, "-q")
        self.succeeds("run", "--restart", kept, "-q", env=environment(KERF_CATALOG=str(catalog)))
        same = ["run", "--restart", kept]
        self.refuses(2, r"another scenario: 'requests: 1000' there, 'requests: 8' here", *same, SMALL)
        self.refuses(2, r"another scenario: 'seed: 7' there, 'seed: 8' here", *same, "--set", "seed=8", ranks=(1,))
        (catalog / "hardware/h100-sxm.yaml").write_text("# not used")
        self.succeeds(*same, "-q", env=environment(KERF_CATALOG=str(catalog)))
        with open(catalog / "hardware/h200-sxm.yaml", "a", encoding="utf-8") as file:
            file.write("# changed\n")
        self.refuses(2, r"the catalog is another", *same, env=environment(KERF_CATALOG=str(catalog)))

    def test_from_what_is_no_checkpoint(self):
        """What is missing, a folder, a scenario, a result or a damaged checkpoint is refused as what it is."""
        kept = self.written()
        damaged, cut = self.folder / "damaged.h5", self.folder / "cut.h5"
        data = bytearray(kept.read_bytes())
        cut.write_bytes(data[:-1])
        data[len(data) // 2] ^= 16
        damaged.write_bytes(data)
        for path, says in [
            (self.folder / "none.h5", r"none\.h5: No such file or directory"),
            (self.folder, r"is not a file"),
            (SMALL, r"is not a checkpoint"),
            (self.whole, r"is an HDF5 file, but not a checkpoint \(a result\?\)"),
            (damaged, r"its checksum does not fit: damaged"),
            (cut, rf"is {len(data) - 1} bytes long, should be {len(data)}: truncated"),
        ]:
            self.refuses(1, f"--restart .*{says}", "run", "--restart", path, ranks=(1, 3))
        self.refuses(1, r"damaged", "show", damaged, ranks=(1,))

    def test_show(self):
        """kerf show says what a checkpoint is of."""
        printed = self.succeeds("show", self.written())
        for says in (r"a checkpoint of a run", "every feature, small", r"--set +workload.requests=1000", r"simulated +\d"):
            self.assertRegex(printed, says)

    def test_wrong_options(self):
        """Options that make no sense together are refused before the work is done."""
        for says, *arguments in [
            (r"--time-limit needs --checkpoint FILE", SMALL, "--time-limit", "5"),
            (r"--checkpoint-every needs --checkpoint FILE", SMALL, "--checkpoint-every", "5"),
            (r"--time-limit 5x: seconds, MM:SS", SMALL, "--checkpoint", self.kept, "--time-limit", "5x"),
            (r"--checkpoint-every 0: seconds", SMALL, "--checkpoint", self.kept, "--checkpoint-every", "0"),
            (r"is the file of --output", SMALL, "--checkpoint", "a.h5", "-o", "./a.h5"),
            (r"is the file of --output, or one of the names", SMALL, "--checkpoint", "a.h5", "-o", "./a.h5.previous"),
            (r"is the file of --output, or one of the names", SMALL, "--checkpoint", "a.h5.part", "-o", "a.h5"),
            (r"is the file of --output", "--restart", self.kept, "-o", self.kept),
            (r"--checkpoint needs a file in a folder that exists", SMALL, "--checkpoint", self.folder / "no/ck.h5"),
            (r"--checkpoint needs a file in a folder that exists", SMALL, "--checkpoint", "/proc/ck.h5"),
            (r"checkpoint .*: is a directory", SMALL, "--checkpoint", self.folder),
            (r"usage: kerf run SCENARIO", "--checkpoint", self.kept),
        ]:
            self.refuses(2, says, "run", *arguments, ranks=(1,), cwd=self.folder)


class Stop(CheckpointTest):
    def stopped(self, process, says):
        done = finish(process)
        self.assertEqual(done.returncode, STOPPED, done.stderr)
        self.assertRegex(done.stderr, rf"\Akerf: stopped {says}; .*; go on with: kerf run --restart .*\n\Z")
        self.assertEqual([name for name in self.names() if name != "ck.h5.previous"], ["ck.h5"])

    def test_time_limit(self):
        """A run stops before its time limit with status 85, and what goes on from there ends with the same result."""
        for ranks, next_ranks in ((1, 3), (3, 2)):
            with self.subTest(ranks=ranks):
                begun = time.monotonic()
                self.stopped(self.begin("--time-limit", "1.5", ranks=ranks), "before the time limit")
                self.assertLess(time.monotonic() - begun, 4.0)
                self.go_on("--checkpoint", self.kept, ranks=next_ranks)
                for path in self.folder.iterdir():
                    path.unlink()

    def test_signal_to_go_on(self):
        """SIGUSR1 makes a run write a checkpoint and go on; mpirun hands it to the ranks."""
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                process = self.begin(ranks=ranks)
                time.sleep(0.2)
                self.assertFalse(self.kept.exists())
                process.send_signal(signal.SIGUSR1)
                await_that(self.kept.exists, process)
                done = finish(process)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.same()
                self.go_on(ranks=2)
                for path in self.folder.iterdir():
                    path.unlink()

    def test_signal_without_a_file(self):
        """SIGUSR1 to a run that keeps no checkpoints is answered with a warning."""
        process = start("run", SMALL, "-q", *LONG, "-o", self.output)
        await_that(pathlib.Path(f"{self.output}.part").exists, process)
        time.sleep(0.2)
        process.send_signal(signal.SIGUSR1)
        done = finish(process)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"\Akerf: warning: a signal asks for a checkpoint, but there is no .*\n\Z")
        self.same()

    def test_signals_to_stop(self):
        """SIGTERM and SIGINT to the ranks, or to one of them, end a run with a checkpoint and status 85."""
        for ranks, number, receivers in ((1, signal.SIGTERM, 1), (1, signal.SIGINT, 1), (3, signal.SIGTERM, 3), (3, signal.SIGTERM, 1)):
            with self.subTest(ranks=ranks, signal=number, receivers=receivers):
                process = self.begin(ranks=ranks)
                time.sleep(0.3)
                send(number, ranks_of(process, ranks)[-receivers:])
                self.stopped(process, "by a signal")
                self.go_on(ranks=4 - ranks)
                for path in self.folder.iterdir():
                    path.unlink()


class Failure(CheckpointTest):
    def warnings(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stderr.splitlines()
        for line in lines:
            self.assertRegex(line, r"\Akerf: warning: checkpoint .*; the run goes on; ")
        return lines

    def test_folder_that_goes_away(self):
        """A run whose checkpoint folder is removed warns, names the last good checkpoint, and goes on to its end."""
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                folder = self.folder / "kept"
                folder.mkdir()
                self.kept = folder / "ck.h5"
                process = self.begin("--checkpoint-every", "0.1", ranks=ranks)
                await_that(self.kept.exists, process)
                folder.rename(self.folder / "gone")
                lines = self.warnings(finish(process))
                self.assertGreater(len(lines), 1)  # it tries again
                self.assertRegex(lines[0], r"No such file or directory; .*the last good checkpoint is .*ck\.h5 of 2")
                self.same()
                shutil.rmtree(self.folder / "gone")

    def test_folder_that_goes_away_before_the_end(self):
        """A run that has to stop and cannot keep its state ends with status 1 and names the last good checkpoint."""
        folder = self.folder / "kept"
        folder.mkdir()
        self.kept = folder / "ck.h5"
        process = self.begin(scenario=(SMALL, *ENDLESS))
        process.send_signal(signal.SIGUSR1)
        await_that(self.kept.exists, process)
        folder.rename(self.folder / "gone")
        process.send_signal(signal.SIGTERM)
        done = finish(process)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Akerf: stopped, but the state was not kept: .*; the last good checkpoint is .*\n\Z")

    def fill(self, disk):
        """Takes what is free; checkpoints may have taken all of it."""
        try:
            with open(disk / "filler", "wb", buffering=0) as filler:
                while filler.write(bytes(4096)):
                    pass
        except OSError:
            pass

    @contextlib.contextmanager
    def small_disk(self):
        """A file system of 4 MB, and self.kept on it."""
        disk = self.folder / "disk"
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]
        if os.geteuid() != 0 or subprocess.call(command, stderr=subprocess.DEVNULL):
            self.skipTest("a small file system cannot be mounted here")
        self.kept = disk / "ck.h5"
        try:
            yield disk
        finally:
            subprocess.check_call(["umount", disk])

    def goes_on_from(self, disk):
        """What was kept is whole, and nothing else lies there; leaves the disk empty."""
        self.assertLessEqual({path.name for path in disk.iterdir()}, {"ck.h5", "ck.h5.previous"})
        self.go_on(ranks=2)
        for path in disk.iterdir():
            path.unlink()

    def test_disk_that_fills_up(self):
        """A run whose disk fills up warns, leaves no part of a file, keeps the last good checkpoint, and goes on."""
        with self.small_disk() as disk:
            for ranks in (1, 3):
                with self.subTest(ranks=ranks):
                    process = self.begin("--checkpoint-every", "0.1", ranks=ranks)
                    await_that(self.kept.exists, process)
                    self.fill(disk)
                    lines = self.warnings(finish(process))
                    self.assertTrue(any("is the disk full" in line for line in lines), lines)
                    self.same()
                    (disk / "filler").unlink(missing_ok=True)
                    self.goes_on_from(disk)

    def remount(self, disk, how, process):
        """Fails while a checkpoint is being written, so it is tried until there is none."""
        command = ["mount", "-o", f"remount,{how}", disk]
        await_that(lambda: subprocess.call(command, stderr=subprocess.DEVNULL) == 0, process)

    def test_folder_that_becomes_read_only(self):
        """A run whose checkpoint folder can no longer be written warns, keeps the last good checkpoint, and goes on."""
        with self.small_disk() as disk:
            for ranks in (1, 3):
                with self.subTest(ranks=ranks):
                    process = self.begin("--checkpoint-every", "0.1", ranks=ranks)
                    await_that(self.kept.exists, process)
                    self.remount(disk, "ro", process)
                    lines = self.warnings(finish(process))
                    self.assertTrue(any("Read-only file system" in line for line in lines), lines)
                    self.same()
                    subprocess.check_call(["mount", "-o", "remount,rw", disk])
                    self.goes_on_from(disk)

    def test_one_rank_that_may_not_write(self):
        """Where one rank alone fails to write, no rank waits for it: the run warns and goes on."""
        process = self.begin("--checkpoint-every", "0.1", ranks=3)
        await_that(self.kept.exists, process)
        writer = ranks_of(process, 3)[0]
        soft, hard = resource.prlimit(writer, resource.RLIMIT_FSIZE)
        resource.prlimit(writer, resource.RLIMIT_FSIZE, (self.kept.stat().st_size // 2, hard))
        self.assertRegex(process.stderr.readline(), "checkpoint .*: File too large; the run goes on")
        resource.prlimit(writer, resource.RLIMIT_FSIZE, (soft, hard))
        self.warnings(finish(process))
        self.same()
        self.go_on(ranks=2)


class Kill(CheckpointTest):
    def kill(self, process, ranks, how, draw):
        """Kills a run some time after it began; False when it was over before."""
        part = pathlib.Path(f"{self.kept}.part")
        deadline = time.monotonic() + draw.uniform(0.0, 1.2)
        pids = ranks_of(process, ranks)
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.005)
        if how == "while it writes":
            while not part.exists() and process.poll() is None:
                pass
            time.sleep(draw.choice((0.0, 0.0005, 0.002, 0.005, 0.01, 0.03)))
        if process.poll() is not None:
            return False
        send(signal.SIGKILL, pids if how != "one rank" else [draw.choice(pids)])
        return True

    def test_killed_at_any_moment(self):
        """Runs that are killed again and again, by one rank or all, also while they write a checkpoint, go on from the
        last one on another number of ranks and end with the same result."""
        draw = random.Random(KILL_SEED)
        counts = {"one rank": 0, "all ranks": 0, "while it writes": 0, "restarts": 0, "results": 0, "part left": 0}
        killed = 0
        while killed < KILLS or self.kept.exists():
            ranks = draw.choice((1, 2, 3, 4))
            scenario = ("--restart", self.kept) if self.kept.exists() else (SMALL, *LONG)
            counts["restarts"] += self.kept.exists()
            existed = self.kept.exists()
            pathlib.Path(f"{self.output}.part").unlink(missing_ok=True)
            process = self.begin("--checkpoint-every", "0.05", ranks=ranks, scenario=scenario)
            how = draw.choice(("one rank", "all ranks", "while it writes", "while it writes"))
            was_killed = killed < KILLS and self.kill(process, ranks, how, draw)
            done = finish(process)
            if was_killed and done.returncode != 0:
                killed += 1
                counts[how] += 1
                counts["part left"] += pathlib.Path(f"{self.kept}.part").exists()
                self.assertTrue(self.kept.exists() or not existed, "the checkpoint is gone")
                continue
            self.assertEqual(done.returncode, 0, done.stderr)
            self.same()
            counts["results"] += 1
            for path in self.folder.iterdir():
                path.unlink()
        print(f"{killed} kills: {counts}", file=sys.stderr)


if __name__ == "__main__":
    kerf_command.main()
