#!/usr/bin/python3
"""An ensemble is the same on any number of ranks, goes on where it was stopped, and says what it depends on."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import h5py
import numpy

import kerf_command
from kerf_command import KerfTest, finish, start

STOPPED = 85
SCENARIO = """\
title: one prompt
network: llama-3.1-8b
workload: {prompt_tokens: 200, answer_tokens: 50}
systems:
  wafer: {hardware: cs-3, count: 1}
  gpu: {hardware: h100-sxm, count: 1}
"""

RANGES = """\
title: what is not said
network: codellama-34b
workload:
  answer_tokens: 20
  prompt_tokens: {value: 200, low: 100, high: 300, distribution: beta}
systems:
  wafer:
    count: {value: 2, low: 1, high: 3, distribution: uniform}
    weights: {one_of: [native, fp8], odds: [3, 1]}
    hardware: cs-3
uncertainty:
  correlated:
    - values: [cs-3.clock_Hz, cs-3.hop_cycles]
      matrix: [[1, 0.9], [0.9, 1]]
"""


class Ensemble(KerfTest):
    def setUp(self):
        super().setUp()
        self.file = self.write("s.yaml", SCENARIO)

    def ensemble(self, name, *arguments, members=21, ranks=1):
        output = self.folder / name
        self.succeeds("ensemble", self.file, "-q", "--members", members, "-o", output, *arguments, ranks=ranks)
        return output

    def same(self, a, b):
        done = subprocess.run(["h5diff", a, b], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_any_number_of_ranks(self):
        first = self.ensemble("1.h5")
        self.same(first, self.ensemble("2.h5", ranks=2))
        self.same(first, self.ensemble("4.h5", "--ranks-per-member", 2, ranks=4))

    def test_ranges_of_the_scenario(self):
        """Values of the scenario are drawn too, whole and by odds; what cannot be is left out, on any number of ranks."""
        self.file = self.write("ranges.yaml", RANGES)
        first = self.ensemble("1.h5", "--sampling", "sobol", members=64)
        self.same(first, self.ensemble("2.h5", "--sampling", "sobol", members=64, ranks=2))
        self.same(first, self.ensemble("3.h5", "--sampling", "sobol", members=64, ranks=3))
        with h5py.File(first) as kept:
            names = [key.decode() for key in kept["leaves/key"]]
            drawn = {key: kept["members/drawn"][:, names.index(key)] for key in names}
            count, weights = drawn["systems.wafer.count"], drawn["systems.wafer.weights"]
            self.assertEqual(sorted(set(count)), [1, 2, 3])
            self.assertEqual([(weights == i).sum() for i in (0, 1)], [48, 16])
            self.assertTrue(((drawn["workload.prompt_tokens"] >= 100) & (drawn["workload.prompt_tokens"] <= 300)).all())
            # 67 GB of 16-bit weights do not fit on one wafer.
            impossible = kept["members/done"][()] == 2
            self.assertTrue(impossible[(count == 1) & (weights == 0)].all())
            self.assertFalse(impossible[count == 3].any())
            self.assertTrue((numpy.isnan(kept["members/e2e"][:, 0]) == impossible).all())
            scores = [numpy.argsort(numpy.argsort(drawn[key])) for key in ("clock_Hz", "hop_cycles")]
            self.assertGreater(numpy.corrcoef(*scores)[0, 1], 0.7)
        printed = self.succeeds("ensemble", self.file, "--members", 64, "--sampling", "random")
        self.assertRegex(printed, r"(?m)^\d+ draws are impossible")
        self.assertNotIn("nan", printed)
        self.assertIn("1 (baseline)", self.succeeds("run", self.file))

    def test_bad_ranges(self):
        for says, *change in [
            (r"LINE: systems\.wafer\.count: a distribution needs low and high", "low: 1, high: 3, ", ""),
            (r"LINE: systems\.wafer\.count: low <= value <= high does not hold", "low: 1, high: 3, ", "low: 3, high: 3, "),
            (r"LINE: systems\.wafer\.count: 'even' is not a distribution; there are default", "uniform", "even"),
            (r"LINE: systems\.wafer\.count: must be between 1 and 100000 \(got 0\)", "low: 1, high: 3, ", "low: 0, high: 3, "),
            (r"LINE: systems\.wafer\.weights: 'fp7' is no number format", "fp8", "fp7"),
            (r"LINE: .*odds: a list with a number for each choice", "[3, 1]", "[3]"),
            (r"LINE: .*odds: numbers above 0", "[3, 1]", "[3, -1]"),
            (r"LINE: systems\.wafer\.hardware: a name cannot be uncertain", "hardware: cs-3", "hardware: {one_of: [cs-3, cs-2]}"),
            (r"LINE: .*matrix: not symmetric", "[0.9, 1]", "[0.8, 1]"),
            (r"LINE: .*matrix: the diagonal must be 1", "[0.9, 1]", "[0.9, 0.5]"),
            (r"LINE: .*matrix: 1\.9 is no correlation", "[0.9, 1]", "[1.9, 1]"),
            (r"LINE: .*matrix: 2 rows are wanted", ", [0.9, 1]", ""),
            (r"LINE: .*matrix: row 2 must have 2 numbers", "[0.9, 1]", "[0.9]"),
            (r"LINE: .*'cs-3\.clocks' is no uncertain value", "cs-3.clock_Hz", "cs-3.clocks"),
        ]:
            self.assertIn(change[0], RANGES)
            file = self.write("bad.yaml", RANGES.replace(*change))
            self.refuses(2, says.replace("LINE", r"bad\.yaml:\d+"), "ensemble", file, ranks=(1,))
        indefinite = RANGES.replace("cs-3.hop_cycles]", "cs-3.hop_cycles, cs-3.ramp_cycles]").replace(
            "[[1, 0.9], [0.9, 1]]", "[[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]"
        )
        self.refuses(2, r"has a negative eigenvalue", "ensemble", self.write("bad.yaml", indefinite))

    def test_draws(self):
        """Every axis has one draw in each slice, inside its range; another seed draws others."""
        with h5py.File(self.ensemble("a.h5")) as a, h5py.File(self.ensemble("b.h5", "--draw-seed", 2)) as b:
            drawn, low, high = a["members/drawn"][()], a["leaves/low"][()], a["leaves/high"][()]
            self.assertTrue((drawn >= low).all() and (drawn <= high).all())
            self.assertFalse((drawn == b["members/drawn"][()]).any(axis=0).all())
            self.assertTrue((a["members/done"][()] == 1).all())
            speed = a["members/output_speed_per_user"][()]
            median = a["quantiles/output_speed_per_user"][()][:, 3]
            self.assertTrue(numpy.allclose(median, numpy.median(speed, axis=0), rtol=1e-12))
            # The envelope of `kerf run` has every leaf at its worst or best end at once.
            self.succeeds("run", self.file, "-q", "-o", self.folder / "run.h5")
            with h5py.File(self.folder / "run.h5") as run:
                envelope = run["summary/output_speed_per_user"][()]
            self.assertTrue((speed >= envelope[:, 0]).all() and (speed <= envelope[:, 2]).all())

    def test_indices_and_tornado(self):
        """What does nothing has an index of 0, the parts of the answer share its variance; a tornado moves one value."""
        first = self.ensemble("1.h5", "--indices", "--sampling", "sobol", members=16)
        self.same(first, self.ensemble("3.h5", "--indices", "--sampling", "sobol", members=16, ranks=3))
        with h5py.File(first) as kept:
            groups = [name.decode() for name in kept["indices/group"]]
            index = kept["indices/output_speed_per_user"][()]  # system, group, estimate
            self.assertEqual(len(kept["members/done"]), 16 * (len(groups) + 2))
            self.assertEqual([name.decode() for name in kept["indices/estimate"]][::3], ["first", "total"])
            self.assertTrue((index[0, groups.index("h100-sxm")] == 0).all())
            self.assertTrue((index[1, groups.index("cs-3")] == 0).all())
            self.assertGreater(index[0, groups.index("cs-3"), 3], 0.5)
            self.assertGreater(kept["indices/speed_ratio"][0, groups.index("cs-3"), 3], 0.5)
            low, high = index[0, :, 4], index[0, :, 5]
            self.assertTrue(((low <= index[0, :, 3]) & (index[0, :, 3] <= high)).all())
        output = self.folder / "t.h5"
        self.succeeds("ensemble", self.file, "-q", "--tornado", "-o", output, ranks=2)
        self.succeeds("run", self.file, "-q", "-o", self.folder / "run.h5")
        with h5py.File(output) as kept, h5py.File(self.folder / "run.h5") as run:
            names = [f"{e.decode()}.{k.decode()}" for e, k in zip(kept["leaves/entry"], kept["leaves/key"])]
            speed = kept["tornado/output_speed_per_user"][()]  # system, leaf, end
            nominal = run["summary/output_speed_per_user"][:, 1]
            self.assertTrue((kept["members/output_speed_per_user"][0] == nominal).all())
            clock = speed[0, names.index("cs-3.clock_Hz")]
            self.assertTrue(clock[0] < nominal[0] < clock[1])
            self.assertTrue((speed[1, names.index("cs-3.clock_Hz")] == nominal[1]).all())
        printed = self.succeeds("ensemble", self.file, "--tornado")
        self.assertRegex(printed, r"(?m)^cs-3\.clock_Hz +[\d.]+ \.\. [\d.]+ ")
        for says, *arguments in [
            (r"--sampling even: there are latin-hypercube, sobol, random", "--sampling", "even"),
            (r"--group all: there are entry, family, leaf", "--indices", "--group", "all"),
            (r"--group is for --indices", "--group", "leaf"),
            (r"two ensembles", "--indices", "--tornado"),
            (r"takes no --members", "--tornado", "--members", 3),
            (r"has the sampling 'sobol', not 'random'", "--indices", "--sampling", "random", "-o", first),
        ]:
            self.refuses(2, says, "ensemble", self.file, *arguments, ranks=(1,))

    def test_parts(self):
        """Parts put together are the one run, bit for bit; one that is missing, or of another ensemble, is refused."""
        whole = self.ensemble("whole.h5", "--set", "workload.users=2", members=20)
        parts = [
            self.ensemble(f"p-{k}.h5", "--set", "workload.users=2", "--part", f"{k}/3", members=20, ranks=k)
            for k in (1, 2, 3)
        ]
        merged = self.folder / "all.h5"
        self.succeeds("ensemble", "-q", "--merge", self.folder / "p-*.h5", "-o", merged)
        self.assertEqual(whole.read_bytes(), merged.read_bytes())
        printed = self.succeeds("ensemble", "--merge", self.folder / "p-*.h5", ranks=2)
        self.assertEqual(printed.strip(), self.succeeds("ensemble", "--merge", whole).strip())
        other = self.ensemble("other.h5", members=20)
        for says, *arguments in [
            (r"6 of 20 members are in no file, member 2 the first", "--merge", parts[0], parts[1]),
            (r"other\.h5: is of another scenario", "--merge", *parts, other),
            (r"there is no such file", "--merge", self.folder / "none-*.h5"),
            (r"--part 4/3: K/N is wanted", self.file, "--part", "4/3", "-o", merged),
            (r"--part needs --output", self.file, "--part", "1/3"),
            (r"usage: kerf ensemble", "--members", 3),
        ]:
            self.refuses(2, says, "ensemble", *arguments, ranks=(1,))

    def test_array_job(self):
        """The tasks of a job array leave the merged file; Slurm's part is played by the environment."""
        whole = self.ensemble("whole.h5", members=20)
        tools = self.folder / "bin"
        tools.mkdir()
        (tools / "srun").write_text("#!/bin/sh\nshift 2\nexec \"$@\"\n")
        (tools / "srun").chmod(0o755)
        for task in ("2", "1"):
            slurm = {
                "SLURM_ARRAY_JOB_ID": "7",
                "SLURM_ARRAY_TASK_ID": task,
                "SLURM_ARRAY_TASK_MIN": "1",
                "SLURM_ARRAY_TASK_COUNT": "2",
                "SLURM_SUBMIT_DIR": str(self.folder),
                "KERF": str(kerf_command.program),
                "PATH": f"{tools}:{os.environ['PATH']}",
            }
            command = ["bash", kerf_command.SOURCE / "jobs/ensemble.sbatch", "s.yaml", "--members", "20"]
            done = subprocess.run(
                command, env=kerf_command.environment(**slurm), capture_output=True, text=True, check=False
            )
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.folder / "results/s-7.h5").read_bytes(), whole.read_bytes())
        self.assertEqual([path.name for path in (self.folder / "results").iterdir()], ["s-7.h5"])

    def test_posterior(self):
        """Measurements pull the answers and tell about what was not said; nothing is fitted to claims."""
        observed = "observed: {rows: [{row: CER-0006, system: wafer, error: 0.05}]}\n"
        scenario = SCENARIO.replace("count: 1}", "count: 1, weights: {one_of: [native, fp8]}}", 1)
        self.file = self.write("p.yaml", scenario + observed)
        kept = self.ensemble("p.h5", members=200, ranks=2)
        printed = self.succeeds("posterior", kept)
        self.assertEqual(printed, self.succeeds("posterior", kept, ranks=2))
        self.assertNotIn("nan", printed)
        intervals = r"(?m)^CER-0006, wafer +1800 +([\d.]+) \[([\d.]+) \.\. ([\d.]+)\] +([\d.]+) \[([\d.]+) \.\. ([\d.]+)\]"
        self.assertRegex(printed, intervals)
        prior, low, high, posterior, low_after, high_after = map(float, re.search(intervals, printed).groups())
        self.assertLess(abs(posterior - 1800), abs(prior - 1800))
        self.assertLess(high_after - low_after, high - low)
        self.assertRegex(printed, r"(?m)^systems\.wafer\.weights +native 50 %, fp8 50 % +native \d+ %, fp8 \d+ %")
        self.assertRegex(printed, r"stays undetermined .*: .*cs-3")
        self.assertRegex(printed, r"(?m)^  wafer: cs-3\.")
        # The same draws in a second ensemble: the values are shared, and the measurement counts twice.
        other = self.write("q.yaml", scenario + observed.replace("CER-0006", "CER-0021"))
        second = self.folder / "q.h5"
        self.succeeds("ensemble", other, "-q", "--members", 200, "-o", second)
        self.assertIn("2 measurements weigh", self.succeeds("posterior", kept, second))
        kimi = "network: kimi-k2.6\nsystems: {a: {hardware: cs-3, count: 20}}\nobserved: {rows: [{row: CER-0001, system: a}]}\n"
        tiny = {"workload": "workload: {prompt_tokens: 10, answer_tokens: 2}\n"}
        for name, says, text in [
            ("claimed", r"is what the claim .* is about, and nothing is fitted to claims", kimi + tiny["workload"]),
            ("none", r"no section `observed`", SCENARIO),
            ("network", r"CER-0007 has the network llama-3\.1-70b", SCENARIO + observed.replace("0006", "0007")),
            ("hardware", r"has the hardware cs-3, not h100-sxm", SCENARIO + observed.replace("wafer", "gpu")),
            ("row", r"'CER-0' is no row of", SCENARIO + observed.replace("CER-0006", "CER-0")),
            ("system", r"'wafers' is not one of the systems", SCENARIO + observed.replace("wafer", "wafers")),
        ]:
            output = self.folder / f"{name}.h5"
            self.succeeds("ensemble", self.write(f"{name}.yaml", text), "-q", "--members", 2, "-o", output)
            self.refuses(2, says, "posterior", output, ranks=(1,))
        self.ensemble("t.h5", "--indices", members=2)
        self.refuses(2, r"needs draws, not indices", "posterior", self.folder / "t.h5", ranks=(1, 2))
        bad = self.write("bad.yaml", SCENARIO + observed.replace("0.05", "-1"))
        self.refuses(2, r"bad\.yaml:7: observed: error must be above 0", "check", bad, ranks=(1,))

    def test_goes_on(self):
        """Stopped by a signal it keeps what is done; the same command finishes it, bit for bit, on other ranks."""
        whole = self.ensemble("whole.h5", members=600)
        self.goes_on(whole)
        self.goes_on(whole, "--part", "1/2")
        self.ensemble("y.h5", "--part", "2/2", members=600, ranks=2)
        self.succeeds("ensemble", "-q", "--merge", self.folder / "[xy].h5", "-o", self.folder / "all.h5")
        self.same(whole, self.folder / "all.h5")

    def goes_on(self, whole, *part):
        output = self.folder / "x.h5"
        output.unlink(missing_ok=True)
        command = ("ensemble", self.file, "-q", "--members", 600, *part, "-o", output)
        process = start(*command)
        while process.poll() is None and not pathlib.Path(f"{output}.part").exists():
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        done = finish(process)
        if done.returncode == 0:
            self.skipTest("it was faster than the signal")
        self.assertEqual(done.returncode, STOPPED, done.stderr)
        self.assertIn("the same command goes on", done.stderr)
        with h5py.File(output) as kept:
            self.assertLess(kept["members/done"][()].sum(), 600)
        self.succeeds(*command, ranks=2)
        if not part:
            self.same(whole, output)

    def test_refused(self):
        output = self.ensemble("x.h5")
        text = self.write("text.h5", "no HDF5")
        other = self.write("other.yaml", SCENARIO.replace("200", "300"))
        for says, *arguments in [
            (r"has 21 members drawn with seed 1", self.file, "--members", 22, "-o", output),
            (r"has 21 members drawn with seed 1", self.file, "--members", 21, "--draw-seed", 3, "-o", output),
            (r"is of another scenario", other, "--members", 21, "-o", output),
            (r"is there already and is no HDF5 file", self.file, "-o", text),
            (r"--members 1: a whole number from 2", self.file, "--members", 1),
            (r"--members many: a whole number", self.file, "--members", "many"),
            (r"--ranks-per-member 2 does not divide the (1|3) ranks", self.file, "--ranks-per-member", 2),
        ]:
            self.refuses(2, says, "ensemble", *arguments)

    def test_text(self):
        printed = self.succeeds("ensemble", self.file, "--members", 60, "--stats")
        self.assertRegex(printed, r"60 members, draws of seed 1 over \d+ uncertain leaves")
        self.assertRegex(printed, r"(?m)^wafer +[\d.e+]+ \[[\d.e+]+ \.\. [\d.e+]+\] ms")
        self.assertRegex(printed, r"(?m)^gpu .*h100-sxm\.achieved_gemm_hbm \d+ % \(\+\)")
        self.assertRegex(printed, r"60 members in .* members/s")


if __name__ == "__main__":
    kerf_command.main()
