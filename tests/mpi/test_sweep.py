#!/usr/bin/python3
"""A sweep is the same on any number of ranks, in parts and after an interruption, and says what cannot be."""

import pathlib
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
title: from one user to many
network: llama-3.1-8b
columns: nominal
workload: {prompt_tokens: 200, answer_tokens: 20}
systems:
  wafer: {hardware: cs-3, count: 1}
  gpu: {title: one GPU, hardware: h100-sxm, count: 1}
sweep:
  - workload.users: [1, 4, 16]
    workload.requests: [2, 8, 32]
  - {systems.gpu.parallel.tensor: [1, 3]}
"""
LONG = SCENARIO.replace("[1, 4, 16]", "{from: 1, to: 40, step: 1}").replace(
    "    workload.requests: [2, 8, 32]\n", ""
)


class Sweep(KerfTest):
    def setUp(self):
        super().setUp()
        self.file = self.write("s.yaml", SCENARIO)

    def sweep(self, name, *arguments, ranks=1):
        output = self.folder / name
        self.succeeds("run", self.file, "-q", "-o", output, *arguments, ranks=ranks)
        return output

    def same(self, a, b):
        done = subprocess.run(["h5diff", a, b], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_any_number_of_ranks(self):
        first = self.sweep("1.h5")
        self.same(first, self.sweep("2.h5", ranks=2))
        self.same(first, self.sweep("3.h5", ranks=3))
        self.same(first, self.sweep("4.h5", "--ranks-per-point", 2, ranks=4))

    def test_parts_make_the_whole(self):
        whole = self.sweep("whole.h5")
        parts = [self.sweep(f"part-{k}.h5", "--part", f"{k}/3", ranks=k) for k in (1, 2, 3)]
        merged = self.folder / "merged.h5"
        self.refuses(2, r"3 of 9 points are in none of the files", "merge", self.file, *parts[:2], "-o", merged)
        self.succeeds("merge", self.file, *parts, "-q", "-o", merged)
        self.same(whole, merged)

    def test_a_point_is_what_a_run_of_it_is(self):
        """Layout and values as docs/results.md has them; the figures are those of kerf run."""
        with h5py.File(self.sweep("s.h5", "--set", "columns=low-nominal-high")) as file:
            points = file["points"]
            self.assertEqual(file.attrs["content"], b"sweep")
            self.assertEqual(list(points["system"]), [0] * 3 + [1] * 6)
            self.assertEqual(list(points["state"]), [1] * 4 + [2, 1, 2, 1, 2])
            self.assertEqual(list(points["key"])[2], b"systems.gpu.parallel.tensor")
            self.assertEqual(list(points["value"][7]), [16, 32, 1])
            self.assertTrue(numpy.isnan(points["value"][0, 2]))
            self.assertEqual(points["setting"][7], b"users=16 requests=32 tensor=1")
            self.assertTrue(points["reason"][8].startswith(b"systems.gpu: parallel: tensor 3"))
            self.assertTrue(numpy.isnan(points["tpot"][8]).all())
            per = points["throughput"][()] / points["accelerators"][()]
            numpy.testing.assert_array_equal(points["throughput_per_accelerator"], per)
            swept = {name: points[name][7] for name in ("ttft", "tpot", "throughput", "facility_energy")}
            speed, cost = points["output_speed_per_user"][:, 1], points["output_tokens_per_dollar"][:, 1]
            for p in numpy.flatnonzero(points["state"][()] == 1):
                beaten = ((speed >= speed[p]) & (cost > cost[p]) | (speed > speed[p]) & (cost >= cost[p])).any()
                self.assertEqual(points["pareto_cost"][p], not beaten)
        alone = self.write("alone.yaml", SCENARIO[: SCENARIO.index("sweep:")])
        run = self.folder / "run.h5"
        sets = ["columns=low-nominal-high", "workload.users=16", "workload.requests=32"]
        self.succeeds("run", alone, "-q", "-o", run, *(word for one in sets for word in ("--set", one)))
        with h5py.File(run) as file:
            for name, value in swept.items():
                numpy.testing.assert_array_equal(file["summary"][name][1], value)

    def test_goes_on(self):
        """Stopped by a signal it keeps what is done; the same command finishes it, bit for bit, on other ranks."""
        self.file = self.write("long.yaml", LONG)
        whole, output = self.sweep("whole.h5", ranks=2), self.folder / "x.h5"
        process = start("run", self.file, "-q", "-o", output)
        while process.poll() is None and not pathlib.Path(f"{output}.part").exists():
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        done = finish(process)
        if done.returncode == 0:
            self.skipTest("it was faster than the signal")
        self.assertEqual(done.returncode, STOPPED, done.stderr)
        self.assertIn("the same command goes on", done.stderr)
        with h5py.File(output) as kept:
            self.assertTrue((kept["points/state"][()] == 0).any())
        self.succeeds("run", self.file, "-q", "-o", output, ranks=3)
        self.same(whole, output)

    def test_refused(self):
        output = self.sweep("x.h5")
        text = self.write("text.h5", "no HDF5")
        other = self.write("other.yaml", SCENARIO.replace("200", "300"))
        plain = self.write("plain.yaml", SCENARIO[: SCENARIO.index("sweep:")])
        unknown = self.write("unknown.yaml", SCENARIO.replace("workload.users:", "workload.user:"))
        empty = self.write("empty.yaml", SCENARIO.replace("[1, 3]", "[]"))
        nowhere = self.write("nowhere.yaml", SCENARIO.replace("[1, 3]", "[3, 5]").replace("wafer: {hardware: cs-3, "
                             "count: 1}", "w: {hardware: cs-3, count: 1, weights: fp16, speculation: {drafter: x}}"))
        for says, *arguments in [
            (r"is of another scenario", "run", other, "-o", output),
            (r"is there already and is no HDF5 file", "run", self.file, "-o", text),
            (r"unknown.yaml:9: workload: unknown key 'user'; did you mean 'users'\?", "run", unknown),
            (r"empty.yaml:11: sweep: systems.gpu.parallel.tensor: the list is empty", "check", empty),
            (r"sweep: none of its points can be simulated; the first \(users=1 requests=2\): systems.w", "run", nowhere),
            (r"--part 3/2: needs the form K/N", "run", self.file, "-o", output, "--part", "3/2"),
            (r"--part needs --output", "run", self.file, "--part", "1/2"),
            (r"--ranks-per-point none", "run", self.file, "--ranks-per-point", "none"),
            (r"--ranks-per-point 2 does not divide the (1|3) ranks", "run", self.file, "--ranks-per-point", 2),
            (r"a sweep takes no --checkpoint", "run", self.file, "--checkpoint", self.folder / "c.h5"),
            (r"are for scenarios with a section sweep", "run", plain, "--rows"),
            (r"kerf merge needs --output", "merge", self.file, output),
            (r"nothing.h5: is not there", "merge", self.file, "nothing.h5", "-o", self.folder / "m.h5"),
        ]:
            self.refuses(2, says, *arguments)

    def test_text(self):
        printed = self.succeeds("run", self.file, "--stats")
        self.assertIn("9 points, 6 simulated, 3 refused", printed)
        self.assertRegex(printed, r"(?m)^one GPU$")
        self.assertRegex(printed, r"(?m)^  users=4 requests=8 tensor=1 +[\d.]+ s +\d+ .*\*")
        self.assertRegex(printed, r"tokens/s per kW +(one GPU|wafer) up to [\d.]+; ")
        self.assertRegex(printed, r"(?m)^  one GPU: users=16 requests=32 tensor=3: systems.gpu: parallel: tensor 3")
        self.assertRegex(printed, r"9 points in .* points/s")
        self.assertIn("sweep:\n  - workload.users: [1, 4, 16]\n", self.succeeds("check", self.file))


if __name__ == "__main__":
    kerf_command.main()
